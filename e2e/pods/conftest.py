"""Fixtures of the tests with real pods: a node of the rig, our images, and the demo deployment.

The images are made of the static programs that COFFER_STATIC_BIN and COFFER_SIDECAR_STATIC_BIN name.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]

from node import ROOT, Node, run


def program(variable: str) -> str:
    path = os.environ.get(variable, "")
    assert os.path.isfile(path), f"{variable} must name a static program; `e2e/test pods` builds it"
    return path


def image(target: str, *options: str) -> str:
    return run(str(ROOT / "e2e/images/build"), target, *options).stdout.strip().splitlines()[-1]


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """A cluster of one node with Coffer's demo in it."""
    coffer, sidecar = program("COFFER_STATIC_BIN"), program("COFFER_SIDECAR_STATIC_BIN")
    rig = str(ROOT / "e2e/cluster")
    run(rig, "down", "--name", "pods")
    kubeconfig = run(rig, "up", "--size", "node", "--name", "pods").stdout.strip().splitlines()[-1]
    node = Node(kubeconfig, rig)
    try:
        for tar in (image("coffer", "--binary", coffer), image("coffer-sidecar", "--binary", sidecar), image("client")):
            run(rig, "load", "--name", "pods", tar)
        node.kubectl("apply", "--server-side", "-k", str(ROOT / "crds"))
        node.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd/kmskeys.kms.coffer.dev")
        node.kubectl("apply", "-k", str(ROOT / "config/demo"))
        node.kubectl("-n", "coffer-system", "rollout", "status", "statefulset/coffer", "--timeout=180s")
        yield node
    except subprocess.CalledProcessError as error:
        raise AssertionError(f"{error.cmd} failed: {error.stdout}{error.stderr}") from None
    finally:
        if "COFFER_KEEP_CLUSTER" not in os.environ:
            run(rig, "down", "--name", "pods")
