"""The clients that people really use: boto3, the AWS CLI and curl."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from support import REGION, Coffer
from wire import JSON_TYPE

Json = dict[str, Any]


@functools.cache
def session() -> boto3.Session:
    """One for the whole test process, because reading the service model takes long."""
    return boto3.Session()


def kms(server: Coffer, region: str = REGION, access_key: str = "AKIAEXAMPLE", secret: str = "any") -> Any:
    """A boto3 client. It never retries, so that a refusal is seen the first time."""
    config = Config(retries={"total_max_attempts": 1}, max_pool_connections=64)
    return session().client(
        "kms", region_name=region, endpoint_url=server.url, config=config,
        aws_access_key_id=access_key, aws_secret_access_key=secret,
    )


class Refusal(NamedTuple):
    code: str
    message: str
    status: int


def refusal(call: Callable[..., Any], **members: Any) -> Refusal:
    """The error that a boto3 call ends with; a call that succeeds is a failure of the test."""
    try:
        answer = call(**members)
    except ClientError as error:
        details = error.response["Error"]
        return Refusal(details["Code"], details["Message"], error.response["ResponseMetadata"]["HTTPStatusCode"])
    raise AssertionError(f"not refused: {answer}")


def beside_python(name: str) -> str:
    """A program of the virtual environment that runs the tests, not another one on the PATH."""
    return str(Path(sys.executable).parent / name)


def shell_env(extra: Mapping[str, str]) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "AWS_PAGER": "", **extra}


def run(command: Sequence[str], extra: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=shell_env(extra))


class Cli:
    """The real AWS CLI, pointed at the server the way its printed lines say."""

    def __init__(self, server: Coffer, region: str = REGION) -> None:
        self.env = {
            "AWS_ENDPOINT_URL_KMS": server.url, "AWS_DEFAULT_REGION": region,
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "any", "AWS_MAX_ATTEMPTS": "1",
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return run([beside_python("aws"), "kms", *words, "--output", "json"], self.env)

    def good(self, *words: str) -> Json:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else {}

    def refused(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode != 0, done.stdout
        return done.stderr.strip()


def curl(server: Coffer, *words: str) -> subprocess.CompletedProcess[str]:
    return run(["curl", "--silent", "--show-error", "--max-time", "20", *words])


def curl_operation(server: Coffer, operation: str, members: Json, *words: str, host: str = "localhost") -> Json:
    """An operation through the Unix socket, with the error member left in what is returned."""
    headers = ["-H", f"Content-Type: {JSON_TYPE}", "-H", f"X-Amz-Target: TrentService.{operation}"]
    body = ["--data-binary", json.dumps(members)]
    done = curl(server, "--unix-socket", server.socket, *headers, *body, *words, f"http://{host}/")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout else {}
