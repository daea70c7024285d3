"""Talking to the cluster, through the same kubectl that people use."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .build import program
from .output import Failure
from .paths import Json

REQUEST_TIMEOUT = "5s"


def run(
    kubeconfig: Path, *arguments: str, given: str | None = None, timeout: str = REQUEST_TIMEOUT,
) -> subprocess.CompletedProcess[str]:
    """Never hangs on a server that is paused or gone."""
    command = [str(program("kubectl")), f"--request-timeout={timeout}", *arguments]
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    return subprocess.run(command, input=given, capture_output=True, text=True, env=environment, check=False)


def succeeds(kubeconfig: Path, *arguments: str) -> bool:
    return run(kubeconfig, *arguments).returncode == 0


def output(kubeconfig: Path, *arguments: str) -> str:
    result = run(kubeconfig, *arguments)
    if result.returncode:
        raise Failure(f"kubectl {' '.join(arguments)} failed: {result.stderr.strip()}")
    return result.stdout


def read(kubeconfig: Path, *arguments: str) -> Json:
    return json.loads(output(kubeconfig, *arguments, "-o", "json"))


def apply(kubeconfig: Path, objects: Sequence[Json]) -> None:
    """Server-side, so that a second time changes nothing."""
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
    arguments = ["apply", "--server-side", "--force-conflicts", "--field-manager=coffer-cluster", "-f", "-"]
    result = run(kubeconfig, *arguments, given=given, timeout="30s")
    if result.returncode:
        raise Failure(f"kubectl apply failed: {result.stderr.strip()}")


def define(kubeconfig: Path, definitions: str) -> None:
    """Applies CustomResourceDefinitions as users do, who own their fields then, and waits until they are served."""
    established = ["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]
    for arguments in (["apply", "--server-side", "-k", definitions], established):
        result = run(kubeconfig, *arguments, timeout="60s")
        if result.returncode:
            raise Failure(f"kubectl {' '.join(arguments)} failed: {result.stderr.strip()}")


def answers(kubeconfig: Path) -> bool:
    return succeeds(kubeconfig, "get", "--raw", "/readyz")


def controllers_work(kubeconfig: Path) -> bool:
    """The controller-manager makes these in every namespace, and pods cannot be created without the first."""
    needed = ["get", "serviceaccount/default", "configmap/kube-root-ca.crt", "--namespace=default"]
    return succeeds(kubeconfig, *needed)
