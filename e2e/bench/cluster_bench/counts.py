"""What the API server counted: requests by verb and resource, their errors, and their time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .api import Client

LABEL = re.compile(r'(\w+)="([^"]*)"')
Name = tuple[str, str]
WRITES = frozenset({"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"})
REQUESTS = "apiserver_request_total{"
SECONDS = "apiserver_request_duration_seconds_sum{"
OPEN = "apiserver_longrunning_requests{"
# What controllers of Kubernetes ask now and then to learn which kinds there are. Coffer never does.
DISCOVERY = frozenset({"api", "apis"})


@dataclass
class Counts:
    """Requests since the API server began, or between two moments."""

    requests: Counter[Name] = field(default_factory=Counter)
    seconds: Counter[Name] = field(default_factory=Counter)
    refused: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    watches: Counter[Name] = field(default_factory=Counter)

    def since(self, before: Counts) -> Counts:
        def less(now: Counter, then: Counter) -> Counter:
            return Counter({name: value - then[name] for name, value in now.items() if value - then[name] > 0})

        return Counts(
            less(self.requests, before.requests), less(self.seconds, before.seconds),
            less(self.refused, before.refused), less(self.watches, before.watches),
        )

    def without(self, own: Mapping[Name, float]) -> Counts:
        """Less what others asked for."""
        requests = Counter({name: max(0, count - own.get(name, 0)) for name, count in self.requests.items()})
        return Counts(requests, self.seconds, self.refused, self.watches)

    def total(self, verbs: Iterable[str]) -> float:
        wanted = frozenset(verbs)
        return sum(count for (verb, _), count in self.requests.items() if verb in wanted)

    @property
    def writes(self) -> float:
        return self.total(WRITES)

    @property
    def reads(self) -> float:
        return self.total({verb for verb, _ in self.requests} - WRITES)

    def lines(self, divisor: float, least: float, times: bool = False) -> list[str]:
        """By verb and resource, what is most first, each divided."""
        told = []
        for (verb, resource), count in sorted(self.requests.items(), key=lambda one: -one[1]):
            if count / divisor < least:
                continue
            mean = self.seconds[verb, resource] / self.requests[verb, resource] * 1000
            suffix = f"   {mean:8.2f} ms in the API server" if times else ""
            told.append(f"{count / divisor:10,.2f}  {verb:<6} {resource:<40}{suffix}".rstrip())
        return told

    def refusals(self) -> str:
        """Answers that are errors and not the plain way to learn that something is not there."""
        told = [
            f"{count:.0f} x {code} to {verb} {resource}"
            for (verb, resource, code), count in self.refused.most_common() if (verb, code) != ("GET", "404")
        ]
        return ", ".join(told[:6]) or "none"


def read(client: Client) -> Counts:
    counts = Counts()
    for line in client.raw("GET", "/metrics").decode().splitlines():
        if not line.startswith((REQUESTS, SECONDS, OPEN)):
            continue
        given, value = line.rsplit(" ", 1)
        labels = dict(LABEL.findall(given))
        resource = "/".join(one for one in (labels["resource"], labels["subresource"]) if one)
        if not resource or resource in DISCOVERY:
            continue
        name = labels["verb"], resource
        if line.startswith(REQUESTS):
            counts.requests[name] += float(value)
            if labels["code"] >= "400":
                counts.refused[(*name, labels["code"])] += float(value)
        elif line.startswith(SECONDS):
            counts.seconds[name] += float(value)
        elif labels["verb"] == "WATCH":
            counts.watches[name] += float(value)
    return counts
