"""Up, down and what is in between."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import adopt, control_plane, kube, machine, node, process, volumes
from .build import build, locate
from .control_plane import Options, Ports
from .output import Failure, tell
from .paths import Folder, Json, folders, locked, read_json, state_root, write_json
from .prerequisites import require_for_up
from .recipe import NODE, SIZES, group_of

READY_SECONDS = 120.0


def record(folder: Folder) -> Json | None:
    return read_json(folder.path / "cluster.json")


def lock_of(folder: Folder) -> Any:
    """Two commands about one cluster take turns, so that tests may all begin with `up`."""
    return locked(state_root() / ".locks" / folder.name, f"the cluster '{folder.name}'")


def up(folder: Folder, options: Options) -> Path:
    """Gives the kubeconfig of a cluster that works; it may have been up before."""
    with lock_of(folder):
        if running := already_up(folder, options):
            return running
        missing = [name for name in SIZES[options.size] if not locate(name, options.size)]
        require_for_up(options.size, bool(missing), any(group_of(name).cgo for name in missing))
        build(options.size)
        if options.size == NODE:
            machine.refuse_second_node(folder)
        if folder.path.exists():
            tell(f"cleaning what an earlier run of '{folder.name}' left")
        clear(folder)
        begin = time.monotonic()
        with taken_down_on_failure(folder):
            start(folder, options)
        tell(f"the cluster '{folder.name}' of size '{options.size}' is up after {time.monotonic() - begin:.1f} s")
        return folder.kubeconfig


def already_up(folder: Folder, options: Options) -> Path | None:
    known = record(folder)
    if not known or not known["ready"]:
        return None
    if known["adopted"]:
        raise Failure(f"the name '{folder.name}' stands for {known['kubeconfig']}; {down_advice(folder)}")
    states = {name: process.state(folder, name) for name in process.names(folder)}
    if not states or "dead" in states.values():
        return None
    if known["options"]["size"] != options.size:
        size = known["options"]["size"]
        raise Failure(f"'{folder.name}' is up with size '{size}', not '{options.size}'; {down_advice(folder)}")
    if known["options"] != as_read(options):
        raise Failure(f"'{folder.name}' is up with other options; {down_advice(folder)}")
    wake(folder, states)
    tell(f"the cluster '{folder.name}' is up already")
    return folder.kubeconfig


def as_read(options: Options) -> Json:
    return {**options.as_json(), "api_server_arguments": list(options.api_server_arguments)}


def wake(folder: Folder, states: dict[str, str]) -> None:
    """A component that somebody stopped or paused runs again after `up`."""
    for name, state in states.items():
        if state == "stopped":
            process.start_again(folder, name)
        elif state == "paused":
            process.send(folder, name, process.signal.SIGCONT)
    wait_for_api(folder)


def down_advice(folder: Folder) -> str:
    return f"take it down first: e2e/cluster down --name {folder.name}"


@contextmanager
def taken_down_on_failure(folder: Folder) -> Iterator[None]:
    """What failed to come up does not run on. Its logs stay for whoever wants to know why."""
    try:
        yield
    except BaseException:
        end_processes(folder)
        machine.release(folder)
        tell(f"the logs stay in {folder.path / 'logs'} until the next up or down")
        raise


def start(folder: Folder, options: Options) -> None:
    folder.make()
    if options.size == NODE:
        machine.claim(folder)
    ports = control_plane.free_ports(control_plane.api_address(options.size))
    known = {"options": as_read(options), "ports": vars(ports), "adopted": False, "kubeconfig": str(folder.kubeconfig)}
    write_json(folder.path / "cluster.json", {**known, "ready": False})
    start_control_plane(folder, options, ports)
    if options.size == NODE:
        node.start(folder)
        volumes.ensure(folder, volumes.DEFAULT_COUNT)
        node.wait(folder)
    write_json(folder.path / "cluster.json", {**known, "ready": True})


def start_control_plane(folder: Folder, options: Options, ports: Ports) -> None:
    control_plane.write_pki(folder, options.size, ports)
    control_plane.write_audit_policy(folder)
    if options.size == NODE:
        node.prepare(folder, control_plane.api_url(options.size, ports))
    process.start(folder, control_plane.etcd(folder, options, ports))
    process.start(folder, control_plane.api_server(folder, options, ports))
    wait_for_api(folder)
    if options.definitions:
        kube.define(folder.kubeconfig, options.definitions)
    manager = control_plane.controller_manager(folder, options)
    if manager is None:
        tell("there is no controller-manager, so no garbage collection, no service accounts by default")
        return
    process.start(folder, manager)
    process.wait_for(
        lambda: kube.controllers_work(folder.kubeconfig), "the controller-manager to do its work", READY_SECONDS,
        folder, ["etcd", "kube-apiserver", manager.name],
    )


def wait_for_api(folder: Folder) -> None:
    process.wait_for(
        lambda: kube.answers(folder.kubeconfig), "the API server to be ready", READY_SECONDS, folder,
        ["etcd", "kube-apiserver"],
    )


def down(folder: Folder) -> None:
    with lock_of(folder):
        known = record(folder)
        if known and known["adopted"]:
            tell(f"{known['kubeconfig']} is somebody else's cluster and is left as it is")
        elif not folder.path.exists() and machine.node_owner() != folder.path:
            tell(f"there is no cluster '{folder.name}'")
            return
        clear(folder)
        tell(f"the name '{folder.name}' is free" if known and known["adopted"] else f"'{folder.name}' is down")


def down_all() -> None:
    owner = machine.node_owner()
    there = {folder.path: folder for folder in folders()}
    if owner and owner not in there:
        there[owner] = Folder(owner.name, owner)
    for folder in there.values():
        down(folder)


def clear(folder: Folder) -> None:
    """Takes away all that a cluster of this folder can have left, also one whose end nobody saw."""
    end_processes(folder)
    machine.release(folder)
    shutil.rmtree(folder.path, ignore_errors=True)
    if folder.path.exists():
        raise Failure(f"{folder.path} cannot be removed; it may belong to another user")


def end_processes(folder: Folder) -> None:
    """All at once and without grace: it is thrown away, and a graceful API server would wait for its watchers."""
    recorded = [pid for name in process.names(folder) if (pid := process.process_of(folder, name))]
    process.end({*recorded, *process.marked(folder.path)}, 0)


def take_over(folder: Folder, kubeconfig: Path) -> Path:
    """Somebody's throw-away cluster under a name of ours."""
    with lock_of(folder):
        known = record(folder)
        if known and not known["adopted"]:
            raise Failure(f"'{folder.name}' is a cluster of the rig's own; {down_advice(folder)}")
        adopt.check(kubeconfig)
        folder.make()
        options = as_read(Options("adopted"))
        known = {"options": options, "ports": {}, "adopted": True, "kubeconfig": str(kubeconfig), "ready": True}
        write_json(folder.path / "cluster.json", known)
        return kubeconfig


def kubeconfig_of(folder: Folder) -> Path:
    known = record(folder)
    if not known:
        raise Failure(f"there is no cluster '{folder.name}'; run: e2e/cluster up --name {folder.name}")
    return Path(known["kubeconfig"])


def own(folder: Folder) -> Folder:
    """For commands about processes, which somebody else's cluster has elsewhere."""
    if (known := record(folder)) and known["adopted"]:
        raise Failure(f"'{folder.name}' stands for {known['kubeconfig']}, whose processes are not the rig's")
    kubeconfig_of(folder)
    return folder


def status(folder: Folder) -> Json:
    known = record(folder) or {"options": {"size": "unknown"}, "adopted": False, "kubeconfig": "", "ready": False}
    components = {}
    for name in process.names(folder):
        components[name] = {
            "state": process.state(folder, name), "pid": process.process_of(folder, name),
            "log": str(folder.log(name)),
        }
    alive = bool(components) and all(one["state"] == "running" for one in components.values())
    return {
        "name": folder.name,
        "size": known["options"]["size"],
        "up": known["ready"] and (alive or known["adopted"]),
        "adopted": known["adopted"],
        "kubeconfig": known["kubeconfig"],
        "folder": str(folder.path),
        "audit_log": str(folder.audit_log) if known["options"].get("audit") else None,
        "components": components,
    }
