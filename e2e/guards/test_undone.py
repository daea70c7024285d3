"""Nothing depends on the guards: without them everything goes through, and what they allow comes to its end."""

from __future__ import annotations

from guarded import KEYS, SERVER, Guarded, Namespace, until

GUARDS = ["validatingadmissionpolicies,validatingadmissionpolicybindings", "-l", "kms.coffer.dev/guard=true"]
MEANT = "kms.coffer.dev/delete-all-keys=yes"


def test_without_the_guards_everything_goes_through(cluster: Guarded, shop: Namespace) -> None:
    shop.make_key(protection=True)
    name = cluster.seal()
    cluster.kubectl("delete", *GUARDS).ok()
    try:
        for probe in cluster.probes():
            until(lambda probe=probe: probe().code == 0, "the guards to end")
        shop.kubectl("delete", "kmskey", "orders").ok()
        shop.until_gone("orders")
        shop.make_key("aws.mine")
        cluster.kubectl("-n", KEYS, "delete", "secret", name).ok()
        cluster.until_gone("secret", name, "-n", KEYS)
    finally:
        cluster.guard()


def test_a_namespace_of_sealed_secrets_comes_to_its_end_where_that_is_meant(cluster: Guarded) -> None:
    cluster.seal()
    cluster.kubectl("annotate", "namespace", KEYS, MEANT).ok()
    cluster.kubectl("delete", "namespace", KEYS, "--timeout=60s").ok()
    cluster.until_gone("namespace", KEYS)


def test_a_definition_comes_to_its_end_with_protected_keys_where_that_is_meant(
    cluster: Guarded, shop: Namespace
) -> None:
    shop.make_key(protection=True)
    shop.make_key("aws.envelope", by=SERVER, protection=True)
    cluster.kubectl("annotate", "crd", "kmskeys.kms.coffer.dev", MEANT).ok()
    cluster.kubectl("delete", "crd", "kmskeys.kms.coffer.dev", "--timeout=60s").ok()
    cluster.until_gone("crd", "kmskeys.kms.coffer.dev")
