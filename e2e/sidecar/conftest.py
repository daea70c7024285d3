"""Fixtures of the end-to-end tests of `coffer-sidecar`: a pod on loopback, before a real `coffer local`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "local"), str(HERE.parent / "formats")]

from pod import Pod
from support import Coffer
from tls_server import Authority, TlsServer

BINARIES = ("COFFER_BIN", "COFFER_SIDECAR_BIN")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The AWS settings, proxies and home of whoever runs the tests must not decide their outcome."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "COFFER_")) and name not in BINARIES]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Coffer]:
    """What really serves: `coffer local` with nothing but the defaults."""
    coffer = Coffer(tmp_path / "engine")
    yield coffer.start()
    coffer.end()


@pytest.fixture
def server(engine: Coffer, authority: Authority) -> Iterator[TlsServer]:
    """What stands where a cluster has its server: TLS and the check of the token, then the engine."""
    server = TlsServer(authority, engine.port, {"first-token"})
    yield server
    server.stop()


Launch = Callable[..., Pod]


@pytest.fixture
def prepare(tmp_path: Path, server: TlsServer) -> Iterator[Launch]:
    """Makes pods whose sidecar is not started yet; all that a test did start end with it."""
    made: list[Pod] = []

    def make(*options: str, name: str = "pod") -> Pod:
        made.append(Pod(tmp_path / name, server.url, *options))
        return made[-1]

    yield make
    for pod in made:
        pod.end()


@pytest.fixture
def launch(prepare: Launch, authority: Authority) -> Launch:
    """Makes pods with a bundle and a token, and starts their sidecars."""

    def start(*options: str, name: str = "pod") -> Pod:
        pod = prepare(*options, name=name)
        pod.put("ca.crt", authority.pem)
        pod.put("token", b"first-token\n")
        return pod.start()

    return start


@pytest.fixture
def pod(launch: Launch) -> Pod:
    return launch()
