"""Making a key, with each of its requests failing in each way: it is made all the same, and once."""

from __future__ import annotations

import pytest

from faults import Cut, HalveAnswer, LoseAnswer, Refuse, RequestAction
from flow import READS, WRITES, Flow, name_of
from support import Server

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


def test_every_key_is_as_it_was_first(flow: Flow, server: Server) -> None:
    server.restart()
    there = flow.keys.all()
    for name, first in flow.made.items():
        assert there[name]["currentKeyMaterialId"] == first["currentKeyMaterialId"], name
        assert there[name]["keyState"] == "Enabled", name
        flow.check_usable(name)
    server.assert_alive()
