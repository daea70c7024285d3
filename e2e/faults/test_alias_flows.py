"""Aliases by calls and by KeyAliases, with each write failing in each way: each names what it was told to, and once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cuts import Subject, Writes, finish, names, plant, writes
from place import Key, Place, Tell
from support import Json

CREATE, UPDATE, DELETE, STATUS = "create alias", "update alias", "delete alias", "patch keyaliases/status"
CALLS_MAX = 8


@dataclass
class Alias(Subject):
    """An alias, and the KeyAlias of its name where one keeps it."""

    calls: int = 0

    @property
    def alias(self) -> str:
        return f"alias/{self.name}"


@pytest.fixture(scope="module")
def keys(place: Place) -> list[Key]:
    return place.make("one", "two")


@pytest.fixture(autouse=True)
def all_is_well(place: Place, keys: list[Key]) -> Iterator[None]:
    """Whatever becomes of aliases, nothing becomes of keys. Resources in conflict are looked at for ever."""
    yield
    for found in place.cluster.good("GET", place.alias_path)["items"]:
        place.remove_alias(found["metadata"]["name"])
    for key in keys:
        place.check_whole(key)
        place.check_usable(key)
    place.server.assert_alive()


def aliases(place: Place, flow: str, of: Writes) -> list[Alias]:
    return [Alias(name, place.alias_object(f"alias/{name}")) for name in names(flow, of)]


def is_at(place: Place, alias: Alias, key: Key | None) -> bool:
    """By name of its claim, by ListAliases, and by its use."""
    stored = alias.sealed in place.cluster.sealed()
    listed = place.targets().get(alias.alias)
    code, answer = place.caller.call("DescribeKey", KeyId=alias.alias)
    named = answer["KeyMetadata"]["KeyId"] if code == 200 else None
    expected = None if key is None else key.id
    return (stored, listed, named) == (key is not None, expected, expected)


def call(place: Place, operation: str, alias: Alias, already: str, **members: str) -> None:
    """Calls, again where that fails. A call that did its work before it failed finds it done."""
    for alias.calls in range(1, CALLS_MAX + 1):
        code, answer = place.caller.call(operation, AliasName=alias.alias, **members)
        if code == 200 or (answer["__type"] == already and alias.calls > 1):
            break
        assert answer["__type"] == "KMSInternalException", f"{operation} of {alias.name}: {answer}"
    else:
        raise AssertionError(f"{operation} of {alias.name}: {answer}")
    if alias.name.endswith(("-done", "-conflict")):
        assert alias.calls == 1, f"{operation} of {alias.name} took {alias.calls} calls"


def test_calls_that_create_update_and_delete(place: Place, tell: Tell, keys: list[Key]) -> None:
    made, runs = aliases(place, "call", writes(CREATE)), 0
    steps: list[tuple[str, str, str, Json, Key | None]] = [
        (CREATE, "CreateAlias", "AlreadyExistsException", {"TargetKeyId": keys[0].id}, keys[0]),
        (UPDATE, "UpdateAlias", "", {"TargetKeyId": keys[1].id}, keys[1]),
        (DELETE, "DeleteAlias", "NotFoundException", {}, None),
    ]
    for write, operation, already, members, target in steps:
        runs += plant(place.layer, made, writes(write))
        place.each(made, lambda alias: call(place, operation, alias, already, **members))
        finish(place.layer, made, operation, lambda alias: is_at(place, alias, target))
    tell("changes of aliases with a write that fails", runs)


def test_key_aliases_are_bound_moved_and_removed(place: Place, tell: Tell, keys: list[Key]) -> None:
    bind, move, remove = writes(CREATE, STATUS), writes(UPDATE, STATUS), writes(DELETE)
    made = aliases(place, "bind", bind)
    runs = plant(place.layer, made, bind)
    for alias in made:
        place.make_alias(alias.name, alias.alias, keys[0])
    finish(place.layer, made, "to be bound", lambda alias: says(place, alias, keys[0]))
    runs += plant(place.layer, made, move)
    for alias in made:
        place.move_alias(alias.name, keys[1])
    finish(place.layer, made, "to be moved", lambda alias: says(place, alias, keys[1]))
    runs += plant(place.layer, made, remove)
    for alias in made:
        place.remove_alias(alias.name)
    finish(place.layer, made, "to be given up", lambda alias: is_at(place, alias, None))
    tell("changes of aliases with a write that fails", runs)


def says(place: Place, alias: Alias, key: Key) -> bool:
    return place.told(alias.name) == ("AsExpected", key.id) and is_at(place, alias, key)


def test_of_two_that_want_one_alias_one_has_it_and_the_other_is_told(place: Place, tell: Tell, keys: list[Key]) -> None:
    contend, gain = writes(CREATE, STATUS), writes(DELETE, CREATE)
    made = aliases(place, "contend", contend)
    runs = plant(place.layer, made, contend)
    for alias in made:
        place.make_alias(alias.name, alias.alias, keys[0])
        place.make_alias(rival(alias), alias.alias, keys[1])
    finish(place.layer, made, "one to have it", lambda alias: winner(place, alias) != "")
    first = {alias.name: winner(place, alias) for alias in made}
    runs += plant(place.layer, made, gain)
    for alias in made:
        place.remove_alias(first[alias.name])

    finish(place.layer, made, "the other to have it", lambda alias: winner(place, alias) == other(alias, first))
    tell("changes of aliases with a write that fails", runs)


def rival(alias: Alias) -> str:
    return f"{alias.name}-rival"


def other(alias: Alias, first: dict[str, str]) -> str:
    return alias.name if first[alias.name] == rival(alias) else rival(alias)


def winner(place: Place, alias: Alias) -> str:
    """Who has it, where the other one, if there is one, is told so; and the alias leads to the winner's key."""
    found = {name: told for name in (alias.name, rival(alias)) if (told := told_of(place, name))}
    having = [name for name, (reason, _) in found.items() if reason == "AsExpected"]
    refused = [name for name, (reason, _) in found.items() if reason == "AliasConflict"]
    if len(having) != 1 or len(having) + len(refused) != len(found):
        return ""
    return having[0] if place.targets().get(alias.alias) == found[having[0]][1] else ""


def told_of(place: Place, name: str) -> tuple[str, str] | None:
    is_there = place.cluster.ask("GET", f"{place.alias_path}/{name}")[0] == 200
    return place.told(name) if is_there else None
