"""Clients that hang up in the middle of a call: what began must come to its end, and be told of."""

from __future__ import annotations

import json
import socket

from support import Coffer, Launch, until

TRIES = 60


def hang_up(server: Coffer, operation: str, **members: object) -> None:
    """Sends a whole request and closes the connection at once, before any answer can have come."""
    body = json.dumps(members).encode()
    head = (
        f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.1\r\n"
        f"X-Amz-Target: TrentService.{operation}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head.encode() + body)


def outcomes(server: Coffer, operation: str) -> int:
    return sum(record["eventName"] == operation and record["phase"] == "Outcome" for record in server.audit())


def intents(server: Coffer, operation: str) -> int:
    return sum(record["eventName"] == operation and record["phase"] == "Intent" for record in server.audit())


def test_a_brake_holds_although_its_caller_is_gone(server: Coffer) -> None:
    for _ in range(TRIES):
        key = server.new_key()["KeyId"]
        hang_up(server, "DisableKey", KeyId=key)
        assert server.call("DisableKey", KeyId=key).status == 200
        assert server.describe(key)["KeyState"] == "Disabled"
        assert server.call("Encrypt", KeyId=key, Plaintext="AAAA").refused()[1] == "DisabledException"


def test_keys_whose_callers_are_gone_are_complete_and_audited(server: Coffer) -> None:
    for _ in range(TRIES):
        hang_up(server, "CreateKey")
    until(lambda: intents(server, "CreateKey") == outcomes(server, "CreateKey") > 0, "each intent has its outcome")
    keys = server.list_keys()
    assert len(keys) == outcomes(server, "CreateKey")
    assert {server.describe(key)["KeyState"] for key in keys} == {"Enabled"}


def test_a_stop_waits_for_what_began(launch: Launch) -> None:
    server = launch()
    for _ in range(TRIES):
        hang_up(server, "CreateKey")
    assert server.stop() == 0
    assert intents(server, "CreateKey") == outcomes(server, "CreateKey")
