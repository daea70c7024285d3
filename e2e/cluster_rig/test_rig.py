"""What of the rig can be wrong without a cluster noticing: run with pytest."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from . import adopt, build, machine, process, recipe
from .command_line import split_foreign
from .output import Failure
from .paths import Folder, folder_of


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder("test", tmp_path / "test")
    made.make()
    return made


@pytest.fixture
def sleeper(folder: Folder) -> int:
    process.start(folder, process.Component("sleeper", ("sleep", "100"), {"PATH": os.environ["PATH"]}))
    pid = process.process_of(folder, "sleeper")
    assert pid
    yield pid
    process.end([pid], 0)


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a/b", "..", "a" * 31])
def test_a_name_that_is_no_path_is_refused(name: str) -> None:
    with pytest.raises(Failure):
        folder_of(name)


def test_the_options_of_kubectl_are_kubectls() -> None:
    assert split_foreign(["kubectl", "--name", "a", "get", "--help"]) == (["kubectl", "--name", "a"], ["get", "--help"])
    assert split_foreign(["kubectl", "--name=a", "-n", "b"]) == (["kubectl", "--name=a"], ["-n", "b"])
    assert split_foreign(["kubectl", "--request-timeout=1s"]) == (["kubectl"], ["--request-timeout=1s"])
    assert split_foreign(["down", "--name", "a"]) == (["down", "--name", "a"], [])


def test_every_program_of_a_size_has_a_recipe() -> None:
    for size in recipe.SIZES.values():
        for name in size:
            assert build.version_of(name).startswith("v")


def test_replaced_folders_become_published_modules() -> None:
    text = "module a\n\nreplace (\n\tk8s.io/api => ./staging/src/k8s.io/api\n\tother => other v1.0.0\n)\n"
    staging = build.local_replacements(text)
    assert staging == ["k8s.io/api"]
    group = recipe.Group("a", {"m": "v1.2.3"}, {}, staging_version="v0.2.3")
    assert "replace k8s.io/api => k8s.io/api v0.2.3\n" in build.module_text(group, staging)


def test_a_process_is_known_by_when_it_started_too(folder: Folder, sleeper: int) -> None:
    path = process.record_path(folder, "sleeper")
    record = process.read_json(path)
    assert record
    process.write_json(path, {**record, "start_ticks": record["start_ticks"] + 1})
    assert process.process_of(folder, "sleeper") is None
    process.write_json(path, {**record, "boot_id": "another"})
    assert process.process_of(folder, "sleeper") is None


def test_a_process_without_a_record_is_found_by_its_mark(folder: Folder, sleeper: int) -> None:
    assert process.marked(folder.path) == [sleeper]
    assert process.marked(folder.path.parent) == []


def test_a_paused_process_ends_too(folder: Folder, sleeper: int) -> None:
    process.send(folder, "sleeper", process.signal.SIGSTOP)
    assert process.state(folder, "sleeper") == "paused"
    process.stop(folder, "sleeper", 5)
    assert process.state(folder, "sleeper") == "stopped"
    process.start_again(folder, "sleeper")
    assert process.state(folder, "sleeper") == "running"
    process.stop(folder, "sleeper", 0)


def test_a_component_that_dies_ends_the_wait_with_its_log(folder: Folder) -> None:
    process.start(folder, process.Component("broken", ("sh", "-c", "echo the reason; exit 1"), {}))
    with pytest.raises(Failure, match="(?s)broken died.*the reason"):
        process.wait_for(lambda: False, "nothing", 10, folder, ["broken"])


@pytest.mark.parametrize(
    ("name", "server"),
    [
        ("my-prod-1", "https://127.0.0.1:1"),
        ("Production", "https://127.0.0.1:1"),
        ("kind", "https://k8s.live.example.com"),
        ("a", "https://ABC.gr7.eu-west-1.eks.amazonaws.com"),
    ],
)
def test_what_looks_like_production_is_refused(name: str, server: str) -> None:
    with pytest.raises(Failure):
        adopt.refuse_suspect([name], server)


@pytest.mark.parametrize("name", ["kind-coffer", "reproduce", "product-demo", "delivery", "minikube"])
def test_what_does_not_is_taken(name: str) -> None:
    adopt.refuse_suspect([name], "https://127.0.0.1:6443")


def test_mounts_are_read_as_the_kernel_writes_them() -> None:
    assert (Path("/proc"), "proc") in list(machine.mounts())


def test_the_program_is_complete_without_arguments_of_ours() -> None:
    entry = Path(__file__).resolve().parent.parent / "cluster"
    answer = subprocess.run([entry, "--help"], capture_output=True, text=True, check=True)
    for command in ("up", "down", "status", "logs", "load", "kubectl", "pause", "resume", "stop", "start", "volumes"):
        assert f"    {command} " in answer.stdout
