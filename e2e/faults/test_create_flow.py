"""Making a key, with each of its requests failing in each way: it is made all the same, and once."""

from __future__ import annotations

import re

import pytest

from faults import Cut, HalveAnswer, Hold, Late, LoseAnswer, Refuse, RequestAction
from flow import WRITES, Flow
from support import Server, until

HOLD_SECONDS = 120.0
LATE_SECONDS = 6.0  # The server gives up on its store after five,
ANSWER_SECONDS = 45.0  # and on everything else after thirty.

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
READS = {"get owner": 4, "get key": 5, "get material": 2}


STORE_WRITES = tuple(write for write in WRITES if write.split()[1] in ("owner", "key", "material"))


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


@pytest.mark.parametrize("label", [*READS, *STORE_WRITES])
def test_a_request_to_the_store_that_is_never_answered_is_given_up(flow: Flow, server: Server, label: str) -> None:
    flow.make(name_of(label, "hangs"), Hold(HOLD_SECONDS), label)
    server.assert_alive()


@pytest.mark.parametrize("write", STORE_WRITES)
def test_a_write_that_is_done_after_it_was_given_up_changes_nothing(flow: Flow, server: Server, write: str) -> None:
    flow.make(name_of(write, "late"), Late(LATE_SECONDS), write)
    server.assert_alive()


def test_neither_a_status_nor_an_event_that_is_never_answered_holds_up_the_next(flow: Flow, server: Server) -> None:
    flow.make("event-hangs", Hold(HOLD_SECONDS), "create events")
    mark = flow.layer.mark()
    flow.make("status-hangs", Hold(HOLD_SECONDS), "patch kmskeys/status", seconds=ANSWER_SECONDS)

    def told() -> bool:
        return any(str(request).startswith("create events (status-hangs") for request in flow.layer.since(mark))

    until(told, "the event of the next key", ANSWER_SECONDS)
    server.assert_alive()


def test_every_key_is_as_it_was_first(flow: Flow, server: Server) -> None:
    server.restart()
    there = flow.keys.all()
    for name, first in flow.made.items():
        assert there[name]["currentKeyMaterialId"] == first["currentKeyMaterialId"], name
        assert there[name]["keyState"] == "Enabled", name
        flow.check_usable(name)
    server.assert_alive()
