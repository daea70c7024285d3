// Whatever has a public side is checked with node:crypto, which has no ML-DSA in this version.

import { constants, createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, verify } from "node:crypto";
import { InvalidKeyUsageException, KMSInvalidMacException, KMSInvalidSignatureException } from "@aws-sdk/client-kms";
import { publicKey, sealOaep } from "./crypto_checks.mjs";
import { bytes, equal, recent, refused, text } from "./harness.mjs";
import { context, decrypt, encrypt, kms, newKey } from "./sdk.mjs";

const Message = bytes("attack at dawn");
const OAEP = { EncryptionAlgorithm: "RSAES_OAEP_SHA_256" };
const algorithms = {
  RSA_2048: "RSASSA_PSS_SHA_256", ECC_NIST_P256: "ECDSA_SHA_256", ECC_NIST_EDWARDS25519: "ED25519_SHA_512",
  ML_DSA_65: "ML_DSA_SHAKE_256",
};

export function addSigningChecks(checks) {
  checks.add("Sign", "RSA PSS, checked by node:crypto", () =>
    outside("RSA_2048", "RSASSA_PSS_SHA_256", "sha256", {
      padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    }));
  checks.add("Sign", "RSA PKCS #1 v1.5, checked by node:crypto", () =>
    outside("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256", "sha256", {}));
  checks.add("Sign", "ECDSA on P-256, checked by node:crypto", () =>
    outside("ECC_NIST_P256", "ECDSA_SHA_256", "sha256", {}));
  checks.add("Sign", "Ed25519, checked by node:crypto", () =>
    outside("ECC_NIST_EDWARDS25519", "ED25519_SHA_512", null, {}));
  checks.add("Verify", "RSA, P-256, Ed25519 and ML-DSA", async () => {
    for (const [spec, SigningAlgorithm] of Object.entries(algorithms)) {
      const KeyId = await signingKey(spec);
      const Signature = await sign(KeyId, SigningAlgorithm);
      equal((await kms.verify({ KeyId, Message, Signature, SigningAlgorithm })).SignatureValid, true);
    }
  });
  checks.add("GetPublicKey", "names what the key can do", async () => {
    const answer = await kms.getPublicKey({ KeyId: await signingKey("ECC_NIST_P256") });
    equal([answer.KeySpec, answer.SigningAlgorithms], ["ECC_NIST_P256", ["ECDSA_SHA_256"]]);
  });
  checks.add("GenerateMac", "the MAC verifies", async () => {
    const KeyId = await newKey({ KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" });
    equal((await verifyMac(KeyId, await mac(KeyId))).MacValid, true);
  });
  checks.add("VerifyMac", "KMSInvalidMacException", async () => {
    const KeyId = await newKey({ KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" });
    const wrong = await mac(KeyId);
    wrong[0] ^= 1;
    await refused(KMSInvalidMacException, () => verifyMac(KeyId, wrong));
  });
  checks.add("Verify", "KMSInvalidSignatureException", async () => {
    const KeyId = await signingKey("ECC_NIST_P256");
    const members = { Signature: await sign(KeyId, "ECDSA_SHA_256"), SigningAlgorithm: "ECDSA_SHA_256" };
    const call = () => kms.verify({ KeyId, Message: bytes("another"), ...members });
    await refused(KMSInvalidSignatureException, call);
  });
}

export function addAgreementChecks(checks) {
  checks.add("Decrypt", "RSA-OAEP, sealed by node:crypto", async () => {
    const KeyId = await newKey({ KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT" });
    const CiphertextBlob = sealOaep((await kms.getPublicKey({ KeyId })).PublicKey, Message);
    equal(text((await kms.decrypt({ KeyId, CiphertextBlob, ...OAEP })).Plaintext), text(Message));
  });
  checks.add("Encrypt", "RSA-OAEP", async () => {
    const KeyId = await newKey({ KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT" });
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: Message, ...OAEP });
    equal(text((await kms.decrypt({ KeyId, CiphertextBlob, ...OAEP })).Plaintext), text(Message));
  });
  checks.add("GenerateDataKeyPair", "the halves fit and the private one is sealed", async () => {
    const members = { KeyPairSpec: "ECC_NIST_P256", EncryptionContext: context };
    const made = await kms.generateDataKeyPair({ KeyId: await newKey(), ...members });
    equal(await decrypt(made.PrivateKeyCiphertextBlob, context), made.PrivateKeyPlaintext);
    halvesFit(made.PrivateKeyPlaintext, made.PublicKey);
  });
  checks.add("GenerateDataKeyPairWithoutPlaintext", "the private key opens", async () => {
    const members = { KeyPairSpec: "ECC_NIST_EDWARDS25519" };
    const made = await kms.generateDataKeyPairWithoutPlaintext({ KeyId: await newKey(), ...members });
    equal(made.PrivateKeyPlaintext, undefined);
    halvesFit(await decrypt(made.PrivateKeyCiphertextBlob), made.PublicKey);
  });
  checks.add("DeriveSharedSecret", "the same as node:crypto", async () => {
    const KeyId = await newKey({ KeySpec: "ECC_NIST_P256", KeyUsage: "KEY_AGREEMENT" });
    const theirs = publicKey((await kms.getPublicKey({ KeyId })).PublicKey);
    const mine = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const PublicKey = mine.publicKey.export({ format: "der", type: "spki" });
    const answer = await kms.deriveSharedSecret({ KeyId, PublicKey, KeyAgreementAlgorithm: "ECDH" });
    const wanted = diffieHellman({ privateKey: mine.privateKey, publicKey: theirs });
    equal(Buffer.from(answer.SharedSecret).equals(wanted), true);
  });
  checks.add("Encapsulate", "ML-KEM, and Decapsulate gives the same secret", async () => {
    const KeyId = await newKey({ KeySpec: "ML_KEM_768", KeyUsage: "ENCAPSULATE_DECAPSULATE" });
    const { SharedSecret, SharedSecretCiphertextBlob } =
      await kms.encapsulate({ KeyId, EncapsulationAlgorithm: "ML_KEM" });
    const members = { SharedSecretCiphertextBlob, EncapsulationAlgorithm: "ML_KEM" };
    equal((await kms.decapsulate({ KeyId, ...members })).SharedSecret, SharedSecret);
  });
  checks.add("GetKeyLastUsage", "tells the last operation", async () => {
    const KeyId = await newKey();
    await encrypt(KeyId, "x");
    const { KeyLastUsage: used } = await kms.getKeyLastUsage({ KeyId });
    recent(used.Timestamp);
    equal(used.Operation, "Encrypt");
  });
  checks.add("Encrypt", "InvalidKeyUsageException", async () => {
    const KeyId = await signingKey("RSA_2048");
    await refused(InvalidKeyUsageException, () => kms.encrypt({ KeyId, Plaintext: Message, ...OAEP }));
  });
}

function signingKey(KeySpec) {
  return newKey({ KeySpec, KeyUsage: "SIGN_VERIFY" });
}

async function sign(KeyId, SigningAlgorithm) {
  return (await kms.sign({ KeyId, Message, SigningAlgorithm })).Signature;
}

async function outside(spec, algorithm, digest, options) {
  const KeyId = await signingKey(spec);
  const key = publicKey((await kms.getPublicKey({ KeyId })).PublicKey);
  equal(verify(digest, Message, { key, ...options }, await sign(KeyId, algorithm)), true);
}

async function mac(KeyId) {
  return (await kms.generateMac({ KeyId, Message, MacAlgorithm: "HMAC_SHA_256" })).Mac;
}

function verifyMac(KeyId, Mac) {
  return kms.verifyMac({ KeyId, Message, Mac, MacAlgorithm: "HMAC_SHA_256" });
}

function halvesFit(secret, known) {
  const derived = createPublicKey(createPrivateKey({ key: Buffer.from(secret), format: "der", type: "pkcs8" }));
  equal(derived.equals(publicKey(known)), true);
}
