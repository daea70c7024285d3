// The client, as its defaults make it, and what all checks do with it.

import { randomUUID } from "node:crypto";
import { KMS } from "@aws-sdk/client-kms";
import { bytes } from "./harness.mjs";

export const kms = new KMS({});
export const unknown = "01234567-89ab-4def-8123-456789abcdef";
export const context = { tenant: "blue", Zweck: "Prüfung" };

export async function newKey(members = {}) {
  return (await kms.createKey(members)).KeyMetadata.KeyId;
}

export async function disabledKey() {
  const KeyId = await newKey();
  await kms.disableKey({ KeyId });
  return KeyId;
}

export async function describe(KeyId) {
  return (await kms.describeKey({ KeyId })).KeyMetadata;
}

export async function newAlias(TargetKeyId) {
  const AliasName = `alias/sdk-javascript-${randomUUID()}`;
  await kms.createAlias({ AliasName, TargetKeyId });
  return AliasName;
}

export async function encrypt(KeyId, plaintext, EncryptionContext) {
  return (await kms.encrypt({ KeyId, Plaintext: bytes(plaintext), EncryptionContext })).CiphertextBlob;
}

export async function decrypt(CiphertextBlob, EncryptionContext) {
  return (await kms.decrypt({ CiphertextBlob, EncryptionContext })).Plaintext;
}
