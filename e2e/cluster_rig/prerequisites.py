"""What the machine must have. All that is missing is told at once, with the one command that installs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from .output import Failure, tell
from .recipe import NODE

# The program that is looked for and Debian's package of it.
CONTROL_PLANE_PACKAGES: Mapping[str, str] = {"openssl": "openssl"}
# kube-proxy and the host ports of pods drive nft; the rig drives ip and umount.
NODE_PACKAGES: Mapping[str, str] = {"ip": "iproute2", "nft": "nftables", "umount": "mount"}
# runc is the one program with C parts; the pause image is a static C program.
C_PACKAGES: Mapping[str, str] = {"gcc": "gcc", "pkg-config": "pkg-config"}
SECCOMP_PACKAGE = "libseccomp-dev"
STATIC_C_LIBRARY = "libc6-dev"

# From this version on, Go fetches by itself the newer one that a module asks for.
OLDEST_GO = (1, 21)
GO_ADVICE = (
    "Go is missing, or older than 1.21 as Debian 12's own is. Install it from https://go.dev/dl/, for example:\n"
    "  curl -fsSL https://go.dev/dl/go1.26.8.linux-amd64.tar.gz | sudo tar -C /usr/local -xz\n"
    "  export PATH=/usr/local/go/bin:$PATH"
)


def find(command: str) -> str | None:
    """Looks into the system folders too, which are not on the PATH of ordinary users."""
    return shutil.which(command, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/local/go/bin")


def go_program() -> Path | None:
    """Go, if there is one that can build; where its archive puts it counts even when it is not on the PATH."""
    path = find("go")
    if not path:
        return None
    answer = subprocess.run([path, "env", "GOVERSION"], capture_output=True, text=True, check=False, cwd="/")
    version = re.match(r"go(\d+)\.(\d+)", answer.stdout)
    return Path(path) if version and (int(version[1]), int(version[2])) >= OLDEST_GO else None


def missing_packages(commands: Mapping[str, str]) -> list[str]:
    return [package for command, package in commands.items() if not find(command)]


def missing_for_c() -> list[str]:
    missing = missing_packages(C_PACKAGES)
    pkg_config = find("pkg-config")
    known = pkg_config and subprocess.run([pkg_config, "--exists", "libseccomp"], check=False).returncode == 0
    if not known:
        missing.append(SECCOMP_PACKAGE)
    if not Path("/usr/include/stdlib.h").exists():
        missing.append(STATIC_C_LIBRARY)
    return missing


def missing_to_run(size: str) -> list[str]:
    return missing_packages({**CONTROL_PLANE_PACKAGES, **(NODE_PACKAGES if size == NODE else {})})


def refuse(packages: Iterable[str], reasons: Sequence[str] = ()) -> None:
    """One message for everything, so that nobody meets the next missing thing after installing the first."""
    packages = sorted(set(packages))
    lines = list(reasons)
    if packages:
        lines.append(
            f"these Debian packages are missing: {' '.join(packages)}; run:\n"
            f"  sudo apt-get install {' '.join(packages)}\n"
            f"or, as root: e2e/cluster prerequisites --install"
        )
    if lines:
        raise Failure("\n".join(lines))


def require_for_build(cgo: bool) -> None:
    refuse(missing_for_c() if cgo else [], [] if go_program() else [GO_ADVICE])


def require_for_up(size: str, to_build: bool, cgo: bool) -> None:
    reasons = [] if go_program() or not to_build else [GO_ADVICE]
    if size == NODE and os.geteuid() != 0:
        reasons.append("the size 'node' needs root: it makes a bridge, mounts and control groups; use sudo")
    refuse([*missing_to_run(size), *(missing_for_c() if cgo else [])], reasons)


def check(size: str, install: bool) -> None:
    """The subcommand: tells what is missing for building and running a size, or installs it."""
    packages = sorted({*missing_to_run(size), *(missing_for_c() if size == NODE else [])})
    if install and packages:
        install_packages(packages)
        packages = []
    refuse(packages, [] if go_program() else [GO_ADVICE])
    tell(f"all that the size '{size}' needs is there")


def install_packages(packages: Sequence[str]) -> None:
    if os.geteuid() != 0 or not find("apt-get"):
        refuse(packages, ["packages are installed by root and on Debian only"])
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
        tell(f"apt-get {' '.join(arguments)}")
        # Their chatter goes where ours goes.
        if subprocess.run(["apt-get", *arguments], env=environment, stdout=2, check=False).returncode:
            raise Failure(f"apt-get {arguments[0]} failed; see above")
