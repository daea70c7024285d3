// Symmetric cryptography, and material of one's own.

import { constants, createPublicKey, publicEncrypt } from "node:crypto";
import { bytes, equal, text } from "./harness.mjs";
import { context, decrypt, describe, encrypt, kms, newKey } from "./sdk.mjs";

export function addCryptoChecks(checks) {
  checks.add("Encrypt", "names the key and the algorithm", async () => {
    const KeyId = await newKey();
    const answer = await kms.encrypt({ KeyId, Plaintext: bytes("secret"), EncryptionContext: context });
    equal([answer.KeyId, answer.EncryptionAlgorithm], [(await describe(KeyId)).Arn, "SYMMETRIC_DEFAULT"]);
  });
  checks.add("Decrypt", "with context and without naming the key", async () => {
    const KeyId = await newKey();
    const CiphertextBlob = await encrypt(KeyId, "secret", context);
    const answer = await kms.decrypt({ CiphertextBlob, EncryptionContext: context });
    equal([text(answer.Plaintext), answer.KeyId], ["secret", (await describe(KeyId)).Arn]);
  });
  checks.add("GenerateDataKey", "the blob opens to the plaintext", async () => {
    const made = await kms.generateDataKey({ KeyId: await newKey(), KeySpec: "AES_256", EncryptionContext: context });
    equal(made.Plaintext.length, 32);
    equal(await decrypt(made.CiphertextBlob, context), made.Plaintext);
  });
  checks.add("GenerateDataKeyWithoutPlaintext", "the blob opens to as many bytes", async () => {
    const made = await kms.generateDataKeyWithoutPlaintext({ KeyId: await newKey(), NumberOfBytes: 24 });
    equal([made.Plaintext, (await decrypt(made.CiphertextBlob)).length], [undefined, 24]);
  });
  checks.add("ReEncrypt", "to another key and another context", async () => {
    const [first, second] = [await newKey(), await newKey()];
    const moved = await kms.reEncrypt({
      CiphertextBlob: await encrypt(first, "moved", context), SourceEncryptionContext: context,
      DestinationKeyId: second, DestinationEncryptionContext: { a: "b" },
    });
    equal([moved.SourceKeyId, moved.KeyId], [(await describe(first)).Arn, (await describe(second)).Arn]);
    equal(text(await decrypt(moved.CiphertextBlob, { a: "b" })), "moved");
  });
  checks.add("GenerateRandom", "as many bytes as asked for", async () => {
    equal((await kms.generateRandom({ NumberOfBytes: 77 })).Plaintext.length, 77);
  });
  checks.add("ImportKeyMaterial", "wrapped by node:crypto", async () => {
    const KeyId = await newKey({ Origin: "EXTERNAL" });
    equal((await describe(KeyId)).KeyState, "PendingImport");
    const given = await kms.getParametersForImport({
      KeyId, WrappingKeySpec: "RSA_2048", WrappingAlgorithm: "RSAES_OAEP_SHA_256",
    });
    await kms.importKeyMaterial({
      KeyId, ImportToken: given.ImportToken, EncryptedKeyMaterial: sealOaep(given.PublicKey, Buffer.alloc(32, 7)),
      ExpirationModel: "KEY_MATERIAL_DOES_NOT_EXPIRE",
    });
    equal(text(await decrypt(await encrypt(KeyId, "x"))), "x");
  });
}

export function publicKey(encoded) {
  return createPublicKey({ key: Buffer.from(encoded), format: "der", type: "spki" });
}

export function sealOaep(encoded, plaintext) {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  return publicEncrypt({ key: publicKey(encoded), padding, oaepHash: "sha256" }, plaintext);
}
