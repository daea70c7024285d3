"""An API server that refuses everyone for a while: few requests meanwhile, and everything as before after it."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from fault_layer import FaultLayer
from faults import Cut, Refuse, RequestAction
from flow import Flow
from support import Caller, Keys, Server, until

STORM_SECONDS = 10.0
REQUESTS_MAX = 300

STORMS: dict[str, RequestAction] = {
    "429": Refuse(429, retry_after=1),
    "503": Refuse(503),
    "500": Refuse(500),
    "cut": Cut(),
}


@pytest.mark.parametrize("storm", STORMS)
def test_a_storm_passes(flow: Flow, layer: FaultLayer, server: Server, keys: Keys, caller: Caller, storm: str) -> None:
    flow.begin_again(server)
    flow.make(f"before-{storm}")
    layer.plant(STORMS[storm], lambda request: True, times=None)
    mark = layer.mark()
    layer.cut_connections()
    keys.make(f"amid-{storm}")
    end = time.monotonic() + STORM_SECONDS
    until(lambda: time.monotonic() > end, "the storm to pass")
    requests = layer.since(mark)
    layer.clear()
    counted = Counter(request.label for request in requests)
    print(f"\n{storm} for {STORM_SECONDS:.0f} s: {len(requests)} requests: {dict(counted.most_common())}")
    assert len(requests) <= REQUESTS_MAX
    check_recovery(flow, server, keys, caller, storm)


def test_an_api_server_that_is_away_comes_back(
    flow: Flow, layer: FaultLayer, server: Server, keys: Keys, caller: Caller
) -> None:
    flow.begin_again(server)
    flow.make("before-away")
    layer.refuse_connections()
    keys.make("amid-away")
    begin = time.monotonic()
    while (passed := time.monotonic() - begin) < STORM_SECONDS:
        problem = caller.problem_with(flow.made["before-away"]["keyId"])
        assert problem == "", f"known callers do not go on after {passed:.1f} s"
        time.sleep(0.5)
    layer.listen()
    check_recovery(flow, server, keys, caller, "away")


def check_recovery(flow: Flow, server: Server, keys: Keys, caller: Caller, storm: str) -> None:
    """Within half a minute all together."""
    begin = time.monotonic()
    status = keys.wait_ready(f"amid-{storm}")
    until(server.leads, "the server to lead", 30 - (time.monotonic() - begin))
    until(server.is_ready, "the server to be ready", 1)
    for key_id in (status["keyId"], flow.made[f"before-{storm}"]["keyId"]):
        left = 30 - (time.monotonic() - begin)
        until(lambda key_id=key_id: caller.is_served(key_id), "the keys to be of use", left)
    print(f"\nrecovered from {storm} after {time.monotonic() - begin:.1f} s")
    server.assert_alive()
    flow.make(f"after-{storm}")
