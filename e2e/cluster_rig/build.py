"""Builds programs into the cache, once for each recipe.

A program is built beside its place and moved there in one step. So the presence of the file is the mark that it is
complete: a build that was killed leaves nothing that could be taken for a program, and the next run goes on with
what is missing. Go's own caches make a repeated build of an unchanged package quick.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from . import prerequisites
from .output import Failure, tell, timed
from .paths import locked
from .recipe import CONTROL_PLANE, GO_FLAGS, LINKER_FLAGS, SIZES, Group, group_of, programs_folder, rig_folder

ASSETS_VARIABLE = "KUBEBUILDER_ASSETS"
ASSETS = ("etcd", "kube-apiserver", "kubectl", "kube-controller-manager")


def from_assets(name: str) -> Path | None:
    """A program of the folder that KUBEBUILDER_ASSETS names, as the tools of controller authors lay it out."""
    folder = os.environ.get(ASSETS_VARIABLE)
    if not folder or name not in ASSETS:
        return None
    path = Path(folder) / name
    return path if os.access(path, os.X_OK) else None


def locate(name: str, size: str) -> Path | None:
    """The program to run, or nothing if it is not there. A node takes none from elsewhere: versions must fit."""
    if size == CONTROL_PLANE and (path := from_assets(name)):
        return path
    path = programs_folder() / name
    return path if path.exists() else None


def program(name: str, size: str = CONTROL_PLANE) -> Path:
    path = locate(name, size)
    if path is None:
        raise Failure(f"{name} is not built; run: e2e/cluster build --size {size}")
    return path


def can_skip(name: str) -> bool:
    """With somebody's own API server, a machine without Go can do without the controller-manager."""
    return name == "kube-controller-manager" and from_assets("kube-apiserver") is not None


def build(size: str, extra: Sequence[str] = ()) -> None:
    """Builds what is missing. Only one process builds; others wait and then find everything there."""
    build_programs([*SIZES[size], *extra], size)


def build_kubectl() -> None:
    """All that somebody else's cluster needs of ours."""
    build_programs(["kubectl"], CONTROL_PLANE)


def build_programs(wanted: Sequence[str], size: str) -> None:
    if all(locate(name, size) for name in wanted):
        return
    with locked(rig_folder() / "lock", "building"):
        missing = [name for name in wanted if not locate(name, size)]
        if not prerequisites.go_program():
            skipped = [name for name in missing if can_skip(name)]
            for name in skipped:
                tell(f"{name}: skipped, as {ASSETS_VARIABLE} has none and Go is missing to build it")
            missing = [name for name in missing if name not in skipped]
        if not missing:
            return
        prerequisites.require_for_build(cgo=any(group_of(name).cgo for name in missing))
        with timed(f"building {', '.join(missing)} into {programs_folder()}"):
            for number, name in enumerate(missing, 1):
                build_program(name, f"[{number}/{len(missing)}]")


def build_program(name: str, position: str) -> None:
    group = group_of(name)
    with timed(f"{position} {name} ({group.name} {version_of(name)})"):
        module = write_module(group)
        unfinished = rig_folder() / "unfinished" / name
        unfinished.parent.mkdir(exist_ok=True)
        unfinished.unlink(missing_ok=True)
        go(["build", *options_of(group), "-o", str(unfinished), group.programs[name]], module, group)
        place = programs_folder() / name
        place.parent.mkdir(exist_ok=True)
        unfinished.replace(place)


def options_of(group: Group) -> list[str]:
    stamps = [f"-X {name}={value}" for name, value in group.stamps.items()]
    options = ["-ldflags", " ".join([*LINKER_FLAGS, *stamps])]
    return [*options, "-tags", ",".join(group.tags)] if group.tags else options


def write_module(group: Group) -> Path:
    """The module file names the versions; Go adds what they depend on and checks all sums as it does for anybody."""
    folder = rig_folder() / "modules" / group.name
    file = folder / "go.mod"
    if file.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    text = module_text(group, replacements(group, folder))
    new = folder / "go.mod.new"
    new.write_text(text)
    new.replace(file)
    return folder


def module_text(group: Group, staging: Sequence[str]) -> str:
    lines = ["module coffer.dev/cluster", "", "go 1.26.0", ""]
    lines += [f"require {module} {version}" for module, version in group.modules.items()]
    lines += [f"replace {module} => {module} {group.staging_version}" for module in staging]
    return "\n".join(lines) + "\n"


def replacements(group: Group, folder: Path) -> list[str]:
    """The modules that the group's own module replaces with folders beside it."""
    if not group.staging_version:
        return []
    [(module, version)] = group.modules.items()
    answer = json.loads(go(["mod", "download", "-json", f"{module}@{version}"], folder, group, capture=True))
    return local_replacements(Path(answer["GoMod"]).read_text())


def local_replacements(module_file: str) -> list[str]:
    return re.findall(r"^\s*(?:replace\s+)?(\S+) => \./", module_file, re.MULTILINE)


def go(arguments: Sequence[str], folder: Path, group: Group, capture: bool = False) -> str:
    """Go's own flags of the caller do not count, so that the same recipe gives the same program anywhere."""
    environment = {**os.environ, "GOFLAGS": GO_FLAGS, "CGO_ENABLED": "1" if group.cgo else "0", "GOWORK": "off"}
    log = folder / "build.log"
    with log.open("w") as errors:
        result = subprocess.run(
            [str(prerequisites.go_program()), *arguments], cwd=folder, env=environment, text=True, stderr=errors,
            stdout=subprocess.PIPE if capture else errors, check=False,
        )
    if result.returncode:
        last = "\n".join(log.read_text().splitlines()[-20:])
        raise Failure(f"go {arguments[0]} failed; the end of {log}:\n{last}")
    return result.stdout or ""


def remove_other_versions() -> list[Path]:
    """Folders of earlier recipes, which only take space."""
    others = [path for path in rig_folder().parent.glob("cluster-*") if path != rig_folder()]
    for path in others:
        shutil.rmtree(path, ignore_errors=True)
    return others


def version_of(name: str) -> str:
    """Of the module whose package the program is."""
    group = group_of(name)
    return next(version for module, version in group.modules.items() if group.programs[name].startswith(module))
