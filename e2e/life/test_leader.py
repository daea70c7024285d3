"""A leader that is killed in the middle of what it does to many keys: the other replica completes it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from cluster import keys
from installation import Installation, Tenant, is_ready
from kept import NEW, OLD, held, leader_and_other, materials, record_of
from support import measured, outcome, until

CROWD = 30
LEADS_SECONDS = 40.0
# A replica that died counts as one to wait for during thirty seconds.
ALL_SECONDS = 90.0

Flow = tuple[Callable[[Tenant, str], None], Callable[[Tenant, str, str], bool]]


def rotate(tenant: Tenant, name: str) -> None:
    spec = {"rotation": {"onDemandRequest": "once"}}
    tenant.api.patch(keys(tenant.namespace, name), {"spec": spec})


def is_rotated(tenant: Tenant, name: str, key_id: str) -> bool:
    status = tenant.status(name)
    return status.get("materialCount") == 2 and status["materials"][0]["state"] == "CURRENT"


def remove(tenant: Tenant, name: str) -> None:
    tenant.api.text("DELETE", keys(tenant.namespace, name))


def is_removed(tenant: Tenant, name: str, key_id: str) -> bool:
    return held(record_of(tenant.installation, key_id)) is not None


def restore(tenant: Tenant, name: str) -> None:
    tenant.api.post(keys(tenant.namespace), tenant.manifest(name))


def is_restored(tenant: Tenant, name: str, key_id: str) -> bool:
    key = tenant.key(name)
    return is_ready(key) and key["status"]["keyId"] == key_id and "restoredAt" in key["status"]


FLOWS: dict[str, Flow] = {
    "rotate": (rotate, is_rotated), "delete": (remove, is_removed), "restore": (restore, is_restored),
}


@pytest.mark.parametrize("flow", FLOWS)
def test_what_a_killed_leader_began_the_other_completes(pair: Installation, flow: str) -> None:
    act, is_done = FLOWS[flow]
    tenant = pair.tenant()
    names = [f"key-{number}" for number in range(CROWD)]
    pair.cluster.apply(*(tenant.manifest(name) for name in names))
    ids = {name: tenant.ready(name)["keyId"] for name in names}
    leader, other = leader_and_other(pair)
    kms = tenant.caller().kms(other)
    blobs = {name: kms.encrypt(KeyId=ids[name], Plaintext=OLD)["CiphertextBlob"] for name in names}
    if flow == "restore":
        for name in names:
            remove(tenant, name)
        until(lambda: all(is_removed(tenant, name, ids[name]) for name in names), "the removals", 30)
    for name in names[: CROWD // 2]:
        act(tenant, name)
    began = time.monotonic()
    assert leader.process is not None
    leader.process.send_signal(signal.SIGKILL)
    for name in names[CROWD // 2:]:
        act(tenant, name)
    leader.process.wait(20)
    assert not all(is_done(tenant, name, ids[name]) for name in names), "the leader was too fast to be killed"
    until(other.leads, "the other replica to lead", LEADS_SECONDS)
    for name in names:
        until(lambda name=name: is_done(tenant, name, ids[name]), f"{flow} of {name}", ALL_SECONDS, 0.2)
    measured(f"{flow} of {CROWD} keys over the death of the leader", began)
    count = 2 if flow == "rotate" else 1
    for name in names:
        assert len(materials(pair, ids[name])) == count, name
    if flow == "delete":
        pair.cluster.apply(*(tenant.manifest(name) for name in names))
        until(lambda: all(is_restored(tenant, name, ids[name]) for name in names), "the restores", 30)
    for name in names:
        until(lambda name=name: opens(kms, blobs[name]), f"{name} to be of use")
        kms.encrypt(KeyId=ids[name], Plaintext=NEW)
    leader.start()


def opens(kms: Any, blob: bytes) -> bool:
    return outcome(kms.decrypt, CiphertextBlob=blob) == "ok"
