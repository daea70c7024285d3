"""Builds the program that asks the own code of Argo CD, kstatus and Flux, once for each version, and runs it.

From version 3.3 on, Argo CD takes its engine from a folder beside it, which is not published: a program that depends
on it cannot be built. The way a script is run is the same.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
from pathlib import Path

import go_build
from support import CUSTOMIZATIONS, FLUX, Json

ARGO_CD = "github.com/argoproj/argo-cd/v3"
# All of them build with the same version of Kubernetes's libraries, 0.34.
MODULES = {ARGO_CD: "v3.2.12", "github.com/fluxcd/pkg/runtime": "v0.84.0", "sigs.k8s.io/cli-utils": "v0.37.2"}
SOURCE = Path(__file__).resolve().parent / "health" / "main.go"


@functools.cache
def verdicts() -> Json:
    command = [program(), CUSTOMIZATIONS, FLUX / "keys.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def program() -> Path:
    def prepare(folder: Path) -> None:
        (folder / "main.go").write_bytes(SOURCE.read_bytes())
        (folder / "go.mod").write_text(module_text(folder))

    return go_build.built("health", [MODULES, SOURCE.read_text("utf-8")], prepare)


def module_text(folder: Path) -> str:
    """Argo CD needs the replacements of its own module file, which say nothing to somebody who depends on it."""
    answer = json.loads(go_build.go(folder, "mod", "download", "-json", f"{ARGO_CD}@{MODULES[ARGO_CD]}"))
    theirs = Path(answer["GoMod"]).read_text("utf-8")
    replaced = re.findall(r"^\s*(?:replace\s+)?(\S+) => (\S+) (v\S+)", theirs, re.MULTILINE)
    lines = ["module coffer.dev/gitops", "", "go 1.26.0", ""]
    lines += [f"require {module} {version}" for module, version in MODULES.items()]
    lines += [f"replace {module} => {other} {version}" for module, other, version in replaced]
    return "\n".join(lines) + "\n"
