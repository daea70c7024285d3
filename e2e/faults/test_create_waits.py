"""Making a key, with a request of it that is answered too late or never: it is made all the same, and once."""

from __future__ import annotations

import pytest

from faults import Hold, Late
from flow import READS, WRITES, Flow, name_of
from support import Server, until

HOLD_SECONDS = 120.0
LATE_SECONDS = 6.0  # The server gives up on its store after five,
ANSWER_SECONDS = 45.0  # and on everything else after thirty.

STORE_WRITES = tuple(write for write in WRITES if write.split()[1] in ("owner", "key", "material"))


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
