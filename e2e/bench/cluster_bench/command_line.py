"""The order of it all."""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from . import load, rest, restart, rig
from .api import Access
from .installation import Installation, Server
from .keys import Keys, memory
from .load import Load, Target
from .operations import Operations
from .output import Failure, Report, tell
from .primitives import Primitives
from .process import load_average, sync_rate
from .rig import ROOT
from .watch import ReadyWatch

DESCRIPTION = """Measures `coffer server` and `coffer-sidecar` with a real API server: starts a control plane of its
own, makes keys, restarts, rests, encrypts, and prints one table. It asserts no figure: ratios to limits, and to peers
that were measured in the same run, are for people to look at. It fails only where something does not work.

what is measured:
  keys to Ready   KmsKey objects made over 8 connections, seen ready by a watch; requests to the API server per key
  memory          of the server with these keys, after it has settled
  one key         from a server-side apply to Ready, 100 times one after the other
  at rest         requests to the API server in an hour, of a leader, and of a leader and a follower
  restart         from the start of a server to /readyz and to the first answer, beside plain lists of what it reads
  load            Encrypt through a sidecar and at the server, over 1, 16 and 64 connections, beside `coffer local`
  sidecar         its memory before and after the load
  operations      every operation by key spec at the server and through the sidecar's socket, by the CPU time of all
                  their processes, beside aws-lc-rs alone, and the p99 at half of the load: twice two loads for each
                  of some 60, so that with 1 s each it takes 5 minutes, and some more where cargo has to build first

examples:
  e2e/bench/cluster --coffer target/release/coffer --sidecar target/release/coffer-sidecar
  e2e/bench/cluster --keys 500 --seconds 3 --rest-seconds 20
  e2e/bench/cluster --only load --keys 10 -o json
  e2e/bench/cluster --only operations --keys 10 --rest-seconds 1

Progress goes to standard error, the table to standard output. Go and what `e2e/cluster` needs must be installed. With
10,000 keys it takes 20 minutes on two cores. Everything is removed at the end, also after an interruption;
what a killed run left is removed by the next one.

environment:
  COFFER_BIN           the binary, unless --coffer names one
  COFFER_SIDECAR_BIN   the sidecar's, unless --sidecar names one
"""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PARTS = ("one", "rest", "restart", "load", "operations")


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="e2e/bench/cluster", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    release = ROOT / "target" / "release"
    coffer = os.environ.get("COFFER_BIN") or release / "coffer"
    sidecar = os.environ.get("COFFER_SIDECAR_BIN") or release / "coffer-sidecar"
    result.add_argument("--keys", type=positive, default=10_000, help="keys to make (default: %(default)s)")
    result.add_argument(
        "--seconds", type=positive, default=10, help="time that each load is measured (default: %(default)s)",
    )
    result.add_argument(
        "--operation-seconds", type=positive, default=1, metavar="SECONDS",
        help="time that each load of each operation by key spec is measured (default: %(default)s)",
    )
    result.add_argument(
        "--rest-seconds", type=positive, default=60, metavar="SECONDS",
        help="time that requests at rest are counted (default: %(default)s)",
    )
    binaries = (("--coffer", coffer, "target/release/coffer"), ("--sidecar", sidecar, "target/release/coffer-sidecar"))
    for option, path, usual in binaries:
        result.add_argument(option, type=Path, default=Path(path), metavar="BIN", help=f"default: {usual}")
    result.add_argument("--fsync", action="store_true", help="etcd writes to the disk before it answers")
    result.add_argument(
        "--only", action="append", choices=PARTS, default=[],
        help="after the keys are made, measure only this; may be repeated",
    )
    result.add_argument("--name", default="bench", help="name of the cluster (default: %(default)s)")
    result.add_argument("--keep-logs", type=Path, metavar="DIR", help="leave the logs of all programs here")
    result.add_argument("-o", "--output", choices=["text", "json"], default="text", help="default: %(default)s")
    return result


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


class Benchmark:
    """One run."""

    def __init__(self, arguments: argparse.Namespace, report: Report, stack: ExitStack) -> None:
        self.arguments, self.report, self.stack = arguments, report, stack
        self.parts = arguments.only or list(PARTS)
        self.coffer, self.sidecar = executable(arguments.coffer), executable(arguments.sidecar)
        self.folder = stack.enter_context(own_folder())
        if arguments.keep_logs:
            stack.callback(keep_logs, self.folder, arguments.keep_logs)

    def run(self) -> None:
        arguments = self.arguments
        facts, coffer = self.report.facts, self.coffer
        facts["cores"] = os.cpu_count()
        facts["load before"] = load_average()
        facts["fdatasync of 4 KiB"] = f"{sync_rate(self.folder):,.0f} a second"
        facts["etcd"] = "with fsync" if arguments.fsync else "without fsync"
        facts["binary"] = f"{coffer.name}, {coffer.stat().st_size / 1e6:.0f} MB"
        primitives = Primitives() if "operations" in self.parts else None
        loads = Load(self.folder)
        self.stack.callback(loads.end)
        cluster = self.stack.enter_context(rig.cluster(arguments.name, arguments.fsync))
        access = Access.of(cluster.kubeconfig, self.folder)
        facts["API server"] = cluster.version()
        of = Installation(cluster, access, coffer, self.folder)
        self.stack.callback(of.end)
        of.prepare()
        server, key = self.measure(of)
        if {"load", "operations"} & set(self.parts):
            self.load(of, loads, server, key, primitives)
        facts["load after"] = load_average()

    def measure(self, of: Installation) -> tuple[Server, str]:
        """What needs no load. Gives the server that serves then, and a key."""
        arguments, report = self.arguments, self.report
        tell("waiting until the garbage collector knows our kinds")
        rest.wait_for_collector(of.client)
        tell(f"counting what the cluster asks of itself, for {arguments.rest_seconds} s")
        baseline = rest.baseline(of.client, of.rig.pids(), arguments.rest_seconds)
        server = of.start("coffer-0")
        server.wait_ready()
        of.make_callers()
        key = of.make_key("load")
        server.wait_answer(key)
        watch = ReadyWatch(of.access)
        self.stack.callback(watch.stop)
        keys = Keys(of, server, watch, baseline, report)
        keys.many(arguments.keys)
        if "one" in self.parts:
            keys.singles()
        watch.stop()
        if "rest" in self.parts:
            self.rest(of, keys)
        if "restart" in self.parts:
            server = restart.measure(of, server, key, arguments.keys, baseline, report)
            memory("after a restart", server, self.report)
        return server, key

    def load(self, of: Installation, loads: Load, server: Server, key: str, primitives: Primitives | None) -> None:
        arguments, report = self.arguments, self.report
        direct = Target("server, TLS", load.loopback(server.port, of.authority), key, tuple(of.tokens), (server,))
        through = loads.sidecar(self.sidecar, of, server, key, report)
        if "load" in self.parts:
            targets = [loads.local(self.coffer), direct, through]
            load.measure(loads, targets, arguments.seconds, report)
        if primitives:
            socket = replace(through, name="sidecar, socket", reach=("-socket", load.SOCKET))
            every = Operations(of, server, loads, [direct, socket], primitives, report)
            every.measure(arguments.operation_seconds)
        load.memory_after(through.programs[0], report)
        memory("after the load", server, report)

    def rest(self, of: Installation, keys: Keys) -> None:
        seconds, baseline = self.arguments.rest_seconds, keys.baseline
        rest.measure(of.client, seconds, baseline, "a leader", self.report)
        follower = of.start("coffer-1")
        follower.wait_ready()
        follower.settle()
        rest.measure(of.client, seconds, baseline, "a leader and a follower", self.report)
        memory("that follows", follower, self.report)
        follower.stop()


def executable(path: Path) -> Path:
    found = path.resolve()
    if not os.access(found, os.X_OK) or found.is_dir():
        raise Failure(f"{path} is no program; build it, or name another one with --coffer and --sidecar")
    return found


@contextmanager
def own_folder() -> Iterator[Path]:
    """On the repository's disk, since a folder for temporary files may be memory, where making a record durable costs
    nothing. For one run at a time: two would disturb each other."""
    place = ROOT / "target" / "bench"
    place.mkdir(parents=True, exist_ok=True)
    with open(place / "cluster.lock", "w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure("another run of this benchmark goes on") from None
        folder = place / "cluster"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def keep_logs(folder: Path, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for log in folder.glob("*.log"):
        (place / log.name).write_bytes(log.read_bytes())


def interrupt(number: int, frame: FrameType | None) -> None:
    """The first signal ends the run; what cleans up after it is not disturbed by another one."""
    on_signals(lambda number, frame: None)
    raise KeyboardInterrupt


def on_signals(handler: Callable[[int, FrameType | None], None]) -> None:
    for number in SIGNALS:
        # What was started to be ignored, as nohup does it, stays so.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def main(given: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(given)
    on_signals(interrupt)
    report, stack, code, begun = Report(), ExitStack(), 1, time.monotonic()
    try:
        Benchmark(arguments, report, stack).run()
        code = 0
    except Failure as failure:
        tell(f"error: {failure}")
    except KeyboardInterrupt:
        tell("interrupted")
        code = 130
    except Exception:
        # What was measured until now is printed all the same.
        traceback.print_exc()
    finally:
        on_signals(lambda number, frame: None)
        stack.close()
    report.facts["took"] = f"{time.monotonic() - begun:,.0f} s"
    if report.sections:
        print(report.as_json() if arguments.output == "json" else report.as_text())
    sys.stdout.flush()
    return code
