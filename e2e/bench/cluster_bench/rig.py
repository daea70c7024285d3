"""A control plane of the benchmark's own, by the project's rig."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .output import Failure, tell

ROOT = Path(__file__).resolve().parents[3]
RIG = ROOT / "e2e" / "cluster"


class Rig:
    """The cluster of this name."""

    def __init__(self, name: str, kubeconfig: Path) -> None:
        self.name = name
        self.kubeconfig = kubeconfig

    def kubectl(self, *arguments: str) -> str:
        return run(str(RIG), "kubectl", "--name", self.name, *arguments)

    def pids(self) -> dict[str, int]:
        status = json.loads(run(str(RIG), "status", "--name", self.name, "-o", "json"))
        return {name: int(one["pid"]) for name, one in status["components"].items()}

    def version(self) -> str:
        return json.loads(self.kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"]


def run(*command: str) -> str:
    """In a session of its own: what interrupts the benchmark must not interrupt its cleaning up."""
    done = subprocess.run(
        command, text=True, capture_output=True, stdin=subprocess.DEVNULL, start_new_session=True, check=False,
    )
    if done.returncode:
        raise Failure(f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


@contextmanager
def cluster(name: str, fsync: bool) -> Iterator[Rig]:
    """What a killed run left is removed first."""
    run(str(RIG), "down", "--name", name)
    try:
        tell(f"starting the cluster '{name}'")
        arguments = ["--size", "control-plane", "--name", name, *(["--fsync"] if fsync else [])]
        kubeconfig = run(str(RIG), "up", *arguments).splitlines()[-1]
        yield Rig(name, Path(kubeconfig))
    finally:
        tell(f"ending the cluster '{name}'")
        run(str(RIG), "down", "--name", name)
