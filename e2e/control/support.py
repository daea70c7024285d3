"""What every test here needs: programs, waiting for conditions, and the words of refusals."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from botocore.exceptions import ClientError

T = TypeVar("T")
Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
GROUP = "kms.coffer.dev"
API_VERSION = f"{GROUP}/v1alpha1"
KEYS, SYSTEM = "coffer-keys", "coffer-system"


def program(variable: str) -> str:
    """A built program; a missing variable must fail loudly, or nothing at all would be proved."""
    path = os.environ.get(variable)
    assert path and os.access(path, os.X_OK), (
        f"{variable} must hold the path of a built program; `cargo build --release --features cluster,sidecar` makes "
        f"coffer and coffer-sidecar, for COFFER_BIN and COFFER_SIDECAR_BIN. It holds {path!r}"
    )
    return path


def until(condition: Callable[[], T], what: str, seconds: float = 15.0, period: float = 0.05) -> T:
    """The first truthy value of `condition`; a test never sleeps for a guessed time instead."""
    begun = time.monotonic()
    while not (found := condition()):
        waited = time.monotonic() - begun
        assert waited < seconds, f"waited {seconds} s for {what}"
        # The longer it takes, the less it matters when it is seen; those that are waited for need the processor.
        time.sleep(max(period, min(waited / 20, 0.5)))
    return found


def until_equal(read: Callable[[], T], wanted: T, seconds: float = 15.0) -> None:
    """Waits for a value, and shows the last other one where it does not come."""
    seen: list[T] = []
    with suppress(AssertionError):
        until(lambda: seen.append(read()) or seen[-1] == wanted, "a value", seconds)
    assert seen[-1] == wanted, f"waited {seconds} s"


def measured(name: str, began: float) -> float:
    """Prints how long something took since `began`, for the report of a run with `-s` or `-rP`."""
    seconds = time.monotonic() - began
    print(f"MEASURED {name}: {seconds:.2f} s")
    return seconds


def free_port() -> int:
    """A port below those that the kernel hands out by itself, so that nothing takes it meanwhile."""
    for _ in range(200):
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


class Refusal(NamedTuple):
    code: str
    message: str
    status: int


def refusal(call: Callable[..., Any], **members: Any) -> Refusal:
    """The error that a boto3 call ends with; a call that succeeds is a failure of the test."""
    refused = attempt(call, **members)
    assert isinstance(refused, Refusal), f"not refused: {refused}"
    return refused


def attempt(call: Callable[..., Any], **members: Any) -> Any:
    """The answer of a boto3 call, or its refusal."""
    try:
        return call(**members)
    except ClientError as error:
        details = error.response["Error"]
        return Refusal(details["Code"], details["Message"], error.response["ResponseMetadata"]["HTTPStatusCode"])


def outcome(call: Callable[..., Any], **members: Any) -> str:
    """The code of the refusal, or "ok"."""
    answer = attempt(call, **members)
    return answer.code if isinstance(answer, Refusal) else "ok"
