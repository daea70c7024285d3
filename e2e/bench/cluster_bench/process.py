"""Programs that end with the benchmark, whatever ends it, and what they cost."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from .output import Failure

T = TypeVar("T")
TICKS = os.sysconf("SC_CLK_TCK")
MEBIBYTE = 1024 * 1024
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def until(condition: Callable[[], T], what: str, seconds: float = 60.0, pause: float = 0.02) -> T:
    """The first truthy value of `condition`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds:.0f} s for {what}")
        time.sleep(pause)
    return found


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def end_with_parent() -> None:
    """Also a benchmark that is killed leaves none of them behind."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def machine_cpu_seconds() -> float:
    """CPU time that anything on this machine used."""
    fields = [int(one) for one in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / TICKS


def load_average() -> str:
    return " ".join(Path("/proc/loadavg").read_text().split()[:3])


def sync_rate(folder: Path) -> float:
    """How often in a second the disk makes a small append durable. No service that answers only after a commit has
    a higher rate than this times its batch."""
    path = folder / "sync"
    with open(path, "ab", buffering=0) as file:
        begun, syncs = time.monotonic(), 0
        while time.monotonic() - begun < 1:
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            syncs += 1
        took = time.monotonic() - begun
    path.unlink()
    return syncs / took


class Program:
    """One process of ours, with its log."""

    def __init__(self, name: str, command: list[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.log = log
        with open(log, "ab") as file:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
                preexec_fn=end_with_parent, env={**os.environ, **(environment or {})},
                # Sockets have short paths then, wherever the checkout is.
                cwd=log.parent,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def check(self) -> None:
        """Fails with the last words of a program that ended."""
        if self.process.poll() is not None:
            words = "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])
            raise Failure(f"{self.name} ended with {self.process.returncode}:\n{words}")

    def cpu(self) -> float:
        return cpu_seconds(self.pid)

    def memory(self) -> tuple[float, float]:
        """Resident now and at most, in MiB."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        found = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("VmRSS", "VmHWM"))}
        return int(found["VmRSS"]) * 1024 / MEBIBYTE, int(found["VmHWM"]) * 1024 / MEBIBYTE

    def settle(self, seconds: float = 180.0) -> None:
        """Waits until it uses next to no CPU time for 4 s: what it had to do is done."""
        deadline = time.monotonic() + seconds
        quiet, before = 0, self.cpu()
        while quiet < 4 and time.monotonic() < deadline:
            time.sleep(1)
            self.check()
            now = self.cpu()
            quiet, before = (quiet + 1 if now - before <= 0.05 else 0), now

    def stop(self, seconds: float = 30.0) -> float:
        """Asks it to end, and tells how long that took."""
        begun = time.monotonic()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        return time.monotonic() - begun

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
