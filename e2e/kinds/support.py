"""What every test of the kinds needs: kubectl as a user runs it, manifests, and the tables' rows."""

from __future__ import annotations

import copy
import itertools
import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
CRDS = ROOT / "crds"
SAMPLES = ROOT / "config" / "samples"
GROUP = "kms.coffer.dev"
API_VERSION = f"{GROUP}/v1alpha1"
COMMAND_SECONDS = 60.0

numbers = itertools.count(1)


class Case(NamedTuple):
    """One manifest: its spec, and a part of what kubectl says where the API server refuses it."""

    name: str
    spec: Any
    says: str = ""


class Update(NamedTuple):
    """A change of an accepted spec; it is accepted where nothing is said."""

    name: str
    before: Json
    after: Json
    says: str = ""


@dataclass(frozen=True)
class Answer:
    """How one kubectl ended."""

    arguments: tuple[str, ...]
    code: int
    out: str
    err: str

    def ok(self) -> str:
        assert self.code == 0, f"kubectl {' '.join(self.arguments)} failed:\n{self.err}"
        return self.out

    def refused(self, says: str) -> str:
        assert self.code != 0, f"kubectl {' '.join(self.arguments)} was accepted:\n{self.out}"
        assert says and says in self.err, f"kubectl did not say {says!r}, but:\n{self.err}"
        return self.err


@dataclass
class Kubectl:
    """kubectl with one kubeconfig and namespace."""

    kubeconfig: str
    namespace: str
    program: str = field(default_factory=lambda: os.environ.get("COFFER_TEST_KUBECTL", "kubectl"))

    def __call__(self, *arguments: str, manifest: Json | str | None = None) -> Answer:
        text = manifest if isinstance(manifest, str) or manifest is None else json.dumps(manifest)
        file = () if manifest is None else ("-f", "-")
        command = [self.program, "--kubeconfig", self.kubeconfig, "--namespace", self.namespace, *arguments, *file]
        done = subprocess.run(command, input=text or "", capture_output=True, text=True, timeout=COMMAND_SECONDS)
        return Answer(arguments, done.returncode, done.stdout, done.stderr)

    def json(self, *arguments: str) -> Json:
        return json.loads(self("get", *arguments, "-o", "json").ok())

    def create(self, manifest: Json) -> Answer:
        return self("create", manifest=manifest)

    def replace(self, manifest: Json) -> Answer:
        return self("replace", manifest=manifest)


def manifest(kind: str, spec: Any, name: str | None = None, **metadata: Any) -> Json:
    """A manifest with a name of its own."""
    name = f"{kind.lower()}-{os.getpid()}-{next(numbers)}" if name is None else name
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}


def changed(base: Json, **changes: Any) -> Json:
    """A copy with other top-level members; `...` removes one."""
    copied = copy.deepcopy(base)
    copied.update(changes)
    return {name: value for name, value in copied.items() if value is not ...}


def check_update(kubectl: Kubectl, kind: str, update: Update) -> None:
    """Creates, replaces, and compares what is stored then."""
    before = manifest(kind, update.before)
    kubectl.create(before).ok()
    answer = kubectl.replace({**before, "spec": update.after})
    if update.says:
        answer.refused(update.says)
    else:
        answer.ok()
    expected = update.before if update.says else update.after
    assert kubectl.json(kind, before["metadata"]["name"])["spec"] == expected


def until(condition: Callable[[], T], what: str, seconds: float = 30.0) -> T:
    """The first truthy value of `condition`; a test never sleeps for a guessed time instead."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.1)
    return found


def ids(rows: list[Any]) -> list[str]:
    """The names of rows; two rows of one name would hide one of them."""
    names = [row.name for row in rows]
    assert len(names) == len(set(names)), "two rows have one name"
    return names
