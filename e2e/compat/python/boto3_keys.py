"""boto3: keys, aliases, tags, rotation and deletion."""

from __future__ import annotations

from boto3_base import UNKNOWN, checks, errors, fresh_name, kms, metadata, new_alias, new_key
from botocore.exceptions import ClientError
from harness import equal, is_recent, refused


@checks.add("CreateKey", "description and tags are kept")
def create_key() -> None:
    made = kms.create_key(Description="orders", Tags=[{"TagKey": "team", "TagValue": "blue"}])["KeyMetadata"]
    equal((made["KeyState"], made["Enabled"], made["Description"]), ("Enabled", True, "orders"))
    equal((made["KeySpec"], made["KeyUsage"], made["Origin"]), ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "AWS_KMS"))
    equal(made["EncryptionAlgorithms"], ["SYMMETRIC_DEFAULT"])
    is_recent(made["CreationDate"])


@checks.add("DescribeKey", "by id, ARN, alias and alias ARN")
def describe_key() -> None:
    key, alias = new_key(), new_alias()
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    arn = metadata(key)["Arn"]
    names = [key, arn, alias, f"{arn.rpartition(':')[0]}:{alias}"]
    equal([metadata(name)["KeyId"] for name in names], [key] * 4)


@checks.add("ListKeys", "the paginator finds every key once")
def list_keys() -> None:
    made = {new_key() for _ in range(3)}
    pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2}))
    assert max(len(page["Keys"]) for page in pages) <= 2
    found = [entry["KeyId"] for page in pages for entry in page["Keys"]]
    assert made <= set(found) and len(found) == len(set(found))


@checks.add("UpdateKeyDescription", "the description changes")
def update_key_description() -> None:
    key = new_key(Description="before")
    kms.update_key_description(KeyId=key, Description="after")
    equal(metadata(key)["Description"], "after")


@checks.add("DisableKey", "the key is disabled")
def disable_key() -> None:
    key = new_key()
    kms.disable_key(KeyId=key)
    equal((metadata(key)["KeyState"], metadata(key)["Enabled"]), ("Disabled", False))


@checks.add("EnableKey", "the key works again")
def enable_key() -> None:
    key = new_key()
    kms.disable_key(KeyId=key)
    kms.enable_key(KeyId=key)
    kms.encrypt(KeyId=key, Plaintext=b"x")


@checks.add("CreateAlias", "the alias names the key")
def create_alias() -> None:
    key, alias = new_key(), new_alias()
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    equal(metadata(alias)["KeyId"], key)


@checks.add("UpdateAlias", "the alias names the other key")
def update_alias() -> None:
    first, second, alias = new_key(), new_key(), new_alias()
    kms.create_alias(AliasName=alias, TargetKeyId=first)
    kms.update_alias(AliasName=alias, TargetKeyId=second)
    equal(metadata(alias)["KeyId"], second)


@checks.add("DeleteAlias", "the alias is gone")
def delete_alias() -> None:
    key, alias = new_key(), new_alias()
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    kms.delete_alias(AliasName=alias)
    refused(errors.NotFoundException, kms.describe_key, KeyId=alias)


@checks.add("ListAliases", "the paginator finds those of a key")
def list_aliases() -> None:
    key, aliases = new_key(), sorted(new_alias() for _ in range(3))
    for alias in aliases:
        kms.create_alias(AliasName=alias, TargetKeyId=key)
    pages = list(kms.get_paginator("list_aliases").paginate(KeyId=key, PaginationConfig={"PageSize": 2}))
    equal([len(page["Aliases"]) for page in pages], [2, 1])
    equal(sorted(entry["AliasName"] for page in pages for entry in page["Aliases"]), aliases)


def tags_of(key: str) -> dict[str, str]:
    pages = kms.get_paginator("list_resource_tags").paginate(KeyId=key, PaginationConfig={"PageSize": 1})
    return {tag["TagKey"]: tag["TagValue"] for page in pages for tag in page["Tags"]}


@checks.add("TagResource", "tags are set and replaced")
def tag_resource() -> None:
    key = new_key()
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": ""}])
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "2"}])
    equal(tags_of(key), {"a": "2", "b": ""})


@checks.add("UntagResource", "one tag goes, the other stays")
def untag_resource() -> None:
    key = new_key(Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": "2"}])
    kms.untag_resource(KeyId=key, TagKeys=["a"])
    equal(tags_of(key), {"b": "2"})


@checks.add("ListResourceTags", "the paginator finds every tag")
def list_resource_tags() -> None:
    wanted = {fresh_name("tag"): str(number) for number in range(3)}
    key = new_key(Tags=[{"TagKey": name, "TagValue": value} for name, value in wanted.items()])
    equal(tags_of(key), wanted)


@checks.add("EnableKeyRotation", "with a period of one's own")
def enable_key_rotation() -> None:
    key = new_key()
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    equal(kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"], 90)


@checks.add("DisableKeyRotation", "rotation ends")
def disable_key_rotation() -> None:
    key = new_key()
    kms.enable_key_rotation(KeyId=key)
    kms.disable_key_rotation(KeyId=key)
    equal(kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"], False)


@checks.add("GetKeyRotationStatus", "before and after")
def get_key_rotation_status() -> None:
    key = new_key()
    equal(kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"], False)
    kms.enable_key_rotation(KeyId=key)
    status = kms.get_key_rotation_status(KeyId=key)
    equal((status["KeyRotationEnabled"], status["RotationPeriodInDays"]), (True, 365))
    equal((status["NextRotationDate"] - metadata(key)["CreationDate"]).days in (364, 365), True)


@checks.add("RotateKeyOnDemand", "old ciphertexts still open")
def rotate_key_on_demand() -> None:
    key = new_key()
    before = kms.encrypt(KeyId=key, Plaintext=b"old")["CiphertextBlob"]
    kms.rotate_key_on_demand(KeyId=key)
    opened = kms.decrypt(CiphertextBlob=before)
    equal(opened["Plaintext"], b"old")
    assert opened["KeyMaterialId"] != metadata(key)["CurrentKeyMaterialId"]


@checks.add("ListKeyRotations", "the paginator finds each rotation")
def list_key_rotations() -> None:
    key = new_key()
    for _ in range(3):
        kms.rotate_key_on_demand(KeyId=key)
    pages = list(kms.get_paginator("list_key_rotations").paginate(KeyId=key, PaginationConfig={"PageSize": 2}))
    rotations = [rotation for page in pages for rotation in page["Rotations"]]
    equal([rotation["RotationType"] for rotation in rotations], ["ON_DEMAND"] * 3)
    for rotation in rotations:
        is_recent(rotation["RotationDate"])


@checks.add("ScheduleKeyDeletion", "the key waits to be deleted")
def schedule_key_deletion() -> None:
    key = new_key()
    answer = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    equal((answer["KeyState"], answer["PendingWindowInDays"]), ("PendingDeletion", 7))
    equal(metadata(key)["DeletionDate"], answer["DeletionDate"])


@checks.add("CancelKeyDeletion", "the key comes back disabled")
def cancel_key_deletion() -> None:
    key = new_key()
    kms.schedule_key_deletion(KeyId=key)
    kms.cancel_key_deletion(KeyId=key)
    equal(metadata(key)["KeyState"], "Disabled")


@checks.add("DescribeKey", "NotFoundException")
def not_found() -> None:
    error = refused(errors.NotFoundException, kms.describe_key, KeyId=UNKNOWN)
    assert str(error).endswith(f":key/{UNKNOWN}' does not exist"), error


@checks.add("CancelKeyDeletion", "KMSInvalidStateException")
def invalid_state() -> None:
    refused(errors.KMSInvalidStateException, kms.cancel_key_deletion, KeyId=new_key())


@checks.add("CreateAlias", "AlreadyExistsException")
def already_exists() -> None:
    key, alias = new_key(), new_alias()
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    refused(errors.AlreadyExistsException, kms.create_alias, AliasName=alias, TargetKeyId=key)


@checks.add("CreateAlias", "ValidationException")
def alias_without_prefix() -> None:
    error = refused(ClientError, kms.create_alias, AliasName="no-prefix", TargetKeyId=new_key())
    equal(error.response["Error"]["Code"], "ValidationException")  # type: ignore[attr-defined]


@checks.add("CreateAlias", "InvalidAliasNameException")
def alias_without_name() -> None:
    refused(errors.InvalidAliasNameException, kms.create_alias, AliasName="alias/", TargetKeyId=new_key())


@checks.add("DisableKey", "InvalidArnException")
def alias_where_none_may_be() -> None:
    key = new_key()
    alias = new_alias()
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    refused(errors.InvalidArnException, kms.disable_key, KeyId=alias)


@checks.add("RotateKeyOnDemand", "LimitExceededException")
def too_many_rotations() -> None:
    key = new_key()
    for _ in range(25):
        kms.rotate_key_on_demand(KeyId=key)
    refused(errors.LimitExceededException, kms.rotate_key_on_demand, KeyId=key)


@checks.add("TagResource", "TagException")
def tag_error() -> None:
    tags = [{"TagKey": "aws:team", "TagValue": "x"}]
    refused(errors.TagException, kms.tag_resource, KeyId=new_key(), Tags=tags)


@checks.add("ListKeys", "InvalidMarkerException")
def invalid_marker() -> None:
    refused(errors.InvalidMarkerException, kms.list_keys, Marker="never given")


@checks.add("EnableKeyRotation", "DisabledException")
def rotation_of_disabled() -> None:
    key = new_key()
    kms.disable_key(KeyId=key)
    refused(errors.DisabledException, kms.enable_key_rotation, KeyId=key)
