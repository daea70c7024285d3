"""HTTP/1.1 by hand, over TCP and over the Unix socket, for requests that no SDK would send."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

JSON_TYPE = "application/x-amz-json-1.1"
WIRE_SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return self.json["__type"]

    @property
    def message(self) -> str | None:
        """AWS itself writes the member with a capital letter in a few errors; SDKs read both."""
        return self.json.get("message", self.json.get("Message"))

    @property
    def request_id(self) -> str:
        return self.headers["x-amzn-requestid"]

    def refused(self) -> tuple[int, str, str | None]:
        return self.status, self.code, self.message


class TcpConnection:
    """A connection that stays open, so that many requests cost no more than their answers."""

    def __init__(self, port: int) -> None:
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=WIRE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def send(self, body: bytes, headers: Mapping[str, str], method: str = "POST", path: str = "/") -> Answer:
        self.http.request(method, path, body, dict(headers))
        response = self.http.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, response.read())


class SocketConnection(TcpConnection):
    """The same HTTP through the Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__(80)
        self.http.sock = socket.socket(socket.AF_UNIX)
        self.http.sock.settimeout(WIRE_SECONDS)
        self.http.sock.connect(path)


def scope_header(region: str) -> str:
    """An `Authorization` whose scope names a Region; nobody checks the signature without credentials."""
    scope = f"AKIAIOSFODNN7EXAMPLE/20250101/{region}/kms/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"


def operation_headers(operation: str, region: str | None = None) -> dict[str, str]:
    headers = {"Content-Type": JSON_TYPE, "X-Amz-Target": f"TrentService.{operation}"}
    if region is not None:
        headers |= {"Authorization": scope_header(region), "X-Amz-Date": "20250101T000000Z"}
    return headers


def plain(value: Any) -> Any:
    """Bytes become base64 as the protocol has it."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def operation_body(members: Mapping[str, Any]) -> bytes:
    present = {name: plain(value) for name, value in members.items() if value is not None}
    return json.dumps(present).encode()


def send_operation(
    connection: TcpConnection, operation: str, members: Mapping[str, Any], region: str | None = None
) -> Answer:
    return connection.send(operation_body(members), operation_headers(operation, region))


def raw_exchange(port: int, request: bytes, half_close: bool = False) -> bytes:
    """Everything a server says to some bytes until it closes the connection; it may have to see their end."""
    with socket.create_connection(("127.0.0.1", port), WIRE_SECONDS) as connection:
        connection.sendall(request)
        if half_close:
            # A server that had enough may have closed the connection already.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))
