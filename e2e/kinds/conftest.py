"""Fixtures of the tests of our kinds on a real API server. They run against the cluster of
COFFER_TEST_KUBECONFIG, where nothing of Coffer but the definitions is needed:

    COFFER_TEST_KUBECONFIG=$(e2e/cluster up --size control-plane --name kinds | tail -1) pytest -n 4 e2e/kinds
"""

from __future__ import annotations

import fcntl
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path[:0] = [str(Path(__file__).resolve().parent)]

from support import CRDS, GROUP, Kubectl, until


@pytest.fixture(scope="session")
def kubeconfig() -> str:
    """A missing cluster must fail loudly, or nothing at all would be proved."""
    path = os.environ.get("COFFER_TEST_KUBECONFIG")
    assert path, (
        "COFFER_TEST_KUBECONFIG must hold the kubeconfig of a throw-away cluster; "
        "`e2e/cluster up --size control-plane --name kinds` starts one and prints it"
    )
    return path


@pytest.fixture(scope="session")
def definitions(kubeconfig: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The committed definitions, applied once by whichever worker comes first."""
    kubectl = Kubectl(kubeconfig, "default")
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    with open(shared / "definitions.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (shared / "definitions.applied").exists():
            return
        kubectl("apply", "--server-side", "--force-conflicts", "-k", str(CRDS)).ok()
        plural = sorted(path.stem for path in CRDS.glob("*.yaml") if path.stem != "kustomization")
        names = [f"crd/{name}.{GROUP}" for name in plural]
        assert len(names) == 5
        kubectl("wait", "--for=condition=Established", "--timeout=60s", *names).ok()
        until(lambda: all(kubectl("get", name).code == 0 for name in plural), "the kinds to be served")
        until(lambda: kubectl("explain", "kmskey.spec").code == 0, "the schemas to be published")
        (shared / "definitions.applied").touch()


@pytest.fixture(scope="session")
def kubectl(kubeconfig: str, definitions: None) -> Iterator[Kubectl]:
    """kubectl in a namespace that only this worker uses."""
    kubectl = Kubectl(kubeconfig, f"kinds-{uuid.uuid4().hex[:12]}")
    kubectl("create", "namespace", kubectl.namespace).ok()
    yield kubectl
    kubectl("delete", "namespace", kubectl.namespace, "--wait=false").ok()


@pytest.fixture
def fresh(kubeconfig: str, definitions: None) -> Iterator[Kubectl]:
    """kubectl in a namespace that only this test uses, for those that list."""
    kubectl = Kubectl(kubeconfig, f"kinds-{uuid.uuid4().hex[:12]}")
    kubectl("create", "namespace", kubectl.namespace).ok()
    yield kubectl
    kubectl("delete", "namespace", kubectl.namespace, "--wait=false").ok()
