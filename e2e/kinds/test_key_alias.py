"""KeyAlias manifests on a real API server: which are accepted, and what kubectl says of the others."""

from __future__ import annotations

from typing import Any

import pytest

from support import Case, Json, Kubectl, Update, changed, check_update, ids, manifest


def alias(name: Any = "alias/orders", **changes: Any) -> Json:
    return changed({"aliasName": name, "keyRef": {"name": "orders"}}, **changes)


ACCEPTED = [
    Case("plain", alias()),
    Case("every kind of character", alias("alias/shop/Orders_v1-x")),
    Case("shortest", alias("alias/a")),
    Case("longest", alias("alias/" + "a" * 250)),
    Case("aws inside", alias("alias/my/aws/x")),
    Case("aws as a word", alias("alias/awsome")),
]

SHAPE = "spec.aliasName in body should match '^alias/[a-zA-Z0-9/_-]+$'"

REJECTED = [
    Case("empty", {}, "spec.aliasName: Required value"),
    Case("no key", alias(keyRef=...), "spec.keyRef: Required value"),
    Case("without prefix", alias("orders-key"), SHAPE),
    Case("prefix alone", alias("alias/"), "spec.aliasName in body should be at least 7 chars long"),
    Case("prefix in upper case", alias("ALIAS/orders"), SHAPE),
    Case("too long", alias("alias/" + "a" * 251), "spec.aliasName: Too long: may not be more than 256"),
    Case("with a space", alias("alias/my orders"), SHAPE),
    Case("with a colon", alias("alias/shop:orders"), SHAPE),
    Case("in unicode", alias("alias/zażółć"), SHAPE),
    Case("with a line at its end", alias("alias/orders\n"), SHAPE),
    Case(
        "reserved", alias("alias/aws/envelope"),
        "spec.aliasName: Invalid value: \"alias/aws/envelope\": spec.aliasName must not begin with `alias/aws/`, "
        "which is reserved; choose another name",
    ),
    Case("key name too long", alias(keyRef={"name": "a" * 64}), "may not be more than 63"),
    Case("key by id", alias(targetKeyId="1234"), 'unknown field "spec.targetKeyId"'),
]

FIXED = "spec.aliasName: Forbidden: spec.aliasName cannot be changed; apply another KeyAlias"

UPDATES = [
    Update("name changed", alias(), alias("alias/invoices"), FIXED),
    Update("name removed", alias(), alias(...), "spec.aliasName: Required value"),
    Update("moved to another key", alias(), alias(keyRef={"name": "invoices"})),
]


@pytest.mark.parametrize("case", ACCEPTED, ids=ids(ACCEPTED))
def test_accepted(kubectl: Kubectl, case: Case) -> None:
    written = manifest("KeyAlias", case.spec)
    kubectl.create(written).ok()
    assert kubectl.json("keyalias", written["metadata"]["name"])["spec"] == case.spec


@pytest.mark.parametrize("case", REJECTED, ids=ids(REJECTED))
def test_rejected(kubectl: Kubectl, case: Case) -> None:
    kubectl.create(manifest("KeyAlias", case.spec)).refused(case.says)


@pytest.mark.parametrize("update", UPDATES, ids=ids(UPDATES))
def test_updates(kubectl: Kubectl, update: Update) -> None:
    check_update(kubectl, "KeyAlias", update)


def test_names_have_at_most_63_characters(kubectl: Kubectl) -> None:
    kubectl.create(manifest("KeyAlias", alias(), name="a" * 63)).ok()
    answer = kubectl.create(manifest("KeyAlias", alias(), name="a" * 64))
    answer.refused("metadata.name must have at most 63 characters")
