"""Builds a Go program once for each version of its source, and keeps it outside the checkout."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from cluster_rig import prerequisites
from cluster_rig.output import timed
from cluster_rig.paths import cache_folder, locked

FLAGS = ["-trimpath", "-ldflags", "-s -w"]


def built(
    name: str, parts: Sequence[object], prepare: Callable[[Path], None], modules: str = "mod", package: str = "."
) -> Path:
    """The program, which depends on these parts. Workers that start at once wait for the first of them. With the mode
    `mod`, Go adds what the modules depend on; with `readonly`, all of it and its sums stand in the source."""
    folder = cache_folder() / f"gitops-{digest([*parts, FLAGS])}"
    path = folder / name
    with locked(folder / "lock", "building"):
        if not path.exists():
            with timed(f"building {path}"):
                prepare(folder)
                unfinished = path.with_suffix(".new")
                go(folder, "build", f"-mod={modules}", *FLAGS, "-o", str(unfinished), package)
                unfinished.replace(path)
    return path


def digest(parts: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def go(folder: Path, *arguments: str) -> str:
    """Go's own flags of the caller do not count."""
    prerequisites.require_for_build(cgo=False)
    environment = {**os.environ, "GOFLAGS": "-buildvcs=false", "CGO_ENABLED": "0", "GOWORK": "off"}
    command = [str(prerequisites.go_program()), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"go {' '.join(arguments)} failed:\n{done.stderr[-4000:]}"
    return done.stdout
