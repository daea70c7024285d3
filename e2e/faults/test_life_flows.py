"""What happens to keys in their lives, with each write of it failing in each way: it happens all the same, and once.

The keys of one flow go through it together, each with a fault of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from cuts import EVENT, RECORD, STATUS, Subject, Writes, finish, names, plant, writes
from fault_layer import FaultLayer
from place import Tell
from support import Caller, Cluster, Json, Keys, Server, is_ready, until


@dataclass
class Key(Subject):
    """A key that goes through a flow, its first material and what that sealed."""

    material: str = ""
    blob: str = ""

    @property
    def id(self) -> str:
        return self.sealed


@dataclass
class World:
    """Where flows take place."""

    cluster: Cluster
    layer: FaultLayer
    keys: Keys
    caller: Caller
    tell: Tell
    made: list[Key] = field(default_factory=list)
    runs: int = 0

    def make(self, flow: str, writes: Writes) -> None:
        for name in names(flow, writes):
            self.keys.make(name)
        for name in names(flow, writes):
            status = self.keys.wait_ready(name)
            answer = self.caller.call("Encrypt", KeyId=status["keyId"], Plaintext="AAAA")[1]
            material = status["currentKeyMaterialId"]
            self.made.append(Key(name, status["keyId"], material=material, blob=answer["CiphertextBlob"]))

    def plant(self, writes: Writes) -> None:
        self.runs += plant(self.layer, self.made, writes)

    def finish(self, what: str, done: Callable[[Key], bool]) -> None:
        finish(self.layer, self.made, what, done)

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
        self.tell("life flows with a write that fails", self.runs)


@pytest.fixture
def world(cluster: Cluster, layer: FaultLayer, keys: Keys, caller: Caller, tell: Tell) -> Iterator[World]:
    world = World(cluster, layer, keys, caller, tell)
    yield world
    layer.clear()


def test_a_removal_and_a_restore(world: World, server: Server) -> None:
    restore = writes(RECORD, STATUS)
    world.make("restore", restore)
    # A removal writes the record and nothing else, so one fault of each kind is enough.
    world.plant(writes(RECORD))
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
