"""What a node changes on the machine: bridge, kernel settings, mounts, control groups, packet rules.

All of it is undone from what is found on the machine, not from a list of what was done: so the end of a run that
nobody saw, killed at any point, leaves nothing that the next `up` or `down` does not take away. Only earlier values
of kernel settings must be noted, and that is done before the first change.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from . import process
from .control_plane import BRIDGE_ADDRESS, SERVICE_RANGE
from .output import Failure, tell
from .paths import NODE_RUN_FOLDER, Folder, read_json, write_json
from .prerequisites import find

OWNER = NODE_RUN_FOLDER / "owner.json"
BRIDGE = "coffer0"
NETWORK = "coffer-cluster"
CONTROL_GROUP = "coffer-cluster"
# Of kube-proxy, and of the plugin for host ports.
PACKET_TABLES = ("kube-proxy", "cni_hostport")
WANTED_SETTINGS = {"net/ipv4/ip_forward": "1", "net/bridge/bridge-nf-call-iptables": "1"}
# The kubelet sets these by itself.
KUBELET_SETTINGS = (
    "vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
# Places that are fixed in the kubelet (its socket for devices, links to logs) and in CNI (what it answered).
KUBELET_FOLDER = Path("/var/lib/kubelet")
CONTAINER_LINKS = Path("/var/log/containers")
CNI_RESULTS = Path("/var/lib/cni/results")


def node_owner() -> Path | None:
    """The state folder of the one node of this machine, alive or left over."""
    owner = read_json(OWNER)
    return Path(owner["folder"]) if owner else None


def refuse_second_node(folder: Folder) -> None:
    """One bridge, one kube-proxy and one range of addresses: a second node would break the first."""
    owner = node_owner()
    if owner and owner != folder.path:
        if process.marked(owner):
            raise Failure(
                f"the node of the cluster '{owner.name}' runs on this machine, which carries only one; take it down "
                f"first: e2e/cluster down --name {owner.name}   (its folder is {owner})"
            )
        tell(f"cleaning the node that a dead run of '{owner.name}' left")
        release(Folder(owner.name, owner))
    elif not owner:
        refuse_foreign_node()


def refuse_foreign_node() -> None:
    """Without an owner of ours, such rules belong to a real node, which must not lose them."""
    if any(run_quietly("nft", "list", "table", "ip", table) for table in PACKET_TABLES):
        raise Failure(
            "a Kubernetes node that is not the rig's runs on this machine (nft has the table 'ip kube-proxy' or 'ip "
            "cni_hostport'). If it is a left-over, remove it: sudo nft delete table ip kube-proxy"
        )


def claim(folder: Folder) -> None:
    """Notes what it is about to change, then makes the bridge, so that the API server can listen on it."""
    load_modules()
    NODE_RUN_FOLDER.mkdir(mode=0o711, exist_ok=True)
    settings = {name: value for name in (*WANTED_SETTINGS, *KUBELET_SETTINGS) if (value := setting(name))}
    made = [str(path) for path in (KUBELET_FOLDER, CONTAINER_LINKS, CNI_RESULTS.parent) if not path.exists()]
    write_json(OWNER, {"folder": str(folder.path), "settings": settings, "made": made})
    for name, value in WANTED_SETTINGS.items():
        change_setting(name, value)
    make_bridge()
    for group in control_groups():
        make_control_group(group)


def load_modules() -> None:
    """On many machines they are part of the kernel; on others nobody has asked for them yet."""
    if not Path("/proc/sys/net/bridge").exists():
        run_quietly("modprobe", "br_netfilter")
    if "overlay" not in Path("/proc/filesystems").read_text().split():
        run_quietly("modprobe", "overlay")
    if not Path("/proc/sys/net/bridge").exists():
        raise Failure(
            "the kernel does not show bridged packets to its rules; run: sudo apt-get install kmod && sudo modprobe "
            "br_netfilter"
        )


def setting_path(name: str) -> Path:
    return Path("/proc/sys") / name


def setting(name: str) -> str | None:
    path = setting_path(name)
    return path.read_text().strip() if path.exists() else None


def change_setting(name: str, value: str) -> None:
    """Only what differs, as some machines let one read but not write."""
    if setting(name) == value:
        return
    try:
        setting_path(name).write_text(value)
    except OSError as error:
        raise Failure(f"the kernel setting {name} cannot be set to {value}: {error}") from error


def make_bridge() -> None:
    """The service range is routed to it too, so that the machine needs no default route to reach Services."""
    routes = json.loads(run("ip", "-json", "route", "show", "match", BRIDGE_ADDRESS))
    taken = [route for route in routes if route["dst"] != "default"]
    if taken:
        raise Failure(f"the addresses of pods are routed elsewhere on this machine: {taken[0]}")
    run("ip", "link", "add", BRIDGE, "type", "bridge")
    run("ip", "address", "add", f"{BRIDGE_ADDRESS}/16", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")
    run("ip", "route", "add", SERVICE_RANGE, "dev", BRIDGE, "src", BRIDGE_ADDRESS)


def mounts() -> Iterator[tuple[Path, str]]:
    """Every mount point and its type, in the order of mounting."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), left.split()[4])
        yield Path(point), right.split()[0]


def control_groups() -> list[Path]:
    """One place for pods in each hierarchy: several of version 1, or the one of version 2."""
    return sorted({point / CONTROL_GROUP for point, kind in mounts() if kind in ("cgroup", "cgroup2")})


def make_control_group(group: Path) -> None:
    group.mkdir(exist_ok=True)
    controllers = Path("/sys/fs/cgroup/cgroup.controllers")
    if group.parent != controllers.parent or not controllers.exists():
        return
    for controller in controllers.read_text().split():
        try:
            (group.parent / "cgroup.subtree_control").write_text(f"+{controller}")
        except OSError:
            # The kubelet tells by itself which ones it cannot do without.
            continue


def release(folder: Folder) -> None:
    """Undoes everything, if the node of this machine is this folder's. Its processes are gone already."""
    if node_owner() != folder.path:
        return
    owner = read_json(OWNER) or {}
    for group in control_groups():
        remove_control_group(group)
    process.end(process.marked(folder.path), 0)
    unmount_below(NODE_RUN_FOLDER)
    unmount_below(folder.path)
    remove_network()
    for name, value in owner["settings"].items():
        change_setting(name, value)
    remove_fixed_places(folder, owner["made"])
    shutil.rmtree(NODE_RUN_FOLDER)


def remove_control_group(group: Path) -> None:
    """With every process inside: so containers end that lost their shim and their runtime."""
    if not group.exists():
        return
    process.end({int(pid) for file in group.rglob("cgroup.procs") for pid in file.read_text().split()}, 0)
    process.wait_for(lambda: folders_removed(group), f"the control group {group} to become empty", 10)


def folders_removed(group: Path) -> bool:
    """Control groups go from the inside out; one whose last process is just ending refuses for a moment."""
    for path, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(path)
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True


def unmount_below(folder: Path) -> None:
    """The last mounted first. Lazily, as a file that something still holds open must not keep us."""
    points = [str(point) for point, _ in mounts() if point.is_relative_to(folder)]
    for point in reversed(points):
        run_quietly("umount", "--lazy", point)


def remove_network() -> None:
    if run_quietly("ip", "link", "show", BRIDGE):
        for port in json.loads(run("ip", "-json", "link", "show", "master", BRIDGE)):
            if port:
                run_quietly("ip", "link", "delete", port["ifname"])
        run("ip", "link", "delete", BRIDGE)
    for table in PACKET_TABLES:
        for family in ("ip", "ip6"):
            run_quietly("nft", "delete", "table", family, table)


def remove_fixed_places(folder: Folder, made: list[str]) -> None:
    """Only our own entries, and the folders if they were not there before and are empty now."""
    for path in (KUBELET_FOLDER / "device-plugins").glob("kubelet*"):
        if str(KUBELET_FOLDER) in made:
            path.unlink()
    for path in CNI_RESULTS.glob(f"{NETWORK}-*"):
        path.unlink()
    for path in CONTAINER_LINKS.glob("*.log"):
        if path.is_symlink() and path.readlink().is_relative_to(folder.path):
            path.unlink()
    for name in made:
        for path, _, _ in os.walk(name, topdown=False):
            try:
                os.rmdir(path)
            except OSError:
                continue


def run(*command: str) -> str:
    result = subprocess.run([find(command[0]) or command[0], *command[1:]], capture_output=True, text=True, check=False)
    if result.returncode:
        raise Failure(f"{' '.join(command)} failed: {result.stderr.strip()}")
    return result.stdout


def run_quietly(*command: str) -> bool:
    program = find(command[0])
    return bool(program) and subprocess.run([program, *command[1:]], capture_output=True, check=False).returncode == 0
