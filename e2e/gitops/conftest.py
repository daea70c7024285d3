"""Fixtures of the tests of what GitOps tools make of our resources. They need Go, and no cluster:

    pytest -n 4 e2e/gitops
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]
sys.path += [str(HERE.parent)]

import judges
from support import Json


@pytest.fixture(scope="session")
def verdicts() -> Json:
    """What Argo CD and kstatus say of each file of testdata, by its path below the customizations."""
    return judges.verdicts()
