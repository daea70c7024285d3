"""boto3: policies, grants, custom key stores and keys of several Regions."""

from __future__ import annotations

import json

from boto3_base import checks, errors, kms, metadata, new_key
from harness import equal, refused

STORE = "cks-1234567890abcdef0"


@checks.add("GetKeyPolicy", "the default policy")
def get_key_policy() -> None:
    answer = kms.get_key_policy(KeyId=new_key())
    equal(answer["PolicyName"], "default")
    assert json.loads(answer["Policy"])["Statement"], answer


@checks.add("PutKeyPolicy", "what was put is what is read")
def put_key_policy() -> None:
    key = new_key()
    policy = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    policy["Id"] = "another"
    kms.put_key_policy(KeyId=key, Policy=json.dumps(policy))
    equal(json.loads(kms.get_key_policy(KeyId=key)["Policy"]), policy)


@checks.add("ListKeyPolicies", "there is one policy")
def list_key_policies() -> None:
    equal(kms.list_key_policies(KeyId=new_key())["PolicyNames"], ["default"])


def granted(key: str) -> str:
    account = metadata(key)["AWSAccountId"]
    members = {"GranteePrincipal": f"arn:aws:iam::{account}:root", "RetiringPrincipal": f"arn:aws:iam::{account}:root"}
    return kms.create_grant(KeyId=key, Operations=["Decrypt"], **members)["GrantId"]


def grants_of(key: str) -> list[str]:
    return [grant["GrantId"] for grant in kms.list_grants(KeyId=key)["Grants"]]


@checks.add("CreateGrant", "a grant has an id")
def create_grant() -> None:
    assert granted(new_key())


@checks.add("ListGrants", "finds the grant")
def list_grants() -> None:
    key = new_key()
    equal([granted(key)], grants_of(key))


@checks.add("ListRetirableGrants", "finds the grant by who may retire it")
def list_retirable_grants() -> None:
    key = new_key()
    grant, account = granted(key), metadata(key)["AWSAccountId"]
    found = kms.list_retirable_grants(RetiringPrincipal=f"arn:aws:iam::{account}:root", Limit=100)["Grants"]
    assert grant in [one["GrantId"] for one in found]


@checks.add("RevokeGrant", "the grant is gone")
def revoke_grant() -> None:
    key = new_key()
    kms.revoke_grant(KeyId=key, GrantId=granted(key))
    equal(grants_of(key), [])


@checks.add("RetireGrant", "the grant is gone")
def retire_grant() -> None:
    key = new_key()
    kms.retire_grant(KeyId=metadata(key)["Arn"], GrantId=granted(key))
    equal(grants_of(key), [])


@checks.add("DescribeCustomKeyStores", "there is none")
def describe_custom_key_stores() -> None:
    equal(kms.describe_custom_key_stores()["CustomKeyStores"], [])


@checks.add("CreateCustomKeyStore", "CloudHsmClusterNotFoundException")
def create_custom_key_store() -> None:
    members = {"CloudHsmClusterId": "cluster-2a23b4cdefg", "TrustAnchorCertificate": "x", "KeyStorePassword": "x" * 8}
    refused(errors.CloudHsmClusterNotFoundException, kms.create_custom_key_store, CustomKeyStoreName="one", **members)


STORE_CALLS = {
    "ConnectCustomKeyStore": kms.connect_custom_key_store,
    "DeleteCustomKeyStore": kms.delete_custom_key_store,
    "DisconnectCustomKeyStore": kms.disconnect_custom_key_store,
    "UpdateCustomKeyStore": kms.update_custom_key_store,
}
for each, method in STORE_CALLS.items():
    checks.add(each, "CustomKeyStoreNotFoundException")(
        lambda method=method: refused(errors.CustomKeyStoreNotFoundException, method, CustomKeyStoreId=STORE)
    )


@checks.add("ReplicateKey", "UnsupportedOperationException")
def replicate_key() -> None:
    error = refused(
        errors.UnsupportedOperationException, kms.replicate_key, KeyId=new_key(), ReplicaRegion="eu-west-1"
    )
    assert "is not a multi-region primary key" in str(error), error


@checks.add("UpdatePrimaryRegion", "UnsupportedOperationException")
def update_primary_region() -> None:
    members = {"KeyId": new_key(), "PrimaryRegion": "eu-west-1"}
    error = refused(errors.UnsupportedOperationException, kms.update_primary_region, **members)
    assert "is not a multi-region" in str(error), error
