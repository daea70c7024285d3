"""Keys named aws.… are made and changed by Coffer alone; their resources may be deleted, as they are made again."""

from __future__ import annotations

import pytest

from guarded import SERVER, Namespace, Said, key

POLICY = "coffer-platform"
SAYS = "the key aws.envelope is managed by Coffer"


@pytest.fixture
def envelope(shop: Namespace) -> Namespace:
    """A namespace with a platform-managed key."""
    shop.make_key("aws.envelope", by=SERVER)
    return shop


def patch(shop: Namespace, change: str, by: str | None = None) -> Said:
    return shop.kubectl("patch", "kmskey", "aws.envelope", "--type=merge", "-p", change, by=by)


def test_nobody_else_makes_one(shop: Namespace) -> None:
    shop.create(key("aws.envelope")).refused(POLICY, SAYS, "choose another name")


def test_a_generated_name_is_no_way_around(shop: Namespace) -> None:
    manifest = key("")
    manifest["metadata"] = {"generateName": "aws.e-"}
    shop.create(manifest).refused(POLICY, "is managed by Coffer")


@pytest.mark.parametrize("name", ["aws", "awsome", "my.aws.key"])
def test_other_names_are_everybodys(shop: Namespace, name: str) -> None:
    shop.make_key(name)


@pytest.mark.parametrize("change", [
    '{"spec": {"description": "mine"}}',
    '{"metadata": {"labels": {"mine": "yes"}}}',
    '{"metadata": {"annotations": {"mine": "yes"}}}',
], ids=["spec", "labels", "annotations"])
def test_only_coffer_changes_one(envelope: Namespace, change: str) -> None:
    patch(envelope, change).refused(POLICY, SAYS)
    patch(envelope, change, SERVER).ok()


def test_coffer_tells_its_status(envelope: Namespace) -> None:
    words = ["apply", "--server-side", "--field-manager=coffer", "--subresource=status"]
    manifest = {**key("aws.envelope"), "status": {"keyState": "Enabled"}}
    envelope.kubectl(*words, manifest=manifest, by=SERVER).ok()
    assert envelope.cluster.read("kmskey", "aws.envelope", "-n", envelope.name)["status"] == manifest["status"]


def test_writing_it_as_it_is_changes_nothing(envelope: Namespace) -> None:
    """As a migration of stored versions does."""
    stored = envelope.cluster.read("kmskey", "aws.envelope", "-n", envelope.name)
    envelope.kubectl("replace", manifest=stored).ok()


@pytest.mark.parametrize("cascade", ["background", "foreground"])
def test_it_may_be_deleted(envelope: Namespace, cascade: str) -> None:
    """In the foreground, the garbage collector changes the resource before it goes."""
    envelope.kubectl("delete", "kmskey", "aws.envelope", f"--cascade={cascade}").ok()
    envelope.until_gone("aws.envelope")
