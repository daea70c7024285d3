"""The program that e2e/life runs is built here, with the others of its kind."""

from __future__ import annotations

import subprocess

import engine_program


def test_the_engines_are_built_and_say_how_they_are_asked() -> None:
    done = subprocess.run([engine_program.program()], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert "usage: engines argo|flux" in done.stderr
