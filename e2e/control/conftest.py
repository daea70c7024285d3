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

import pytest

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]
sys.path += [str(HERE.parent / "local"), str(HERE.parent / "formats")]

BINARIES = ("COFFER_BIN", "COFFER_SIDECAR_BIN")

# Settings of whoever runs the tests must not decide their outcome; boto3 reads them when it is imported.
for name in [name for name in os.environ if name.startswith(("AWS_", "COFFER_")) and name not in BINARIES]:
    if not name.startswith("COFFER_CONTROL_"):
        del os.environ[name]
os.environ |= {
    "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "*",
}

import cluster as clusters
from cluster import Cluster
from installation import Installation, Tenant
from support import program


def is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    if not is_worker(config) and not config.option.collectonly:
        clusters.begin_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not is_worker(config) and not config.option.collectonly:
        clusters.end_run()


@contextmanager
def control_plane(purpose: str, *options: str) -> Iterator[Cluster]:
    for variable in BINARIES:
        program(variable)
    cluster = Cluster(purpose, *options)
    try:
        yield cluster.up()
    finally:
        cluster.down()


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
