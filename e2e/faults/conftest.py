"""Fixtures of the tests that put a fault layer between `coffer server` and a real API server.

    COFFER_BIN=target/release/coffer pytest -s -n 6 --no-loadscope-reorder e2e/faults

The cluster is started by the rig and taken down at the end; one server and one fault layer serve all tests of a
worker.
"""

from __future__ import annotations

import base64
import itertools
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]
sys.path += [str(HERE.parent / "formats")]

from certificates import Authority
from fault_layer import FaultLayer
from flow import Flow
from place import Place, Tell
from support import (
    GROUP, INSTALLATION, KUBECTL_SECONDS, ROOT, Caller, Cluster, Keys, Server, binary, until,
)

CLUSTER = "faults-" + os.environ.get("PYTEST_XDIST_WORKER", "one")
NAMESPACE = "shop"
RUNS = "runs of "
# A module that ends by looking back at what its tests made.
TOGETHER = "test_create_flow"
# Parts of names of tests, the longest first: what is begun last decides when all is over.
LONGEST = (
    TOGETHER, "never_answered", "misbehave[delay", "misbehave[freeze", "misbehave[reorder", "at_rest", "a_storm_passes",
    "test_import_flows", "test_alias_flows", "test_life_flows", "misbehave[",
)

numbers = itertools.count(1)


class UnitScheduling(LoadScopeScheduling):
    """Gives each test to who is free, and those of a module that belong together to one."""

    def _split_scope(self, nodeid: str) -> str:
        return TOGETHER if TOGETHER in nodeid else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> UnitScheduling:
    return UnitScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return next((number for number, name in enumerate(LONGEST) if name in item.nodeid), len(LONGEST))

    items.sort(key=place)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A control plane with our definitions and an installation in it."""
    program = binary()
    cluster = Cluster(CLUSTER)
    try:
        install(cluster, program)
        yield cluster
    finally:
        cluster.down()


def install(cluster: Cluster, program: str) -> None:
    cluster.kubectl("apply", "--server-side", "-k", str(ROOT / "crds"))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "--all", "crd")
    cluster.make_namespace("coffer-system", **{f"{GROUP}/ca": "true"})
    cluster.make_namespace("coffer-keys")
    cluster.make_namespace(NAMESPACE)
    until(lambda: cluster.ask("GET", Keys(cluster, NAMESPACE).path)[0] == 200, "the kinds to be served")
    done = subprocess.run(
        [program, "init", "--installation-id", INSTALLATION], capture_output=True, text=True, timeout=KUBECTL_SECONDS,
        env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig)},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="session")
def layer(cluster: Cluster, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultLayer]:
    identity = authority.identity(tmp_path_factory.mktemp("layer"))
    layer = FaultLayer(cluster.host, cluster.port, identity, cluster.context).start()
    yield layer
    layer.stop()


@pytest.fixture(scope="session")
def server(
    cluster: Cluster, layer: FaultLayer, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("server")
    secret = cluster.good("GET", "/api/v1/namespaces/coffer-system/secrets/coffer-root")
    root = home / "root.key"
    with open(os.open(root, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(base64.b64decode(secret["data"]["root.key"]))
    server = Server(home, layer, authority.pem, root)
    try:
        yield server.start()
    finally:
        server.end()


@pytest.fixture(scope="session")
def keys(cluster: Cluster, server: Server) -> Keys:
    return Keys(cluster, NAMESPACE)


@pytest.fixture(scope="session")
def caller(cluster: Cluster, server: Server) -> Caller:
    return give_caller(cluster, server, NAMESPACE)


def give_caller(cluster: Cluster, server: Server, namespace: str) -> Caller:
    """A workload that may do everything with the keys of its namespace."""
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    rules = [{"apiGroups": [GROUP], "resources": ["kmskeys"], "verbs": ["*"]}]
    cluster.good("POST", f"{rbac}/roles", {"metadata": {"name": "everything"}, "rules": rules})
    cluster.good("POST", f"{rbac}/rolebindings", binding("app", namespace))
    config_map = "/api/v1/namespaces/coffer-system/configmaps/coffer-ca"
    until(lambda: cluster.ask("GET", config_map)[0] == 200, "the certificate of the server's authority")
    return Caller(server, give_token(cluster, "app", namespace), cluster.good("GET", config_map)["data"]["ca.crt"])


def give_token(cluster: Cluster, account: str, namespace: str = NAMESPACE) -> str:
    """A token of a pod that nobody runs, which is enough for a token."""
    core = f"/api/v1/namespaces/{namespace}"
    cluster.good("POST", f"{core}/serviceaccounts", {"metadata": {"name": account}})
    spec = {"serviceAccountName": account, "containers": [{"name": "app", "image": "app"}]}
    pod = cluster.good("POST", f"{core}/pods", {"metadata": {"name": account}, "spec": spec})
    bound = {"apiVersion": "v1", "kind": "Pod", "name": account, "uid": pod["metadata"]["uid"]}
    request = {"spec": {"audiences": [f"{GROUP}/{INSTALLATION}"], "boundObjectRef": bound}}
    return cluster.good("POST", f"{core}/serviceaccounts/{account}/token", request)["status"]["token"]


def binding(account: str, namespace: str = NAMESPACE) -> dict[str, object]:
    return {
        "metadata": {"name": account},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "everything"},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    }


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, cluster: Cluster, layer: FaultLayer, server: Server) -> Place:
    """A namespace for tests of one module, whose keys end as they may. Tests of others may come in between."""
    namespace = f"{request.module.__name__.removeprefix('test_').replace('_', '-')}-{next(numbers)}"
    cluster.make_namespace(namespace)
    caller = give_caller(cluster, server, namespace)
    return Place(cluster, layer, server, Keys(cluster, namespace), caller)


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Counts runs of a kind that lost nothing. They are told at the end, whichever process made them."""
    return lambda kind, runs: record_property(RUNS + kind, runs)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counted: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        if report.when == "call":
            told = [(name, runs) for name, runs in report.user_properties if name.startswith(RUNS)]
            counted.update({name.removeprefix(RUNS): runs for name, runs in told})
    for kind, runs in sorted(counted.items()):
        terminalreporter.write_line(f"{kind}: {runs} runs, 0 keys lost")


@pytest.fixture(autouse=True)
def no_faults_left(layer: FaultLayer) -> Iterator[None]:
    """A fault that was never met must not meet the next test."""
    layer.clear()
    layer.listen()
    yield


@pytest.fixture(scope="session")
def flow(cluster: Cluster, layer: FaultLayer, keys: Keys, caller: Caller) -> Flow:
    return Flow(cluster, layer, keys, caller)
