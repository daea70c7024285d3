"""HTTP/1.1 as the fault layer needs it: heads, whole bodies, and the events of a watch."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Headers = list[tuple[str, str]]

HEAD_MAX = 1024 * 1024
HOP_BY_HOP = {"connection", "content-length", "keep-alive", "transfer-encoding"}
REASONS = {
    409: "Conflict", 410: "Gone", 429: "Too Many Requests",
    500: "Internal Server Error", 503: "Service Unavailable", 504: "Gateway Timeout",
}
STATUS_REASONS = {
    409: "Conflict", 410: "Gone", 429: "TooManyRequests",
    500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout",
}


class Broken(Exception):
    """The other side hung up in the middle of a message."""


@dataclass
class Head:
    """The first line and the headers of a message."""

    first: str
    headers: Headers = field(default_factory=list)

    def get(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    def is_chunked(self) -> bool:
        return self.get("transfer-encoding").lower() == "chunked"

    def wire(self) -> bytes:
        lines = [self.first, *(f"{name}: {value}" for name, value in self.headers)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def kept(self) -> Headers:
        """The headers that go on to the other side."""
        return [(name, value) for name, value in self.headers if name.lower() not in HOP_BY_HOP]


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next head; nothing where the other side has no more to say."""
    try:
        text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, OSError):
        return None
    first, *lines = text[:-4].split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return Head(first, [(name.strip(), value.strip()) for name, _, value in pairs])


async def read_body(reader: asyncio.StreamReader, head: Head) -> bytes:
    try:
        if head.is_chunked():
            return b"".join([chunk async for chunk in read_chunks(reader)])
        return await reader.readexactly(int(head.get("content-length") or 0))
    except (asyncio.IncompleteReadError, OSError) as error:
        raise Broken from error


async def read_chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        chunk = await reader.readexactly(size + 2)
        yield chunk[:-2]
    await reader.readuntil(b"\r\n")


async def read_events(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The lines of a watch, one event each."""
    rest = b""
    try:
        async for chunk in read_chunks(reader):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line + b"\n"
    except (asyncio.IncompleteReadError, OSError):
        return


def object_of(event: bytes) -> str:
    """The uid of the object that an event is about."""
    return str(json.loads(event)["object"]["metadata"]["uid"])


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


LAST_CHUNK = b"0\r\n\r\n"


def status(code: int) -> Json:
    """What a Kubernetes API server says with an error."""
    return {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": f"the fault layer answers {code}", "reason": STATUS_REASONS[code], "code": code,
    }


def refusal(code: int, retry_after: int | None) -> bytes:
    """A complete answer with an error."""
    body = json.dumps(status(code)).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    headers += [] if retry_after is None else [("Retry-After", str(retry_after))]
    return Head(f"HTTP/1.1 {code} {REASONS[code]}", headers).wire() + body
