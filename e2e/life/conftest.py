"""Fixtures of the tests of a key's life on a real control plane: its removal and return, its rotation, its leader's end.

    COFFER_BIN=… COFFER_SIDECAR_BIN=… pytest -n 9 --no-loadscope-reorder e2e/life

Clusters, replicas, namespaces and callers are those of e2e/control. A row of modules shares one cluster.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
CONTROL = HERE.parent / "control"

found = importlib.util.spec_from_file_location("control_conftest", CONTROL / "conftest.py")
assert found is not None and found.loader is not None
control = importlib.util.module_from_spec(found)
sys.modules["control_conftest"] = control
found.loader.exec_module(control)
sys.path[:0] = [str(HERE), str(CONTROL)]

from cluster import Cluster, control_plane
from installation import Installation, Tenant

# The longest come first.
control.ROWS = [
    ["test_leader"], ["test_rotations"], ["test_crowds"], ["test_removal", "test_owners"], ["test_installation"],
    ["test_engines"], ["test_force"], ["test_definitions"], ["test_flux"],
]
AUDITED = {"test_rotations"}
# The garbage collector, which foreground deletion waits for, knows the kinds from its start then.
DEFINED = ("--definitions", str(CONTROL.parents[1] / "crds"))

pytest_xdist_make_scheduler = control.pytest_xdist_make_scheduler
pytest_collection_modifyitems = control.pytest_collection_modifyitems
pytest_configure = control.pytest_configure
pytest_unconfigure = control.pytest_unconfigure
own = control.own


@pytest.fixture(scope="module")
def own_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A control plane for one module. Where requests are counted, its API server notes each."""
    options = ("--audit",) if request.module.__name__ in AUDITED else ()
    with control_plane(control.purpose(request), *DEFINED, *options) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def alone(own: Installation) -> Iterator[Installation]:
    """One replica, which leads."""
    own.serve("coffer-0")
    own.leader()
    yield own


@pytest.fixture(scope="module")
def pair(own: Installation) -> Iterator[Installation]:
    """A leader and a follower."""
    own.serve("coffer-0")
    own.leader()
    own.serve("coffer-1")
    yield own


@pytest.fixture(scope="session")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One replica on a control plane that nobody breaks."""
    home = tmp_path_factory.mktemp("q")
    with control_plane("quiet", *DEFINED) as cluster, control.installed(cluster, home) as installation:
        installation.serve("coffer-0")
        installation.leader()
        yield installation


@pytest.fixture
def tenant(quiet: Installation) -> Tenant:
    """A namespace of its own."""
    return quiet.tenant()
