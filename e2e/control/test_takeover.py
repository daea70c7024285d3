"""The leader goes away in the middle of its work, and another replica finishes it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from installation import Installation, Tenant, condition, is_ready
from support import Json, measured, outcome, until

KEYS_AT_ONCE = 200


@pytest.fixture
def replicas(own: Installation) -> Iterator[Installation]:
    """Two new replicas, of which one leads."""
    own.serve("coffer-0")
    own.leader()
    own.serve("coffer-1")
    yield own
    for server in own.replicas.values():
        server.end()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "asked-to-stop"])
def test_the_work_of_a_leader_that_goes_away_is_finished_exactly_once(
    replicas: Installation, number: signal.Signals
) -> None:
    tenant = replicas.tenant()
    leader = replicas.leader()
    other = next(server for server in replicas.replicas.values() if server is not leader)
    names = [f"key-{number}" for number in range(KEYS_AT_ONCE)]
    began = time.monotonic()
    replicas.cluster.apply(*(tenant.manifest(name) for name in names))
    until(lambda: ready_keys(tenant) > 0, "the first key")
    assert ready_keys(tenant) < KEYS_AT_ONCE, "the leader was too fast to be interrupted"
    assert leader.process is not None
    leader.process.send_signal(number)
    went = time.monotonic()
    until(other.leads, "the other replica to lead", 40)
    measured(f"takeover after {number.name}", went)
    leader.process.wait(20)
    until(lambda: ready_keys(tenant) == KEYS_AT_ONCE, "all keys", 180, 0.5)
    measured(f"{KEYS_AT_ONCE} keys to Ready over a {number.name}", began)
    check_each_key_once(tenant)
    caller = tenant.caller().kms(other)
    ids = [key["status"]["keyId"] for key in tenant.keys()]
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda key_id: round_trip(caller, key_id), ids)) == {b"x"}


def ready_keys(tenant: Tenant) -> int:
    return sum(is_ready(key) for key in tenant.keys())


def check_each_key_once(tenant: Tenant) -> None:
    """As many records and materials as keys, and each material is the one that the status names."""
    listed = tenant.keys()
    ids = {key["status"]["keyId"] for key in listed}
    assert len(ids) == len(listed) == KEYS_AT_ONCE
    for kind in ("key", "material"):
        stored = [label(secret) for secret in tenant.installation.sealed(kind) if label(secret) in ids]
        assert sorted(stored) == sorted(ids), kind


def label(secret: Json) -> str:
    return secret["metadata"]["labels"]["kms.coffer.dev/key-id"]


def round_trip(kms: Any, key_id: str) -> bytes:
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    return kms.decrypt(CiphertextBlob=blob)["Plaintext"]


def test_a_replica_without_the_lease_serves_and_the_lease_names_the_leader(replicas: Installation) -> None:
    leader = replicas.leader()
    other = next(server for server in replicas.replicas.values() if server is not leader)
    tenant = replicas.tenant()
    key_id = tenant.make_key("orders")
    assert not other.leads()
    assert outcome(tenant.caller().kms(other).encrypt, KeyId=key_id, Plaintext=b"x") == "ok"
    lease = replicas.api.get("/apis/coordination.k8s.io/v1/namespaces/coffer-system/leases/coffer")
    assert lease["spec"]["holderIdentity"] == leader.name


def test_the_installation_tells_its_replicas_and_that_its_root_is_in_the_same_store(replicas: Installation) -> None:
    def installation() -> Json | None:
        found = replicas.api.get("/apis/kms.coffer.dev/v1alpha1/installations/coffer")
        return found if (found.get("status") or {}).get("replicaCount") == 2 else None

    found = until(installation, "both replicas in the status", 60, 0.5)
    told = {replica["name"]: replica["leader"] for replica in found["status"]["replicas"]}
    assert told == {server.name: server.leads() for server in replicas.replicas.values()}
    assert found["spec"]["installationId"] == replicas.id
    same_store = condition(found, "RootInSameStore")
    assert same_store["status"] == "True" and "can open every key" in same_store["message"]
    assert condition(found, "ClockSkew")["status"] == "False"
