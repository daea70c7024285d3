"""Grant manifests on a real API server: which are accepted, and what kubectl says of the others."""

from __future__ import annotations

from typing import Any

import pytest

from support import Case, Json, Kubectl, Update, changed, check_update, ids, manifest

OPERATIONS = [
    "Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo", "Sign",
    "Verify", "GetPublicKey", "CreateGrant", "RetireGrant", "DescribeKey", "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext", "GenerateMac", "VerifyMac", "DeriveSharedSecret", "Encapsulate",
    "Decapsulate",
]
GRANT: Json = {
    "keyRef": {"name": "orders"},
    "granteePrincipal": {"serviceAccount": {"name": "orders"}},
    "operations": ["Encrypt", "Decrypt"],
}


def grant(**changes: Any) -> Json:
    return changed(GRANT, **changes)


def limited(**constraints: Any) -> Json:
    return grant(constraints=constraints)


ACCEPTED = [
    Case("plain", GRANT),
    Case("service account of another namespace", grant(
        granteePrincipal={"serviceAccount": {"namespace": "shop", "name": "orders"}},
    )),
    Case("user", grant(granteePrincipal={"user": "jane@example.com"})),
    Case("group", grant(granteePrincipal={"group": "oidc:admins"})),
    Case("retiring principal", grant(retiringPrincipal={"user": "jane"})),
    Case("every operation", grant(operations=OPERATIONS)),
    Case("longest name", grant(name="a" * 256)),
    Case("name with every kind of character", grant(name="app/orders:v1_x-2")),
    Case("whole context", limited(encryptionContextEquals={"app": "orders"})),
    Case("part of a context", limited(encryptionContextSubset={"app": "orders"})),
    Case("8 pairs", limited(encryptionContextSubset={f"key-{number}": "v" * 384 for number in range(8)})),
    Case("context in unicode", limited(encryptionContextEquals={"страна": "Österreich 🇦🇹"})),
    Case("empty value", limited(encryptionContextEquals={"app": ""})),
    Case("longest context key", limited(encryptionContextEquals={"k" * 384: "x"})),
]

ONE = "exactly one of serviceAccount, user and group must be given"
ONE_CONSTRAINT = "exactly one of encryptionContextEquals and encryptionContextSubset must be given"

REJECTED = [
    Case("empty", {}, "spec.keyRef: Required value"),
    Case("no key", grant(keyRef=...), "spec.keyRef: Required value"),
    Case("key without name", grant(keyRef={}), "spec.keyRef.name: Required value"),
    Case("key name empty", grant(keyRef={"name": ""}), "spec.keyRef.name in body should be at least 1 chars long"),
    Case("key name too long", grant(keyRef={"name": "a" * 64}), "spec.keyRef.name: Too long: may not be more than 63"),
    Case("key by arn", grant(keyRef={"name": "arn:aws:kms"}), "spec.keyRef.name in body should match"),
    Case("key of another namespace", grant(keyRef={"name": "a", "namespace": "b"}), 'unknown field "spec.keyRef.name'),
    Case("no grantee", grant(granteePrincipal=...), "spec.granteePrincipal: Required value"),
    Case("grantee empty", grant(granteePrincipal={}), ONE),
    Case("two grantees", grant(granteePrincipal={"user": "jane", "group": "admins"}), ONE),
    Case(
        "three grantees", grant(granteePrincipal={"user": "a", "group": "b", "serviceAccount": {"name": "c"}}), ONE,
    ),
    Case("two retiring principals", grant(retiringPrincipal={"user": "jane", "group": "admins"}), ONE),
    Case(
        "service account as user", grant(granteePrincipal={"user": "system:serviceaccount:shop:orders"}),
        "spec.granteePrincipal.user: Invalid value: user must not name a service account; give "
        "serviceAccount instead",
    ),
    Case(
        "namespace as group", grant(granteePrincipal={"group": "system:serviceaccounts:shop"}),
        "group must not name the service accounts of a namespace; write a KeyPolicy for the namespace instead",
    ),
    Case("user too long", grant(granteePrincipal={"user": "u" * 513}), "may not be more than 512"),
    Case("user empty", grant(granteePrincipal={"user": ""}), "should be at least 1 chars long"),
    Case("no operations", grant(operations=...), "spec.operations: Required value"),
    Case("operations empty", grant(operations=[]), "spec.operations in body should have at least 1 items"),
    Case("operation twice", grant(operations=["Sign", "Sign"]), 'spec.operations[1]: Duplicate value: "Sign"'),
    Case("operation of a policy", grant(operations=["kms:Encrypt"]), 'Unsupported value: "kms:Encrypt"'),
    Case("operation that no grant gives", grant(operations=["ScheduleKeyDeletion"]), "Unsupported value"),
    Case("20 operations", grant(operations=OPERATIONS + ["Sign"]), "Too many: 20: must have at most 19 items"),
    Case("name too long", grant(name="a" * 257), "spec.name: Too long: may not be more than 256"),
    Case("name with a space", grant(name="a b"), "spec.name in body should match '^[a-zA-Z0-9:/_-]+$'"),
    Case("constraints empty", limited(), ONE_CONSTRAINT),
    Case(
        "both constraints", limited(encryptionContextEquals={"a": "b"}, encryptionContextSubset={"a": "b"}),
        ONE_CONSTRAINT,
    ),
    Case("9 pairs", limited(encryptionContextSubset={f"k{number}": "v" for number in range(9)}), "Too many: 9"),
    Case("no pair", limited(encryptionContextSubset={}), "encryptionContextSubset in body should have at least 1 prop"),
    Case("value too long", limited(encryptionContextEquals={"a": "v" * 385}), "may not be more than 384"),
    Case(
        "key too long", limited(encryptionContextEquals={"k" * 385: "v"}),
        "a key of an encryption context must have 1 to 384 characters",
    ),
    Case(
        "key empty", limited(encryptionContextEquals={"": "v"}),
        "a key of an encryption context must have 1 to 384 characters",
    ),
    Case("expiry", grant(expiresAt="2030-01-01T00:00:00Z"), 'unknown field "spec.expiresAt"'),
]

FIXED = "spec of a Grant cannot be changed; delete the Grant and apply another"

UPDATES = [
    Update("key changed", GRANT, grant(keyRef={"name": "other"}), FIXED),
    Update("grantee changed", GRANT, grant(granteePrincipal={"user": "jane"}), FIXED),
    Update("operation added", GRANT, grant(operations=["Encrypt", "Decrypt", "Sign"]), FIXED),
    Update("operation removed", GRANT, grant(operations=["Encrypt"]), FIXED),
    Update("name added", GRANT, grant(name="a"), FIXED),
    Update("constraint removed", limited(encryptionContextEquals={"a": "b"}), GRANT, FIXED),
    Update("order of operations", GRANT, grant(operations=["Decrypt", "Encrypt"])),
    Update("nothing changed", GRANT, GRANT),
]


@pytest.mark.parametrize("case", ACCEPTED, ids=ids(ACCEPTED))
def test_accepted(kubectl: Kubectl, case: Case) -> None:
    written = manifest("Grant", case.spec)
    kubectl.create(written).ok()
    assert kubectl.json("grant", written["metadata"]["name"])["spec"] == case.spec


@pytest.mark.parametrize("case", REJECTED, ids=ids(REJECTED))
def test_rejected(kubectl: Kubectl, case: Case) -> None:
    kubectl.create(manifest("Grant", case.spec)).refused(case.says)


@pytest.mark.parametrize("update", UPDATES, ids=ids(UPDATES))
def test_updates(kubectl: Kubectl, update: Update) -> None:
    check_update(kubectl, "Grant", update)


def test_names_have_at_most_63_characters(kubectl: Kubectl) -> None:
    kubectl.create(manifest("Grant", GRANT, name="a" * 63)).ok()
    kubectl.create(manifest("Grant", GRANT, name="a" * 64)).refused("metadata.name must have at most 63 characters")
