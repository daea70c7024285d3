"""Fixtures of the tests of `coffer server` as processes on a real control plane, with sidecars before them.

    COFFER_BIN=… COFFER_SIDECAR_BIN=… pytest -n 4 e2e/control

Tests that break nothing share one cluster, and each has a namespace of its own. Those that do break something have
a cluster for their module. All clusters come from `e2e/cluster` and go away at the end.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]
sys.path += [str(HERE.parent / name) for name in ("local", "formats", "compat")] + [str(HERE.parent)]

KEPT = ("COFFER_BIN", "COFFER_SIDECAR_BIN", "COFFER_CONTROL_RUN", "COFFER_CONTROL_PAIRS")
# Settings of whoever runs the tests must not decide their outcome; boto3 reads them when it is imported.
for name in [name for name in os.environ if name.startswith(("AWS_", "COFFER_"))]:
    if name not in KEPT:
        del os.environ[name]
os.environ |= {
    "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "*",
}

import cluster as clusters
from cluster import Cluster, control_plane
from installation import Installation, Tenant

# Modules of one row share a worker and thus a cluster. The longest come first.
ROWS = [["test_outage"], ["test_takeover"],
        ["test_keys", "test_aliases", "test_api", "test_rights", "test_spec_changes", "test_imports",
         "test_pairs", "test_http_versions", "test_snapshot_copy"],
        ["test_quiet"], ["test_compatibility"],
        ["test_initialisation"], ["test_damage"]]


def row(node_id: str) -> int:
    module = Path(node_id.split("::")[0]).stem
    return next((number for number, modules in enumerate(ROWS) if module in modules), len(ROWS))


class RowScheduling(LoadScopeScheduling):
    """Gives each row to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return str(row(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> RowScheduling:
    return RowScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: row(item.nodeid))


def is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    if not is_worker(config) and not config.option.collectonly:
        clusters.begin_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not is_worker(config) and not config.option.collectonly:
        clusters.end_run()


@contextmanager
def installed(cluster: Cluster, home: Path) -> Iterator[Installation]:
    installation = Installation(cluster, home)
    try:
        yield installation.begin()
    finally:
        installation.end()


def purpose(request: pytest.FixtureRequest) -> str:
    return request.module.__name__.removeprefix("test_").replace("_", "-")


@pytest.fixture(scope="module")
def own_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A control plane for one module, which may break it."""
    with control_plane(purpose(request)) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def own(own_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An initialised installation for one module, and no replica yet."""
    with installed(own_cluster, tmp_path_factory.mktemp("own")) as installation:
        yield installation


@pytest.fixture(scope="session")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Two replicas on a control plane that nobody breaks."""
    with control_plane("healthy") as cluster, installed(cluster, tmp_path_factory.mktemp("h")) as installation:
        installation.serve("coffer-0")
        installation.serve("coffer-1")
        yield installation


@pytest.fixture
def tenant(healthy: Installation) -> Tenant:
    """A namespace in the healthy installation."""
    return healthy.tenant()
