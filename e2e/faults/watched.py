"""A flow of two subjects under a watch that misbehaves: it ends as it would without, and the fault was met."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from faults import CutAfter, Delay, DropThenCut, Gone, Reorder, Stall, StreamAction, Twice
from place import Place, watches
from support import until

S = TypeVar("S")

FAULTS: dict[str, StreamAction] = {
    "drop": DropThenCut(),
    "duplicate": Twice(),
    "delay": Delay(2),
    "reorder": Reorder(),
    "410": Gone(),
    "disconnect": CutAfter(1),
    "freeze": Stall(3),
}
# A rotation is seen by every replica before it is done, which takes a heartbeat of ten seconds.
DONE_SECONDS = 60.0


@dataclass(frozen=True)
class Flow(Generic[S]):
    """What happens to each of two subjects, so that there are two objects whose events can change places."""

    prepare: Callable[[Place, str], S]
    act: Callable[[Place, S], object]
    done: Callable[[Place, S], bool]
    check: Callable[[Place, S], None]


def run(place: Place, flow: Flow[S], name: str, fault: str, plurals: tuple[str, ...]) -> None:
    subjects = [flow.prepare(place, f"{name}-{fault}-{number}") for number in (1, 2)]
    disturb(
        place, fault, plurals, subjects,
        lambda subject: flow.act(place, subject), lambda subject: flow.done(place, subject),
    )
    for subject in subjects:
        flow.check(place, subject)
    place.server.assert_alive()


def disturb(
    place: Place, fault: str, plurals: tuple[str, ...], subjects: list[S],
    act: Callable[[S], object], done: Callable[[S], bool],
) -> None:
    """Lets it happen under the fault, and waits until it has happened and the fault is over."""
    until(lambda: place.is_watched(plurals), "the watches to be open")
    disturbance = place.layer.disturb(FAULTS[fault], watches(plurals))
    assert disturbance.streams == len(plurals)
    for subject in subjects:
        act(subject)
    for subject in subjects:
        until(lambda subject=subject: done(subject), f"{fault}: {subject}", DONE_SECONDS)
    assert disturbance.complete.wait(DONE_SECONDS), "the fault was never met"
    until(lambda: place.is_watched(plurals), "the watches to be open again")
    for subject in subjects:
        until(lambda subject=subject: done(subject), f"after {fault}: {subject}")
