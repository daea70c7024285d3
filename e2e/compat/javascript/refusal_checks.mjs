// Each refusal arrives as the class that the SDK has for it.

import {
  AlreadyExistsException, DisabledException, IncorrectKeyException, InvalidCiphertextException, InvalidMarkerException,
  KMSInvalidStateException, KMSServiceException, NotFoundException, TagException, UnsupportedOperationException,
} from "@aws-sdk/client-kms";
import { equal, refused } from "./harness.mjs";
import { context, decrypt, describe, disabledKey, encrypt, kms, newAlias, newKey, unknown } from "./sdk.mjs";

export function addRefusalChecks(checks) {
  checks.add("DescribeKey", "NotFoundException", () => refused(NotFoundException, () => describe(unknown)));
  checks.add("Encrypt", "DisabledException", async () => {
    const key = await disabledKey();
    await refused(DisabledException, () => encrypt(key, "x"));
  });
  checks.add("CancelKeyDeletion", "KMSInvalidStateException", async () => {
    const KeyId = await newKey();
    await refused(KMSInvalidStateException, () => kms.cancelKeyDeletion({ KeyId }));
  });
  checks.add("Decrypt", "InvalidCiphertextException", async () => {
    const blob = await encrypt(await newKey(), "x", context);
    await refused(InvalidCiphertextException, () => decrypt(blob, { tenant: "red" }));
  });
  checks.add("Decrypt", "IncorrectKeyException", async () => {
    const CiphertextBlob = await encrypt(await newKey(), "x");
    const KeyId = await newKey();
    await refused(IncorrectKeyException, () => kms.decrypt({ CiphertextBlob, KeyId }));
  });
  checks.add("CreateAlias", "AlreadyExistsException", async () => {
    const TargetKeyId = await newKey();
    const AliasName = await newAlias(TargetKeyId);
    await refused(AlreadyExistsException, () => kms.createAlias({ AliasName, TargetKeyId }));
  });
  // The model has no such exception, so that it arrives as the general one with the name.
  checks.add("GenerateRandom", "ValidationException", async () => {
    const told = await refused(KMSServiceException, () => kms.generateRandom({ NumberOfBytes: 1025 }));
    equal(told.name, "ValidationException");
  });
  checks.add("TagResource", "TagException", async () => {
    const KeyId = await newKey();
    await refused(TagException, () => kms.tagResource({ KeyId, Tags: [{ TagKey: "aws:team", TagValue: "x" }] }));
  });
  checks.add("ListKeys", "InvalidMarkerException", () =>
    refused(InvalidMarkerException, () => kms.listKeys({ Marker: "never given" })));
  checks.add("GetParametersForImport", "UnsupportedOperationException", async () => {
    const members = { WrappingKeySpec: "RSA_2048", WrappingAlgorithm: "RSAES_OAEP_SHA_256" };
    const KeyId = await newKey();
    await refused(UnsupportedOperationException, () => kms.getParametersForImport({ KeyId, ...members }));
  });
}
