"""Where files are: built programs in the cache, a cluster's own files in its state folder."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .output import Failure, tell

Json = dict[str, Any]

# Sockets need short paths, and only one node fits on a machine: so its sockets have one fixed place, which a
# reboot empties together with the kernel settings and mounts that are noted there.
NODE_RUN_FOLDER = Path("/run/coffer-cluster")


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coffer"


def state_root() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "coffer-cluster"


@dataclass(frozen=True)
class Folder:
    """The files of one cluster."""

    name: str
    path: Path

    @property
    def kubeconfig(self) -> Path:
        return self.path / "kubeconfig"

    @property
    def pki(self) -> Path:
        return self.path / "pki"

    @property
    def files(self) -> Path:
        """Configuration that the rig writes for components."""
        return self.path / "files"

    @property
    def components(self) -> Path:
        return self.path / "components"

    @property
    def volumes(self) -> Path:
        return self.path / "volumes"

    @property
    def audit_log(self) -> Path:
        return self.path / "audit.jsonl"

    def log(self, component: str) -> Path:
        return self.path / "logs" / f"{component}.log"

    def make(self) -> None:
        """Private keys are inside, so that only the owner may look; local volumes are shared by path below."""
        self.path.mkdir(parents=True, exist_ok=True)
        # Containers reach their volumes through this folder, so that others may pass, not list.
        self.path.chmod(0o711)
        for folder in (self.files, self.components, self.path / "logs"):
            folder.mkdir(exist_ok=True)
        self.pki.mkdir(mode=0o700, exist_ok=True)


def folder_of(name: str) -> Folder:
    """The name becomes a path and part of host names: it is held to what all of them allow."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?", name):
        raise Failure(f"the name '{name}' is not of 1 to 30 lower-case letters, digits and inner dashes")
    return Folder(name, state_root() / name)


def folders() -> list[Folder]:
    """Every cluster that left a state folder, whether it runs or not."""
    if not state_root().is_dir():
        return []
    return [Folder(path.name, path) for path in sorted(state_root().glob("[!.]*")) if path.is_dir()]


def write_json(path: Path, value: Json) -> None:
    """Replaces the file in one step, so that a reader or a killed run never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(json.dumps(value, indent=2) + "\n")
    new.replace(path)


def read_json(path: Path) -> Json | None:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return None


@contextmanager
def locked(path: Path, purpose: str) -> Iterator[None]:
    """One process at a time; tests that start at once wait for each other. The kernel lets go of a dead one's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell(f"waiting for another process that holds {path} ({purpose})")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
