"""The primitives alone, as aws-lc-rs does them, and the requests for the operations that they are of."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .api import Json
from .output import Failure, tell
from .process import end_with_parent
from .rig import ROOT, run

# The benchmark gives each primitive a quarter of it.
SECONDS = 2
# What the benchmark writes where the id of a key belongs.
ANY_KEY = "$KEY"


@dataclass(frozen=True)
class Case:
    """An operation with a key of a spec, as the benchmark `local` tells it."""

    told: Json

    @property
    def name(self) -> str:
        return " ".join(one for one in (self.told["keySpec"], self.told["operation"], self.told["algorithm"]) if one)

    @property
    def key(self) -> tuple[str, str]:
        """Spec and usage of the key."""
        return self.told["keySpec"], self.told["keyUsage"]

    @property
    def raw(self) -> float | None:
        """Times a second of processor time; some operations have no primitive."""
        return self.told["rawPerSecond"]

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

    def measure(self) -> list[Case]:
        tell("measuring the primitives alone")
        done = subprocess.run(
            [str(self.program), "--raw", "--seconds", str(SECONDS)], text=True, capture_output=True,
            stdin=subprocess.DEVNULL, preexec_fn=end_with_parent, check=False,
        )
        if done.returncode:
            raise Failure(f"the primitives: {done.stderr[-2000:]}")
        return [Case(one) for one in json.loads(done.stdout)]
