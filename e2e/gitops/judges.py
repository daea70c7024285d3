"""Builds the program that asks the own code of Argo CD, kstatus and Flux, once for each version, and runs it.

From version 3.3 on, Argo CD takes its engine from a folder beside it, which is not published: a program that depends
on it cannot be built. The way a script is run is the same.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

from cluster_rig import prerequisites
from cluster_rig.output import timed
from cluster_rig.paths import cache_folder, locked
from support import CUSTOMIZATIONS, FLUX, Json

ARGO_CD = "github.com/argoproj/argo-cd/v3"
# All of them build with the same version of Kubernetes's libraries, 0.34.
MODULES = {ARGO_CD: "v3.2.12", "github.com/fluxcd/pkg/runtime": "v0.84.0", "sigs.k8s.io/cli-utils": "v0.37.2"}
SOURCE = Path(__file__).resolve().parent / "health" / "main.go"
FLAGS = ["-trimpath", "-ldflags", "-s -w"]


@functools.cache
def verdicts() -> Json:
    command = [program(), CUSTOMIZATIONS, FLUX / "keys.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def program() -> Path:
    """The built program. Workers that start at once wait for the first of them."""
    folder = cache_folder() / f"gitops-{recipe()}"
    path = folder / "health"
    with locked(folder / "lock", "building"):
        if not path.exists():
            build(folder, path)
    return path


def recipe() -> str:
    parts = json.dumps([MODULES, FLAGS, SOURCE.read_text("utf-8")], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def build(folder: Path, path: Path) -> None:
    with timed(f"building {path}"):
        (folder / "main.go").write_bytes(SOURCE.read_bytes())
        (folder / "go.mod").write_text(module_text(folder))
        unfinished = path.with_suffix(".new")
        go(folder, "build", *FLAGS, "-o", str(unfinished), ".")
        unfinished.replace(path)


def module_text(folder: Path) -> str:
    """Argo CD needs the replacements of its own module file, which say nothing to somebody who depends on it."""
    answer = json.loads(go(folder, "mod", "download", "-json", f"{ARGO_CD}@{MODULES[ARGO_CD]}"))
    theirs = Path(answer["GoMod"]).read_text("utf-8")
    replaced = re.findall(r"^\s*(?:replace\s+)?(\S+) => (\S+) (v\S+)", theirs, re.MULTILINE)
    lines = ["module coffer.dev/gitops", "", "go 1.26.0", ""]
    lines += [f"require {module} {version}" for module, version in MODULES.items()]
    lines += [f"replace {module} => {other} {version}" for module, other, version in replaced]
    return "\n".join(lines) + "\n"


def go(folder: Path, *arguments: str) -> str:
    """Go's own flags of the caller do not count. It adds what the modules depend on and checks all sums."""
    prerequisites.require_for_build(cgo=False)
    environment = {**os.environ, "GOFLAGS": "-mod=mod -buildvcs=false", "CGO_ENABLED": "0", "GOWORK": "off"}
    command = [str(prerequisites.go_program()), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"go {' '.join(arguments)} failed:\n{done.stderr[-4000:]}"
    return done.stdout
