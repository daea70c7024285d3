"""KeyPolicy manifests on a real API server: which are accepted, and what kubectl says of the others."""

from __future__ import annotations

from typing import Any

import pytest

from support import Case, Json, Kubectl, Update, changed, check_update, ids, manifest

STATEMENT: Json = {"effect": "Allow", "principals": {"users": ["jane"]}, "actions": ["kms:Encrypt"]}


def policy(*statements: Json, delegate: Any = False) -> Json:
    return changed({"delegateToNamespace": delegate, "statements": list(statements)})


def one(**changes: Any) -> Json:
    """A policy of one statement that differs from an accepted one."""
    return policy(changed(STATEMENT, **changes))


def for_whom(**principals: Any) -> Json:
    return one(principals=principals)


def under(conditions: Any) -> Json:
    return one(conditions=conditions)


ACCEPTED = [
    Case("delegation alone", {"delegateToNamespace": True}),
    Case("delegation and a denial", policy(changed(STATEMENT, effect="Deny"), delegate=True)),
    Case("one statement", one()),
    Case("service account of this namespace", for_whom(serviceAccounts=[{"name": "orders"}])),
    Case("service account of another", for_whom(serviceAccounts=[{"namespace": "shop", "name": "orders"}])),
    Case("everybody", for_whom(any=True)),
    Case("any is false beside a list", for_whom(any=False, users=["jane"])),
    Case("groups", for_whom(groups=["system:authenticated", "oidc:admins"])),
    Case("namespaces", for_whom(namespaces=["shop", "a" * 63])),
    Case("longest user", for_whom(users=["u" * 512])),
    Case("user of an issuer", for_whom(users=["https://issuer.example/a#jäne"])),
    Case("64 users", for_whom(users=[f"user-{number}" for number in range(64)])),
    Case("every action", one(actions=["kms:*"])),
    Case("patterns", one(actions=["kms:GenerateDataKey*", "kms:?ncrypt"])),
    Case("permissions that are no operations", one(actions=["kms:ReEncryptFrom", "kms:ReEncryptTo"])),
    Case("sid with spaces", one(sid="Allow use of the key")),
    Case("longest sid", one(sid="s" * 128)),
    Case("64 statements", policy(*[changed(STATEMENT, sid=f"s{number}") for number in range(64)])),
    Case("conditions", under({
        "StringEquals": {"kms:EncryptionContext:app": ["orders", "invoices"]},
        "ForAnyValue:StringLike": {"kms:EncryptionContextKeys": ["app*"]},
        "BoolIfExists": {"kms:GrantIsForAWSResource": ["true"]},
        "NumericLessThanEquals": {"kms:RotationPeriodInDays": ["365"]},
        "DateGreaterThan": {"kms:ValidTo": ["2030-01-01T00:00:00Z"]},
        "Null": {"kms:ViaService": ["true"]},
    })),
    Case("condition key in unicode", under({"StringEquals": {"kms:EncryptionContext:страна": ["Österreich"]}})),
    Case("longest condition", under({"StringEquals": {"k" * 512: ["v" * 1024] * 16}})),
]

SOMEBODY = (
    "spec.statements[0].principals: Invalid value: principals must name somebody: give serviceAccounts, "
    "users, groups or namespaces, or `any: true` alone"
)
ACTIONS = "actions must be operations of AWS KMS such as `kms:Encrypt`, or patterns such as `kms:GenerateDataKey*`"
OPERATORS = "conditions must use condition operators of AWS, such as StringEquals or ForAnyValue:StringLike"
LOCKED = (
    "spec.statements must have a statement whose effect is Allow where spec.delegateToNamespace is false; else nobody "
    "could use or manage the key"
)

REJECTED = [
    Case("empty", {}, "spec.delegateToNamespace: Required value"),
    Case("delegation unsaid", {"statements": [STATEMENT]}, "spec.delegateToNamespace: Required value"),
    Case("nobody", {"delegateToNamespace": False}, LOCKED),
    Case("no statement", policy(), LOCKED),
    Case("denials alone", one(effect="Deny"), LOCKED),
    Case("effect in lower case", one(effect="allow"), 'Unsupported value: "allow": supported values: "Allow", "Deny"'),
    Case("no effect", one(effect=...), "spec.statements[0].effect: Required value"),
    Case("no principals", one(principals=...), "spec.statements[0].principals: Required value"),
    Case("no actions", one(actions=...), "spec.statements[0].actions: Required value"),
    Case("principals are empty", for_whom(), SOMEBODY),
    Case("any is false", for_whom(any=False), SOMEBODY),
    Case("any beside a list", for_whom(any=True, users=["jane"]), SOMEBODY),
    Case("list is empty", for_whom(users=[]), "spec.statements[0].principals.users in body should have at least 1"),
    Case("65 users", for_whom(users=[f"user-{number}" for number in range(65)]), "Too many: 65: must have at most 64"),
    Case("user twice", for_whom(users=["jane", "jane"]), 'principals.users[1]: Duplicate value: "jane"'),
    Case("user too long", for_whom(users=["u" * 513]), "may not be more than 512"),
    Case(
        "service account as user", for_whom(users=["system:serviceaccount:shop:orders"]),
        "users must not name service accounts; give serviceAccounts instead",
    ),
    Case(
        "namespace as group", for_whom(groups=["system:serviceaccounts:shop"]),
        "groups must not name the service accounts of a namespace; give namespaces instead",
    ),
    Case("service account without name", for_whom(serviceAccounts=[{"namespace": "shop"}]), "name: Required value"),
    Case("service account is a pattern", for_whom(serviceAccounts=[{"name": "*"}]), "name in body should match"),
    Case("namespace is a pattern", for_whom(namespaces=["*"]), "namespaces[0] in body should match"),
    Case("namespace too long", for_whom(namespaces=["a" * 64]), "may not be more than 63"),
    Case("principal as aws writes it", one(principals="*"), "must be of type object"),
    Case("no action", one(actions=[]), "spec.statements[0].actions in body should have at least 1"),
    Case("action without prefix", one(actions=["Encrypt"]), "actions[0] in body should match '^kms:[A-Za-z*?]+$'"),
    Case("action of another service", one(actions=["s3:GetObject"]), "actions[0] in body should match"),
    Case("misspelled action", one(actions=["kms:Encypt"]), ACTIONS),
    Case("action in lower case", one(actions=["kms:encrypt"]), ACTIONS),
    Case("operation that needs two permissions", one(actions=["kms:ReEncrypt"]), ACTIONS),
    Case("action twice", one(actions=["kms:Sign", "kms:Sign"]), 'actions[1]: Duplicate value: "kms:Sign"'),
    Case(
        "sid twice", policy(changed(STATEMENT, sid="a"), changed(STATEMENT, sid="a")),
        "each sid must be unique in the policy; rename one",
    ),
    Case("sid too long", one(sid="s" * 129), "may not be more than 128"),
    Case("sid with a colon", one(sid="a:b"), "sid in body should match"),
    Case("65 statements", policy(*[STATEMENT] * 65), "spec.statements: Too many: 65: must have at most 64 items"),
    Case("misspelled operator", under({"StringEqual": {"kms:ViaService": ["x"]}}), OPERATORS),
    Case("operator in lower case", under({"stringequals": {"kms:ViaService": ["x"]}}), OPERATORS),
    Case("null if exists", under({"NullIfExists": {"kms:ViaService": ["true"]}}), OPERATORS),
    Case("condition key too long", under({"Null": {"k" * 513: ["x"]}}), "a condition key must have 1 to 512 char"),
    Case("condition without values", under({"Null": {"kms:ViaService": []}}), "should have at least 1 items"),
    Case("condition value alone", under({"Null": {"kms:ViaService": "true"}}), "must be of type array"),
    Case("17 condition values", under({"StringEquals": {"a": ["x"] * 17}}), "Too many: 17: must have at most 16"),
    Case("9 operators", under({name: {"a": ["x"]} for name in [
        "StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "Bool", "Null", "ArnLike", "IpAddress",
        "DateEquals",
    ]}), "Too many: 9: must have at most 8"),
    Case("conditions are empty", under({}), "conditions in body should have at least 1 properties"),
    Case("statement of aws", one(Sid="a"), 'unknown field "spec.statements[0].Sid"'),
    Case("exception from principals", one(notPrincipals={"any": True}), 'unknown field "spec.statements[0].notPrin'),
]

UPDATES = [
    Update("statements replaced", one(), one(effect="Allow", actions=["kms:*"], sid="b")),
    Update("delegation turned on", one(), {"delegateToNamespace": True}),
    Update("everything removed", {"delegateToNamespace": True}, {"delegateToNamespace": False}, LOCKED),
]


@pytest.mark.parametrize("case", ACCEPTED, ids=ids(ACCEPTED))
def test_accepted(kubectl: Kubectl, case: Case) -> None:
    written = manifest("KeyPolicy", case.spec)
    kubectl.create(written).ok()
    assert kubectl.json("keypolicy", written["metadata"]["name"])["spec"] == case.spec


@pytest.mark.parametrize("case", REJECTED, ids=ids(REJECTED))
def test_rejected(kubectl: Kubectl, case: Case) -> None:
    kubectl.create(manifest("KeyPolicy", case.spec)).refused(case.says)


@pytest.mark.parametrize("update", UPDATES, ids=ids(UPDATES))
def test_updates(kubectl: Kubectl, update: Update) -> None:
    check_update(kubectl, "KeyPolicy", update)


def test_a_policy_at_many_bounds_is_not_too_costly(kubectl: Kubectl) -> None:
    """Far beyond the 32 KiB of AWS: no policy that is allowed otherwise fails by what its rules cost."""
    operators = ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "Bool", "ArnLike", "DateEquals"]
    keys = {f"kms:EncryptionContext:{number:0480}": ["value"] for number in range(8)}
    statement = {
        **STATEMENT,
        "actions": [f"kms:{'A' * 50}{chr(65 + number // 26)}{chr(65 + number % 26)}*" for number in range(63)]
        + ["kms:VerifyMac"],
        "principals": {"users": [f"user-{number:040}" for number in range(64)]},
        "conditions": {"ForAllValues:StringNotEqualsIgnoreCaseIfExists": keys} | {name: keys for name in operators},
    }
    statements = [{**statement, "sid": f"{number:0128}"} for number in range(24)]
    assert len(str(statements)) > 800_000
    kubectl.create(manifest("KeyPolicy", policy(*statements))).ok()


def test_names_have_at_most_63_characters(kubectl: Kubectl) -> None:
    """A longer name could be none of a KmsKey."""
    kubectl.create(manifest("KeyPolicy", one(), name="a" * 63)).ok()
    kubectl.create(manifest("KeyPolicy", one(), name="a" * 64)).refused("metadata.name must have at most 63 characters")
