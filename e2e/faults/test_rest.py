"""A server with nothing to do asks little."""

from __future__ import annotations

import time
from collections import Counter

from fault_layer import FaultLayer
from flow import Flow
from support import Server, until

REST_SECONDS = 20.0
REQUESTS_MAX = 30


def test_at_rest_only_the_lease_and_the_heartbeat_are_written(flow: Flow, layer: FaultLayer, server: Server) -> None:
    flow.begin_again(server)
    flow.make("before-rest")
    until(lambda: not recent(layer, 3.0), "the server to come to rest")
    mark, end = layer.mark(), time.monotonic() + REST_SECONDS
    until(lambda: time.monotonic() > end, "the time to pass", REST_SECONDS + 5)
    requests = layer.since(mark)
    counted = Counter(request.label for request in requests)
    hourly = len(requests) * 3600 / REST_SECONDS
    print(f"\nat rest for {REST_SECONDS:.0f} s: {len(requests)} requests, {hourly:.0f} an hour: {dict(counted)}")
    assert len(requests) <= REQUESTS_MAX
    assert all(request.is_background for request in requests), counted


def recent(layer: FaultLayer, seconds: float) -> bool:
    since = time.monotonic() - seconds
    return any(request.at > since and not request.is_background for request in list(layer.requests))
