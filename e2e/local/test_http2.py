"""HTTP/2 without TLS, by a client that knows of it, beside HTTP/1.1 on the same port."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clients import curl
from support import Coffer, Launch
from wire import JSON_TYPE, WIRE_SECONDS, operation_headers

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
ACK, END_STREAM, END_HEADERS = 1, 1, 4
# The status 200 is the eighth entry of HPACK's table.
STATUS_200 = 0x88
# Requests that are open at a time.
STREAMS = 64
REFUSED_STREAM = 7
OPTIONS = ["--http2-prior-knowledge", "-w", "\n%{http_version} %{http_code}\n"]


def words(operation: str, body: str, *more: str) -> list[str]:
    headers = [f"Content-Type: {JSON_TYPE}", f"X-Amz-Target: TrentService.{operation}", *more]
    return [*OPTIONS, *(word for header in headers for word in ("-H", header)), "--data-binary", body]


def asked(server: Coffer, operation: str, body: str, *more: str) -> tuple[str, dict[str, object]]:
    """The version and status, and the body of one answer."""
    done = curl(server, *words(operation, body, *more), f"{server.url}/")
    assert done.returncode == 0, done.stderr
    told, line = done.stdout.rstrip("\n").rsplit("\n", 1)
    return line, json.loads(told) if told else {}


def frame(kind: int, payload: bytes = b"", flags: int = 0, stream: int = 0) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name: str, value: str) -> bytes:
    """A header as HPACK has it without its table (RFC 7541 §6.2.2)."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def request(stream: int, operation: str, body: bytes) -> bytes:
    pseudo = {":method": "POST", ":path": "/", ":scheme": "http", ":authority": "localhost"}
    headers = pseudo | {name.lower(): value for name, value in operation_headers(operation).items()}
    head = b"".join(literal(name, value) for name, value in headers.items())
    return frame(HEADERS, head, END_HEADERS, stream) + frame(DATA, body, END_STREAM, stream)


def frames(connection: socket.socket) -> Iterator[tuple[int, int, int, bytes]]:
    """Kind, flags, stream and payload of each frame."""
    with connection.makefile("rb") as file:
        while head := file.read(9):
            yield head[3], head[4], int.from_bytes(head[5:]), file.read(int.from_bytes(head[:3]))


def begun(server: Coffer) -> tuple[socket.socket, Iterator[tuple[int, int, int, bytes]]]:
    """A connection whose settings both sides have sent."""
    connection = socket.create_connection(("127.0.0.1", server.port), WIRE_SECONDS)
    connection.sendall(PREFACE + frame(SETTINGS) + frame(PING, b"12345678"))
    told = frames(connection)
    while next(told)[0] != PING:
        pass
    return connection, told


def test_operations_are_served(shared: Coffer) -> None:
    line, key = asked(shared, "CreateKey", "{}")
    assert line == "2 200"
    name = key["KeyMetadata"]["KeyId"]  # type: ignore[index]
    assert asked(shared, "DescribeKey", json.dumps({"KeyId": name})) == ("2 200", key)
    line, refused = asked(shared, "DescribeKey", '{"KeyId": "x"}')
    assert (line, refused["__type"]) == ("2 400", "NotFoundException")
    assert shared.describe(name) == key["KeyMetadata"], "HTTP/1.1 on the same port"


@pytest.mark.parametrize("header", ["Origin: http://localhost", "Host: evil.example", "Host: localhost@evil.example"])
def test_web_pages_and_rebound_names_are_kept_out(shared: Coffer, header: str) -> None:
    line, refused = asked(shared, "ListKeys", "{}", header)
    assert (line, refused["__type"]) == ("2 403", "AccessDeniedException")


def test_the_socket_speaks_it_too(shared: Coffer) -> None:
    done = curl(shared, "--unix-socket", shared.socket, *words("ListKeys", "{}"), "http://localhost/")
    assert done.stdout.endswith("\n2 200\n"), done.stderr


@pytest.mark.parametrize("size", [256 * 1024 + 1, 1024 * 1024])
def test_a_large_body_is_refused(shared: Coffer, tmp_path: Path, size: int) -> None:
    (tmp_path / "body").write_bytes(b"x" * size)
    line, refused = asked(shared, "ListKeys", f"@{tmp_path / 'body'}")
    assert (line, refused["__type"]) == ("2 413", "RequestEntityTooLargeException")


def test_a_head_that_is_too_large_is_refused(shared: Coffer) -> None:
    fillers = [f"X-Filler-{number}: {'x' * 4000}" for number in range(20)]
    done = curl(shared, *words("ListKeys", "{}", *fillers), shared.url)
    assert "200" not in done.stdout.split("\n")[-2]
    assert asked(shared, "ListKeys", "{}")[0] == "2 200"


def test_many_requests_at_once_on_one_connection(shared: Coffer) -> None:
    connection, told = begun(shared)
    with connection:
        for turn in range(3):
            streams = set(range(1 + 1000 * turn, 1 + 1000 * turn + 2 * STREAMS, 2))
            asked_for = [request(stream, "GenerateRandom", b'{"NumberOfBytes": 8}') for stream in sorted(streams)]
            connection.sendall(b"".join(asked_for))
            good = set()
            while streams:
                kind, flags, stream, payload = next(told)
                assert kind != RST_STREAM, payload
                if kind == HEADERS and STATUS_200 in payload[:4]:
                    good.add(stream)
                if flags & END_STREAM and kind == DATA:
                    streams.remove(stream)
            assert len(good) == STREAMS


def test_more_requests_than_are_taken_at_once_are_refused(shared: Coffer) -> None:
    """With the code that says that they may be sent again."""
    connection, told = begun(shared)
    with connection:
        # Without the flag that ends them, each waits for its body.
        opened = b"".join(request(1 + 2 * number, "ListKeys", b"")[:-9] for number in range(STREAMS + 1))
        connection.sendall(opened)
        refused = next(each for each in told if each[0] == RST_STREAM)
        assert (refused[2], int.from_bytes(refused[3])) == (1 + 2 * STREAMS, REFUSED_STREAM)


def test_beginnings_that_lead_nowhere_block_nobody(shared: Coffer) -> None:
    for beginning in [PREFACE[:5], PREFACE, PREFACE + b"\0" * 9, PREFACE + frame(SETTINGS) + b"\xff" * 64]:
        connection = socket.create_connection(("127.0.0.1", shared.port), WIRE_SECONDS)
        connection.sendall(beginning)
        assert asked(shared, "ListKeys", "{}")[0] == "2 200"
        assert shared.call("ListKeys").status == 200
        connection.close()


def test_a_stop_says_goodbye_to_open_connections(launch: Launch) -> None:
    server = launch()
    silent = socket.create_connection(("127.0.0.1", server.port), WIRE_SECONDS)
    connection, told = begun(server)
    with connection, silent, ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(server.stop)
        kinds = set()
        for kind, flags, _, payload in told:
            kinds.add(kind)
            if kind == PING and not flags & ACK:
                connection.sendall(frame(PING, payload, ACK))
        assert stopped.result() == 0
        assert GOAWAY in kinds


def test_headers_of_the_two_versions_are_the_same(shared: Coffer) -> None:
    done = curl(shared, "-D", "-", *words("ListKeys", "{}"), f"{shared.url}/")
    names = {line.split(":")[0].lower() for line in done.stdout.splitlines() if ": " in line and line[0] != "{"}
    with shared.connect() as connection:
        plain = connection.send(b"{}", operation_headers("ListKeys"))
    assert names == plain.headers.keys()
