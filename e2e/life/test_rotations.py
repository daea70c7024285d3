"""Rotation with two replicas: under load, past a replica that hangs, and what it costs; and keys at rest."""

from __future__ import annotations

import itertools
import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cbor2

from coffer_formats import object_id, open_object
from installation import Installation
from kept import Kept, audited, keep, leader_and_other, materials, record_of, rotated
from sealed import Vault, content
from support import Json, measured, until

REST_SECONDS = 20.0
SEEN_REVISION, BEAT_AT = 4, 7


def heartbeat(pair: Installation, name: str) -> dict[int, Any]:
    """What a replica told of itself, opened by a reader of the format that is not ours."""
    vault, stored = Vault(pair), f"replica-{name}"
    return cbor2.loads(open_object(vault.root(), "replica", object_id(stored), content(vault.read(stored)))[1])


def requests(pair: Installation, place: int) -> tuple[list[Json], int]:
    """What the API server noted of Coffer since a place in its trail, and where that ends."""
    path = Path(pair.cluster.kubeconfig).parent / "audit.jsonl"
    with open(path, encoding="utf-8") as lines:
        lines.seek(place)
        text = lines.read()
    whole = text[: text.rfind("\n") + 1]
    entries = [json.loads(line) for line in whole.splitlines()]
    ours = [one for one in entries if one["user"]["username"] == "system:serviceaccount:coffer-system:coffer-server"]
    return ours, place + len(whole.encode())


def counted(entries: list[Json]) -> Counter[str]:
    """By verb and kind; a sealed object's kind is the first word of its name."""
    def label(entry: Json) -> str:
        what = entry.get("objectRef") or {}
        resource = "/".join(one for one in (what.get("resource", "?"), what.get("subresource")) if one)
        kind = what["name"].split("-")[0] if resource == "secrets" and what.get("name") else resource
        return f"{entry['verb']} {kind}"

    return Counter(label(entry) for entry in entries)


OF_KEYS = ("key", "material", "owner", "kmskeys", "kmskeys/status", "events")
WRITES = ("create", "update", "patch", "delete")


class Load(threading.Thread):
    """Seals at one replica and opens at the other, what is new and what is old, until it is told to end."""

    def __init__(self, kept: Kept, one: Any, other: Any) -> None:
        super().__init__(daemon=True)
        self.kept, self.one, self.other = kept, one, other
        self.ends = threading.Event()
        self.faults: list[str] = []
        self.blobs: list[bytes] = []

    def run(self) -> None:
        old = itertools.cycle(self.kept.blobs.items())
        while not self.ends.is_set():
            try:
                blob = self.one.encrypt(KeyId=self.kept.key_id, Plaintext=b"load")["CiphertextBlob"]
                assert self.other.decrypt(CiphertextBlob=blob)["Plaintext"] == b"load"
                plaintext, early = next(old)
                assert self.other.decrypt(CiphertextBlob=early)["Plaintext"] == plaintext
                self.blobs.append(blob)
            except Exception as fault:  # Whatever it is, the test tells it.
                self.faults.append(repr(fault))
                return


@contextmanager
def under_load(kept: Kept, one: Any, other: Any) -> Iterator[list[Load]]:
    loads = [Load(kept, one, other), Load(kept, other, one)]
    for load in loads:
        load.start()
    try:
        yield loads
    finally:
        for load in loads:
            load.ends.set()
            load.join(60)
    assert [fault for load in loads for fault in load.faults] == []


def test_a_rotation_under_load_fails_no_call_on_any_replica(pair: Installation) -> None:
    tenant = pair.tenant()
    caller = tenant.caller()
    kept = keep(tenant, caller=caller)
    one, other = (caller.kms(server) for server in pair.replicas.values())
    with under_load(kept, one, other) as loads:
        one.rotate_key_on_demand(KeyId=kept.key_id)
        rotated(tenant, "orders", 3, 45)
        tenant.apply("orders", rotation={"onDemandRequest": "by manifest"})
        rotated(tenant, "orders", 4, 45)
        enough = [len(load.blobs) for load in loads]
        until(lambda: all(len(load.blobs) > had for load, had in zip(loads, enough)), "calls after the rotations")
    blobs = [blob for load in loads for blob in load.blobs]
    print(f"MEASURED calls during two rotations: {3 * len(blobs)}, none failed")
    for kms in (one, other):
        kept.opens(kms)
        for blob in (*blobs[:20], *blobs[-20:]):
            assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"load"
    assert len(materials(pair, kept.key_id)) == 4


def test_new_material_encrypts_only_after_every_live_replica_knows_it(pair: Installation) -> None:
    """A replica that hangs is waited for, for as long as it counts as live."""
    tenant = pair.tenant()
    kept = keep(tenant)
    leader, other = leader_and_other(pair)
    kms = tenant.caller("admin").kms(leader)
    assert other.process is not None
    until_beats(pair, other.name)
    other.process.send_signal(signal.SIGSTOP)
    try:
        kms.rotate_key_on_demand(KeyId=kept.key_id)
        record = until(lambda: listed(pair, kept.key_id, 3), "the third material to be listed")
        revision = int(Vault(pair).read(f"key-{kept.key_id}")["metadata"]["resourceVersion"])
        until_beats(pair, leader.name)
        record = record_of(pair, kept.key_id)
        assert record["current_version"] == 2, "nobody waited for the replica that hangs"
        assert tenant.status("orders")["currentKeyMaterialId"] == kept.made[0]
    finally:
        other.process.send_signal(signal.SIGCONT)
    rotated(tenant, "orders", 3, 30)
    assert all(heartbeat(pair, server.name)[SEEN_REVISION] >= revision for server in (leader, other))


def listed(pair: Installation, key_id: str, count: int) -> Json | None:
    record = record_of(pair, key_id)
    return record if len(record["materials"]) == count else None


def until_beats(pair: Installation, name: str) -> None:
    """A heartbeat that was written from now on."""
    before = heartbeat(pair, name)[BEAT_AT]
    until(lambda: heartbeat(pair, name)[BEAT_AT] > before, f"a heartbeat of {name}", 20)


def test_what_a_rotation_costs(pair: Installation) -> None:
    tenant = pair.tenant()
    names = [f"key-{number}" for number in range(10)]
    pair.cluster.apply(*(tenant.manifest(name) for name in names))
    for name in names:
        tenant.ready(name)
    until(lambda: not busy(pair, 2.0), "the server to come to rest", 30, 0)
    _, place = requests(pair, 0)
    began = time.monotonic()
    pair.cluster.apply(*(tenant.manifest(name, rotation={"onDemandRequest": "now"}) for name in names))
    for name in names:
        rotated(tenant, name, 2, 45)
    measured(f"{len(names)} keys rotated by two replicas", began)
    until(lambda: not busy(pair, 2.0), "the server to come to rest", 30, 0)
    entries, _ = requests(pair, place)
    by_label = {label: count for label, count in counted(entries).items() if label.split()[1] in OF_KEYS}
    writes = sum(count for label, count in by_label.items() if label.split()[0] in WRITES)
    each = {label: count / len(names) for label, count in by_label.items()}
    print(f"MEASURED writes for one rotation: {writes / len(names):.1f}; all requests: {each}")
    assert writes / len(names) <= 10


def busy(pair: Installation, seconds: float) -> Counter[str]:
    """What was asked for keys during that time."""
    _, place = requests(pair, 0)
    time.sleep(seconds)
    entries, _ = requests(pair, place)
    return Counter({label: count for label, count in counted(entries).items() if label.split()[1] in OF_KEYS})


def test_keys_at_rest_cost_nothing(pair: Installation) -> None:
    number = sum(1 for _ in pair.api.items("/apis/kms.coffer.dev/v1alpha1/kmskeys"))
    until(lambda: not busy(pair, 3.0), "the servers to come to rest", 60, 0)
    _, place = requests(pair, 0)
    time.sleep(REST_SECONDS)
    entries, _ = requests(pair, place)
    hourly = len(entries) * 3600 / REST_SECONDS
    print(f"MEASURED {number} keys at rest with two replicas: {hourly:.0f} requests an hour, "
          f"{hourly / number:.1f} for each key: {dict(counted(entries))}")
    of_keys = {label: count for label, count in counted(entries).items()
               if label.split()[1] in OF_KEYS and label.split()[0] != "watch"}
    assert of_keys == {}, "a key at rest is neither read nor written"
    assert audited(pair, "RotateKey")
