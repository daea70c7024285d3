"""Each flow of a key's life while the watch of sealed objects misbehaves."""

from __future__ import annotations

import pytest

from life_flows import BY_CALL
from place import Place, Tell
from watched import FAULTS, run


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("flow", BY_CALL)
def test_a_flow_under_a_watch_of_sealed_objects_that_misbehaves(
    place: Place, tell: Tell, flow: str, fault: str
) -> None:
    run(place, BY_CALL[flow], flow, fault, ("secrets",))
    tell("life flows under the watch of sealed objects", 1)
