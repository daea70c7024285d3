"""Programs that outlive the command that started them, and the record by which they are found again.

A process number alone is not enough to kill somebody: numbers are used again. So a record holds the time when the
process started and the machine's boot, and a process that does not fit both is not ours. Besides, every program
carries a variable that names its cluster; by it are found those that a killed run did not come to record, and what
our programs started themselves, such as containerd's shims.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .output import Failure, tell
from .paths import Folder, read_json, write_json

FOLDER_VARIABLE = "COFFER_CLUSTER_FOLDER"
POLL_SECONDS = 0.05
LOG_LINES_SHOWN = 25


@dataclass(frozen=True)
class Component:
    """What is needed to start a program, and to start it again just so."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_ticks(pid: int) -> int | None:
    """When the process started; nothing if it is gone, or dead and only not yet collected by its parent."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def record_path(folder: Folder, name: str) -> Path:
    return folder.components / f"{name}.json"


def names(folder: Folder) -> list[str]:
    return sorted(path.stem for path in folder.components.glob("*.json"))


def start(folder: Folder, component: Component) -> None:
    environment = {"PATH": os.environ.get("PATH", ""), **component.environment, FOLDER_VARIABLE: str(folder.path)}
    with folder.log(component.name).open("ab") as log:
        process = subprocess.Popen(
            component.arguments, env=environment, cwd=folder.path, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )
    write_json(record_path(folder, component.name), {
        "arguments": list(component.arguments),
        "environment": dict(component.environment),
        "pid": process.pid,
        "start_ticks": start_ticks(process.pid),
        "boot_id": boot_id(),
        "stopped": False,
    })


def process_of(folder: Folder, name: str) -> int | None:
    """The number of the component's process, if it is alive and the one that was started."""
    record = read_json(record_path(folder, name))
    if not record or record["start_ticks"] is None or record["boot_id"] != boot_id():
        return None
    return record["pid"] if start_ticks(record["pid"]) == record["start_ticks"] else None


def state(folder: Folder, name: str) -> str:
    """`running`, `paused`, `stopped` (somebody asked for it) or `dead`."""
    pid = process_of(folder, name)
    if pid is None:
        return "stopped" if (read_json(record_path(folder, name)) or {}).get("stopped") else "dead"
    return "paused" if "\nState:\tT" in Path(f"/proc/{pid}/status").read_text() else "running"


def known(folder: Folder, name: str) -> int | None:
    if name not in names(folder):
        there = ", ".join(names(folder)) or "none"
        raise Failure(f"the cluster '{folder.name}' has no component '{name}'; it has: {there}")
    return process_of(folder, name)


def stop(folder: Folder, name: str, grace_seconds: float) -> None:
    """Ends one component and notes that it was wanted, so that `up` starts it again."""
    pid = known(folder, name)
    record = read_json(record_path(folder, name)) or {}
    write_json(record_path(folder, name), {**record, "stopped": True})
    if pid is not None:
        end([pid], grace_seconds)


def start_again(folder: Folder, name: str) -> None:
    if known(folder, name) is not None:
        tell(f"{name} runs already")
        return
    record = read_json(record_path(folder, name)) or {}
    start(folder, Component(name, tuple(record["arguments"]), record["environment"]))


def send(folder: Folder, name: str, number: signal.Signals) -> None:
    pid = known(folder, name)
    if pid is None:
        raise Failure(f"{name} of '{folder.name}' does not run; start it with: e2e/cluster start {name}")
    os.kill(pid, number)
    wanted = "paused" if number == signal.SIGSTOP else "running"
    wait_for(lambda: state(folder, name) == wanted, f"{name} to be {wanted}", 5)


def end(pids: Iterable[int], grace_seconds: float) -> None:
    """Asks, waits, then kills. A paused process is woken, or it could not even hear."""
    alive = {pid: ticks for pid in pids if (ticks := start_ticks(pid)) is not None}
    for number, seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 10.0)):
        if not seconds:
            continue
        for pid in alive:
            for one in (number, signal.SIGCONT):
                signal_quietly(pid, one)
        deadline = time.monotonic() + seconds
        while alive and time.monotonic() < deadline:
            alive = {pid: ticks for pid, ticks in alive.items() if start_ticks(pid) == ticks}
            time.sleep(POLL_SECONDS if alive else 0)


def signal_quietly(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def marked(path: Path) -> list[int]:
    """Every living process that carries the mark of the cluster in this folder."""
    mark = f"{FOLDER_VARIABLE}={path}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark in variables and start_ticks(int(entry.name)) is not None:
            found.append(int(entry.name))
    return found


def wait_for(
    ready: Callable[[], bool], what: str, timeout_seconds: float, folder: Folder | None = None,
    components: Sequence[str] = (),
) -> None:
    """Until the condition holds. A component that dies meanwhile ends the wait at once, with its log."""
    deadline = time.monotonic() + timeout_seconds
    while not ready():
        for name in components:
            if folder and process_of(folder, name) is None:
                raise Failure(f"{name} died while waiting for {what}\n{log_end(folder, name)}")
        if time.monotonic() > deadline:
            logs = "".join(f"\n{log_end(folder, name)}" for name in components) if folder else ""
            raise Failure(f"waited {timeout_seconds:.0f} s in vain for {what}{logs}")
        time.sleep(POLL_SECONDS)


def log_end(folder: Folder, name: str) -> str:
    path = folder.log(name)
    lines = path.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:] if path.exists() else []
    return "\n".join([f"the last lines of {path}:", *(f"  {line[:400]}" for line in lines or ["(empty)"])])
