"""Each flow of a key's life while the watch of KmsKeys misbehaves."""

from __future__ import annotations

import pytest

from life_flows import BY_MANIFEST
from place import Place, Tell
from watched import FAULTS, run


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("flow", BY_MANIFEST)
def test_a_flow_under_a_watch_of_resources_that_misbehaves(place: Place, tell: Tell, flow: str, fault: str) -> None:
    run(place, BY_MANIFEST[flow], flow, fault, ("kmskeys",))
    tell("life flows under the watch of KmsKeys", 1)
