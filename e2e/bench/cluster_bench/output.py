"""Progress, failures, and the table."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

BEGUN = time.monotonic()


class Failure(Exception):
    """Something does not work; the text is for people."""


def tell(text: str) -> None:
    print(f"{time.monotonic() - BEGUN:7.1f} s  {text}", file=sys.stderr, flush=True)


def spell(value: float) -> str:
    """Three digits that count, and thousands apart."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


@dataclass(frozen=True)
class Row:
    """One figure, and what it is held against: a limit, or a peer that was measured in the same run, of which it may
    have to be a part at least."""

    figure: str
    value: float
    unit: str
    note: str = ""
    limit: float | None = None
    peer: float | None = None
    peer_name: str = ""
    least_ratio: float | None = None

    @property
    def ratio(self) -> float | None:
        other = self.limit if self.limit is not None else self.peer
        return self.value / other if other else None

    def cells(self) -> tuple[str, str, str, str, str]:
        against, aim = "", ""
        if self.limit is not None:
            against = f"limit {spell(self.limit)} {self.unit}"
            aim = "met" if self.value <= self.limit else "missed"
        elif self.peer is not None:
            against = f"{self.peer_name} {spell(self.peer)} {self.unit}"
            if self.least_ratio is not None:
                aim = "met" if self.value >= self.peer * self.least_ratio else "missed"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return self.figure, f"{spell(self.value)} {self.unit}", against, ratio, f"{aim:<7} {self.note}".rstrip()


@dataclass
class Report:
    """What was measured until now: also a run that fails shows it."""

    facts: dict[str, Any] = field(default_factory=dict)
    sections: list[tuple[str, list[Row], list[str]]] = field(default_factory=list)

    def add(self, title: str, rows: list[Row], lines: list[str] | None = None) -> None:
        self.sections.append((title, rows, lines or []))
        for row in rows:
            tell("  " + "  ".join(cell for cell in row.cells() if cell))
        for line in lines or []:
            tell("    " + line)

    def as_json(self) -> str:
        def row_of(row: Row) -> dict[str, Any]:
            held = {"limit": row.limit} if row.limit is not None else {"peer": row.peer, "peer_name": row.peer_name}
            against = {**held, "ratio": row.ratio} if row.ratio is not None else {}
            against |= {"least_ratio": row.least_ratio} if row.least_ratio is not None else {}
            return {"figure": row.figure.strip(), "value": row.value, "unit": row.unit, "note": row.note, **against}

        sections = [
            {"title": title, "rows": [row_of(row) for row in rows], "lines": lines}
            for title, rows, lines in self.sections
        ]
        return json.dumps({"facts": self.facts, "sections": sections}, indent=2)

    def as_text(self) -> str:
        head = ("", "measured", "held against", "ratio", "aim")
        cells = [row.cells() for _, rows, _ in self.sections for row in rows]
        widths = [max(len(one[column]) for one in [head, *cells]) for column in range(4)]
        left = "{:<%d}" % widths[0]
        shape = "  " + left + "  {:>%d}  {:>%d}  {:>%d}   {}" % tuple(widths[1:])
        told = [f"{name + ':':<18} {value}" for name, value in self.facts.items()]
        told += ["", shape.format(*head).rstrip()]
        for title, rows, lines in self.sections:
            told += ["", title, *(shape.format(*row.cells()).rstrip() for row in rows)]
            told += [f"      {line}" for line in lines]
        return "\n".join([*told, "", NOTES])


NOTES = """\
A ratio is the measured value divided by the limit, or by the peer of the same run; ratios to a peer hold across
machines where times do not. On a busy machine a missed aim may mean nothing: see the load averages. Requests to the
API server are those that kube-apiserver counted, less the benchmark's own and those of the cluster without Coffer.
Operations are counted by a second of CPU time of the server, and of the sidecar where it is asked; raw is aws-lc-rs
with a key that was parsed before, by a second of CPU time too. The p99 is that of an open loop at half of the rate by
the clock, which load and Coffer share the machine for."""
