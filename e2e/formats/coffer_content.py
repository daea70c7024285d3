"""The sealed contents of Coffer: deterministic CBOR with integer keys, after the page's tables.

Values are plain dictionaries with the field names below; bytes are `bytes`, times and counts are
`int`, maps that users fill are `dict`, and a field whose value is absent is not in its dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import cbor2

SCHEMA = 1


class Refused(Exception):
    """Bytes or inputs that a reader or writer turns down, with the check that did it."""

    def __init__(self, stage: str, why: str = "") -> None:
        super().__init__(f"{stage}: {why}" if why else stage)
        self.stage = stage


class Kind(Protocol):
    """A type of the page: `encode` gives what CBOR holds, `decode` checks it and gives it back.

    `lenient` is true inside content of a newer schema, where unknown map keys are passed over.
    """

    def encode(self, value: Any) -> Any: ...

    def decode(self, raw: Any, lenient: bool) -> Any: ...


def in_order(keys: Iterable[Any]) -> None:
    """Arrays that stand for maps and sets hold each key once, in ascending order."""
    if any(left >= right for left, right in pairwise(keys)):
        raise Refused("parse", "order")


@dataclass(frozen=True)
class Scalar:
    name: str
    fits: Callable[[Any], bool]

    def encode(self, value: Any) -> Any:
        return self.decode(value, False)

    def decode(self, raw: Any, lenient: bool) -> Any:
        if not self.fits(raw):
            raise Refused("parse", f"{raw!r} is not {self.name}")
        return raw


class Pairs:
    """A map that users fill."""

    def encode(self, value: Mapping[str, str]) -> list[list[str]]:
        return [[key, value[key]] for key in sorted(value, key=str.encode)]

    def decode(self, raw: Any, lenient: bool) -> dict[str, str]:
        if type(raw) is not list or any(type(pair) is not list or len(pair) != 2 for pair in raw):
            raise Refused("parse", "pairs")
        for part in (part for pair in raw for part in pair):
            TEXT.decode(part, lenient)
        in_order(key.encode() for key, _ in raw)
        return dict(raw)


@dataclass(frozen=True)
class Map:
    """A map with integer keys; an `optional` field whose value is absent is left out."""

    fields: Mapping[int, tuple[str, Kind]]
    optional: frozenset[str] = frozenset()

    def encode(self, value: Mapping[str, Any]) -> dict[int, Any]:
        if unknown := set(value) - {name for name, _ in self.fields.values()}:
            raise Refused("parse", f"no such field: {unknown}")
        present = {number: field for number, field in self.fields.items() if self.needs(field[0], value)}
        return {number: kind.encode(value[name]) for number, (name, kind) in present.items()}

    def decode(self, raw: Any, lenient: bool) -> dict[str, Any]:
        if type(raw) is not dict or not (lenient or set(raw) <= set(self.fields)):
            raise Refused("parse", "map")
        named = {name: (kind, raw[number]) for number, (name, kind) in self.fields.items() if number in raw}
        for name, _ in self.fields.values():
            self.needs(name, named)
        return {name: kind.decode(inner, lenient) for name, (kind, inner) in named.items()}

    def needs(self, name: str, value: Mapping[str, Any]) -> bool:
        if name not in value and name not in self.optional:
            raise Refused("parse", f"{name} is missing")
        return name in value


@dataclass(frozen=True)
class Rows:
    """An array of maps, sorted by one of their fields."""

    row: Map
    by: str

    def encode(self, value: list[dict[str, Any]]) -> list[dict[int, Any]]:
        rows = sorted(value, key=self.sort_key)
        in_order(map(self.sort_key, rows))
        return [self.row.encode(row) for row in rows]

    def decode(self, raw: Any, lenient: bool) -> list[dict[str, Any]]:
        if type(raw) is not list:
            raise Refused("parse", "array")
        rows = [self.row.decode(row, lenient) for row in raw]
        in_order(map(self.sort_key, rows))
        return rows

    def sort_key(self, row: Mapping[str, Any]) -> bytes | int:
        value = row[self.by]
        return value.encode() if isinstance(value, str) else value


def length_is(length: int) -> Scalar:
    return Scalar(f"{length} bytes", lambda raw: type(raw) is bytes and len(raw) == length)


def one_of(*words: str) -> Scalar:
    return Scalar(" or ".join(words), lambda raw: type(raw) is str and raw in words)


# `type` and not `isinstance`: in Python a bool is an int, and the page keeps the two apart.
UINT = Scalar("uint", lambda raw: type(raw) is int and 0 <= raw < 2**64)
TIME = Scalar("time", lambda raw: type(raw) is int and -(2**63) <= raw < 2**63)
BOOL = Scalar("bool", lambda raw: type(raw) is bool)
TEXT = Scalar("text", lambda raw: type(raw) is str)
BYTES_16 = length_is(16)
BYTES_32 = length_is(32)

DELETION = Map({
    1: ("policy", one_of("Schedule", "Retain")),
    2: ("pending_window_days", UINT),
    3: ("on_conflict", one_of("Refuse", "NewKey")),
    4: ("protection", BOOL),
})
ROTATION = Map(
    {1: ("automatic", BOOL), 2: ("period_days", UINT), 3: ("on_demand_request", TEXT)},
    optional=frozenset({"on_demand_request"}),
)
LAST_SPEC = Map({
    1: ("description", TEXT),
    2: ("enabled", BOOL),
    3: ("tags", Pairs()),
    4: ("policy", one_of("Default", "Required")),
    5: ("deletion", DELETION),
    6: ("rotation", ROTATION),
})
RECORD_OWNER = Map({
    1: ("namespace", TEXT),
    2: ("name", TEXT),
    3: ("namespace_uid", BYTES_16),
    4: ("resource_uid", BYTES_16),
    5: ("generation", UINT),
})
MATERIAL = Map({
    1: ("version", UINT),
    2: ("term", UINT),
    3: ("material_id", BYTES_32),
    4: ("object_name", TEXT),
    5: ("created_at", TIME),
})
RECORD = Map(
    {
        1: ("schema", UINT),
        2: ("key_id", BYTES_16),
        3: ("multi_region", BOOL),
        4: ("owner", RECORD_OWNER),
        5: ("immutable_spec", Map({1: ("key_spec", TEXT), 2: ("key_usage", TEXT), 3: ("origin", TEXT)})),
        6: ("last_spec", LAST_SPEC),
        7: ("lifecycle", one_of("Creating", "Created")),
        8: ("holds", Rows(Map({1: ("cause", TEXT), 2: ("since", TIME), 3: ("actor", TEXT)}), by="cause")),
        9: ("due_times", Map({1: ("deletion", TIME)}, optional=frozenset({"deletion"}))),
        10: ("materials", Rows(MATERIAL, by="version")),
        11: ("announced_version", UINT),
        12: ("accepted_policy", Map({1: ("number", UINT), 2: ("sha256", BYTES_32)})),
        13: ("previous_hash", BYTES_32),
        14: ("primary_epoch", UINT),
        15: ("created_at", TIME),
    },
    optional=frozenset({"announced_version", "accepted_policy"}),
)
OWNER = Map({
    1: ("schema", UINT),
    2: ("key_id", BYTES_16),
    3: ("multi_region", BOOL),
    4: ("namespace", TEXT),
    5: ("name", TEXT),
    6: ("confirmed", BOOL),
})
ACCOUNT = Map({1: ("schema", UINT), 2: ("namespace", TEXT), 3: ("namespace_uid", BYTES_16)})

IMPORT_TOKEN = Map({
    1: ("schema", UINT),
    2: ("key_id", BYTES_16),
    3: ("multi_region", BOOL),
    4: ("algorithm", one_of(
        "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256",
    )),
    5: ("private_key", Scalar("bytes", lambda raw: type(raw) is bytes)),
    6: ("expires_at", TIME),
    7: ("import_epoch", Scalar("u32", lambda raw: type(raw) is int and 0 <= raw < 2**32)),
    8: ("principal", Scalar("text", lambda raw: type(raw) is str and len(raw.encode()) <= 1024)),
})


def encode_content(kind: Map, value: Mapping[str, Any]) -> bytes:
    """The bytes of a record, owner claim or account entry. A newer schema is never written."""
    if value["schema"] != SCHEMA:
        raise Refused("parse", "schema")
    return cbor2.dumps(kind.encode(value), canonical=True)


def decode_content(kind: Map, content: bytes) -> dict[str, Any]:
    """The value, or `Refused` for bytes that are not the one encoding of what they say.

    The comparison is on the generic value, before the fields are read, so that content of a newer
    schema with unknown keys is held to determinism too.
    """
    try:
        raw = cbor2.loads(content)
        canonical = cbor2.dumps(raw, canonical=True)
    except (cbor2.CBORError, ValueError, TypeError, RecursionError) as error:
        raise Refused("parse", "not CBOR") from error
    if canonical != content or type(raw) is not dict:
        raise Refused("parse", "not deterministic")
    return kind.decode(raw, lenient=UINT.decode(raw.get(1), False) > SCHEMA)
