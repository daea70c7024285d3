"""Operations of AWS KMS that are not there yet say so by name, and what cannot be used answers as AWS KMS does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aws_model import inputs
from bad_values import least
from clients import kms, refusal
from support import ACCOUNT, Coffer, arn
from wire import operation_headers

MISSING = [
    "CreateGrant", "ListGrants", "ListRetirableGrants", "PutKeyPolicy", "RetireGrant", "RevokeGrant",
]
INPUTS = inputs()


@pytest.mark.parametrize("operation", MISSING)
def test_each_answers_that_it_is_not_supported_and_changes_nothing(shared: Coffer, operation: str) -> None:
    key = shared.new_key()
    members = least(INPUTS[operation])
    members |= {"KeyId": key["KeyId"]} if "KeyId" in members else {}
    client = kms(shared)
    methods = {operation: method for method, operation in client.meta.method_to_api_mapping.items()}
    told = refusal(getattr(client, methods[operation]), **members)
    assert (told.code, told.status) == ("UnsupportedOperationException", 400)
    assert operation in told.message
    assert shared.describe(key["KeyId"]) == key


def test_a_list_of_custom_key_stores_is_empty(shared: Coffer) -> None:
    told = kms(shared).describe_custom_key_stores(Limit=10)
    assert (told["CustomKeyStores"], told["Truncated"]) == ([], False)


STORE = {"CustomKeyStoreId": "cks-1234567890abcdef0"}
STORES: list[tuple[str, dict[str, Any]]] = [
    ("ConnectCustomKeyStore", STORE), ("DeleteCustomKeyStore", STORE), ("DescribeCustomKeyStores", STORE),
    ("DescribeCustomKeyStores", {"CustomKeyStoreName": "one"}), ("DisconnectCustomKeyStore", STORE),
    ("UpdateCustomKeyStore", STORE), ("CreateKey", STORE), ("GenerateRandom", {**STORE, "NumberOfBytes": 8}),
    ("CreateKey", {"Origin": "AWS_CLOUDHSM"}), ("CreateKey", {"Origin": "EXTERNAL_KEY_STORE", "XksKeyId": "one"}),
    ("CreateKey", {**STORE, "Origin": "AWS_CLOUDHSM"}),
]


@pytest.mark.parametrize(("operation", "members"), STORES, ids=lambda value: "-".join(value) if value else "none")
def test_a_custom_key_store_is_never_found(shared: Coffer, operation: str, members: dict[str, Any]) -> None:
    keys = shared.list_keys()
    answer = shared.call(operation, **members)
    assert (answer.status, answer.code) == (400, "CustomKeyStoreNotFoundException")
    assert shared.list_keys() == keys


def test_no_custom_key_store_is_made(shared: Coffer) -> None:
    told = shared.call("CreateCustomKeyStore", CustomKeyStoreName="one", CloudHsmClusterId="cluster-2a23b4cdefg")
    assert (told.status, told.code) == (400, "CloudHsmClusterNotFoundException")
    answer = shared.call("CreateCustomKeyStore", CustomKeyStoreName="one")
    assert (answer.status, answer.code) == (400, "UnsupportedOperationException")


REGIONS = {"ReplicateKey": {"ReplicaRegion": "eu-west-1"}, "UpdatePrimaryRegion": {"PrimaryRegion": "eu-west-1"}}


@pytest.mark.parametrize(("operation", "members"), REGIONS.items(), ids=REGIONS)
def test_no_key_is_for_many_regions(shared: Coffer, operation: str, members: dict[str, str]) -> None:
    key = shared.new_key()
    text = f"{key['Arn']} is not a multi-region primary key."
    answer = shared.call(operation, KeyId=key["KeyId"], **members)
    assert answer.refused() == (400, "UnsupportedOperationException", text)
    aliased = shared.call(operation, KeyId="alias/any", **members)
    assert (aliased.status, aliased.code) == (400, "InvalidArnException")
    assert shared.call("DisableKey", KeyId=key["KeyId"]).status == 200
    disabled = shared.call(operation, KeyId=key["KeyId"], **members)
    assert disabled.refused() == (400, "DisabledException", f"{key['Arn']} is disabled.")


def test_a_key_for_many_regions_is_refused_by_name(shared: Coffer) -> None:
    answer = shared.call("CreateKey", MultiRegion=True)
    assert (answer.status, answer.code) == (400, "ValidationException")
    assert "MultiRegion" in (answer.message or "")
    assert not shared.good("CreateKey", MultiRegion=False)["KeyMetadata"]["MultiRegion"]


def test_the_default_policy_is_awss(shared: Coffer) -> None:
    """Tools for infrastructure compare it as JSON each time they look at a key."""
    key = shared.new_key()["KeyId"]
    named = [(key, None), (arn(key), "default")]
    answers = [shared.good("GetKeyPolicy", KeyId=name, PolicyName=policy) for name, policy in named]
    assert answers[0] == answers[1]
    assert answers[0]["PolicyName"] == "default"
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    statement = {"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": root, "Action": "kms:*"}
    expected = {"Version": "2012-10-17", "Id": "key-default-1", "Statement": [{**statement, "Resource": "*"}]}
    assert json.loads(answers[0]["Policy"]) == expected
    beginning = '{\n  "Version" : "2012-10-17",\n  "Id" : "key-default-1",\n  "Statement" : [ {'
    assert answers[0]["Policy"].startswith(beginning)
    other = shared.call("GetKeyPolicy", KeyId=key, PolicyName="AWS_RAM")
    assert other.refused() == (400, "NotFoundException", "No such policy exists")
    told = shared.good("ListKeyPolicies", KeyId=key, Limit=1)
    assert told == {"PolicyNames": ["default"], "Truncated": False}


def test_keys_of_other_accounts_are_not_listed_and_own_ones_are(shared: Coffer) -> None:
    shared.new_key()
    assert shared.good("ListKeys", ResourceOwners=["SELF"]) == shared.good("ListKeys")
    assert shared.good("ListKeys", ResourceOwners=["OTHER_ACCOUNTS_VIA_RAM"]) == {"Keys": [], "Truncated": False}
    both = ["OTHER_ACCOUNTS_VIA_RAM", "SELF"]
    assert shared.good("ListKeys", ResourceOwners=both) == shared.good("ListKeys")


def test_a_body_that_is_no_json_is_one_for_all(shared: Coffer) -> None:
    with shared.connect() as connection:
        told = {name: connection.send(b"{", operation_headers(name)).code for name in INPUTS}
    assert set(told.values()) == {"SerializationException"}
