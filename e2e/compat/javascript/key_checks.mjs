// Keys, aliases, tags, rotation and deletion.

import {
  NotFoundException, paginateListAliases, paginateListKeyRotations, paginateListKeys, paginateListResourceTags,
} from "@aws-sdk/client-kms";
import { all, equal, recent, refused } from "./harness.mjs";
import { decrypt, describe, disabledKey, encrypt, kms, newAlias, newKey } from "./sdk.mjs";

export function addKeyChecks(checks) {
  checks.add("CreateKey", "description and tags are kept", async () => {
    const Tags = [{ TagKey: "team", TagValue: "blue" }];
    const { KeyMetadata: made } = await kms.createKey({ Description: "orders", Tags });
    recent(made.CreationDate);
    equal([made.KeyState, made.Enabled, made.Description], ["Enabled", true, "orders"]);
    equal([made.KeySpec, made.KeyUsage, made.Origin], ["SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "AWS_KMS"]);
  });
  checks.add("DescribeKey", "by id, ARN and alias", async () => {
    const key = await newKey();
    for (const name of [key, (await describe(key)).Arn, await newAlias(key)]) {
      equal((await describe(name)).KeyId, key);
    }
  });
  checks.add("ListKeys", "the paginator finds every key once", async () => {
    const key = await newKey();
    const found = (await all(paginateListKeys({ client: kms, pageSize: 5 }, {}), "Keys")).map((entry) => entry.KeyId);
    equal(found.filter((entry) => entry === key).length, 1);
    equal(new Set(found).size, found.length);
  });
  checks.add("UpdateKeyDescription", "the description changes", async () => {
    const KeyId = await newKey();
    await kms.updateKeyDescription({ KeyId, Description: "after" });
    equal((await describe(KeyId)).Description, "after");
  });
  checks.add("DisableKey", "the key is disabled", async () => {
    const found = await describe(await disabledKey());
    equal([found.KeyState, found.Enabled], ["Disabled", false]);
  });
  checks.add("EnableKey", "the key works again", async () => {
    const KeyId = await disabledKey();
    await kms.enableKey({ KeyId });
    await encrypt(KeyId, "x");
  });
  checks.add("ScheduleKeyDeletion", "the key waits to be deleted", async () => {
    const KeyId = await newKey();
    const answer = await kms.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 });
    equal([answer.KeyState, answer.PendingWindowInDays], ["PendingDeletion", 7]);
    equal((await describe(KeyId)).DeletionDate, answer.DeletionDate);
  });
  checks.add("CancelKeyDeletion", "the key comes back disabled", async () => {
    const KeyId = await newKey();
    await kms.scheduleKeyDeletion({ KeyId });
    await kms.cancelKeyDeletion({ KeyId });
    equal((await describe(KeyId)).KeyState, "Disabled");
  });
}

export function addAliasAndTagChecks(checks) {
  checks.add("CreateAlias", "the alias names the key", async () => {
    const key = await newKey();
    equal((await describe(await newAlias(key))).KeyId, key);
  });
  checks.add("UpdateAlias", "the alias names the other key", async () => {
    const AliasName = await newAlias(await newKey());
    const TargetKeyId = await newKey();
    await kms.updateAlias({ AliasName, TargetKeyId });
    equal((await describe(AliasName)).KeyId, TargetKeyId);
  });
  checks.add("DeleteAlias", "the alias is gone", async () => {
    const AliasName = await newAlias(await newKey());
    await kms.deleteAlias({ AliasName });
    await refused(NotFoundException, () => describe(AliasName));
  });
  checks.add("ListAliases", "the paginator finds those of a key", async () => {
    const KeyId = await newKey();
    const wanted = [await newAlias(KeyId), await newAlias(KeyId), await newAlias(KeyId)];
    const found = await all(paginateListAliases({ client: kms, pageSize: 2 }, { KeyId }), "Aliases");
    equal(found.map((entry) => entry.AliasName).sort(), wanted.sort());
  });
  checks.add("TagResource", "tags are set and replaced", async () => {
    const KeyId = await newKey({ Tags: tags({ a: "1" }) });
    await kms.tagResource({ KeyId, Tags: tags({ a: "2", b: "" }) });
    equal(await tagsOf(KeyId), { a: "2", b: "" });
  });
  checks.add("UntagResource", "one tag goes, the other stays", async () => {
    const KeyId = await newKey({ Tags: tags({ a: "1", b: "2" }) });
    await kms.untagResource({ KeyId, TagKeys: ["a"] });
    equal(await tagsOf(KeyId), { b: "2" });
  });
  checks.add("ListResourceTags", "the paginator finds every tag", async () => {
    const wanted = { a: "1", b: "2", c: "3" };
    equal(await tagsOf(await newKey({ Tags: tags(wanted) })), wanted);
  });
}

export function addRotationChecks(checks) {
  checks.add("EnableKeyRotation", "with a period of one's own", async () => {
    const KeyId = await newKey();
    await kms.enableKeyRotation({ KeyId, RotationPeriodInDays: 90 });
    equal((await kms.getKeyRotationStatus({ KeyId })).RotationPeriodInDays, 90);
  });
  checks.add("GetKeyRotationStatus", "before and after", async () => {
    const KeyId = await newKey();
    equal((await kms.getKeyRotationStatus({ KeyId })).KeyRotationEnabled, false);
    await kms.enableKeyRotation({ KeyId });
    const status = await kms.getKeyRotationStatus({ KeyId });
    equal([status.KeyRotationEnabled, status.NextRotationDate instanceof Date], [true, true]);
  });
  checks.add("DisableKeyRotation", "rotation ends", async () => {
    const KeyId = await newKey();
    await kms.enableKeyRotation({ KeyId });
    await kms.disableKeyRotation({ KeyId });
    equal((await kms.getKeyRotationStatus({ KeyId })).KeyRotationEnabled, false);
  });
  checks.add("RotateKeyOnDemand", "old ciphertexts still open", async () => {
    const KeyId = await newKey();
    const blob = await encrypt(KeyId, "old");
    await kms.rotateKeyOnDemand({ KeyId });
    equal(Buffer.from(await decrypt(blob)).toString(), "old");
  });
  checks.add("ListKeyRotations", "the paginator finds each rotation", async () => {
    const KeyId = await newKey();
    for (let count = 0; count < 3; count++) {
      await kms.rotateKeyOnDemand({ KeyId });
    }
    const found = await all(paginateListKeyRotations({ client: kms, pageSize: 2 }, { KeyId }), "Rotations");
    equal(found.map((one) => one.RotationType), ["ON_DEMAND", "ON_DEMAND", "ON_DEMAND"]);
    found.forEach((one) => recent(one.RotationDate));
  });
}

function tags(named) {
  return Object.entries(named).map(([TagKey, TagValue]) => ({ TagKey, TagValue }));
}

async function tagsOf(KeyId) {
  const found = await all(paginateListResourceTags({ client: kms, pageSize: 1 }, { KeyId }), "Tags");
  return Object.fromEntries(found.map((tag) => [tag.TagKey, tag.TagValue]).sort());
}
