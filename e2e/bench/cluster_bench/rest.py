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
# The garbage collector finds new kinds within half a minute, and then watches them too.
COLLECTOR_SECONDS = 90
# The Installation tells of the last changes within half a minute.
SETTLED_SECONDS = 35


def wait_for_collector(client: Client) -> None:
    """Until the garbage collector watches our kinds: later it would be counted as Coffer's."""
    deadline = time.monotonic() + COLLECTOR_SECONDS
    while not counts.read(client).watches["WATCH", "kmskeys"] and time.monotonic() < deadline:
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
    # And what is less than one request is what the subtraction left over.
    is_told = {name for name, one in found.requests.items() if name[0] != "WATCH" and one * seconds > 0.5}
    found.requests = Counter({name: found.requests[name] for name in is_told})
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
