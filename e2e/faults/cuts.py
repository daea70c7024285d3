"""Writes that fail: who goes through a flow, the fault that each meets there, and that each met it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from fault_layer import FaultLayer
from faults import Cut, Fault, HalveAnswer, LoseAnswer, Refuse, RequestAction
from seen import Request
from support import until

FAULTS: dict[str, RequestAction] = {
    "cut": Cut(), "lost": LoseAnswer(), "half": HalveAnswer(), "conflict": Refuse(409), "done": Refuse(504, done=True),
}
# A rotation is seen by every replica before it is done, which takes heartbeats of ten seconds.
DONE_SECONDS = 120.0
RECORD, STATUS, EVENT = "update key", "patch kmskeys/status", "create events"

# Each write by its label and its number among those of that label, with a word for names.
Writes = dict[tuple[str, int], str]


@dataclass
class Subject:
    """What goes through a flow, and the fault that it meets there."""

    name: str
    """Of its resource."""
    sealed: str
    """What the names of its sealed objects hold."""
    fault: Fault | None = None

    def meets(self, label: str) -> Callable[[Request], bool]:
        of_resource = label.endswith("/status") or label == EVENT

        def matches(request: Request) -> bool:
            name = request.name.split(".")[0]
            return request.label == label and (name == self.name if of_resource else self.sealed in request.name)

        return matches


S = TypeVar("S", bound=Subject)


def writes(*labels: str) -> Writes:
    """The writes of a flow in their order."""
    numbered = [(label, labels[:place].count(label) + 1) for place, label in enumerate(labels)]
    return {write: f"w{place}" for place, write in enumerate(numbered)}


def names(flow: str, writes: Writes) -> list[str]:
    """One for each write with each fault."""
    return [f"{flow}-{word}-{fault}" for word in writes.values() for fault in FAULTS]


def plant(layer: FaultLayer, subjects: Sequence[Subject], writes: Writes) -> int:
    """Gives each subject a fault, until there are no more; tells how many there are."""
    cases = [(write, action) for write in writes for action in FAULTS.values()]
    assert len(subjects) >= len(cases)
    for subject, ((label, nth), action) in zip(subjects, cases, strict=False):
        subject.fault = layer.plant(action, subject.meets(label), nth)
    return len(cases)


def finish(layer: FaultLayer, subjects: Sequence[S], what: str, done: Callable[[S], bool]) -> None:
    """Waits until it has happened to every subject, and every subject met its fault."""
    left = list(subjects)

    def all_done() -> bool:
        left[:] = [subject for subject in left if not done(subject)]
        return not left

    try:
        until(all_done, what, DONE_SECONDS)
    except AssertionError as late:
        raise AssertionError(f"{late}: {[subject.name for subject in left]}") from late
    unmet = [subject for subject in subjects if subject.fault is not None]

    def all_met() -> bool:
        unmet[:] = [subject for subject in unmet if subject.fault is not None and not subject.fault.met]
        return not unmet

    try:
        until(all_met, f"{what}: the faults", 30)
    except AssertionError as late:
        raise AssertionError(f"{late}: {[subject.name for subject in unmet]}") from late
    layer.clear()
    for subject in subjects:
        subject.fault = None
