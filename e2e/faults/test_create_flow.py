"""Making a key, with each of its requests failing in each way: it is made all the same, and once."""

from __future__ import annotations

import re
import time

import pytest

from faults import Cut, HalveAnswer, Hold, Late, LoseAnswer, Refuse, RequestAction
from flow import WRITES, Flow
from support import Server, until

HOLD_SECONDS = 120.0
LATE_SECONDS = 6.0  # The server gives up after five.

FAULTS: dict[str, RequestAction] = {
    "cut before": Cut(),
    "answer lost": LoseAnswer(),
    "half an answer": HalveAnswer(),
    "409": Refuse(409),
    "410": Refuse(410),
    "429": Refuse(429, retry_after=1),
    "500": Refuse(500),
    "503": Refuse(503),
    "504": Refuse(504),
    "504 and done": Refuse(504, done=True),
}
READ_FAULTS: dict[str, RequestAction] = {"cut before": Cut(), "500": Refuse(500)}

# Everything that making one key reads, and how often.
READS = {"get owner": 5, "get key": 6, "get material": 3}


def name_of(*parts: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower())


def test_a_key_takes_these_requests_and_no_others(flow: Flow) -> None:
    flow.make("recorded-1")
    requests = flow.make("recorded-2")
    begin = requests[0].at
    print("\nthe create flow:")
    for request in requests:
        print(f"  {(request.at - begin) * 1000:5.0f} ms  {request}")
    assert tuple(request.label for request in requests if request.is_write) == WRITES
    reads = [request.label for request in requests if not request.is_write]
    assert {label: reads.count(label) for label in reads} == READS


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_fails_costs_nothing(flow: Flow, server: Server, write: str, fault: str) -> None:
    flow.make(name_of(write, fault), FAULTS[fault], write)
    server.assert_alive()


@pytest.mark.parametrize(("read", "nth"), [(read, nth + 1) for read, count in READS.items() for nth in range(count)])
@pytest.mark.parametrize("fault", READ_FAULTS)
def test_a_read_that_fails_costs_nothing(flow: Flow, server: Server, read: str, nth: int, fault: str) -> None:
    flow.make(name_of(read, str(nth), fault), READ_FAULTS[fault], read, nth)
    server.assert_alive()


@pytest.mark.parametrize("label", [*READS, *WRITES])
def test_a_request_that_is_never_answered_is_given_up(flow: Flow, server: Server, label: str) -> None:
    flow.make(name_of(label, "hangs"), Hold(HOLD_SECONDS), label)
    server.assert_alive()


@pytest.mark.parametrize("write", [write for write in WRITES if write.split()[1] in ("owner", "key", "material")])
def test_a_write_that_is_done_after_it_was_given_up_changes_nothing(flow: Flow, server: Server, write: str) -> None:
    mark = flow.layer.mark()
    flow.make(name_of(write, "late"), Late(LATE_SECONDS), write)
    until(lambda: time.monotonic() > first(flow, mark, write) + LATE_SECONDS + 0.5, "the late write")
    server.assert_alive()


def first(flow: Flow, mark: int, label: str) -> float:
    return next(request.at for request in flow.layer.since(mark) if request.label == label)


def test_events_go_on_after_one_that_is_never_answered(flow: Flow) -> None:
    flow.make("event-hangs", Hold(HOLD_SECONDS), "create events")
    mark = flow.layer.mark()
    flow.make("event-after")

    def told() -> bool:
        return any(str(request).startswith("create events (event-after") for request in flow.layer.since(mark))

    until(told, "the event of the next key")


def test_every_key_is_as_it_was_first(flow: Flow, server: Server) -> None:
    server.restart()
    there = flow.keys.all()
    for name, first in flow.made.items():
        assert there[name]["currentKeyMaterialId"] == first["currentKeyMaterialId"], name
        assert there[name]["keyState"] == "Enabled", name
        flow.check_usable(name)
    server.assert_alive()
