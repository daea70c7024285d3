"""Importing material, with each write of it failing in each way: it is there once, or gone, as it was asked for.

The keys go through all flows together, one after another, and each has another fault in each.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from cuts import EVENT, RECORD, STATUS, Writes, finish, names, plant, writes
from imports import (
    NEW, ONE, TWO, Imported, bring, check_gone, check_opens, delete, expiry, is_current, is_removed, is_usable, make,
    rotate, seal, shown, waits,
)
from place import Place, Tell
from support import Json, until

MATERIAL, DELETION = "create material", "delete material"
IMPORT = writes(RECORD, MATERIAL, RECORD, STATUS, EVENT)
REMOVAL = writes(RECORD, DELETION, STATUS)
EXPIRES_SECONDS = 12


class Flows:
    """The keys, and what happens to all of them."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.keys = make(place, names("import", IMPORT))
        self.runs = 0

    def happen(
        self, what: str, flow: Writes, act: Callable[[Imported], None], done: Callable[[Imported], bool]
    ) -> None:
        self.runs += plant(self.place.layer, self.keys, flow)
        self.place.each(self.keys, act)
        self.check_answers(what)
        finish(self.place.layer, self.keys, what, done)

    def check_answers(self, what: str) -> None:
        """A write that was done behind a 504 is nothing that a caller hears of."""
        for key in self.keys:
            if key.name.endswith("-done"):
                assert key.calls == 1, f"{what} of {key.name} took {key.calls} calls"

    def check(self, check: Callable[[Imported], None]) -> None:
        for key in self.keys:
            check(key)
        self.place.server.assert_alive()


def test_material_is_imported_rotated_deleted_and_expires(place: Place, tell: Tell) -> None:
    flows = Flows(place)
    import_one(flows)
    import_two_and_rotate(flows)
    delete_and_import_again(flows)
    expire_and_import_again(flows)
    tell("steps of imports with a write that fails", flows.runs)


def import_one(flows: Flows) -> None:
    place = flows.place
    flows.happen(
        "the first import", IMPORT, lambda key: bring(place, key, ONE), lambda key: is_current(place, key, ONE)
    )
    flows.check(lambda key: seal(place, key, ONE))
    flows.check(lambda key: check_opens(place, key, 1))


def import_two_and_rotate(flows: Flows) -> None:
    place = flows.place
    flows.happen(
        "an import of another material", writes(RECORD, MATERIAL, RECORD, STATUS),
        lambda key: bring(place, key, TWO, NEW), lambda key: shown(place, key) == 2,
    )
    know(flows, TWO)
    assert all(is_current(place, key, ONE) for key in flows.keys), "it waits for its rotation"
    flows.happen(
        "the rotation", writes(RECORD, RECORD, STATUS),
        lambda key: rotate(place, key), lambda key: is_current(place, key, TWO),
    )
    flows.check(lambda key: seal(place, key, TWO))
    flows.check(lambda key: check_opens(place, key, 2))


def delete_and_import_again(flows: Flows) -> None:
    place = flows.place
    flows.happen("the deletion", REMOVAL, lambda key: delete(place, key, ONE), lambda key: waits(place, key))
    flows.check(lambda key: check_gone(place, key, (2,)))
    flows.happen(
        "the import of what was deleted", writes(RECORD, MATERIAL, RECORD, STATUS),
        lambda key: bring(place, key, ONE), lambda key: is_usable(place, key),
    )
    flows.check(lambda key: check_opens(place, key, 2))


def expire_and_import_again(flows: Flows) -> None:
    place, valid_to = flows.place, int(time.time()) + EXPIRES_SECONDS
    expires: Json = {"ValidTo": valid_to, "ExpirationModel": "KEY_MATERIAL_EXPIRES"}
    flows.happen(
        "the change of the expiry", writes(RECORD),
        lambda key: bring(place, key, TWO, expires), lambda key: expiry(place, key) == valid_to,
    )
    assert time.time() < valid_to, "the machine is too slow for this expiry"
    flows.check(lambda key: check_opens(place, key, 2))
    flows.runs += plant(place.layer, flows.keys, REMOVAL)
    until(lambda: time.time() >= valid_to, "the expiry", EXPIRES_SECONDS)
    assert {place.caller.state(key.id) for key in flows.keys} == {"PendingImport"}, "it is of no use at once"
    finish(place.layer, flows.keys, "the expiry", lambda key: waits(place, key) and is_removed(place, key, 2))
    flows.check(lambda key: check_gone(place, key, (1,)))
    flows.happen(
        "the import of what expired", writes(RECORD, MATERIAL, RECORD, STATUS),
        lambda key: bring(place, key, TWO), lambda key: is_usable(place, key),
    )
    flows.check(lambda key: check_opens(place, key, 2))


def know(flows: Flows, material: bytes) -> None:
    """Learns the ids of materials whose first call was lost."""
    for key in flows.keys:
        if not key.brought[material]:
            made = flows.place.keys.status(key.name)["materials"]
            known = set(key.brought.values())
            key.brought[material] = next(made["keyMaterialId"] for made in made if made["keyMaterialId"] not in known)
