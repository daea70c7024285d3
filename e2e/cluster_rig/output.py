"""What is told to people goes to stderr, because stdout carries only what a script takes."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Failure(Exception):
    """Something that the person at the terminal can understand and act on; shown without a stack trace."""


def tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Tells what begins and, if it ends well, how long it took."""
    tell(f"{what} ...")
    begin = time.monotonic()
    yield
    tell(f"{what}: {time.monotonic() - begin:.1f} s")
