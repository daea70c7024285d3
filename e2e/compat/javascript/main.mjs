// The AWS SDK for JavaScript v3 and the AWS Encryption SDK for JavaScript, in one process.

import { addAgreementChecks, addSigningChecks } from "./asymmetric_checks.mjs";
import { addCryptoChecks } from "./crypto_checks.mjs";
import { addEncryptionSdkChecks } from "./encryption_sdk_checks.mjs";
import { Checks } from "./harness.mjs";
import { addAliasAndTagChecks, addKeyChecks, addRotationChecks } from "./key_checks.mjs";
import { addRefusalChecks } from "./refusal_checks.mjs";

const direct = new Checks("sdk-javascript");
for (const add of [
  addKeyChecks, addAliasAndTagChecks, addRotationChecks, addCryptoChecks, addSigningChecks, addAgreementChecks,
  addRefusalChecks,
]) {
  add(direct);
}
await direct.run();

const encryption = new Checks("esdk-javascript");
addEncryptionSdkChecks(encryption);
await encryption.run();
