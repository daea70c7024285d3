// The AWS Encryption SDK for JavaScript in Node.js.

import {
  buildClient, CommitmentPolicy, getClient, KMS, KmsKeyringNode,
} from "@aws-crypto/client-node";
import { bytes, equal, refused } from "./harness.mjs";
import { describe, disabledKey, newKey, unknown } from "./sdk.mjs";

const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
const context = { tenant: "blue", purpose: "test" };
const plaintext = bytes("attack at dawn".repeat(1000));
const clientProvider = getClient(KMS, {});

export function addEncryptionSdkChecks(checks) {
  checks.add("GenerateDataKey", "a keyring seals a message", async () => {
    const keyring = ring(await arn());
    const opened = await decrypt(keyring, await seal(keyring));
    equal(opened.plaintext.equals(plaintext), true);
    equal(opened.messageHeader.encryptionContext.tenant, "blue");
  });
  checks.add("Encrypt", "a keyring seals for a second key, which opens alone", async () => {
    const [first, second] = [await arn(), await arn()];
    const sealed = await seal(ring(first, [second]));
    equal((await decrypt(ring(second), sealed)).plaintext.equals(plaintext), true);
  });
  checks.add("Decrypt", "a discovery keyring finds the key", async () => {
    const sealed = await seal(ring(await arn()));
    const discovery = new KmsKeyringNode({ clientProvider, discovery: true });
    equal((await decrypt(discovery, sealed)).plaintext.equals(plaintext), true);
  });
  checks.add("Decrypt", "another key does not open it", async () => {
    const sealed = await seal(ring(await arn()));
    const other = ring(await arn());
    await refused(Error, () => decrypt(other, sealed));
  });
  checks.add("Decrypt", "a changed message is refused", async () => {
    const keyring = ring(await arn());
    const sealed = await seal(keyring);
    sealed[sealed.length - 200] ^= 1;
    await refused(Error, () => decrypt(keyring, sealed));
  });
  checks.add("GenerateDataKey", "NotFoundException", async () => {
    const missing = (await arn()).replace(/[^/]*$/, unknown);
    equal((await refused(Error, () => seal(ring(missing)))).name, "NotFoundException");
  });
  checks.add("GenerateDataKey", "DisabledException", async () => {
    const key = (await describe(await disabledKey())).Arn;
    equal((await refused(Error, () => seal(ring(key)))).name, "DisabledException");
  });
}

async function arn() {
  return (await describe(await newKey())).Arn;
}

function ring(generatorKeyId, keyIds = []) {
  return new KmsKeyringNode({ clientProvider, generatorKeyId, keyIds });
}

async function seal(keyring) {
  return (await encrypt(keyring, plaintext, { encryptionContext: context })).result;
}
