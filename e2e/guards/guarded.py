"""A control plane with the guards, kubectl in the name of somebody, and the objects that are guarded."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

T = TypeVar("T")
Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "config"
GUARD = CONFIG / "default" / "guard.yaml"
RIG = str(ROOT / "e2e" / "cluster")
GROUP = "kms.coffer.dev"
API_VERSION = f"{GROUP}/v1alpha1"
KEYS, SYSTEM = "coffer-keys", "coffer-system"
SERVER = f"system:serviceaccount:{SYSTEM}:coffer-server"
INIT = f"system:serviceaccount:{SYSTEM}:coffer-init"
COMMAND_SECONDS = 120.0

numbers = itertools.count(1)


def run(words: list[str], text: str = "") -> Said:
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    return Said(tuple(words), done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Said:
    """How one command ended."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    def ok(self) -> str:
        assert self.code == 0, f"{' '.join(self.words)} failed:\n{self.out}{self.err}"
        return self.out

    def refused(self, policy: str, *says: str) -> None:
        """By this guard, not by anything else, and with this advice."""
        assert self.code != 0, f"{' '.join(self.words)} succeeded:\n{self.out}"
        for text in (f"ValidatingAdmissionPolicy '{policy}'", *says):
            assert text in self.err, f"{' '.join(self.words)} did not say {text!r}, but:\n{self.err}"


def until(condition: Callable[[], T], what: str, seconds: float = 60.0) -> T:
    """The first truthy value of `condition`; a test never sleeps for a guessed time instead."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.2)
    return found


@contextmanager
def control_plane() -> Iterator[Guarded]:
    """A control plane that goes away whatever becomes of the tests, and those that a killed run left before it."""
    for name, owner in re.findall(r"^(guards-(\d+)):", run([RIG, "status"]).ok(), re.MULTILINE):
        if not Path(f"/proc/{owner}").exists():
            run([RIG, "down", "--name", name]).ok()
    name = f"guards-{os.getpid()}"
    try:
        # The garbage collector, which foreground deletion waits for, knows the kinds from its start then.
        up = [RIG, "up", "--size", "control-plane", "--name", name, "--definitions", str(ROOT / "crds")]
        yield Guarded(run(up).ok().splitlines()[-1])
    finally:
        run([RIG, "down", "--name", name]).ok()


class Guarded:
    """The cluster."""

    def __init__(self, kubeconfig: str) -> None:
        self.kubeconfig = kubeconfig
        self.program = str(Path(run([RIG, "build", "--size", "control-plane"]).ok().splitlines()[-1]) / "kubectl")

    def kubectl(self, *words: str, manifest: Any = None, by: str | None = None) -> Said:
        """By the administrator, or in the name of somebody."""
        name = [] if by is None else ["--as", by]
        if by is not None and by.startswith("system:serviceaccount:"):
            name += ["--as-group", "system:serviceaccounts", "--as-group", "system:authenticated"]
        file = [] if manifest is None else ["-f", "-"]
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        command = [self.program, "--kubeconfig", self.kubeconfig, *name, *words, *file]
        return run(command, "" if manifest is None else text)

    def read(self, *words: str) -> Json:
        return json.loads(self.kubectl("get", *words, "-o", "json").ok())

    def is_gone(self, *words: str) -> bool:
        return not self.kubectl("get", *words, "--ignore-not-found", "-o", "name").ok().strip()

    def until_gone(self, *words: str) -> None:
        until(lambda: self.is_gone(*words), f"the end of {' '.join(words)}")

    # Beginning

    def install(self) -> Guarded:
        self.kubectl("apply", "--server-side", "-k", str(ROOT / "crds")).ok()
        self.kubectl("apply", "--server-side", "-f", str(CONFIG / "default" / "namespaces.yaml")).ok()
        self.kubectl("apply", "--server-side", "-k", str(CONFIG / "rbac")).ok()
        self.kubectl("apply", "--server-side", manifest=rights()).ok()
        self.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all").ok()
        until(lambda: self.kubectl("get", "kmskeys").code == 0, "the kinds to be served")
        return self.guard()

    def guard(self) -> Guarded:
        """Policies become active some time after they are made, each for itself."""
        self.kubectl("apply", "--server-side", "-f", str(GUARD)).ok()
        for probe in self.probes():
            until(lambda probe=probe: probe().code != 0, "a guard to act")
        return self

    def probes(self) -> list[Callable[[], Said]]:
        """Dry runs that succeed as long as one of the guards does not act."""
        if self.is_gone("kmskey", "probe", "-n", "default"):
            self.kubectl("create", "-n", "default", manifest=key("probe", protection=True)).ok()
        dry = ["--dry-run=server", "-n"]
        return [
            lambda: self.kubectl("delete", "namespace", KEYS, "--dry-run=server"),
            lambda: self.kubectl("create", *dry, KEYS, manifest=sealed("probe"), by="cleaner"),
            lambda: self.kubectl("delete", "kmskey", "probe", *dry, "default"),
            lambda: self.kubectl("create", *dry, "default", manifest=key("aws.probe")),
        ]

    # What is guarded

    def namespace(self) -> Namespace:
        name = f"shop-{next(numbers)}"
        self.kubectl("create", "namespace", name).ok()
        return Namespace(self, name)

    def seal(self, by: str = SERVER) -> str:
        """The name of a new sealed Secret, made by Coffer."""
        name = f"key-{next(numbers)}"
        self.kubectl("-n", KEYS, "create", manifest=sealed(name), by=by).ok()
        return name


@dataclass(frozen=True)
class Namespace:
    """A tenant's."""

    cluster: Guarded
    name: str

    def kubectl(self, *words: str, manifest: Any = None, by: str | None = None) -> Said:
        return self.cluster.kubectl("-n", self.name, *words, manifest=manifest, by=by)

    def create(self, manifest: Json, by: str | None = None) -> Said:
        return self.kubectl("create", manifest=manifest, by=by)

    def make_key(self, name: str = "orders", by: str | None = None, **deletion: Any) -> str:
        self.create(key(name, **deletion), by).ok()
        return name

    def until_gone(self, name: str) -> None:
        self.cluster.until_gone("kmskey", name, "-n", self.name)


def key(name: str, **deletion: Any) -> Json:
    spec = {"deletion": deletion} if deletion else {}
    return {"apiVersion": API_VERSION, "kind": "KmsKey", "metadata": {"name": name}, "spec": spec}


def sealed(name: str, kind: str = f"{GROUP}/key", content: str = "c2VhbGVk") -> Json:
    metadata = {"name": name, "labels": {f"{GROUP}/record": "true"}}
    return {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata, "data": {"sealed": content}}


def rights() -> str:
    """Those of `coffer init` in the demo; of somebody who has all of Secrets in coffer-keys, but no more; and of the
    server to change keys, so that what is refused is refused by the guards alone."""
    demo = yaml.safe_load_all((CONFIG / "demo" / "initialise.yaml").read_text("utf-8"))
    objects = [one for one in demo if one["kind"] not in ("Job", "ConfigMap")]
    secrets = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]}
    keys = {"apiGroups": [GROUP], "resources": ["kmskeys"], "verbs": ["*"]}
    objects += cluster_role("cleaner", secrets, "cleaner") + cluster_role("changer", keys, SERVER)
    return yaml.safe_dump_all(objects)


def cluster_role(name: str, rule: Json, user: str) -> list[Json]:
    rbac = "rbac.authorization.k8s.io"
    version = {"apiVersion": f"{rbac}/v1"}
    return [
        {**version, "kind": "ClusterRole", "metadata": {"name": name}, "rules": [rule]},
        {**version, "kind": "ClusterRoleBinding", "metadata": {"name": name},
         "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": name},
         "subjects": [{"kind": "User", "apiGroup": rbac, "name": user}]},
    ]
