"""The HTTP surface: what is no KMS request is turned down early, cheaply and without harm to others."""

from __future__ import annotations

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from clients import curl, kms, refusal
from support import Coffer, Launch
from wire import JSON_TYPE, Answer, operation_headers, raw_exchange, send_operation

HEADERS = operation_headers("ListKeys")
UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def send(server: Coffer, body: bytes = b"{}", method: str = "POST", path: str = "/", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with server.connect() as connection:
        return connection.send(body, HEADERS | named, method, path)


def check_envelope(answer: Answer) -> None:
    """Each answer can be told apart from all others, and none invites a web page."""
    assert UUID.fullmatch(answer.request_id), answer
    assert answer.headers["content-type"] == JSON_TYPE
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def check_refused(answer: Answer, status: int, code: str | None = None) -> None:
    check_envelope(answer)
    assert answer.status == status
    assert re.fullmatch("[A-Za-z]+", answer.code)
    assert code in (None, answer.code)


def test_headers_of_an_answer(server: Coffer) -> None:
    answers = [send(server), server.call("DescribeKey", KeyId="x"), server.call("CreateKey")]
    for answer in answers:
        check_envelope(answer)
    assert len({answer.request_id for answer in answers}) == 3


def test_switches_answer_with_an_empty_body(server: Coffer) -> None:
    key = server.new_key()["KeyId"]
    answer = server.call("DisableKey", KeyId=key)
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["x-coffer-revision"]) >= 0


EVERY_KIND: dict[str, dict[str, str]] = {
    "good": {}, "refused operation": {"X_Amz_Target": "TrentService.CancelKeyDeletion"},
    "unknown target": {"X_Amz_Target": "TrentService.X"}, "other content type": {"Content_Type": "text/plain"},
    "web page": {"Origin": "http://localhost"}, "other host": {"Host": "evil.example"},
    "preflight": {"method": "OPTIONS"}, "get": {"method": "GET"}, "malformed": {"body": "{"},
    "large": {"body": " " * 65537},
}


ANSWERED = {name: EVERY_KIND[name] for name in ("good", "refused operation", "malformed")}


@pytest.mark.parametrize("changes", ANSWERED.values(), ids=ANSWERED.keys())
def test_every_answer_of_a_region_has_a_revision(server: Coffer, changes: dict[str, str]) -> None:
    """What is refused before a Region is known is in the order of no Region's changes."""
    named = dict(changes)
    answer = send(server, named.pop("body", "{}").encode(), named.pop("method", "POST"), **named)
    assert 0 <= int(answer.headers["x-coffer-revision"]) < 2**64


REFUSED_EARLY = {name: EVERY_KIND[name] for name in ("unknown target", "other content type", "web page", "other host")}


@pytest.mark.parametrize("changes", REFUSED_EARLY.values(), ids=REFUSED_EARLY.keys())
def test_a_connection_stays_open_or_is_said_to_be_closed(server: Coffer, changes: dict[str, str]) -> None:
    """Otherwise the next request of the client runs into a closed connection. It may not be sent again by itself."""
    named = HEADERS | {name.replace("_", "-"): value for name, value in changes.items()}
    for _ in range(60):
        with server.connect() as connection:
            connection.send(b"{}", named)
            assert connection.send(b"{}", HEADERS).status == 200


TARGETS = [
    "TrentService.NoSuchOperation", "TrentService.", "TrentService", "ListKeys", "trentservice.ListKeys",
    "TrentService.listkeys", "DynamoDB_20120810.ListTables", "",
]


@pytest.mark.parametrize("target", TARGETS)
def test_unknown_targets(server: Coffer, target: str) -> None:
    check_refused(send(server, X_Amz_Target=target), 400, "UnknownOperationException")


def test_no_target(server: Coffer) -> None:
    with server.connect() as connection:
        answer = connection.send(b"{}", {"Content-Type": JSON_TYPE})
    check_refused(answer, 400, "UnknownOperationException")


CONTENT_TYPES = [
    "application/json", "application/x-amz-json-1.0", "text/plain", "application/x-www-form-urlencoded", "",
]


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_other_content_types(server: Coffer, content_type: str) -> None:
    """Those that a form on a web page can send are among them."""
    check_refused(send(server, Content_Type=content_type), 400, "UnknownOperationException")


def nested(depth: int) -> bytes:
    """An object that holds arrays, `depth` levels in all."""
    return b'{"Unknown": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


BODIES = {
    "nothing": b"", "cut": b"{", "no value": b'{"Limit"}', "array": b"[]", "string": b'"{}"', "null": b"null",
    "number": b"5", "two objects": b"{} {}", "trailing comma": b'{"Limit": 5,}', "comment": b"{} // x",
    "single quotes": b"{'Limit': 5}", "NaN": b'{"Limit": NaN}', "leading zero": b'{"Limit": 05}',
    "duplicate": b'{"Limit": 5, "Limit": 5}', "escaped duplicate": b'{"Limit": 5, "L\\u0069mit": 6}',
    "duplicate below": b'{"Unknown": {"a": 1, "a": 2}}', "duplicate in a list": b'{"Unknown": [{"a": 1, "a": 2}]}',
    "too deep": nested(9), "far too deep": nested(20_000),
    "high surrogate": b'{"Marker": "\\ud800"}', "low surrogate": b'{"Marker": "\\udc00x"}',
    "surrogate in a name": b'{"\\ud800": 1}', "invalid UTF-8": b'{"Marker": "\xff"}', "control": b'{"Marker": "\n"}',
    "string for integer": b'{"Limit": "5"}', "fraction": b'{"Limit": 5.5}', "object for string": b'{"Marker": {}}',
    "number for string": b'{"Marker": 5}', "list for integer": b'{"Limit": [5]}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_malformed_bodies(server: Coffer, body: bytes) -> None:
    check_refused(send(server, body), 400, "SerializationException")


VALUES: list[tuple[str, Any]] = [
    ("KeyId", 5), ("Plaintext", "!"), ("Plaintext", "AAA"), ("Plaintext", "A\nAA"), ("Plaintext", "AB=="),
    ("Plaintext", {}), ("EncryptionContext", []), ("EncryptionContext", {"a": 1}), ("EncryptionContext", "a"),
    ("GrantTokens", "a"), ("DryRun", "true"),
]


@pytest.mark.parametrize(("member", "value"), VALUES, ids=str)
def test_values_of_another_type(server: Coffer, member: str, value: Any) -> None:
    members = {"KeyId": server.new_key()["KeyId"], "Plaintext": b"x", member: value}
    answer = server.call("Encrypt", **members)
    check_refused(answer, 400, "SerializationException")


def test_eight_levels_and_unknown_members_are_fine(server: Coffer) -> None:
    """SDKs newer than the server send members that it does not know."""
    assert send(server, nested(8)).status == 200


SIZES = {"256 KiB and a byte": 256 * 1024 + 1, "over 1 MiB": 1024 * 1024 + 1, "16 MiB": 16 * 1024 * 1024}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("framing", ["Content-Length", "Transfer-Encoding: chunked"])
def test_large_bodies(server: Coffer, tmp_path: Path, size: int, framing: str) -> None:
    """curl sends the whole body as any SDK does; it must get the answer and not a broken pipe."""
    (tmp_path / "body").write_bytes(b'{"Marker": "' + b"x" * (size - 14) + b'"}')
    headers = [f"Content-Type: {JSON_TYPE}", "X-Amz-Target: TrentService.ListKeys"]
    headers += [framing] if ":" in framing else []
    words = [word for header in headers for word in ("-H", header)]
    body = ["--data-binary", f"@{tmp_path / 'body'}"]
    done = curl(server, *words, *body, "-w", "\n%{http_code}", f"{server.url}/")
    assert done.returncode == 0, done.stderr
    told, status = done.stdout.rsplit("\n", 1)
    assert (status, json.loads(told)["__type"]) == ("413", "RequestEntityTooLargeException")


@pytest.mark.parametrize("length", [200_000, 2_000_000])
def test_an_sdk_is_told_that_its_body_is_too_large(server: Coffer, length: int) -> None:
    """An SDK sends all of a body before it reads, and must not find the connection reset by then."""
    told = refusal(kms(server).encrypt, KeyId="any", Plaintext=bytes(length))
    assert (told.code, told.status) == ("RequestEntityTooLargeException", 413)


def test_a_body_of_256_kib_is_read(server: Coffer) -> None:
    body = b'{"Unknown": "' + b"x" * (256 * 1024 - 15) + b'"}'
    assert len(body) == 256 * 1024
    assert send(server, body).status == 200


def test_all_that_a_key_may_say_fits_in_any_alphabet(server: Coffer) -> None:
    """Clients write such a letter with six bytes."""
    tags = [{"TagKey": f"{number:02}" + "\u0436" * 126, "TagValue": "\u0436" * 256} for number in range(50)]
    made = kms(server).create_key(Description="\u0436" * 8192, Tags=tags)["KeyMetadata"]
    assert made["Description"] == "\u0436" * 8192


def test_a_plaintext_that_is_too_long_is_told_so(server: Coffer) -> None:
    told = refusal(kms(server).encrypt, KeyId="any", Plaintext=bytes(100_000))
    assert (told.code, told.status) == ("ValidationException", 400)
    assert "'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096" in told.message


def test_an_announced_large_body_is_refused_before_it_comes(server: Coffer) -> None:
    lines = ["POST / HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in HEADERS.items())]
    lines.append("Content-Length: 999999999999")
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        assert b" 413 " in connection.recv(65536).splitlines()[0]


ORIGINS = ["http://localhost", "https://evil.example", "null", "http://127.0.0.1:4599", ""]


@pytest.mark.parametrize("origin", ORIGINS)
def test_web_pages_are_kept_out(server: Coffer, origin: str) -> None:
    check_refused(send(server, Origin=origin), 403)


FOREIGN_HOSTS = [
    "evil.example", "evil.example:4599", "localhost.evil.example", "127.0.0.1.nip.io", "127.0.0.2", "0.0.0.0",
    "localhost@evil.example", "[::2]", "", "xlocalhost", "127.0.0.1:x:y",
]


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_rebound_names_are_kept_out(server: Coffer, host: str) -> None:
    check_refused(send(server, Host=host), 403)


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:4599"])
def test_own_names_are_let_in(server: Coffer, host: str) -> None:
    assert send(server, Host=host).status == 200


def test_further_names_can_be_allowed(launch: Launch) -> None:
    server = launch("--allow-host", "kms.local.test", "--allow-host", "coffer")
    for host in ["kms.local.test", "kms.local.test:4599", "coffer", "localhost"]:
        assert send(server, Host=host).status == 200
    for host in ["local.test", "evil.kms.local.test", "coffer.evil.example"]:
        check_refused(send(server, Host=host), 403)


def test_a_preflight_is_refused(server: Coffer) -> None:
    check_refused(send(server, b"", "OPTIONS"), 403)
    preflight = {"Origin": "http://localhost", "Access_Control_Request_Method": "POST"}
    check_refused(send(server, b"", "OPTIONS", **preflight), 403)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods(server: Coffer, method: str) -> None:
    check_refused(send(server, b"", method), 405)


GARBAGE = [b"\x16\x03\x01\x02\x00\x01\x00", b"\0" * 100, b"GET\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", b"x" * 100_000]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_what_is_no_http_at_all_harms_nobody(server: Coffer, garbage: bytes) -> None:
    try:
        said = raw_exchange(server.port, garbage, half_close=True)
    except ConnectionError:
        said = b""
    assert b"200 OK" not in said
    assert send(server).status == 200


HEADS = {"many": [f"x-{number}: 1" for number in range(101)], "long": [f"x-1: {'x' * 40_000}"]}


@pytest.mark.parametrize("lines", HEADS.values(), ids=HEADS)
def test_heads_have_bounds(shared: Coffer, lines: list[str]) -> None:
    """The connection is closed, for nobody knows where the next request begins."""
    named = [f"{name}: {value}" for name, value in HEADERS.items()]
    head = "\r\n".join(["POST / HTTP/1.1", "Host: localhost", "Content-Length: 2", *named, *lines])
    said = raw_exchange(shared.port, f"{head}\r\n\r\n{{}}".encode())
    assert said.startswith(b"HTTP/1.1 431 ")
    assert said.count(b"HTTP/1.1") == 1


def stall(server: Coffer, sent: bytes) -> socket.socket:
    """A client that starts a request and never ends it."""
    connection = socket.create_connection(("127.0.0.1", server.port), 10)
    connection.sendall(sent)
    return connection


def test_slow_clients_do_not_block_others(server: Coffer) -> None:
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON_TYPE}\r\n"
    beginnings = [b"", b"POST / HT", head.encode(), f"{head}Content-Length: 100\r\n\r\n{{".encode()]
    with ExitStack() as stack:
        for beginning in beginnings * 25:
            stack.enter_context(stall(server, beginning))
        with server.connect() as connection:
            connection.http.timeout = 5
            assert send_operation(connection, "CreateKey", {}).status == 200
            assert send_operation(connection, "GenerateRandom", {"NumberOfBytes": 8}).status == 200


def test_two_hundred_connections_at_once(server: Coffer) -> None:
    key = server.new_key()["KeyId"]
    with ExitStack() as stack, ThreadPoolExecutor(50) as pool:
        connections = [stack.enter_context(server.connect()) for _ in range(200)]
        for connection in connections:
            connection.http.connect()
        members = {"KeyId": key, "Plaintext": b"crowd"}
        answers = list(pool.map(lambda each: send_operation(each, "Encrypt", members), connections))
        assert {answer.status for answer in answers} == {200}
        again = list(pool.map(lambda each: send_operation(each, "DescribeKey", {"KeyId": key}), connections))
        assert {answer.status for answer in again} == {200}
    assert len({answer.json["CiphertextBlob"] for answer in answers}) == 200


def test_requests_in_one_packet_are_answered_in_order(server: Coffer) -> None:
    def request(operation: str, body: str, last: str) -> str:
        target = f"X-Amz-Target: TrentService.{operation}\r\nContent-Type: {JSON_TYPE}\r\n"
        return f"POST / HTTP/1.1\r\nHost: localhost\r\n{target}{last}Content-Length: {len(body)}\r\n\r\n{body}"

    both = request("ListKeys", "{}", "") + request("GenerateRandom", '{"NumberOfBytes":8}', "Connection: close\r\n")
    said = raw_exchange(server.port, both.encode())
    assert said.count(b"HTTP/1.1 200 OK") == 2
    assert said.index(b'"Keys"') < said.index(b'"Plaintext"')
