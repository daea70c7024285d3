"""Fixtures of the end-to-end tests of `coffer local`; a test has its own folders and process, or says that it shares
one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "formats")]

from support import Coffer, Launch


def clean(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """The AWS settings, proxies and home of whoever runs the tests must not decide their outcome."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "COFFER_")) and name != "COFFER_BIN"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clean(monkeypatch, tmp_path / "home")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coffer]:
    """One process for a whole module, whose tests leave each other's keys alone."""
    folder = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as monkeypatch:
        clean(monkeypatch, folder / "home")
        server = Coffer(folder / "coffer").start()
        yield server
        server.end()


@pytest.fixture
def prepare(tmp_path: Path) -> Iterator[Launch]:
    """Makes processes that are not started yet; all that a test did start end with it."""
    made: list[Coffer] = []

    def make(*options: str, name: str = "coffer", **named: object) -> Coffer:
        made.append(Coffer(tmp_path / name, *options, **named))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for server in made:
        server.end()


@pytest.fixture
def launch(prepare: Launch) -> Launch:
    """Makes and starts a process."""

    def start(*options: str, **named: object) -> Coffer:
        return prepare(*options, **named).start()

    return start


@pytest.fixture
def server(launch: Launch) -> Coffer:
    """A process with nothing but the defaults and an empty data folder."""
    return launch()
