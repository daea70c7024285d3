"""Each step of the life of imported material while the watches of sealed objects and of KmsKeys misbehave."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from imports import (
    NEW, ONE, TWO, Imported, bring, check_gone, check_opens, delete, expiry, is_current, is_removed, is_usable, make,
    rotate, seal, shown, waits,
)
from place import Place, Tell
from support import Json
from watched import FAULTS, disturb

WATCHES = ("secrets", "kmskeys")
EXPIRES_SECONDS = 4


@pytest.mark.parametrize("fault", FAULTS)
def test_every_step_under_watches_that_misbehave(place: Place, tell: Tell, fault: str) -> None:
    keys = make(place, [f"{fault}-1", f"{fault}-2"])
    steps = 0

    def step(act: Callable[[Imported], None], done: Callable[[Imported], bool]) -> None:
        nonlocal steps
        disturb(place, fault, WATCHES, keys, act, done)
        steps += 1

    step(lambda key: bring(place, key, ONE), lambda key: is_current(place, key, ONE) and is_usable(place, key))
    for key in keys:
        seal(place, key, ONE)
    step(lambda key: bring(place, key, TWO, NEW), lambda key: shown(place, key) == 2)
    step(lambda key: rotate(place, key), lambda key: is_current(place, key, TWO) and says_so(place, key))
    for key in keys:
        seal(place, key, TWO)
        check_opens(place, key, 2)
    step(lambda key: delete(place, key, ONE), lambda key: waits(place, key))
    for key in keys:
        check_gone(place, key, (2,))
    step(lambda key: bring(place, key, ONE), lambda key: is_usable(place, key))
    step(lambda key: bring(place, key, TWO, soon_over()), lambda key: waits(place, key) and is_removed(place, key, 2))
    for key in keys:
        check_gone(place, key, (1,))
    step(lambda key: bring(place, key, TWO), lambda key: is_usable(place, key))
    for key in keys:
        assert expiry(place, key) is None
        check_opens(place, key, 2)
    place.server.assert_alive()
    tell("steps of imports under watch faults", steps)


def soon_over() -> Json:
    return {"ValidTo": int(time.time()) + EXPIRES_SECONDS, "ExpirationModel": "KEY_MATERIAL_EXPIRES"}


def says_so(place: Place, key: Imported) -> bool:
    return bool(place.keys.status(key.name)["currentKeyMaterialId"] == key.brought[TWO])
