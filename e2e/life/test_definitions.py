"""Keys outlive what is above them: a server that is away, their definition, an older definition."""

from __future__ import annotations

from pathlib import Path

import pytest

from installation import Installation, Tenant
from kept import keep, now_ms
from support import API_VERSION, ROOT, outcome, until

KMSKEYS = "kmskeys.kms.coffer.dev"
# The definition before keys had dates of rotation, attempts and imported material.
EARLIER = Path(__file__).resolve().parent / "earlier" / "kmskeys.yaml"


@pytest.fixture
def tenant(alone: Installation) -> Tenant:
    return alone.tenant()


def define(tenant: Tenant, path: Path) -> None:
    tenant.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(path)).ok()
    tenant.cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", f"crd/{KMSKEYS}").ok()
    until(lambda: tenant.api.answers(f"/apis/{API_VERSION}/kmskeys"), "the kind to be served", 30)


def test_a_resource_that_vanished_while_nobody_looked_counts_from_when_it_was_found(tenant: Tenant) -> None:
    kept, there = keep(tenant), keep(tenant, "there", tenant.caller("other"))
    server = tenant.installation.replicas["coffer-0"]
    assert server.stop() == 0
    tenant.kubectl("delete", "kmskey", "orders", "--timeout=5s").ok()
    since = now_ms()
    server.start()
    tenant.installation.leader()
    kept.waits(since)
    kept.is_restored()
    there.opens()


def test_keys_outlive_their_definition(tenant: Tenant) -> None:
    caller = tenant.caller()
    lost = [keep(tenant, name, caller) for name in ("one", "two", "three")]
    since = now_ms()
    tenant.cluster.kubectl("delete", "crd", KMSKEYS, "--timeout=60s").ok()
    for kept in lost:
        kept.waits(since, call=False)
    define(tenant, ROOT / "crds" / "kmskeys.yaml")
    for kept in lost:
        tenant.kubectl("apply", "--server-side", manifest=kept.manifest).ok()
    for kept in lost:
        kept.comes_back(seconds=30)


def test_a_definition_is_replaced_in_place_under_keys(tenant: Tenant) -> None:
    """Made, rotated and used under the earlier definition, and unharmed by the next."""
    before = keep(tenant, "before")
    define(tenant, EARLIER)
    until(lambda: "Next-Rotation" not in tenant.kubectl("get", "kmskeys", "--v=0").ok(), "the earlier definition")
    try:
        tenant.apply("under", rotation={"automatic": True})
        tenant.kubectl("delete", "kmskey", "before").ok()
        before.waits(0, call=False)
        kms = before.kms
        listed = until(lambda: {key["KeyId"] for key in kms.list_keys()["Keys"]} - {before.key_id}, "the new key")
        key_id = listed.pop()
        until(lambda: outcome(kms.encrypt, KeyId=key_id, Plaintext=b"x") == "ok", "the new key to be of use")
        blob = kms.encrypt(KeyId=key_id, Plaintext=b"under the earlier one")["CiphertextBlob"]
    finally:
        define(tenant, ROOT / "crds" / "kmskeys.yaml")
    status = tenant.ready("under", 30)
    assert status["keyId"] == key_id
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"under the earlier one"
    tenant.shows("under", lambda key: "nextRotationDate" in key["status"], "what only the new definition has", 30)
    before.is_restored()
