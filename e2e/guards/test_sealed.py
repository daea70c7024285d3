"""Sealed Secrets are written by Coffer alone, until somebody says that a backup is being restored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from guarded import INIT, KEYS, SERVER, Guarded, Namespace, Said, cluster_role, sealed, until

POLICY = "coffer-sealed"
SAYS = "annotate the namespace coffer-keys with kms.coffer.dev/restore=yes first"
OTHER = {"sealed": "b3RoZXI="}
CHANGED = json.dumps({"data": OTHER})


def secrets(cluster: Guarded, *words: str, manifest: Any = None, by: str | None = None) -> Said:
    return cluster.kubectl("-n", KEYS, *words, manifest=manifest, by=by)


def patch(cluster: Guarded, name: str, change: str) -> Said:
    return secrets(cluster, "patch", "secret", name, "--type=merge", "-p", change)


@pytest.fixture
def restoring(cluster: Guarded) -> Iterator[None]:
    """The namespace says so, and the guard has seen it."""
    name = cluster.seal()
    cluster.kubectl("annotate", "namespace", KEYS, "kms.coffer.dev/restore=yes").ok()
    until(lambda: secrets(cluster, "delete", "secret", name, "--dry-run=server").code == 0, "the guard to let through")
    yield
    cluster.kubectl("annotate", "namespace", KEYS, "kms.coffer.dev/restore-").ok()
    until(lambda: secrets(cluster, "delete", "secret", name, "--dry-run=server").code != 0, "the guard to act again")


def test_coffer_makes_changes_and_deletes_them(cluster: Guarded) -> None:
    name = cluster.seal()
    stored = cluster.read("secret", name, "-n", KEYS)
    secrets(cluster, "replace", manifest={**stored, "data": OTHER}, by=SERVER).ok()
    assert cluster.read("secret", name, "-n", KEYS)["data"] == OTHER
    secrets(cluster, "delete", "secret", name, by=SERVER).ok()
    cluster.until_gone("secret", name, "-n", KEYS)


def test_an_administrator_neither_deletes_nor_changes_one(cluster: Guarded) -> None:
    name = cluster.seal()
    secrets(cluster, "delete", "secret", name).refused(POLICY, "only Coffer may DELETE sealed Secrets", SAYS)
    patch(cluster, name, CHANGED).refused(POLICY, "only Coffer may UPDATE sealed Secrets", SAYS)
    patch(cluster, name, '{"metadata": {"labels": {"kms.coffer.dev/record": null}}}').refused(POLICY, SAYS)
    patch(cluster, name, '{"immutable": true}').refused(POLICY, SAYS)


def test_nor_all_of_them_at_once(cluster: Guarded) -> None:
    name = cluster.seal()
    secrets(cluster, "delete", "--raw", f"/api/v1/namespaces/{KEYS}/secrets").refused(POLICY, SAYS)
    assert not cluster.is_gone("secret", name, "-n", KEYS)


def test_init_makes_them(cluster: Guarded) -> None:
    """Under its ServiceAccount, and from an administrator's workstation."""
    cluster.seal(by=INIT)
    secrets(cluster, "create", manifest=sealed("from-a-workstation")).ok()


def test_rights_on_secrets_are_not_enough_to_plant_one(cluster: Guarded) -> None:
    denied = secrets(cluster, "create", manifest=sealed("planted"), by="cleaner")
    denied.refused(POLICY, "only Coffer may CREATE sealed Secrets", SAYS)


def test_a_restorer_puts_back_what_is_missing_and_no_more(cluster: Guarded) -> None:
    role = cluster_role("coffer-restorer", {}, "cleaner")[1]
    role["metadata"]["name"] = "cleaner-restores"
    cluster.kubectl("create", manifest=role).ok()
    try:
        create = ["create", "--dry-run=server"]
        until(lambda: secrets(cluster, *create, manifest=sealed("missing"), by="cleaner").code == 0, "the right to act")
        secrets(cluster, "create", manifest=sealed("missing"), by="cleaner").ok()
        secrets(cluster, "delete", "secret", "missing", by="cleaner").refused(POLICY, SAYS)
    finally:
        cluster.kubectl("delete", "clusterrolebinding", "cleaner-restores").ok()
    create = ["create", "--dry-run=server"]
    until(lambda: secrets(cluster, *create, manifest=sealed("again"), by="cleaner").code != 0, "the right to end")


def test_doing_what_the_message_says_helps(cluster: Guarded, restoring: None) -> None:
    name = cluster.seal()
    patch(cluster, name, CHANGED).ok()
    secrets(cluster, "delete", "secret", name).ok()
    secrets(cluster, "create", manifest=sealed(name), by="cleaner").ok()


def test_writing_it_as_it_is_changes_nothing(cluster: Guarded) -> None:
    """As it is done to encrypt all Secrets of a cluster with another key."""
    name = cluster.seal()
    stored = cluster.read("secret", name, "-n", KEYS)
    secrets(cluster, "replace", manifest=stored).ok()


def test_a_deletion_in_the_foreground_comes_to_its_end(cluster: Guarded) -> None:
    """The garbage collector changes the Secret before it goes."""
    name = cluster.seal()
    secrets(cluster, "delete", "secret", name, "--cascade=foreground", by=SERVER).ok()
    cluster.until_gone("secret", name, "-n", KEYS)


def test_other_secrets_are_nobodys_concern(cluster: Guarded, shop: Namespace) -> None:
    """Those of other types here, and ours elsewhere, where nothing reads them."""
    for namespace, kind in ((KEYS, "Opaque"), (shop.name, "kms.coffer.dev/key")):
        cluster.kubectl("-n", namespace, "create", manifest=sealed("other", kind), by="cleaner").ok()
        cluster.kubectl("-n", namespace, "delete", "secret", "other", by="cleaner").ok()
