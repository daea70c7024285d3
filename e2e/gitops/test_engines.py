"""The programs that e2e/life runs are built here, with the others of their kind."""

from __future__ import annotations

import subprocess

import controller_program
import engine_program


def test_the_engines_are_built_and_say_how_they_are_asked() -> None:
    done = subprocess.run([engine_program.program()], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert "usage: engines argo|flux" in done.stderr


def test_the_controller_of_flux_is_built() -> None:
    done = subprocess.run([controller_program.program(), "--help"], capture_output=True, text=True, check=False)
    assert "--concurrent-ssa" in done.stdout + done.stderr
