"""What can be made to go wrong between a server and its API server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from seen import Request

Matches = Callable[[Request], bool]


@dataclass(frozen=True)
class Cut:
    """The connection breaks before anything is forwarded."""


@dataclass(frozen=True)
class LoseAnswer:
    """The API server does what it is asked, and the connection breaks before the first byte of its answer."""


@dataclass(frozen=True)
class HalveAnswer:
    """The connection breaks in the middle of the answer's body."""


@dataclass(frozen=True)
class Refuse:
    """An error of the API server in place of what was asked."""

    code: int
    retry_after: int | None = None
    done: bool = False
    """Whether it was done all the same, as a gateway's time-out may hide."""


@dataclass(frozen=True)
class Hold:
    """No answer at all, and nothing is forwarded; after that time the connection breaks."""

    seconds: float


@dataclass(frozen=True)
class Late:
    """Forwarded only after that time, when the client has given up and perhaps tried again; no answer."""

    seconds: float


RequestAction = Cut | LoseAnswer | HalveAnswer | Refuse | Hold | Late


@dataclass
class Fault:
    """An action for the n-th matching request, and for so many more; without a number for all of them."""

    action: RequestAction
    matches: Matches
    nth: int = 1
    times: int | None = 1
    seen: int = 0
    met: list[Request] = field(default_factory=list)

    def meets(self, request: Request) -> bool:
        if not self.matches(request):
            return False
        self.seen += 1
        last = None if self.times is None else self.nth + self.times - 1
        meets = self.seen >= self.nth and (last is None or self.seen <= last)
        if meets:
            self.met.append(request)
        return meets


def labelled(label: str) -> Matches:
    return lambda request: request.label == label


# Watches


@dataclass(frozen=True)
class CutAfter:
    """The stream breaks after so many more events."""

    events: int


@dataclass(frozen=True)
class DropThenCut:
    """The next event is lost, and the stream breaks."""


@dataclass(frozen=True)
class Twice:
    """The next event is delivered twice."""


@dataclass(frozen=True)
class Delay:
    """The next event and all that follow come so much later, together."""

    seconds: float


@dataclass(frozen=True)
class Reorder:
    """The next event, and all of the same object, come after the first of another object."""


@dataclass(frozen=True)
class Gone:
    """The history is gone: an error event of code 410, and the stream ends."""


@dataclass(frozen=True)
class Stall:
    """Nothing is delivered any more; after that time the stream breaks."""

    seconds: float


@dataclass(frozen=True)
class CloseAtOnce:
    """The stream breaks, and so do the next ones when they are opened."""

    times: int


@dataclass(frozen=True)
class RefuseWatch:
    """The stream breaks, and the next one is refused with an error."""

    code: int
    retry_after: int | None = None


@dataclass(frozen=True)
class HangAfter:
    """The stream ends, and the next request of that verb for the same kind is never answered."""

    verb: str
    seconds: float


StreamAction = CutAfter | DropThenCut | Twice | Delay | Reorder | Gone | Stall | CloseAtOnce | RefuseWatch | HangAfter


@dataclass
class Disturbance:
    """A fault of streams that are open."""

    action: StreamAction
    streams: int
    remaining: int = 0
    complete: threading.Event = field(default_factory=threading.Event)

    def done(self) -> None:
        """One of the streams has had it."""
        self.remaining -= 1
        if self.remaining <= 0:
            self.complete.set()
