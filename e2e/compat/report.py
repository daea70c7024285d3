"""The report of the manual, and the checks that the suite must find, both written from what the clients told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import boto3

from programs import Check, Outcome

HERE = Path(__file__).resolve().parent
CHECKS = HERE / "checks.tsv"
PAGE = HERE.parents[1] / "src/manual/compatibility.md"
BEGIN, END = "<!-- written by e2e/compat: begin -->", "<!-- written by e2e/compat: end -->"

# The order of the columns: who calls KMS for a program of one's own, then who calls it for a purpose.
CLIENTS = {
    "boto3": "boto3", "aws-cli": "AWS CLI", "sdk-go": "Go", "sdk-java": "Java", "sdk-javascript": "JavaScript",
    "sdk-rust": "Rust", "esdk-python": "ESDK Python", "esdk-java": "ESDK Java", "esdk-javascript": "ESDK JavaScript",
    "dbesdk-java": "DB-ESDK Java", "sops": "SOPS", "securesystemslib": "securesystemslib", "pyjwt": "PyJWT",
}


def expected() -> dict[Check, str]:
    """Each check that the suite must find, with the result that it must have."""
    rows = [line.split("\t") for line in CHECKS.read_text("utf-8").splitlines()]
    return {Check(client, operation, name): result for client, operation, name, result in rows}


def checks_text(outcomes: Iterable[Outcome]) -> str:
    rows = sorted((outcome.check, outcome.result) for outcome in outcomes)
    return "".join(f"{check.client}\t{check.operation}\t{check.name}\t{result}\n" for check, result in rows)


def page_text(outcomes: Mapping[Check, str]) -> str:
    """The page as it stands, with what the suite writes made anew."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    parts = [versions_table(), operations_table(outcomes), exceptions_table(outcomes)]
    return before + "\n\n".join([BEGIN, *parts, END]) + after


def operations_table(outcomes: Mapping[Check, str]) -> str:
    rows = []
    for operation in sorted(operations()):
        rows.append([f"`{operation}`", *(cell(outcomes, client, operation) for client in CLIENTS)])
    return table("operation", rows)


def cell(outcomes: Mapping[Check, str], client: str, operation: str) -> str:
    results = [result for check, result in outcomes.items() if (check.client, check.operation) == (client, operation)]
    passed, later = results.count("pass"), results.count("later")
    told = [str(passed)] if passed else []
    return " + ".join(told + ([f"{later} later"] if later else []))


def exceptions_table(outcomes: Mapping[Check, str]) -> str:
    """A check that is named after an exception passes only where that one arrives as the client's type for it."""
    names = sorted({check.name for check, result in outcomes.items() if is_exception(check) and result == "pass"})
    rows = []
    for name in names:
        found = {check.client for check, result in outcomes.items() if check.name == name and result == "pass"}
        rows.append([f"`{name}`", *("yes" if client in found else "" for client in CLIENTS)])
    return table("exception", rows)


def is_exception(check: Check) -> bool:
    return re.fullmatch(r"\w+Exception", check.name) is not None


def table(heading: str, rows: Iterable[Sequence[str]]) -> str:
    lines = [[heading, *CLIENTS.values()], ["---"] * (len(CLIENTS) + 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def operations() -> list[str]:
    """All of the model, as the SDK for Python has it."""
    return boto3.Session()._session.get_service_model("kms").operation_names  # boto3 offers no public way to it.


def versions_table() -> str:
    """What the lock files pin."""
    lines = ["| client | version |", "| --- | --- |"]
    lines += [f"| {name} | {' and '.join(found)} |" for name, found in versions().items()]
    return "\n".join(lines)


def versions() -> dict[str, list[str]]:
    python = dict(line.split("==") for line in (HERE / "python/requirements.txt").read_text("utf-8").split())
    npm = json.loads((HERE / "javascript/package.json").read_text("utf-8"))["dependencies"]

    def of_python(*names: str) -> list[str]:
        return [f"{name} {python[name]}" for name in names]

    def of_npm(name: str) -> list[str]:
        return [f"{name} {npm[name]}"]

    return {
        "boto3": of_python("boto3", "botocore"), "AWS CLI": of_python("awscli"),
        "AWS SDK for Go v2": go_module("go", "github.com/aws/aws-sdk-go-v2/service/kms"),
        "AWS SDK for Java v2": maven("bom"), "AWS SDK for JavaScript v3": of_npm("@aws-sdk/client-kms"),
        "AWS SDK for Rust": crate("aws-sdk-kms"),
        "AWS Encryption SDK for Python (ESDK)": of_python("aws-encryption-sdk", "aws-cryptographic-material-providers"),
        "AWS Encryption SDK for Java": maven("aws-encryption-sdk-java", "aws-cryptographic-material-providers"),
        "AWS Encryption SDK for JavaScript": of_npm("@aws-crypto/client-node"),
        "AWS Database Encryption SDK for DynamoDB in Java (DB-ESDK)": maven("aws-database-encryption-sdk-dynamodb"),
        "SOPS": go_module("sops", "github.com/getsops/sops/v3"), "securesystemslib": of_python("securesystemslib"),
        "PyJWT": of_python("PyJWT", "cryptography"),
    }


def go_module(folder: str, module: str) -> list[str]:
    text = (HERE / folder / "go.mod").read_text("utf-8")
    return [f"{module} " + only(rf"{re.escape(module)} (v\S+)", text)]


def maven(*artifacts: str) -> list[str]:
    text = (HERE / "java/pom.xml").read_text("utf-8")
    pattern = r"<artifactId>{}</artifactId>\s*<version>([^<]+)<"
    return [f"{artifact} " + only(pattern.format(re.escape(artifact)), text) for artifact in artifacts]


def crate(name: str) -> list[str]:
    text = (HERE / "rust/Cargo.lock").read_text("utf-8")
    return [f"{name} " + only(rf'name = "{name}"\nversion = "([^"]+)"', text)]


def only(pattern: str, text: str) -> str:
    [found] = re.findall(pattern, text, re.MULTILINE)
    return found
