"""Each watch of the server failing in each way: what happens meanwhile is noticed all the same."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from conftest import binding, give_token
from fault_layer import FaultLayer
from faults import CloseAtOnce, CutAfter, DropThenCut, Gone, HangAfter, RefuseWatch, Stall, StreamAction, Twice
from seen import Request
from support import API_VERSION, CONVERGES_SECONDS, GROUP, Caller, Cluster, Keys, Server, is_ready, until

RBAC = ("roles", "rolebindings", "clusterroles", "clusterrolebindings")
UNIMPLEMENTED = ("keypolicies", "grants")
ALL = ("secrets", "kmskeys", "keyaliases", "namespaces", *RBAC, *UNIMPLEMENTED)
TARGETS = {
    "secrets": ("secrets",),
    "kmskeys": ("kmskeys",),
    "all others": ("namespaces", *RBAC, "keyaliases"),
}
EVENTS = 3  # For each watch; no fault waits for more.
FAULTS: dict[str, StreamAction] = {
    "cut after one event": CutAfter(1),
    "cut after three events": CutAfter(3),
    "an event lost, then cut": DropThenCut(),
    "an event twice": Twice(),
    "history gone": Gone(),
    "stalls": Stall(8),
    "closed at once": CloseAtOnce(2),
    "refused with 410": RefuseWatch(410),
    "refused with 429": RefuseWatch(429, retry_after=1),
    "refused with 503": RefuseWatch(503),
}

RIGHTS_SECONDS = 4.0
HOLD_SECONDS = 120.0
ANSWER_SECONDS = 45.0  # The server gives up on an answer after thirty.

numbers = itertools.count(1)


def watches(plurals: tuple[str, ...]) -> Callable[[Request], bool]:
    labels = {f"watch {plural}" for plural in plurals}
    return lambda request: request.label in labels


def all_watched(layer: FaultLayer) -> bool:
    open_now = {stream.request.label for stream in list(layer.streams)}
    return {f"watch {plural}" for plural in ALL} <= open_now


class World:
    """Everything that a server is to notice: made once for each case."""

    def __init__(
        self, cluster: Cluster, layer: FaultLayer, server: Server, keys: Keys, caller: Caller
    ) -> None:
        self.cluster, self.layer, self.server, self.keys, self.caller = cluster, layer, server, keys, caller
        server.restart()  # A watch that failed often waits longer.
        until(lambda: all_watched(layer), "every watch to be open")
        number = next(numbers)
        self.old, self.doomed, self.new, self.place = (
            f"{word}-{number}" for word in ("old", "doomed", "new", "place")
        )
        self.guest = f"guest-{number}"
        keys.make(self.old)
        keys.make(self.doomed)
        self.old_id, self.doomed_id = (keys.wait_ready(name)["keyId"] for name in (self.old, self.doomed))
        until(lambda: caller.is_served(self.old_id), "the old key to be served")

    def happen(self) -> None:
        """Something for each watch; what goes away comes first, so that its event is the one that is lost."""
        self.keys.remove(self.doomed)
        for number in range(EVENTS):
            self.cluster.make_namespace(f"{self.place}-{number}", **{f"{GROUP}/ca": "true"})
            self.make_alias(f"{self.new}-{number}")
        self.change_rbac()
        self.keys.make(self.new)
        self.elsewhere.make("elsewhere")

    @property
    def elsewhere(self) -> Keys:
        return Keys(self.cluster, f"{self.place}-0")

    def change_rbac(self) -> None:
        """As many events for each of the four kinds."""
        group = "/apis/rbac.authorization.k8s.io/v1"
        for number in range(EVENTS):
            metadata = {"name": f"{self.guest}-{number}"}
            role = {"apiGroup": "rbac.authorization.k8s.io", "name": f"{self.guest}-{number}"}
            for scope, kind in ((f"/namespaces/{self.keys.namespace}", "Role"), ("", "ClusterRole")):
                self.cluster.good("POST", f"{group}{scope}/{kind.lower()}s", {"metadata": metadata, "rules": []})
                content = {"metadata": metadata, "roleRef": {**role, "kind": kind}, "subjects": []}
                self.cluster.good("POST", f"{group}{scope}/{kind.lower()}bindings", content)

    def make_alias(self, name: str) -> None:
        spec = {"aliasName": f"alias/{name}", "keyRef": {"name": self.old}}
        manifest = {"apiVersion": API_VERSION, "kind": "KeyAlias", "metadata": {"name": name}, "spec": spec}
        self.cluster.good("POST", self.alias_path, manifest)

    @property
    def alias_path(self) -> str:
        return f"/apis/{API_VERSION}/namespaces/{self.keys.namespace}/keyaliases"

    def aliases_are_told(self) -> bool:
        """They are bound to the old key, and say so."""
        return all(self.alias_is_told(f"{self.new}-{number}") for number in range(EVENTS))

    def alias_is_told(self, name: str) -> bool:
        status = self.cluster.good("GET", f"{self.alias_path}/{name}").get("status") or {}
        ready = [condition for condition in status.get("conditions", []) if condition["type"] == "Ready"]
        return [condition["status"] for condition in ready] == ["True"]

    def certificates_are_given(self) -> bool:
        paths = [f"/api/v1/namespaces/{self.place}-{number}/configmaps/coffer-ca" for number in range(EVENTS)]
        return all(self.cluster.ask("GET", path)[0] == 200 for path in paths)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("target", TARGETS)
def test_what_happens_is_noticed_whatever_a_watch_does(
    cluster: Cluster, layer: FaultLayer, server: Server, keys: Keys, caller: Caller, target: str, fault: str
) -> None:
    check_noticed(World(cluster, layer, server, keys, caller), FAULTS[fault], TARGETS[target], CONVERGES_SECONDS)


@pytest.mark.parametrize("verb", ["watch", "list"])
def test_a_watch_whose_beginning_is_never_answered_begins_again(
    cluster: Cluster, layer: FaultLayer, server: Server, keys: Keys, caller: Caller, verb: str
) -> None:
    world = World(cluster, layer, server, keys, caller)
    check_noticed(world, HangAfter(verb, HOLD_SECONDS), ALL, ANSWER_SECONDS)


def check_noticed(world: World, action: StreamAction, plurals: tuple[str, ...], seconds: float) -> None:
    disturbance = world.layer.disturb(action, watches(plurals))
    assert disturbance.streams == len(plurals)
    world.happen()
    assert world.caller.problem_with(world.old_id) == "", "a key is of use whatever the watches do"
    new = world.keys.wait_ready(world.new, seconds)
    until(lambda: world.caller.state(new["keyId"]) == "Enabled", "the new key to be served", seconds)
    until(lambda: world.caller.state(world.doomed_id) == "PendingDeletion", "the removal to be noticed", seconds)
    assert is_ready(world.elsewhere.wait_ready("elsewhere", seconds))
    until(world.certificates_are_given, "the certificates in the new namespaces", seconds)
    until(world.aliases_are_told, "the KeyAliases to be told", seconds)
    assert disturbance.complete.wait(seconds), "the fault was never met"
    until(lambda: all_watched(world.layer), "every watch to be open again", seconds)
    check_nothing_is_lost(world.keys, world.caller, world)
    world.server.assert_alive()


def check_nothing_is_lost(keys: Keys, caller: Caller, world: World) -> None:
    there = keys.all()
    assert world.doomed not in there
    for name, status in there.items():
        assert is_ready(status), f"{name}: {status}"
        assert caller.state(status["keyId"]) == "Enabled", name
    assert caller.problem_with(world.old_id) == ""


@pytest.mark.parametrize("fault", ["history gone", "closed at once", "an event lost, then cut"])
def test_rights_act_at_once_when_their_watches_are_back(
    cluster: Cluster, layer: FaultLayer, server: Server, keys: Keys, caller: Caller, fault: str
) -> None:
    world = World(cluster, layer, server, keys, caller)
    guest = Caller(server, give_token(cluster, world.guest), caller.authority)
    assert "AccessDenied" in guest.state(world.old_id)
    disturbance = layer.disturb(FAULTS[fault], watches(RBAC))
    world.change_rbac()
    assert disturbance.complete.wait(30)
    until(lambda: all_watched(layer), "every watch to be open again")
    bindings = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{keys.namespace}/rolebindings"
    cluster.good("POST", bindings, binding(world.guest))
    until(lambda: guest.state(world.old_id) == "Enabled", "the rights to act", RIGHTS_SECONDS)
    cluster.good("DELETE", f"{bindings}/{world.guest}")
    until(lambda: "AccessDenied" in guest.state(world.old_id), "the rights to be gone", RIGHTS_SECONDS)
    server.assert_alive()
