"""Each watch of the server failing in each way: what happens meanwhile is noticed all the same."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from conftest import binding, give_token
from fault_layer import FaultLayer
from faults import CloseAtOnce, CutAfter, DropThenCut, Gone, HangAfter, RefuseWatch, Stall, StreamAction, Twice
from flow import Flow
from seen import Request
from support import API_VERSION, GROUP, Caller, Cluster, Keys, Server, is_ready, until

RBAC = ("roles", "rolebindings", "clusterroles", "clusterrolebindings")
UNIMPLEMENTED = ("keypolicies", "grants", "keyaliases")
ALL = ("secrets", "kmskeys", "namespaces", *RBAC, *UNIMPLEMENTED)
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
    "stalls": Stall(12),
    "closed at once": CloseAtOnce(2),
    "refused with 410": RefuseWatch(410),
    "refused with 429": RefuseWatch(429, retry_after=1),
    "refused with 503": RefuseWatch(503),
    "its opening hangs": HangAfter("watch", 120),
    "its list hangs": HangAfter("list", 120),
}

RIGHTS_SECONDS = 4.0

numbers = itertools.count(1)


def watches(plurals: tuple[str, ...]) -> Callable[[Request], bool]:
    labels = {f"watch {plural}" for plural in plurals}
    return lambda request: request.label in labels


def all_watched(layer: FaultLayer) -> bool:
    open_now = {stream.request.label for stream in list(layer.streams)}
    return {f"watch {plural}" for plural in ALL} <= open_now


class World:
    """Everything that a server is to notice: made once for each case."""

    def __init__(self, cluster: Cluster, keys: Keys, flow: Flow) -> None:
        self.cluster, self.keys, self.flow = cluster, keys, flow
        number = next(numbers)
        self.old, self.doomed, self.new, self.place = (
            f"{word}-{number}" for word in ("old", "doomed", "new", "place")
        )
        self.guest = f"guest-{number}"
        keys.make(self.old)
        keys.make(self.doomed)
        self.old_id, self.doomed_id = (keys.wait_ready(name)["keyId"] for name in (self.old, self.doomed))

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
        """They have no behaviour yet, and say so."""
        return all(self.alias_is_told(f"{self.new}-{number}") for number in range(EVENTS))

    def alias_is_told(self, name: str) -> bool:
        status = self.cluster.good("GET", f"{self.alias_path}/{name}").get("status") or {}
        return any(condition["reason"] == "NotImplemented" for condition in status.get("conditions", []))

    def certificates_are_given(self) -> bool:
        paths = [f"/api/v1/namespaces/{self.place}-{number}/configmaps/coffer-ca" for number in range(EVENTS)]
        return all(self.cluster.ask("GET", path)[0] == 200 for path in paths)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("target", TARGETS)
def test_what_happens_is_noticed_whatever_a_watch_does(
    cluster: Cluster, layer: FaultLayer, server: Server, keys: Keys, flow: Flow, caller: Caller, target: str, fault: str
) -> None:
    server.restart()  # A watch that failed often waits longer.
    until(lambda: all_watched(layer), "every watch to be open")
    world = World(cluster, keys, flow)
    until(lambda: caller.state(world.old_id) == "Enabled", "the old key to be served")
    disturbance = layer.disturb(FAULTS[fault], watches(TARGETS[target]))
    assert disturbance.streams == len(TARGETS[target])
    world.happen()
    assert caller.problem_with(world.old_id) == "", "a key is of use whatever the watches do"
    new = keys.wait_ready(world.new)
    until(lambda: caller.state(new["keyId"]) == "Enabled", "the new key to be served")
    until(lambda: caller.state(world.doomed_id) == "PendingDeletion", "the removal to be noticed")
    assert is_ready(world.elsewhere.wait_ready("elsewhere"))
    until(world.certificates_are_given, "the certificates in the new namespaces")
    until(world.aliases_are_told, "the KeyAliases to be told")
    assert disturbance.complete.wait(30), "the fault was never met"
    until(lambda: all_watched(layer), "every watch to be open again")
    check_nothing_is_lost(keys, caller, world)
    server.assert_alive()


def check_nothing_is_lost(keys: Keys, caller: Caller, world: World) -> None:
    there = keys.all()
    assert world.doomed not in there
    for name, status in there.items():
        assert is_ready(status), f"{name}: {status}"
        assert caller.state(status["keyId"]) == "Enabled", name
    assert caller.problem_with(world.old_id) == ""


@pytest.mark.parametrize("fault", ["history gone", "closed at once", "an event lost, then cut"])
def test_rights_act_at_once_when_their_watches_are_back(
    cluster: Cluster, layer: FaultLayer, server: Server, keys: Keys, flow: Flow, caller: Caller, fault: str
) -> None:
    server.restart()  # A watch that failed often waits longer.
    until(lambda: all_watched(layer), "every watch to be open")
    world = World(cluster, keys, flow)
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
