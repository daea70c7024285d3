"""The programs of the suite, and what they tell."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import installing
from cluster_rig.output import tell, timed

HERE = Path(__file__).resolve().parent
RUN_SECONDS = 480
# What Coffer answers where an operation, a member or a key spec comes with a later version.
LATER = "is not implemented by this version of Coffer"


@dataclass(frozen=True, order=True)
class Check:
    client: str
    operation: str
    name: str


@dataclass(frozen=True)
class Outcome:
    check: Check
    result: str  # `pass`, `fail`, or `later` where Coffer said so itself.
    detail: str


@dataclass(frozen=True)
class Program:
    """One process. `clients` are those that it must tell of."""

    clients: tuple[str, ...]
    command: Sequence[str]


def all_programs(folder: Path) -> list[Program]:
    installing.install_all()
    scripts = {
        "boto3": "boto3_client", "aws-cli": "aws_cli", "esdk-python": "encryption_sdk", "sops": "sops",
        "securesystemslib": "signer", "pyjwt": "web_token",
    }
    interpreter = str(installing.python())
    made = [Program((name,), [interpreter, str(HERE / f"python/{file}.py")]) for name, file in scripts.items()]
    # A short-lived process gains nothing from the second compiler.
    machine = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", str(installing.java())]
    return [
        *made,
        Program(("sdk-go",), [str(installing.go())]),
        Program(("sdk-rust",), [str(installing.rust())]),
        Program(("sdk-java", "esdk-java", "dbesdk-java"), [*machine, "dev.coffer.compat.Main"]),
        Program(("sdk-javascript", "esdk-javascript"), ["node", str(javascript_main(folder))]),
    ]


def javascript_main(folder: Path) -> Path:
    """Node looks for modules beside the program, and the checkout shall have none."""
    for source in (HERE / "javascript").glob("*.mjs"):
        shutil.copy(source, folder)
    (folder / "node_modules").symlink_to(installing.javascript())
    return folder / "main.mjs"


def run_all(environment: Mapping[str, str], folder: Path) -> list[Outcome]:
    """All at once, as the cluster's pods would, so that no client has the endpoint for itself."""
    programs = all_programs(folder)
    settings = {**environment, "COFFER_COMPAT_SOPS": str(installing.sops()), "PYTHONDONTWRITEBYTECODE": "1"}
    with ThreadPoolExecutor(len(programs)) as pool:
        return [outcome for found in pool.map(lambda one: run(one, settings), programs) for outcome in found]


def run(program: Program, environment: Mapping[str, str]) -> list[Outcome]:
    name = " and ".join(program.clients)
    with timed(f"running {name}"):
        done = subprocess.run(
            program.command, env=dict(environment), cwd=os.sep, capture_output=True, text=True, timeout=RUN_SECONDS,
            check=False,
        )
    if done.returncode:
        tell(f"{name}: exit {done.returncode}\n{done.stderr[-4000:]}")
    outcomes = [read(json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]
    strangers = {outcome.check.client for outcome in outcomes} - set(program.clients)
    assert not strangers, f"the program of {name} tells of {strangers}"
    return outcomes


def read(told: Mapping[str, str]) -> Outcome:
    check = Check(told["client"], told["operation"], told["check"])
    later = told["result"] == "fail" and LATER in told["detail"]
    return Outcome(check, "later" if later else told["result"], told["detail"])
