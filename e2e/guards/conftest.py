"""Fixtures of the tests of config/default/guard.yaml on a real API server. Coffer itself is not needed.

    pytest e2e/guards

The names that the guards watch are fixed, so the tests have a control plane of their own, which comes from
`e2e/cluster` and goes away at the end.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]

from guarded import Guarded, Namespace, control_plane


@pytest.fixture(scope="session")
def cluster() -> Iterator[Guarded]:
    """A control plane with what config/default applies, without the pods, which have no node here."""
    with control_plane() as cluster:
        yield cluster.install()


@pytest.fixture
def shop(cluster: Guarded) -> Namespace:
    """A namespace that only this test uses."""
    return cluster.namespace()
