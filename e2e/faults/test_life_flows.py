"""What happens to keys in their lives, with each write of it failing in each way: it happens all the same, and once.

The keys of one flow go through it together, each with a fault of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from fault_layer import FaultLayer
from faults import Cut, Fault, HalveAnswer, LoseAnswer, Refuse, RequestAction
from seen import Request
from support import Caller, Cluster, Json, Keys, Server, is_ready, until

FAULTS: dict[str, RequestAction] = {
    "cut": Cut(), "lost": LoseAnswer(), "half": HalveAnswer(), "conflict": Refuse(409), "done": Refuse(504, done=True),
}
# A rotation is seen by every replica before it is done, which takes heartbeats of ten seconds.
DONE_SECONDS = 120.0
RECORD, STATUS, EVENT = "update key", "patch kmskeys/status", "create events"


@dataclass
class Key:
    """A key that goes through a flow, and the fault that it meets there."""

    name: str
    id: str
    material: str
    blob: str
    fault: Fault | None = None


@dataclass
class World:
    """Where flows take place."""

    cluster: Cluster
    layer: FaultLayer
    keys: Keys
    caller: Caller
    made: list[Key] = field(default_factory=list)

    def make(self, flow: str, writes: dict[tuple[str, int], str]) -> None:
        names = [f"{flow}-{word}-{fault}" for word in writes.values() for fault in FAULTS]
        for name in names:
            self.keys.make(name)
        for name in names:
            status = self.keys.wait_ready(name)
            answer = self.caller.call("Encrypt", KeyId=status["keyId"], Plaintext="AAAA")[1]
            key = Key(name, status["keyId"], status["currentKeyMaterialId"], answer["CiphertextBlob"])
            self.made.append(key)

    def plant(self, writes: dict[tuple[str, int], str]) -> None:
        cases = [(write, fault) for write in writes for fault in FAULTS.values()]
        for key, ((label, nth), action) in zip(self.made, cases, strict=True):
            key.fault = self.layer.plant(action, self.request_of(key, label), nth)

    @staticmethod
    def request_of(key: Key, label: str) -> Callable[[Request], bool]:
        of_resource = label in (STATUS, EVENT)

        def matches(request: Request) -> bool:
            name = request.name.split(".")[0]
            return request.label == label and (name == key.name if of_resource else key.id in request.name)

        return matches

    def finish(self, what: str, done: Callable[[Key], bool]) -> None:
        """Waits until it has happened to every key, and every key met its fault."""
        left = list(self.made)

        def all_done() -> bool:
            left[:] = [key for key in left if not done(key)]
            return not left

        try:
            until(all_done, what, DONE_SECONDS)
        except AssertionError as late:
            raise AssertionError(f"{late}: {[(key.name, self.caller.state(key.id)) for key in left]}") from late
        until(lambda: all(key.fault is None or key.fault.met for key in self.made), f"{what}: the faults", 30)
        self.layer.clear()
        for key in self.made:
            key.fault = None

    def path(self, key: Key) -> str:
        return f"{self.keys.path}/{key.name}"

    def set_spec(self, key: Key, spec: Json) -> None:
        self.cluster.good("PATCH", self.path(key), {"spec": spec})

    def check(self, materials: int = 1) -> None:
        """The same keys under the same names, usable, with so many materials, which open what was encrypted first."""
        for key in self.made:
            status = self.keys.wait_ready(key.name)
            assert status["keyId"] == key.id, key.name
            assert status["materialCount"] == len(status["materials"]) == materials, key.name
            assert key.material in [material["keyMaterialId"] for material in status["materials"]], key.name
            assert self.caller.problem_with(key.id) == "", key.name
            assert self.caller.call("Decrypt", CiphertextBlob=key.blob)[1]["Plaintext"] == "AAAA", key.name
        sealed = self.cluster.sealed()
        for key in self.made:
            found = sorted(name for name in sealed if key.id in name)
            versions = range(1, materials + 1)
            assert found == [f"key-{key.id}", *(f"material-{key.id}-v{version}-t1" for version in versions)], key.name


@pytest.fixture
def world(cluster: Cluster, layer: FaultLayer, keys: Keys, caller: Caller) -> Iterator[World]:
    world = World(cluster, layer, keys, caller)
    yield world
    layer.clear()


def writes(*labels: str) -> dict[tuple[str, int], str]:
    """The writes of a flow, each by its label and its number among those of that label, with a word for names."""
    numbered = [(label, labels[:place].count(label) + 1) for place, label in enumerate(labels)]
    return {write: f"w{place}" for place, write in enumerate(numbered)}


def test_a_removal_and_a_restore(world: World, server: Server) -> None:
    restore = writes(RECORD, STATUS)
    world.make("restore", restore)
    # A removal writes the record and nothing else, so one fault of each kind is enough.
    for key, action in zip(world.made, FAULTS.values(), strict=False):
        key.fault = world.layer.plant(action, world.request_of(key, RECORD), 1)
    for key in world.made:
        world.keys.remove(key.name)
    world.finish("the removals", lambda key: world.caller.state(key.id) == "PendingDeletion")
    world.plant(restore)
    for key in world.made:
        world.keys.make(key.name)
    world.finish("the restores", lambda key: world.caller.state(key.id) == "Enabled")
    world.check()
    server.assert_alive()


def test_a_rotation_by_manifest(world: World, server: Server) -> None:
    flow = writes(RECORD, "create material", RECORD, STATUS, EVENT)
    world.make("rotate", flow)
    world.plant(flow)
    for key in world.made:
        world.set_spec(key, {"rotation": {"onDemandRequest": "once"}})

    def is_rotated(key: Key) -> bool:
        status = world.keys.status(key.name)
        return status.get("materialCount") == 2 and status["currentKeyMaterialId"] != key.material

    world.finish("the rotations", is_rotated)
    world.check(materials=2)
    server.assert_alive()


def test_a_manifest_that_disables_and_enables(world: World, server: Server) -> None:
    flow = writes(RECORD, STATUS)
    world.make("switch", flow)
    for enabled, state in ((False, "Disabled"), (True, "Enabled")):
        world.plant(flow)
        for key in world.made:
            world.set_spec(key, {"enabled": enabled})
        world.finish(state, lambda key, state=state: world.keys.status(key.name).get("keyState") == state)
        assert {world.caller.state(key.id) for key in world.made} == {state}
    world.check()
    server.assert_alive()


def test_calls_that_disable_schedule_cancel_and_enable(world: World, server: Server) -> None:
    flow = writes(RECORD)
    world.make("call", flow)
    steps = [
        ("DisableKey", {}, "Disabled"), ("EnableKey", {}, "Enabled"),
        ("ScheduleKeyDeletion", {"PendingWindowInDays": 7}, "PendingDeletion"), ("CancelKeyDeletion", {}, "Disabled"),
        ("EnableKey", {}, "Enabled"),
    ]
    for operation, members, state in steps:
        world.plant(flow)
        for key in world.made:
            call(world, operation, key, members, state)
        world.finish(operation, lambda key, state=state: world.caller.state(key.id) == state)
    until(lambda: all(is_ready(world.keys.status(key.name)) for key in world.made), "all to be Ready")
    world.check()
    server.assert_alive()


def call(world: World, operation: str, key: Key, members: Json, state: str) -> None:
    """A retry may find the work done, which ScheduleKeyDeletion and CancelKeyDeletion answer as AWS KMS does."""
    until(
        lambda: world.caller.call(operation, KeyId=key.id, **members)[0] == 200 or world.caller.state(key.id) == state,
        f"{operation} of {key.name}",
    )
