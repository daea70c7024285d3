"""Every operation by key spec: at the server and through the sidecar's socket, beside the primitive alone."""

from __future__ import annotations

import json
import time
from itertools import groupby

from .api import Json, kms
from .installation import Installation, Server
from .load import Load, Measured, Plan, Target
from .output import Report, Row, tell
from .primitives import ANY_KEY, Case, Primitives

CONNECTIONS = 64
WARM_SECONDS = 0.2
# The one that does no primitive: what every request costs.
REQUEST_ALONE = "GetPublicKey"


class Operations:
    """Loads each target with each operation: as much as it takes, and half of that."""

    def __init__(
        self, of: Installation, server: Server, load: Load, targets: list[Target], primitives: Primitives,
        report: Report,
    ) -> None:
        self.of, self.server, self.load, self.targets, self.report = of, server, load, targets, report
        self.primitives = primitives
        self.keys: dict[tuple[str, str], str] = {}
        self.request_alone: dict[str, float] = {}

    def measure(self, seconds: int) -> None:
        cases = self.primitives.cases()
        self.make_keys(cases)
        begun = time.monotonic()
        for spec, some in groupby(cases, lambda case: case.key[0]):
            rows = [row for case in some for row in self.rows(case, seconds)]
            title = f"Operations by a second of CPU time, {spec}, {seconds} s each"
            self.report.add(title, rows)
        tell(f"{len(cases)} operations took {time.monotonic() - begun:.0f} s")

    def make_keys(self, cases: list[Case]) -> None:
        wanted = sorted({case.key for case in cases})
        tell(f"making {len(wanted)} keys")
        for spec, usage in wanted:
            name = f"{spec}-{usage}".lower().replace("_", "-")
            self.keys[spec, usage] = self.of.make_key(name, keySpec=spec, keyUsage=usage)
        # RSA pairs are made ahead once one was asked for.
        self.server.settle()

    def rows(self, case: Case, seconds: int) -> list[Row]:
        members = self.members(case)
        return [self.row(case, target, members, self.primitives.rate(case), seconds) for target in self.targets]

    def members(self, case: Case) -> Json:
        """The members of the request, of which one may come from a call before it."""
        key = self.keys[case.key]
        told = json.loads(json.dumps(case.told).replace(ANY_KEY, key))
        members, before = told["request"], told["before"]
        if before:
            connection = self.server.connect()
            answer = kms(connection, before["operation"], before["request"], self.of.token)
            connection.close()
            members[before["member"]] = answer[before["member"]]
        return members

    def row(self, case: Case, target: Target, members: Json, raw: float | None, seconds: int) -> Row:
        tell(f"{case.name} at {target.name}")
        requests = target.requests(case.told["operation"], members)
        full = self.load.run(target, requests, Plan(CONNECTIONS, seconds, WARM_SECONDS))
        half = self.load.run(target, requests, Plan(CONNECTIONS, seconds, WARM_SECONDS, max(1.0, full.rate / 2)))
        if case.told["operation"] == REQUEST_ALONE:
            self.request_alone[target.name] = full.coffer_cpu
        note = f"{full.rate:,.0f}/s by the clock; at half of it p99 {half.p99:.2f} ms"
        note += self.beyond(case, raw, target, full) + full.failed() + half.failed()
        return Row(
            f"{case.name}, {target.name}", 1e6 / max(1.0, full.coffer_cpu), "/s", note,
            peer=raw, peer_name="raw", least_ratio=case.least_ratio,
        )

    def beyond(self, case: Case, raw: float | None, target: Target, full: Measured) -> str:
        """What the ratio is without what every request costs, where that leaves enough to tell it."""
        alone = self.request_alone.get(target.name)
        if case.least_ratio is None or raw is None or not alone or full.coffer_cpu < 2 * alone:
            return ""
        ratio = 1e6 / (full.coffer_cpu - alone) / raw
        return f"; without the {alone:.0f} us of any request {ratio:.2f} of raw"
