"""Named checks of one client, each of which ends as one line of JSON."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Check = Callable[[], object]


class Checks:
    """The checks of one client, in the order in which they were added."""

    def __init__(self, client: str) -> None:
        self.client = client
        self.added: list[tuple[str, str, Check]] = []

    def add(self, operation: str, check: str) -> Callable[[Check], Check]:
        def keep(function: Check) -> Check:
            self.added.append((operation, check, function))
            return function

        return keep

    def run(self) -> None:
        """No failure keeps a later check from its run."""
        for operation, check, function in self.added:
            try:
                function()
            except Exception as error:  # noqa: BLE001  Whatever a client throws is the result of its check.
                self.tell(operation, check, "fail", f"{type(error).__name__}: {error} {place(error)}")
            else:
                self.tell(operation, check, "pass", "")

    def tell(self, operation: str, check: str, result: str, detail: str) -> None:
        line = {"client": self.client, "operation": operation, "check": check, "result": result, "detail": detail}
        print(json.dumps(line), flush=True)


def place(error: Exception) -> str:
    """Where in the check it happened; not where deep below."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"(line {frames[1].lineno})" if len(frames) > 1 else ""


def equal(found: Any, wanted: Any) -> None:
    assert found == wanted, f"{found!r} is not {wanted!r}"


def refused(wanted: type[Exception], call: Callable[..., Any], *arguments: Any, **members: Any) -> Exception:
    """The typed exception that a call must end with."""
    try:
        answer = call(*arguments, **members)
    except wanted as error:
        return error
    raise AssertionError(f"not refused with {wanted.__name__}: {answer!r}")


def is_recent(time: datetime) -> None:
    age = (datetime.now(UTC) - time).total_seconds()
    assert -60 < age < 900, f"{time} is {age} s ago"
