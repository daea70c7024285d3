"""Many keys at once, and single ones one after the other, from the manifest to Ready."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from . import counts
from .api import GROUP, Access, Client
from .counts import Counts
from .installation import Installation, Server, manifest
from .output import Failure, Report, Row, tell
from .process import cpu_seconds, machine_cpu_seconds
from .rest import Baseline
from .watch import Name, ReadyWatch

# The aim of the project: 10,000 keys within 5 minutes.
AIM_SECONDS_PER_KEY = 300 / 10_000
NAMESPACES = 10
THREADS = 8
PATIENCE = 120.0
SINGLES = 100
CORES = os.cpu_count() or 1
MEMORY_LIMIT = 100.0


class Shares:
    """Who used the machine's CPU time, beyond what they use anyhow."""

    def __init__(self, pids: dict[str, int], cores: dict[str, float]) -> None:
        self.pids, self.cores = pids, cores
        self.begun, self.machine = time.monotonic(), machine_cpu_seconds()
        self.before = {name: cpu_seconds(pid) for name, pid in pids.items()}

    def used(self) -> dict[str, float]:
        """Seconds of each of them, of the most first."""
        elapsed = time.monotonic() - self.begun
        used = {
            name: max(0.0, cpu_seconds(pid) - self.before[name] - self.cores.get(name, 0) * elapsed)
            for name, pid in self.pids.items()
        }
        return dict(sorted(used.items(), key=lambda one: -one[1]))

    def others(self, used: dict[str, float]) -> float:
        """Cores that programs used which have nothing to do with this."""
        others = machine_cpu_seconds() - self.machine - sum(used.values())
        return max(0.0, others / (time.monotonic() - self.begun))


class Keys:
    """Makes keys and waits for them."""

    def __init__(self, of: Installation, server: Server, watch: ReadyWatch, baseline: Baseline, report: Report) -> None:
        self.of, self.server, self.watch, self.baseline, self.report = of, server, watch, baseline, report
        self.pids = {**of.rig.pids(), "coffer": server.pid, "the benchmark": os.getpid()}

    @contextmanager
    def counted(self, own: dict[tuple[str, str], float]) -> Iterator[Counts]:
        """Fills in what Coffer asked for meanwhile."""
        result = Counts()
        before, begun = counts.read(self.of.client), time.monotonic()
        yield result
        seconds = time.monotonic() - begun
        others = self.baseline.requests_in(seconds) + Counter(own)
        delta = counts.read(self.of.client).since(before).without(others)
        result.__dict__.update(delta.__dict__)

    def many(self, number: int) -> None:
        tell(f"making {number:,} keys")
        names = [(f"keys-{index % NAMESPACES}", f"key-{index}") for index in range(number)]
        for namespace in sorted({namespace for namespace, _ in names}):
            self.of.client.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        with self.counted({("POST", "kmskeys"): number}) as asked:
            shares = Shares(self.pids, self.baseline.cores)
            begun = time.monotonic()
            posted = self.post_all(names)
            ended = self.watch.wait_all(names, PATIENCE)
            used = shares.used()
            others = shares.others(used)
            tell("all keys are ready; waiting until the server has settled")
            self.server.settle()
        seconds, limit = ended - begun, number * AIM_SECONDS_PER_KEY
        alone = sum(used.values()) / CORES
        rows = [
            Row(f"{number:,} keys to Ready", seconds, "s", limit=limit),
            Row("  by CPU time alone", alone, "s", "all that took part, spread over all cores", limit=limit),
            Row("  keys a second", number / seconds, "/s", peer=1 / AIM_SECONDS_PER_KEY, peer_name="aim"),
            Row("  of it, making the objects", posted - begun, "s", f"{THREADS} connections"),
            Row("API writes per key", asked.writes / number, ""),
            Row("API reads per key", asked.reads / number, ""),
        ]
        spent = ", ".join(f"{name} {seconds / number * 1000:.2f}" for name, seconds in used.items())
        detail = [f"CPU time of a key, ms: {spent}", f"other programs kept {others:.2f} of {CORES} cores busy"]
        detail += [f"refused by the API server: {asked.refusals()}", "requests per key:"]
        self.report.add("Keys to Ready", rows, detail + asked.lines(number, 0.01, times=True))
        memory("with all of these keys", self.server, self.report)

    def post_all(self, names: list[Name]) -> float:
        """Makes the objects; tells when the last one was there."""
        failures: list[BaseException] = []
        remaining = iter(names)
        lock = threading.Lock()

        def work(access: Access) -> None:
            client = Client(access)
            try:
                while not failures:
                    with lock:
                        following = next(remaining, None)
                    if following is None:
                        return
                    namespace, name = following
                    client.raw("POST", f"{GROUP}/namespaces/{namespace}/kmskeys", manifest(namespace, name))
            except (Failure, OSError) as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(self.of.access,), daemon=True) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise Failure(f"a key could not be made: {failures[0]}")
        return time.monotonic()

    def singles(self) -> None:
        tell(f"making {SINGLES} keys one after the other")
        namespace = "singles"
        self.of.client.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        seconds, answered = [], []
        with self.counted({("APPLY", "kmskeys"): SINGLES}) as asked:
            for index in range(SINGLES):
                name = f"single-{index}"
                begun = time.monotonic()
                path = f"{GROUP}/namespaces/{namespace}/kmskeys/{name}"
                self.of.client.apply(path, manifest(namespace, name))
                answered.append(time.monotonic() - begun)
                seconds.append(self.watch.wait((namespace, name), PATIENCE) - begun)
            self.server.settle()
        ordered, applied = sorted(seconds), sorted(answered)
        middle, most = SINGLES // 2, SINGLES * 99 // 100
        rows = [
            Row("p50", ordered[middle] * 1000, "ms", peer=applied[middle] * 1000, peer_name="the apply alone"),
            Row("p99", ordered[most] * 1000, "ms", peer=applied[most] * 1000, peer_name="the apply alone"),
            Row("API writes per key", asked.writes / SINGLES, ""),
            Row("API reads per key", asked.reads / SINGLES, ""),
        ]
        title = f"From apply to Ready of one key, {SINGLES} times one after the other"
        self.report.add(title, rows, ["requests per key:", *asked.lines(SINGLES, 0.05, times=True)])


def memory(when: str, server: Server, report: Report) -> None:
    now, most = server.memory()
    rows = [
        Row(f"RSS of {server.name} {when}", now, "MiB", limit=MEMORY_LIMIT),
        Row("  at most since its start", most, "MiB"),
    ]
    report.add("Memory of the server", rows)
