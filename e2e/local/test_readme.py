"""The examples of README.md, run as they are printed there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from support import binary, until

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = re.compile(r"^```(sh|python) run\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples() -> list[tuple[str, str]]:
    return EXAMPLE.findall((ROOT / "README.md").read_text())


def test_the_examples_work_as_printed(tmp_path: Path) -> None:
    """They name the default address and folder, so this process has them, in a home of its own."""
    # The path of a socket has 107 characters at most, and pytest's folders have long names.
    home = Path(tempfile.mkdtemp(prefix="coffer-"))
    environment = os.environ | {"HOME": str(home)}
    out = (tmp_path / "out").open("w+b")
    server = subprocess.Popen([binary(), "local"], stdout=out, cwd=tmp_path, env=environment)
    try:
        until(lambda: b"\nready" in (tmp_path / "out").read_bytes(), "the server is ready")
        printed = [run(language, text, environment, tmp_path) for language, text in examples()]
    finally:
        server.terminate()
        assert server.wait(15) == 0
        shutil.rmtree(home)
    shell, _, socket = printed
    assert shell == "attack at dawn\n"
    assert '"Truncated":false' in socket and socket.count('"KeyId"') == 2


def run(language: str, text: str, environment: dict[str, str], folder: Path) -> str:
    """Later examples go on where the first one ended, so they have its exports too."""
    exports = "\n".join(re.findall(r"^export .*$", examples()[0][1], re.MULTILINE))
    command = text if language == "sh" else f"{sys.executable} - <<'PYTHON'\n{text}\nPYTHON\n"
    script = f"set -euo pipefail\n{exports}\n{command}"
    done = subprocess.run(["bash", "-c", script], env=environment, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_are_examples_of_each_kind() -> None:
    assert [language for language, _ in examples()] == ["sh", "python", "sh"]


@pytest.mark.parametrize("sample", sorted((ROOT / "config" / "samples").glob("kmskey*.yaml")), ids=lambda path: path.name)
def test_the_samples_become_keys(sample: Path, launch, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / sample.name).write_text(sample.read_text())
    server = launch("--manifests", str(folder))
    assert len(server.list_keys()) == 1
