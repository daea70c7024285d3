"""Installs the clients into the cache, once for each content of their lock files, and compiles what is compiled.

A mark is written last. So a folder without it is what a killed run left, and is made again.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cluster_rig import prerequisites
from cluster_rig.output import timed
from cluster_rig.paths import cache_folder, locked

HERE = Path(__file__).resolve().parent
INSTALL_SECONDS = 900
GO_FLAGS = ["-trimpath", "-ldflags", "-s -w"]
SOPS = "github.com/getsops/sops/v3/cmd/sops"
MAVEN_GOALS = ["compile", "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath"]


def install_all() -> None:
    """All at once: while one waits for its registry, another compiles."""
    parts: list[Callable[[], Path]] = [sops, rust, go, java, python, javascript]
    with ThreadPoolExecutor(len(parts)) as pool:
        for done in [pool.submit(part) for part in parts]:
            done.result()


@functools.cache
def python() -> Path:
    """The interpreter of an environment with the clients for Python."""
    lock = HERE / "python" / "requirements.txt"

    def install(folder: Path) -> None:
        run([sys.executable, "-m", "venv", "--clear", str(folder / "env")], folder)
        pip = [str(folder / "env/bin/pip"), "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        run([*pip, "-r", str(lock)], folder)

    return installed("python", [lock], install) / "env/bin/python"


@functools.cache
def javascript() -> Path:
    """The folder with the modules that the lock file names."""
    locks = [HERE / "javascript" / name for name in ("package.json", "package-lock.json")]

    def install(folder: Path) -> None:
        for lock in locks:
            shutil.copy(lock, folder)
        run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], folder)

    return installed("javascript", locks, install) / "node_modules"


@functools.cache
def go() -> Path:
    source = HERE / "go"
    return go_program("go", [*source.glob("*.go"), source / "go.mod", source / "go.sum"], ".")


@functools.cache
def sops() -> Path:
    return go_program("sops", [HERE / "sops/go.mod", HERE / "sops/go.sum"], SOPS)


def go_program(name: str, sources: Iterable[Path], package: str) -> Path:
    """Go's own flags of the caller do not count, and no module that the lock file does not name."""
    prerequisites.require_for_build(cgo=False)
    settings = {"GOFLAGS": "-mod=readonly -buildvcs=false", "CGO_ENABLED": "0", "GOWORK": "off"}

    def install(folder: Path) -> None:
        command = [str(prerequisites.go_program()), "build", *GO_FLAGS, "-o", str(folder / "program"), package]
        run(command, HERE / name, settings)

    return installed(name, sources, install) / "program"


@functools.cache
def rust() -> Path:
    """Built by cargo each time, which has nothing to do where nothing changed."""
    source = HERE / "rust"
    folder = folder_of("rust", [source / "Cargo.toml", source / "Cargo.lock"])
    settings = {"CARGO_TARGET_DIR": str(folder / "target")}
    with locked(folder / "lock", "building"), timed(f"building {folder}"):
        run(["cargo", "build", "--locked", "--quiet"], source, settings)
    return folder / "target/debug/compat"


@functools.cache
def java() -> str:
    """The class path. Once a build went through, Maven works offline with what that one fetched."""
    source = HERE / "java"
    folder = folder_of("java", [source / "pom.xml"])
    online, mark = folder / "fetched", folder / f"compiled-{digest(sorted(source.rglob('*.java')))}"
    with locked(folder / "lock", "building"):
        if not mark.exists():
            repository, output = f"-Dmaven.repo.local={folder / 'repository'}", f"-Doutput={folder / 'output'}"
            options = ["-B", "-q", repository, output, f"-Dmdep.outputFile={folder / 'classpath'}"]
            with timed(f"building {folder}"):
                run(["mvn", *(["-o"] if online.exists() else []), *options, *MAVEN_GOALS], source)
            online.touch()
            mark.touch()
    return f"{folder / 'output/classes'}:{(folder / 'classpath').read_text('utf-8').strip()}"


def installed(name: str, sources: Iterable[Path], install: Callable[[Path], None]) -> Path:
    """The folder of this content. Workers that start at once wait for the first of them."""
    folder = folder_of(name, sources)
    with locked(folder / "lock", "installing"):
        if not (folder / "complete").exists():
            with timed(f"installing {folder}"):
                install(folder)
            (folder / "complete").touch()
    return folder


def folder_of(name: str, sources: Iterable[Path]) -> Path:
    folder = cache_folder() / f"compat-{name}-{digest(sources)}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def digest(sources: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for source in sorted(sources):
        total.update(f"{source.name}\0{source.stat().st_size}\0".encode() + source.read_bytes())
    return total.hexdigest()[:16]


def run(command: Sequence[str], folder: Path, settings: Mapping[str, str] = {}) -> None:
    environment = {**os.environ, **settings}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
    )
    assert done.returncode == 0, f"{' '.join(command[:2])} failed:\n{(done.stdout + done.stderr)[-4000:]}"
