"""The fault layer: ends TLS between a server and the real API server, and breaks what a test plants.

It runs in a thread of the test's own process. What it forwards it forwards unchanged, but for compression,
which is not asked for.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from faults import (
    CloseAtOnce, Cut, CutAfter, Delay, Disturbance, DropThenCut, Fault, Gone, HalveAnswer, HangAfter, Hold, Late,
    LoseAnswer, Matches, Refuse, RefuseWatch, Reorder, RequestAction, Stall, StreamAction, Twice, labelled,
)
from messages import (
    HEAD_MAX, LAST_CHUNK, Broken, Head, chunk, object_of, read_body, read_events, read_head, refusal, status,
)
from seen import Request

T = TypeVar("T")


class Severed(Exception):
    """The client's connection is to break here."""


@dataclass(eq=False)
class Stream:
    """A watch that is open."""

    request: Request
    items: asyncio.Queue[bytes | Disturbance | None] = field(default_factory=asyncio.Queue)


class FaultLayer:
    """One proxy before one API server. Methods without an underscore are for the test's thread."""

    def __init__(self, host: str, port: int, identity: ssl.SSLContext, outside: ssl.SSLContext) -> None:
        """Shows `identity` to clients and speaks to the API server in `outside`."""
        self.upstream = (host, port)
        self.identity = identity
        self.outside = outside
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.streams: list[Stream] = []
        self.clients: set[asyncio.StreamWriter] = set()
        self.listener: asyncio.Server | None = None
        self.port = 0
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="fault layer", daemon=True)

    # For tests

    def start(self) -> FaultLayer:
        self.thread.start()
        self.listen()
        return self

    def stop(self) -> None:
        self.refuse_connections()
        self._within(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def listen(self) -> None:
        """Also where it listens already."""
        self._within(self._listen())

    def refuse_connections(self) -> None:
        """As an API server that is away: nobody listens, and what was open breaks."""
        self._within(self._unlisten())

    def cut_connections(self) -> None:
        self._within(self._cut_all())

    def plant(self, action: RequestAction, matches: Matches, nth: int = 1, times: int | None = 1) -> Fault:
        fault = Fault(action, matches, nth, times)
        self._within(self._do(lambda: self.faults.append(fault)))
        return fault

    def clear(self) -> None:
        self._within(self._do(self.faults.clear))

    def disturb(self, action: StreamAction, matches: Matches) -> Disturbance:
        """Plants a fault in all open watches that match."""
        return self._within(self._do(lambda: self._disturb(action, matches)))

    def mark(self) -> int:
        """A moment, for `since`."""
        return len(self.requests)

    def since(self, mark: int) -> list[Request]:
        return self.requests[mark:]

    # Within the loop

    def _within(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    async def _do(self, work: Callable[[], T]) -> T:
        return work()

    async def _listen(self) -> None:
        if self.listener is not None:
            return
        self.listener = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=self.identity, limit=HEAD_MAX, reuse_address=True
        )
        self.port = self.listener.sockets[0].getsockname()[1]

    async def _unlisten(self) -> None:
        if self.listener is not None:
            self.listener.close()
            self.listener = None
        await self._cut_all()

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _cut_all(self) -> None:
        for writer in list(self.clients):
            writer.transport.abort()

    def _disturb(self, action: StreamAction, matches: Matches) -> Disturbance:
        streams = [stream for stream in self.streams if matches(stream.request)]
        disturbance = Disturbance(action, len(streams), len(streams))
        for stream in streams:
            stream.items.put_nowait(disturbance)
            self._plant_for_next(action, stream.request)
        return disturbance

    def _plant_for_next(self, action: StreamAction, watch: Request) -> None:
        """What meets the requests that follow on the end of a watch."""
        match action:
            case CloseAtOnce(times):
                self.faults.append(Fault(Cut(), labelled(watch.label), times=times))
            case RefuseWatch(code, retry_after):
                self.faults.append(Fault(Refuse(code, retry_after), labelled(watch.label)))
            case HangAfter(verb, seconds):
                self.faults.append(Fault(Hold(seconds), labelled(f"{verb} {watch.kind}")))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.clients.add(writer)
        connection = _Connection(self, reader, writer)
        try:
            await connection.serve()
        except (Severed, Broken, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.clients.discard(writer)
            writer.transport.abort()
            connection.hang_up()

    def _note(self, head: Head, body: bytes) -> tuple[Request, RequestAction | None]:
        method, target, _ = head.first.split(" ", 2)
        request = Request(len(self.requests), time.monotonic(), method, target, body)
        self.requests.append(request)
        met = [fault for fault in self.faults if fault.meets(request)]
        return request, met[0].action if met else None


class _Connection:
    """One connection of a client, with one of its own to the API server."""

    def __init__(self, layer: FaultLayer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.layer = layer
        self.reader = reader
        self.writer = writer
        self.upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def serve(self) -> None:
        while (head := await read_head(self.reader)) is not None:
            body = await read_body(self.reader, head)
            request, action = self.layer._note(head, body)
            await self.answer(request, head, body, action)

    async def answer(self, request: Request, head: Head, body: bytes, action: RequestAction | None) -> None:
        match action:
            case Cut():
                raise Severed
            case Hold(seconds):
                await asyncio.wait_for(self.reader.read(1), seconds)
                raise Severed
            case Late(seconds):
                await asyncio.sleep(seconds)
                await self.forward_whole(head, body)
                raise Severed
            case Refuse(code, retry_after, done):
                if done:
                    await self.forward_whole(head, body)
                await self.send(refusal(code, retry_after))
            case LoseAnswer():
                await self.forward_whole(head, body)
                raise Severed
            case HalveAnswer():
                answer, content = await self.forward_whole(head, body)
                await self.send(answer.wire() + content[: len(content) // 2])
                raise Severed
            case None:
                await self.pass_on(request, head, body)

    async def pass_on(self, request: Request, head: Head, body: bytes) -> None:
        answer = await self.forward(head, body)
        if request.is_watch and answer.is_chunked():
            await self.relay(request, answer)
            return
        content = await self.whole(answer)
        await self.send(self.plain(answer, content).wire() + content)

    async def send(self, content: bytes) -> None:
        self.writer.write(content)
        await self.writer.drain()

    # Watches

    async def relay(self, request: Request, answer: Head) -> None:
        stream = Stream(request)
        assert self.upstream is not None
        reading = asyncio.create_task(self.feed(stream, self.upstream[0]))
        listening = asyncio.create_task(self.notice_hang_up(stream))
        # The connection ends with the stream; a client that asked something else on it would have no answer.
        framing = [("Transfer-Encoding", "chunked"), ("Connection", "close")]
        await self.send(Head(answer.first, [*answer.kept(), *framing]).wire())
        self.layer.streams.append(stream)
        try:
            await self.deliver(stream)
        finally:
            self.layer.streams.remove(stream)
            reading.cancel()
            listening.cancel()
        # The client may use the connection again; what is read of the API server's one may not be whole.
        self.hang_up()
        raise Severed

    async def feed(self, stream: Stream, reader: asyncio.StreamReader) -> None:
        async for event in read_events(reader):
            stream.items.put_nowait(event)
        stream.items.put_nowait(None)

    async def notice_hang_up(self, stream: Stream) -> None:
        """A client that watches says nothing more; what ends here is its connection."""
        with suppress(OSError):
            await self.reader.read(1)
        stream.items.put_nowait(None)

    async def deliver(self, stream: Stream) -> None:
        while (item := await stream.items.get()) is not None:
            if isinstance(item, Disturbance):
                await self.disturb(stream, item)
            else:
                await self.send(chunk(item))
        await self.send(LAST_CHUNK)

    async def disturb(self, stream: Stream, disturbance: Disturbance) -> None:
        try:
            await self.misbehave(stream, disturbance.action)
        finally:
            disturbance.done()

    async def misbehave(self, stream: Stream, action: StreamAction) -> None:
        match action:
            case CutAfter(events):
                for _ in range(events):
                    await self.send(chunk(await self.event(stream)))
                raise Severed
            case DropThenCut():
                await self.event(stream)
                raise Severed
            case Twice():
                event = await self.event(stream)
                await self.send(chunk(event) + chunk(event))
            case Delay(seconds):
                await self.send(b"".join(map(chunk, await self.hold_back(stream, seconds))))
            case Reorder():
                held = [await self.event(stream)]
                while object_of(held[0]) == object_of(event := await self.event(stream)):
                    held.append(event)
                await self.send(b"".join(map(chunk, [event, *held])))
            case Gone() | HangAfter("list"):
                event = json.dumps({"type": "ERROR", "object": status(410)}).encode() + b"\n"
                await self.send(chunk(event) + LAST_CHUNK)
                raise Severed
            case Stall(seconds):
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.until_hang_up(stream), seconds)
                raise Severed
            case CloseAtOnce() | RefuseWatch() | HangAfter():
                raise Severed

    async def event(self, stream: Stream) -> bytes:
        """The next event, not counting bookmarks, which are none."""
        while (item := await stream.items.get()) is not None:
            if isinstance(item, bytes) and b'"type":"BOOKMARK"' not in item[:40]:
                return item
            if isinstance(item, bytes):
                await self.send(chunk(item))
        raise Severed

    async def hold_back(self, stream: Stream, seconds: float) -> list[bytes]:
        """What comes within that time, counted from its first event."""
        held = [await self.event(stream)]
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while isinstance(item := await stream.items.get(), bytes):
                    held.append(item)
                raise Severed
        return held

    async def until_hang_up(self, stream: Stream) -> None:
        while await stream.items.get() is not None:
            pass

    # The API server

    async def forward(self, head: Head, body: bytes) -> Head:
        reader, writer = await self.reach()
        headers = [(name, value) for name, value in head.kept() if name.lower() != "accept-encoding"]
        if body or head.get("content-length"):
            headers.append(("Content-Length", str(len(body))))
        writer.write(Head(head.first, headers).wire() + body)
        await writer.drain()
        answer = await read_head(reader)
        if answer is None:
            raise Broken
        return answer

    async def forward_whole(self, head: Head, body: bytes) -> tuple[Head, bytes]:
        answer = await self.forward(head, body)
        content = await self.whole(answer)
        return self.plain(answer, content), content

    async def whole(self, answer: Head) -> bytes:
        assert self.upstream is not None
        return await read_body(self.upstream[0], answer)

    @staticmethod
    def plain(answer: Head, content: bytes) -> Head:
        """The same answer with its length in front."""
        return Head(answer.first, [*answer.kept(), ("Content-Length", str(len(content)))])

    async def reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.upstream is None or self.upstream[0].at_eof():
            self.hang_up()
            host, port = self.layer.upstream
            self.upstream = await asyncio.open_connection(host, port, ssl=self.layer.outside, limit=HEAD_MAX)
        return self.upstream

    def hang_up(self) -> None:
        if self.upstream is not None:
            self.upstream[1].transport.abort()
            self.upstream = None
