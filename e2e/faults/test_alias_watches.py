"""Each change of an alias while the watches of sealed objects and of KeyAliases misbehave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from place import Key, Place, Tell
from support import Json, until
from watched import FAULTS, Flow, run


@dataclass
class Alias:
    """An alias, the KeyAlias that may keep it, another that wants it too, and two keys."""

    name: str
    keys: list[Key]

    @property
    def alias(self) -> str:
        return f"alias/{self.name}"

    @property
    def rival(self) -> str:
        return f"{self.name}-rival"

    def body(self, number: int) -> Json:
        return {"AliasName": self.alias, "TargetKeyId": self.keys[number].id}


keys: dict[str, list[Key]] = {}


def new(place: Place, name: str) -> Alias:
    """Aliases of one flow share their two keys, which no flow changes, and fifty may name one."""
    flow = name.split("-")[0]
    if flow not in keys:
        keys[flow] = place.make(f"{flow}-one", f"{flow}-two")
    return Alias(name, keys[flow])


def called(place: Place, name: str) -> Alias:
    alias = new(place, name)
    place.ok("CreateAlias", **alias.body(0))
    until(lambda: names(place, alias, 0), f"{name} to be made")
    return alias


def bound(place: Place, name: str) -> Alias:
    alias = new(place, name)
    place.make_alias(name, alias.alias, alias.keys[0])
    until(lambda: says(place, alias, 0), f"{name} to be bound")
    return alias


def contended(place: Place, name: str) -> Alias:
    alias = bound(place, name)
    place.make_alias(alias.rival, alias.alias, alias.keys[1])
    until(lambda: place.told(alias.rival) == ("AliasConflict", ""), f"{name} to be contended")
    return alias


def contend(place: Place, alias: Alias) -> None:
    place.make_alias(alias.name, alias.alias, alias.keys[0])
    place.make_alias(alias.rival, alias.alias, alias.keys[1])


def make_and_remove(place: Place, alias: Alias) -> None:
    """Before the server sees the claim that it made."""
    place.make_alias(alias.name, alias.alias, alias.keys[0])
    until(lambda: place.told(alias.name)[0] == "AsExpected", f"{alias.name} to be told")
    place.remove_alias(alias.name)


def names(place: Place, alias: Alias, number: int) -> bool:
    return place.targets().get(alias.alias) == alias.keys[number].id


def is_free(place: Place, alias: Alias) -> bool:
    is_stored = place.alias_object(alias.alias) in place.cluster.sealed()
    return not is_stored and alias.alias not in place.targets()


def says(place: Place, alias: Alias, number: int) -> bool:
    return place.told(alias.name) == ("AsExpected", alias.keys[number].id) and names(place, alias, number)


def one_has_it(place: Place, alias: Alias) -> bool:
    """Whoever came first has it, and the other is told so."""
    told = [place.told(name)[0] for name in (alias.name, alias.rival)]
    if sorted(told) != ["AliasConflict", "AsExpected"]:
        return False
    return names(place, alias, told.index("AsExpected"))


def rival_has_it(place: Place, alias: Alias) -> bool:
    return place.told(alias.rival) == ("AsExpected", alias.keys[1].id) and names(place, alias, 1)


def check_taken(place: Place, alias: Alias) -> None:
    """There is one claim, the key that it names is used by it, and no key was harmed."""
    assert place.alias_object(alias.alias) in place.cluster.sealed()
    target = place.targets()[alias.alias]
    described = place.ok("DescribeKey", KeyId=alias.alias)["KeyMetadata"]["KeyId"]
    assert described == target
    check_keys(place, alias)


def check_free(place: Place, alias: Alias) -> None:
    assert place.alias_object(alias.alias) not in place.cluster.sealed()
    code, answer = place.caller.call("DescribeKey", KeyId=alias.alias)
    assert (code, answer["__type"]) == (400, "NotFoundException")
    check_keys(place, alias)


def check_keys(place: Place, alias: Alias) -> None:
    for key in alias.keys:
        place.check_whole(key)
        place.check_usable(key)


ON_SEALED: dict[str, Flow[Alias]] = {
    "create": Flow(
        new,
        lambda place, alias: place.ok("CreateAlias", **alias.body(0)),
        lambda place, alias: names(place, alias, 0),
        check_taken,
    ),
    "update": Flow(
        called,
        lambda place, alias: place.ok("UpdateAlias", **alias.body(1)),
        lambda place, alias: names(place, alias, 1),
        check_taken,
    ),
    "delete": Flow(
        called,
        lambda place, alias: place.ok("DeleteAlias", AliasName=alias.alias),
        is_free,
        check_free,
    ),
    "flash": Flow(new, make_and_remove, is_free, check_free),
}
BY_RESOURCE: dict[str, Flow[Alias]] = {
    "bind": Flow(
        new,
        lambda place, alias: place.make_alias(alias.name, alias.alias, alias.keys[0]),
        lambda place, alias: says(place, alias, 0),
        check_taken,
    ),
    "move": Flow(
        bound,
        lambda place, alias: place.move_alias(alias.name, alias.keys[1]),
        lambda place, alias: says(place, alias, 1),
        check_taken,
    ),
    "remove": Flow(bound, lambda place, alias: place.remove_alias(alias.name), is_free, check_free),
    "contend": Flow(new, contend, one_has_it, check_taken),
    "yield": Flow(
        contended,
        lambda place, alias: place.remove_alias(alias.name),
        rival_has_it,
        check_taken,
    ),
}


@pytest.fixture(autouse=True)
def none_is_left(place: Place) -> Iterator[None]:
    """Resources that are in conflict are looked at now and then, which later tests would see."""
    yield
    for found in place.cluster.good("GET", place.alias_path)["items"]:
        place.remove_alias(found["metadata"]["name"])


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("flow", ON_SEALED)
def test_a_change_under_a_watch_of_sealed_objects_that_misbehaves(
    place: Place, tell: Tell, flow: str, fault: str
) -> None:
    run(place, ON_SEALED[flow], flow, fault, ("secrets",))
    tell("changes of aliases under watch faults", 1)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("flow", BY_RESOURCE)
def test_a_key_alias_under_both_watches_that_misbehave(place: Place, tell: Tell, flow: str, fault: str) -> None:
    run(place, BY_RESOURCE[flow], flow, fault, ("secrets", "keyaliases"))
    tell("changes of aliases under watch faults", 1)
