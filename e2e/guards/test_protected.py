"""spec.deletion.protection refuses every delete while the namespace lives, and never holds up its end."""

from __future__ import annotations

import pytest

from guarded import SERVER, Guarded, Namespace

POLICY = "coffer-protected"
SAYS = "set spec.deletion.protection to false first"


@pytest.mark.parametrize("options", [[], ["--cascade=foreground"], ["--force", "--grace-period=0"]],
                         ids=["plain", "foreground", "force"])
def test_a_protected_key_is_not_deleted(shop: Namespace, options: list[str]) -> None:
    shop.make_key(protection=True)
    shop.kubectl("delete", "kmskey", "orders", *options).refused(POLICY, "the key orders is protected", SAYS)
    assert "deletionTimestamp" not in shop.cluster.read("kmskey", "orders", "-n", shop.name)["metadata"]


def test_nobody_is_excepted(shop: Namespace) -> None:
    shop.make_key(protection=True)
    shop.kubectl("delete", "kmskey", "orders", by=SERVER).refused(POLICY, SAYS)


def test_deleting_a_collection_leaves_protected_keys(shop: Namespace) -> None:
    shop.make_key("other")
    shop.make_key(protection=True)
    path = f"/apis/kms.coffer.dev/v1alpha1/namespaces/{shop.name}/kmskeys"
    shop.kubectl("delete", "--raw", path).refused(POLICY, SAYS)
    assert not shop.cluster.is_gone("kmskey", "orders", "-n", shop.name)


def test_replacing_by_force_is_refused(shop: Namespace) -> None:
    shop.make_key(protection=True)
    manifest = {"apiVersion": "kms.coffer.dev/v1alpha1", "kind": "KmsKey", "metadata": {"name": "orders"}, "spec": {}}
    shop.kubectl("replace", "--force", manifest=manifest).refused(POLICY, SAYS)


def test_doing_what_the_message_says_helps(shop: Namespace) -> None:
    shop.make_key(protection=True)
    patch = '{"spec": {"deletion": {"protection": false}}}'
    shop.kubectl("patch", "kmskey", "orders", "--type=merge", "-p", patch).ok()
    shop.kubectl("delete", "kmskey", "orders").ok()
    shop.until_gone("orders")


@pytest.mark.parametrize("deletion", [{}, {"pendingWindowDays": 7}, {"protection": False}], ids=str)
def test_a_key_without_protection_is_deleted(shop: Namespace, deletion: dict) -> None:
    shop.make_key(**deletion)
    shop.kubectl("delete", "kmskey", "orders").ok()
    shop.until_gone("orders")


def test_a_namespace_with_a_protected_key_comes_to_its_end(cluster: Guarded, shop: Namespace) -> None:
    shop.make_key(protection=True)
    shop.make_key("aws.envelope", by=SERVER, protection=True)
    cluster.kubectl("delete", "namespace", shop.name, "--timeout=60s").ok()
    cluster.until_gone("namespace", shop.name)
