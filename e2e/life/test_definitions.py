"""Keys outlive what is above them: a server that is away, their definition, an older definition; and crowds are frozen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from installation import Installation, Tenant, condition
from kept import Kept, keep, now_ms
from support import API_VERSION, ROOT, Json, outcome, until

KMSKEYS = "kmskeys.kms.coffer.dev"
# The definition before keys had dates of rotation, attempts and imported material.
EARLIER = Path(__file__).resolve().parent / "earlier" / "kmskeys.yaml"
INSTALLATION = f"/apis/{API_VERSION}/installations/coffer"
# The Installation is looked at every thirty seconds.
TOLD_SECONDS = 45.0
CROWD = 7
RESCUED = 4


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


def test_the_installation_tells_that_nothing_guards_it_and_that_a_crowd_is_frozen(tenant: Tenant) -> None:
    guarded = told(tenant, "Guarded", "False")
    assert guarded["reason"] == "GuardsMissing" and "coffer-keep" in guarded["message"]
    names = [f"crowd-{number}" for number in range(CROWD)]
    manifests = [tenant.manifest(name) for name in names]
    tenant.cluster.apply(*manifests)
    key_ids = {name: tenant.ready(name)["keyId"] for name in names}
    tenant.kubectl("delete", "kmskeys", "--all", "--timeout=10s").ok()
    told(tenant, "DestroyFrozen", "True", lambda message: int(message.split()[0]) >= CROWD)
    # What is rescued counts on: the few that are left do not thaw, and are named. So are those of earlier tests here.
    rescued, left = ({key_ids[name] for name in some} for some in (names[:RESCUED], names[RESCUED:]))
    tenant.cluster.apply(*manifests[:RESCUED])
    for name in names[:RESCUED]:
        tenant.ready(name)
    told(tenant, "DestroyFrozen", "True", lambda message: named(message, left) == left and not named(message, rescued))
    tenant.cluster.apply(*manifests[RESCUED:])
    for name in names[RESCUED:]:
        tenant.ready(name)
    # Nothing of it is left to freeze, and what others left here is approved for all times, which means until now.
    tenant.api.patch(INSTALLATION, {"spec": {"destroyVanishedUntil": "2999-01-01T00:00:00Z"}})
    told(tenant, "DestroyFrozen", "False")


def named(message: str, key_ids: set[str]) -> set[str]:
    return {key_id for key_id in key_ids if key_id in message}


def told(tenant: Tenant, kind: str, status: str, says: Callable[[str], bool] = lambda _: True) -> Json:
    def look() -> Json | None:
        found = condition(tenant.api.get(INSTALLATION), kind)
        return found if found.get("status") == status and says(found["message"]) else None

    return until(look, f"{kind}={status}", TOLD_SECONDS, 0.2)
