"""The primitives alone, as aws-lc-rs does them, and the requests for the operations that they are of.

Each is measured when its operation is, so that whatever else goes on in the machine falls on both.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .api import Json
from .output import Failure, tell
from .process import end_with_parent
from .rig import ROOT, run

SECONDS = 1
# What the benchmark writes where the id of a key belongs.
ANY_KEY = "$KEY"


@dataclass(frozen=True)
class Case:
    """An operation with a key of a spec, as the benchmark `local` tells it."""

    told: Json
    # Its place among all, by which the benchmark knows it.
    index: int

    @property
    def name(self) -> str:
        return " ".join(one for one in (self.told["keySpec"], self.told["operation"], self.told["algorithm"]) if one)

    @property
    def key(self) -> tuple[str, str]:
        """Spec and usage of the key."""
        return self.told["keySpec"], self.told["keyUsage"]

    @property
    def has_primitive(self) -> bool:
        return self.told["hasPrimitive"]

    @property
    def least_ratio(self) -> float | None:
        return self.told["leastRatio"]


class Primitives:
    """The benchmark `local`, built."""

    def __init__(self) -> None:
        tell("building the benchmark of the primitives")
        told = run(
            "cargo", "bench", "--locked", "--manifest-path", str(ROOT / "Cargo.toml"), "--bench", "local", "--no-run",
            "--message-format", "json",
        )
        made = [json.loads(line) for line in told.splitlines()]
        found = [one["executable"] for one in made if one.get("executable") and one["target"]["kind"] == ["bench"]]
        if not found:
            raise Failure("cargo built no benchmark")
        self.program = Path(found[-1])

    def cases(self) -> list[Case]:
        return [Case(told, index) for index, told in enumerate(json.loads(self.ask("--cases")))]

    def rate(self, case: Case) -> float | None:
        """Times a second of processor time, where the operation has a primitive."""
        return float(self.ask("--raw", str(case.index), "--seconds", str(SECONDS))) if case.has_primitive else None

    def ask(self, *options: str) -> str:
        done = subprocess.run(
            [str(self.program), *options], text=True, capture_output=True, stdin=subprocess.DEVNULL,
            preexec_fn=end_with_parent, check=False,
        )
        if done.returncode:
            raise Failure(f"the primitives, {' '.join(options)}: {done.stderr[-2000:]}")
        return done.stdout
