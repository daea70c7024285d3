"""The file system of the test client: Debian's Python, boto3, the AWS CLI, and a shell.

It is what applications use against Coffer, so that it is made of the same published packages. It is kept by the
versions of all that is in it, as laying it out takes half a minute.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .image import Image
from .trees import Failure, base

REQUIREMENTS = Path(__file__).resolve().parent.parent.parent / "requirements.txt"
# Others of the requirements are for the tests themselves.
PYTHON_PACKAGES = ("boto3", "awscli")
# What Debian's Python needs to run, by the names of the packages that it depends on; the rest is for a whole system.
NEEDED = re.compile(r"(python3\.\d+(-minimal)?|lib(?!perl|gdbm|acl).*|zlib1g)$")
EXTRA_PACKAGES = ("busybox-static",)
# Part of the key of the cache: a change in how it is laid out makes it anew.
LAYOUT = "3"
# Services whose descriptions stay. Those of four hundred others are most of the packages, and it takes long to load
# and to remove them.
SERVICES = ("kms", "sts")
AWS_PROGRAM = """#!/usr/bin/python3
import sys
from awscli.clidriver import main
sys.exit(main())
"""


def run(*command: str, folder: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    result = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, **(environment or {})},
    )
    if result.returncode:
        raise Failure(f"{' '.join(command[:6])} failed:\n{result.stderr[-2000:]}")
    return result.stdout


def require_tools() -> None:
    missing = [name for name in ("apt-get", "apt-cache", "dpkg-deb") if not shutil.which(name)]
    if missing:
        raise Failure(f"the client image is laid out from Debian packages, and {', '.join(missing)} is missing")
    if subprocess.run([sys.executable, "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode:
        raise Failure("Python's venv is missing; run: sudo apt-get install python3-venv")


def debian_packages() -> dict[str, str]:
    """Names and versions of all that Python needs, in the versions that this machine would install."""
    names: set[str] = set()
    waiting = {find_python(), *EXTRA_PACKAGES}
    while waiting:
        names |= waiting
        waiting = {name for name in depends(*sorted(waiting)) if NEEDED.match(name)} - names
    policy = run("apt-cache", "policy", *sorted(names))
    versions = dict(re.findall(r"^(\S+):\n  Installed: .*\n  Candidate: (\S+)$", policy, re.MULTILINE))
    if unknown := [name for name in names if versions.get(name, "(none)") == "(none)"]:
        raise Failure(f"these Debian packages are not known: {' '.join(unknown)}; run: sudo apt-get update")
    return {name: versions[name] for name in sorted(names)}


def find_python() -> str:
    """Debian's own version: another one would not fit to the packages around it."""
    for name in depends("python3"):
        if re.fullmatch(r"python3\.\d+", name):
            return name
    raise Failure("Debian's python3 names no version of Python; run: sudo apt-get update")


def depends(*packages: str) -> list[str]:
    """Of all at once, as each look into apt's lists takes a second."""
    listed = run("apt-cache", "depends", "--important", *packages)
    return re.findall(r"^[ |]*(?:Pre)?Depends: (\S+)$", listed, re.MULTILINE)


def pinned_packages() -> list[str]:
    lines = REQUIREMENTS.read_text().split()
    return [line for line in lines if line.partition("==")[0] in PYTHON_PACKAGES]


def tree(cache: Path) -> tuple[Path, Image]:
    """The laid out files, from the cache if all versions are the same."""
    require_tools()
    packages, pinned = debian_packages(), pinned_packages()
    recipe = json.dumps([LAYOUT, packages, pinned, platform.machine()])
    folder = cache / f"client-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    python = next(name for name in packages if re.fullmatch(r"python3\.\d+", name))
    image = Image("localhost/client:dev", ["/usr/bin/python3"], {"PATH": "/usr/bin:/bin", "HOME": "/tmp"})
    if not folder.exists():
        print(f"laying out {python} with {', '.join(pinned)} in {folder} ...", file=sys.stderr, flush=True)
        unfinished = folder.with_name(folder.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        (unfinished / "tree").mkdir(parents=True)
        lay_out(unfinished, packages, pinned, python)
        unfinished.rename(folder)
    return folder / "tree", image


def lay_out(work: Path, packages: Mapping[str, str], pinned: Sequence[str], python: str) -> None:
    root = work / "tree"
    unpack_debian(work, packages)
    for unused in ("usr/share/doc", "usr/share/man", "usr/share/lintian", "usr/share/bug", "usr/share/doc-base"):
        shutil.rmtree(root / unused, ignore_errors=True)
    base_over_debian(root)
    (root / "usr/bin/python3").symlink_to(python)
    install_shell(root)
    install_python_packages(work, pinned, python)
    (root / "usr/bin/aws").write_text(AWS_PROGRAM)
    (root / "usr/bin/aws").chmod(0o755)
    compile_python(root, python)


def unpack_debian(work: Path, packages: Mapping[str, str]) -> None:
    archives = work / "archives"
    archives.mkdir()
    exact = [f"{name}={version}" for name, version in packages.items()]
    run("apt-get", "download", "-o", "APT::Sandbox::User=root", *exact, folder=archives)
    for archive in sorted(archives.iterdir()):
        run("dpkg-deb", "--extract", str(archive), str(work / "tree"))
    shutil.rmtree(archives)


def base_over_debian(root: Path) -> None:
    for name in ("etc", "tmp"):
        shutil.rmtree(root / name, ignore_errors=True)
    base(root)


def install_shell(root: Path) -> None:
    """Every command that busybox knows and that no package brought."""
    busybox = root / "bin/busybox"
    for name in run(str(busybox), "--list").split():
        if not (root / "bin" / name).exists() and not (root / "usr/bin" / name).exists():
            (root / "bin" / name).symlink_to("busybox")


def install_python_packages(work: Path, pinned: Sequence[str], python: str) -> None:
    """For the image's Python, which need not be the one that runs this; so only ready-made packages are taken."""
    environment = work / "pip"
    run(sys.executable, "-m", "venv", str(environment))
    target = work / "tree/usr/local/lib" / python / "dist-packages"
    run(
        str(environment / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "--no-compile",
        "--only-binary=:all:", f"--python-version={python.removeprefix('python')}", "--implementation=cp",
        f"--platform=manylinux2014_{platform.machine()}", f"--target={target}", *pinned,
    )
    shutil.rmtree(environment)
    remove_other_services(target)
    # Programs for another place; and pip's notes of what it did where.
    shutil.rmtree(target / "bin", ignore_errors=True)
    for note in [*target.glob("*.dist-info/RECORD"), *target.glob("*.dist-info/direct_url.json")]:
        note.unlink()


def remove_other_services(target: Path) -> None:
    """The AWS CLI carries a botocore of its own, and examples for every command of every service."""
    shutil.rmtree(target / "awscli/examples")
    for folder in target.glob("*/data/*/"):
        if folder.name not in SERVICES:
            shutil.rmtree(folder)
    for folder in target.glob("awscli/botocore/data/*/"):
        if folder.name not in SERVICES:
            empty_service(folder)


def empty_service(folder: Path) -> None:
    """The AWS CLI renames commands of services when it starts, so that it must find their names."""
    versions = sorted(path.parent.name for path in folder.glob("*/service-2.json*"))
    shutil.rmtree(folder)
    if versions:
        (folder / versions[-1]).mkdir(parents=True)
        (folder / versions[-1] / "service-2.json").write_text("{}")


def compile_python(root: Path, python: str) -> None:
    """Ahead, as the root file system is read-only in pods; by the image's own Python, through its own loader."""
    loader = next(root.glob("lib*/**/ld-linux*.so.*"))
    libraries = ":".join(str(path) for path in sorted((root / "usr/lib").glob("*-linux-gnu")))
    core = ":".join(str(path) for path in sorted((root / "lib").glob("*-linux-gnu")))
    command = [str(loader), "--library-path", f"{core}:{libraries}", str(root / "usr/bin" / python), "-I", "-m"]
    # Checked by nothing, since nothing changes; a time in them would differ with every build.
    options = ["compileall", "-q", "--invalidation-mode=unchecked-hash", "-s", str(root), "-p", "/"]
    places = [root / "usr/lib" / python, root / "usr/local/lib" / python]
    run(*command, *options, *(str(place) for place in places), environment={"PYTHONHOME": str(root / "usr")})
