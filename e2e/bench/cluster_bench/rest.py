"""What Coffer asks of the API server while nobody asks anything of Coffer."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

from . import counts
from .api import Client
from .counts import Counts, Name
from .output import Report, Row, tell
from .process import cpu_seconds

HOUR = 3600
# Controllers of Kubernetes find new kinds within half a minute, and then watch them too.
CONTROLLERS_SECONDS = 90
CONTROLLERS = 2
# The Installation tells of the last changes within half a minute.
SETTLED_SECONDS = 35


def wait_for_controllers(client: Client) -> None:
    """Until the garbage collector and the quota's controller watch our kinds, which would be counted as Coffer's."""
    deadline = time.monotonic() + CONTROLLERS_SECONDS
    while counts.read(client).watches["WATCH", "kmskeys"] < CONTROLLERS and time.monotonic() < deadline:
        time.sleep(1)


@dataclass(frozen=True)
class Baseline:
    """What the cluster does by itself: requests by the second, open watches, and cores that its programs use."""

    counts: Counts
    cores: dict[str, float]

    def requests_in(self, seconds: float) -> Counter[Name]:
        return Counter({name: rate * seconds for name, rate in self.counts.requests.items()})


def baseline(client: Client, pids: dict[str, int], seconds: float) -> Baseline:
    before, begun = {name: cpu_seconds(pid) for name, pid in pids.items()}, time.monotonic()
    found = rates(client, seconds)
    elapsed = time.monotonic() - begun
    return Baseline(found, {name: (cpu_seconds(pid) - before[name]) / elapsed for name, pid in pids.items()})


def rates(client: Client, seconds: float) -> Counts:
    """Requests by the second over this time, and watches that are open."""
    before, begun = counts.read(client), time.monotonic()
    time.sleep(seconds)
    now = counts.read(client)
    elapsed = time.monotonic() - begun
    delta = now.since(before)
    for name in delta.requests:
        delta.requests[name] = delta.requests[name] / elapsed
    delta.watches = now.watches
    return delta


def measure(client: Client, seconds: float, alone: Baseline, who: str, report: Report) -> None:
    time.sleep(SETTLED_SECONDS)
    tell(f"counting requests at rest for {seconds:.0f} s: {who}")
    rate = rates(client, seconds)
    found = rate.without(alone.counts.requests)
    # Watches are counted when they end, which is too seldom to be seen in so short a time.
    found.requests = Counter({name: one for name, one in found.requests.items() if name[0] != "WATCH"})
    hourly = sum(found.requests.values()) * HOUR
    opened = {name: count - alone.counts.watches[name] for name, count in rate.watches.items()}
    opened = {name: count for name, count in opened.items() if count > 0}
    watched = ", ".join(f"{resource} {count:.0f}" for (_, resource), count in sorted(opened.items()))
    rows = [
        Row(f"{who}: API requests an hour", hourly, "/h", "and the watches, each begun anew about 12 times an hour"),
        Row("  writes", found.writes * HOUR, "/h"),
        Row("  open watches", sum(opened.values()), ""),
    ]
    lines = [*found.lines(1 / HOUR, 1), f"watches: {watched}"]
    report.add(f"At rest, counted over {seconds:.0f} s", rows, lines)
