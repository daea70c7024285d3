"""How long a replica takes from its start to serving."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from . import counts
from .api import GROUP, Client
from .installation import SEALED, Installation, Server
from .output import Report, Row, tell
from .process import cpu_seconds
from .rest import Baseline

TIMES = 3
# The aim of the project: within 3 s after the lists of everything are there.
AFTER_LISTS_LIMIT = 3.0


def lists(client: Client) -> dict[str, tuple[float, int]]:
    """Seconds that plain lists of what a replica reads take, page after page, and their bytes."""
    paths = {"Secrets": f"/api/v1/namespaces/{SEALED}/secrets", "KmsKeys": f"{GROUP}/kmskeys"}
    found = {}
    for name, path in paths.items():
        begun = time.monotonic()
        size = client.list_all(path)
        found[name] = time.monotonic() - begun, size
    return found


def measure(of: Installation, server: Server, key: str, keys: int, baseline: Baseline, report: Report) -> Server:
    """Restarts it some times; gives the last one."""
    rows, asked_lines = [], []
    pids = of.rig.pids()
    for turn in range(1, TIMES + 1):
        tell(f"restarting the server with {keys:,} keys, {turn} of {TIMES}")
        peer = lists(of.client)
        stopped = server.stop()
        before, begun = counts.read(of.client), time.monotonic()
        spent = {name: cpu_seconds(pid) for name, pid in pids.items()}
        server = of.start(server.name)
        with ThreadPoolExecutor(1) as other:
            answer = other.submit(server.wait_answer, key)
            ready = server.wait_ready()
            used = {"coffer": server.cpu()}
            used |= {name: cpu_seconds(pid) - spent[name] for name, pid in pids.items()}
            answered = answer.result()
        server.settle()
        others = baseline.requests_in(time.monotonic() - begun)
        asked = counts.read(of.client).since(before).without(others)
        secrets, resources = peer["Secrets"], peer["KmsKeys"]
        both = secrets[0] + resources[0]
        note = f"stopped in {stopped:.2f} s"
        rows += [
            Row(f"{turn}. start to /readyz", ready, "s", note, peer=both, peer_name="both lists"),
            Row("   beyond a list of the Secrets", max(0.0, ready - secrets[0]), "s", limit=AFTER_LISTS_LIMIT),
            Row("   start to DescribeKey", answered, "s"),
        ]
        sizes = ", ".join(f"{name} {took:.2f} s, {size / 1e6:.1f} MB" for name, (took, size) in peer.items())
        total = f"{asked.reads:,.0f} reads and {asked.writes:,.0f} writes until it settled"
        cpu = ", ".join(f"{name} {seconds:.2f}" for name, seconds in used.items())
        asked_lines += [f"{turn}. plain lists: {sizes}; {total}", f"   CPU seconds until ready: {cpu}"]
    asked_lines += ["requests of the last start:", *asked.lines(1, 2, times=True)]
    report.add(f"Restart with {keys:,} keys", rows, asked_lines)
    return server
