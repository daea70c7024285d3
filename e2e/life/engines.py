"""Argo CD and Flux by their own engines, each with a folder of manifests that stands for Git."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

from cluster import keys
from installation import Tenant
from support import ROOT, Json

GITOPS = ROOT / "e2e" / "gitops"
SECONDS = 90
# How long a sync waits for health.
HEALTH = "20s"


def program(module: str = "engine_program") -> Path:
    """Built by the tests of e2e/gitops, or here."""
    for folder in (GITOPS, GITOPS.parent):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
    return importlib.import_module(module).program()


class Engine:
    """One Application or Kustomization over the keys of a namespace."""

    name: ClassVar[str]
    manager: ClassVar[str]
    judges: ClassVar[Path]
    forces: ClassVar[str]
    words: ClassVar[tuple[str, ...]] = ()

    def __init__(self, tenant: Tenant, home: Path) -> None:
        self.tenant, self.home, self.git = tenant, home, home / "git"
        self.git.mkdir()

    # What stands in Git

    def put(self, name: str, **spec: Any) -> None:
        self.put_manifest(self.tenant.manifest(name, **spec))

    def put_manifest(self, manifest: Json) -> None:
        (self.git / f"{manifest['metadata']['name']}.yaml").write_text(json.dumps(manifest), "utf-8")

    def remove(self, name: str) -> None:
        (self.git / f"{name}.yaml").unlink()

    # What the engine does

    def ask(self, command: str, *options: str) -> Json:
        where = ["--kubeconfig", self.tenant.cluster.kubeconfig, "--namespace", self.tenant.namespace]
        what = ["--folder", str(self.git), "--judges", str(self.judges), "--inventory", str(self.home / "inventory")]
        words = [str(program()), self.name, command, *where, *what, *self.words, *options]
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == 0, f"{' '.join(words)}:\n{done.stderr}"
        return json.loads(done.stdout)

    def problem(self, said: Json) -> str:
        """Why the engine could not do it, or nothing."""
        raise NotImplementedError

    def is_healthy(self, said: Json) -> bool:
        raise NotImplementedError

    def sync(self) -> Json:
        said = self.ask("sync")
        assert not self.problem(said), said
        return said

    def sync_to_health(self) -> None:
        """Ends as soon as all is well, by the tool's own judgement."""
        said = self.ask("sync", "--wait", HEALTH)
        assert not self.problem(said) and self.is_healthy(said), said

    def refused(self, command: str = "sync") -> str:
        said = self.ask(command)
        assert self.problem(said), said
        return self.problem(said)

    def prune(self) -> Json:
        said = self.ask("prune")
        assert not self.problem(said), said
        return said

    def force(self) -> Json:
        """As the tool replaces what it cannot change, where it is told to."""
        said = self.ask(self.forces)
        assert not self.problem(said), said
        return said

    def sees_no_drift(self) -> None:
        """Another sync of the same changes nothing."""
        before = versions(self.tenant)
        said = self.sync()
        assert self.is_unchanged(said), said
        assert versions(self.tenant) == before

    def is_unchanged(self, said: Json) -> bool:
        raise NotImplementedError


def versions(tenant: Tenant) -> dict[str, Json]:
    """All of each key but its status and what the API server notes of writes to that."""
    return {key["metadata"]["name"]: without_status(key) for key in tenant.api.items(keys(tenant.namespace))}


def without_status(key: Json) -> Json:
    # The version moves with the status, which may follow what happened before the engine came.
    left_out = ("managedFields", "resourceVersion")
    metadata = {name: value for name, value in key["metadata"].items() if name not in left_out}
    owners = [entry for entry in key["metadata"]["managedFields"] if entry.get("subresource") != "status"]
    return {"metadata": metadata, "owners": owners, "spec": key["spec"]}


class Argo(Engine):
    """As config/argocd sets it up."""

    name, manager, forces = "argo", "argocd-controller", "replace-force"
    judges = ROOT / "config" / "argocd" / "resource_customizations"

    def problem(self, said: Json) -> str:
        return "" if said["phase"] == "Succeeded" else f"{said['phase']} {said['message']} {said['resources']}"

    def is_healthy(self, said: Json) -> bool:
        return all(found == "Healthy" for found in said["health"].values()) and self.is_unchanged(said)

    def is_unchanged(self, said: Json) -> bool:
        return len(said["outOfSync"]) == 3 and not any(said["outOfSync"].values())

    def out_of_sync(self) -> set[str]:
        """What differs by each of the ways to compare, all of which must agree."""
        found = [set(names) for names in self.ask("compare")["outOfSync"].values()]
        assert len(found) == 3 and all(names == found[0] for names in found), found
        return found[0]

    def health(self, name: str) -> str:
        return self.ask("compare")["health"][name]


class ClientSideArgo(Argo):
    """As Argo CD applies unless it is told otherwise."""

    words = ("--client-side",)


class Flux(Engine):
    """As config/flux sets it up."""

    name, manager, forces = "flux", "kustomize-controller", "force"
    judges = ROOT / "config" / "flux" / "keys.yaml"

    def problem(self, said: Json) -> str:
        return said["error"]

    def is_healthy(self, said: Json) -> bool:
        return not said["unhealthy"]

    def is_unchanged(self, said: Json) -> bool:
        return set(said["changes"].values()) == {"unchanged"}
