"""The sidecar of a pod that has no cluster: its process, its files, and the environment of its containers."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from clients import run
from support import START_SECONDS, until
from wire import TcpConnection

REGION = "eu-central-1"


def binary() -> str:
    """The built program; a missing variable must fail loudly, or nothing at all would be proved."""
    path = os.environ.get("COFFER_SIDECAR_BIN")
    assert path, "COFFER_SIDECAR_BIN must hold the path of the coffer-sidecar binary"
    return path


class Pod:
    """One `coffer-sidecar` with a folder of its own, which can be stopped and started again."""

    def __init__(self, home: Path, server: str, *options: str) -> None:
        self.home = home
        self.server = server
        self.options = options
        self.runs = 0
        self.process: subprocess.Popen[bytes] | None = None
        home.mkdir(parents=True)

    def path(self, name: str) -> Path:
        return self.home / name

    def put(self, name: str, content: bytes) -> None:
        """Replaces a file at once, as the kubelet does."""
        fresh = self.path("fresh")
        fresh.write_bytes(content)
        fresh.replace(self.path(name))

    # Life of the process

    def command(self) -> list[str]:
        files = ["--ca-file", self.path("ca.crt"), "--token-file", self.path("token"), "--socket", self.socket]
        files += ["--authorization-token-file", self.path("authorization")]
        http = [] if "--http" in self.options else ["--http", "127.0.0.1:0"]
        return [binary(), "serve", "--server", self.server, *map(str, files), *http, *self.options]

    def start(self) -> Pod:
        self.runs += 1
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        process = self.process

        def ready() -> bool:
            assert process.poll() is None, f"exit {process.returncode}: {self.said()}"
            return " serving " in self.said()

        until(ready, "the line that it serves", START_SECONDS)
        return self

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(START_SECONDS)

    def end(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait(START_SECONDS)

    def probe(self, *options: str) -> subprocess.CompletedProcess[str]:
        return run([binary(), "probe", "--socket", str(self.socket), *options])

    # What it says

    @property
    def log(self) -> Path:
        return self.path(f"log-{self.runs}")

    def said(self) -> str:
        return self.log.read_text("utf-8")

    @property
    def socket(self) -> Path:
        return self.path("coffer.sock")

    @property
    def address(self) -> str:
        found = re.search(r"http=\"?(127\.0\.0\.1:\d+)", self.said())
        assert found, self.said()
        return found[1]

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def connect(self) -> TcpConnection:
        return TcpConnection(int(self.address.rsplit(":", 1)[1]))

    # Its containers

    def container(self) -> dict[str, str]:
        """The environment of a container, and no credentials in it."""
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.url}/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(self.path("authorization")),
            "AWS_ENDPOINT_URL_KMS": self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def session(self, monkeypatch: pytest.MonkeyPatch) -> boto3.Session:
        """An unmodified boto3 that finds out everything from its environment."""
        for name, value in self.container().items():
            monkeypatch.setenv(name, value)
        return boto3.Session()

    def kms(self, monkeypatch: pytest.MonkeyPatch, attempts: int = 1) -> Any:
        config = Config(retries={"total_max_attempts": attempts, "mode": "standard"}, max_pool_connections=32)
        return self.session(monkeypatch).client("kms", config=config)
