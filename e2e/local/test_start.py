"""The first minute: what is printed, what is laid down on the disk, and what a failing start says."""

from __future__ import annotations

import re
import socket
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from support import Coffer, Launch, binary


def test_what_is_printed(server: Coffer) -> None:
    said = server.stdout()
    assert re.search(r"^http     http://127\.0\.0\.1:\d+$", said, re.MULTILINE)
    assert f"\nsocket   {server.data}/coffer.sock\n" in f"\n{said}"
    assert f"export AWS_ENDPOINT_URL_KMS={server.url}" in said
    assert re.search(r"^\s*aws kms ", said, re.MULTILINE)
    assert "initialised" in said
    assert not re.search("\x1b", said + server.stderr()), "no colours where nobody sees them"


def test_only_the_first_start_initialises(server: Coffer) -> None:
    root = (server.data / "root.key").read_bytes()
    installation = server.folder().installation()
    server.restart()
    assert "initialised" not in server.stdout()
    assert (server.data / "root.key").read_bytes() == root
    assert server.folder().installation() == installation


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.lstat().st_mode):04o}"


def test_what_lies_in_the_data_folder(server: Coffer) -> None:
    server.new_key()
    data = server.data
    assert len((data / "root.key").read_bytes()) == 64
    private = {name: mode(data / name) for name in ("root.key", "coffer.sock", "audit.jsonl")}
    assert set(private.values()) == {"0600"}, private
    region = data / "us-east-1"
    assert (region / "installation").is_file()
    for name in ("root", "key", "material", "owner", "resources"):
        assert (region / name).is_dir()
    others = [path for path in data.rglob("*") if int(mode(path), 8) & 0o077 and path.is_file()]
    assert others == [], "nobody else may read the state"


def test_an_empty_folder_is_initialised(prepare: Launch) -> None:
    server = prepare()
    server.data.mkdir(parents=True)
    server.start()
    assert "initialised" in server.stdout()
    assert (server.data / "root.key").exists()


def test_two_installations_share_no_root_key(launch: Launch) -> None:
    first, second = launch(name="first"), launch(name="second")
    assert (first.data / "root.key").read_bytes() != (second.data / "root.key").read_bytes()
    assert first.folder().installation() != second.folder().installation()


class DefaultFolder(Coffer):
    """A process that is not told where its data folder is."""

    def command(self) -> list[str]:
        return [binary(), "local", "--http", "127.0.0.1:0"]


@pytest.mark.parametrize("variable", ["XDG_STATE_HOME", "HOME"])
def test_the_default_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """The path of a socket has 107 characters at most, and pytest's folders have long names."""
    below = "coffer" if variable == "XDG_STATE_HOME" else ".local/state/coffer"
    with tempfile.TemporaryDirectory(prefix="coffer-") as here:
        monkeypatch.setenv(variable, here)
        server = DefaultFolder(tmp_path / "run", data=Path(here) / below)
        try:
            server.start()
            assert server.socket == str(server.data / "coffer.sock")
            assert server.list_keys() == []
        finally:
            server.end()


def test_a_socket_path_that_is_too_long_is_explained(prepare: Launch, tmp_path: Path) -> None:
    error = prepare("--socket", str(tmp_path / ("s" * 120))).refuse_to_start()
    assert "--socket" in error and "shorter" in error


def test_the_help_names_every_option() -> None:
    done = subprocess.run([binary(), "local", "--help"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0
    options = [
        "--http", "--socket", "--data", "--root", "--manifests", "--region", "--account", "--allow-host",
        "--credentials", "--audit", "127.0.0.1:4599",
    ]
    assert [option for option in options if option not in done.stdout] == []


def test_an_address_that_is_taken(prepare: Launch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        error = prepare("--http", address).refuse_to_start()
    assert address in error


def test_a_manifests_folder_that_is_not_there(prepare: Launch, tmp_path: Path) -> None:
    """A misspelt path would otherwise look like a folder from which every manifest was removed."""
    missing = tmp_path / "no-such-folder"
    assert str(missing) in prepare("--manifests", str(missing)).refuse_to_start()


def test_a_data_folder_that_is_a_file(prepare: Launch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    error = prepare(data=tmp_path / "file").refuse_to_start()
    assert str(tmp_path / "file") in error
    assert (tmp_path / "file").read_text() == "not a folder"


@pytest.mark.parametrize("words", [("--region", "EU"), ("--account", "12"), ("--audit", "syslog"), ("--colour",)])
def test_options_that_are_wrong(prepare: Launch, words: tuple[str, ...]) -> None:
    server = prepare(*words)
    assert server.spawn().wait(20) in {1, 2}
    assert "error: " in server.stderr()
    assert not server.data.exists()
