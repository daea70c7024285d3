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
    """An array of maps, sorted by one of their fields, and not longer than `most`."""

    row: Map
    by: str
    most: int

    def encode(self, value: list[dict[str, Any]]) -> list[dict[int, Any]]:
        rows = sorted(value, key=self.sort_key)
        self.check(rows)
        return [self.row.encode(row) for row in rows]

    def decode(self, raw: Any, lenient: bool) -> list[dict[str, Any]]:
        if type(raw) is not list:
            raise Refused("parse", "array")
        rows = [self.row.decode(row, lenient) for row in raw]
        self.check(rows)
        return rows

    def check(self, rows: list[dict[str, Any]]) -> None:
        if len(rows) > self.most:
            raise Refused("parse", "too many")
        in_order(map(self.sort_key, rows))

    def sort_key(self, row: Mapping[str, Any]) -> bytes | int:
        value = row[self.by]
        return value.encode() if isinstance(value, str) else value


@dataclass(frozen=True)
class Content:
    """A kind of sealed content: one table for each schema, the first for schema 1."""

    tables: tuple[Map, ...]

    @property
    def schema(self) -> int:
        """The newest one that is known."""
        return len(self.tables)


def length_is(length: int) -> Scalar:
    return Scalar(f"{length} bytes", lambda raw: type(raw) is bytes and len(raw) == length)


def one_of(*words: str) -> Scalar:
    return Scalar(" or ".join(words), lambda raw: type(raw) is str and raw in words)


# `type` and not `isinstance`: in Python a bool is an int, and the page keeps the two apart.
UINT = Scalar("uint", lambda raw: type(raw) is int and 0 <= raw < 2**64)
UINT32 = Scalar("uint32", lambda raw: type(raw) is int and 0 <= raw < 2**32)
NOT_ZERO = Scalar("uint32, at least 1", lambda raw: type(raw) is int and 1 <= raw < 2**32)
TIME = Scalar("time", lambda raw: type(raw) is int and -(2**63) <= raw < 2**63)
BOOL = Scalar("bool", lambda raw: type(raw) is bool)
TRUE = Scalar("true", lambda raw: raw is True)
TEXT = Scalar("text", lambda raw: type(raw) is str)
BYTES_16 = length_is(16)
BYTES_32 = length_is(32)


def and_optional(before: Map, fields: Mapping[int, tuple[str, Kind]]) -> Map:
    """The table of the next schema: it may define what is there anew, and what it adds may be absent."""
    new = {name for number, (name, _) in fields.items() if number not in before.fields}
    return Map({**before.fields, **fields}, before.optional | new)


DELETION_1 = Map({
    1: ("policy", one_of("Schedule", "Retain")),
    2: ("pending_window_days", UINT32),
    3: ("on_conflict", one_of("Refuse", "NewKey")),
    4: ("protection", BOOL),
})
DELETION_2 = and_optional(DELETION_1, {5: ("extend_on_use", TRUE)})
ROTATION = Map(
    {1: ("automatic", BOOL), 2: ("period_days", UINT32), 3: ("on_demand_request", TEXT)},
    optional=frozenset({"on_demand_request"}),
)
LAST_SPEC_1 = Map({
    1: ("description", TEXT),
    2: ("enabled", BOOL),
    3: ("tags", Pairs()),
    4: ("policy", one_of("Default", "Required")),
    5: ("deletion", DELETION_1),
    6: ("rotation", ROTATION),
})
LAST_SPEC_2 = and_optional(LAST_SPEC_1, {5: ("deletion", DELETION_2)})
RECORD_OWNER = Map({
    1: ("namespace", TEXT),
    2: ("name", TEXT),
    3: ("namespace_uid", BYTES_16),
    4: ("resource_uid", BYTES_16),
    5: ("generation", UINT),
})
DUE_TIMES_1 = Map({1: ("deletion", TIME)}, optional=frozenset({"deletion"}))
DUE_TIMES_2 = and_optional(DUE_TIMES_1, {2: ("rotation", TIME)})
ROTATION_TYPE = one_of("AUTOMATIC", "ON_DEMAND")
IMPORTED = Map(
    {1: ("present", BOOL), 2: ("valid_to", TIME), 3: ("description", TEXT)},
    optional=frozenset({"valid_to", "description"}),
)
MATERIAL_1 = Map({
    1: ("version", UINT32),
    2: ("term", UINT32),
    3: ("material_id", BYTES_32),
    4: ("object_name", TEXT),
    5: ("created_at", TIME),
})
MATERIAL_2 = and_optional(MATERIAL_1, {
    6: ("rotation", ROTATION_TYPE),
    7: ("activated_at", TIME),
    8: ("request", TEXT),
    9: ("imported", IMPORTED),
})
ANNOUNCEMENT = Map(
    {
        1: ("announced_at", TIME),
        2: ("rotation", ROTATION_TYPE),
        3: ("request", TEXT),
        4: ("import", Map({1: ("material_id", BYTES_32), 2: ("imported", IMPORTED)})),
    },
    optional=frozenset({"rotation", "request", "import"}),
)


def holds(*causes: str) -> Rows:
    return Rows(Map({1: ("cause", one_of(*causes)), 2: ("since", TIME), 3: ("actor", TEXT)}), by="cause", most=16)


def materials(row: Map) -> Rows:
    return Rows(row, by="version", most=1200)


RECORD_1 = Map(
    {
        1: ("schema", UINT32),
        2: ("key_id", BYTES_16),
        3: ("multi_region", BOOL),
        4: ("owner", RECORD_OWNER),
        5: ("immutable_spec", Map({1: ("key_spec", TEXT), 2: ("key_usage", TEXT), 3: ("origin", TEXT)})),
        6: ("last_spec", LAST_SPEC_1),
        7: ("lifecycle", one_of("Creating", "Created")),
        8: ("holds", holds("DisableKey", "ResourceDeleted")),
        9: ("due_times", DUE_TIMES_1),
        10: ("materials", materials(MATERIAL_1)),
        11: ("announced_version", UINT32),
        12: ("accepted_policy", Map({1: ("number", UINT32), 2: ("sha256", BYTES_32)})),
        13: ("previous_hash", BYTES_32),
        14: ("primary_epoch", UINT),
        15: ("created_at", TIME),
    },
    optional=frozenset({"announced_version", "accepted_policy"}),
)
RECORD_2 = and_optional(RECORD_1, {
    6: ("last_spec", LAST_SPEC_2),
    7: ("lifecycle", one_of("Creating", "Created", "Destroying", "Destroyed")),
    8: ("holds", holds("DisableKey", "ResourceDeleted", "ScheduleKeyDeletion")),
    9: ("due_times", DUE_TIMES_2),
    10: ("materials", materials(MATERIAL_2)),
    16: ("current_version", UINT32),
    17: ("announcement", ANNOUNCEMENT),
    18: ("manager", one_of("AWS", "OWNED")),
    19: ("attempt", Map({1: ("at", TIME), 2: ("actor", TEXT), 3: ("operation", TEXT)})),
    20: ("import_epoch", NOT_ZERO),
    21: ("destroyed_at", TIME),
    22: ("restored_at", TIME),
    23: ("public_key", Scalar("bytes", lambda raw: type(raw) is bytes)),
    24: ("vanished_at", TIME),
})
RECORD = Content((RECORD_1, RECORD_2))
OWNER = Content((
    Map({
        1: ("schema", UINT32),
        2: ("key_id", BYTES_16),
        3: ("multi_region", BOOL),
        4: ("namespace", TEXT),
        5: ("name", TEXT),
        6: ("confirmed", BOOL),
    }),
))
ACCOUNT = Content((Map({1: ("schema", UINT32), 2: ("namespace", TEXT), 3: ("namespace_uid", BYTES_16)}),))

IMPORT_TOKEN = Content((Map({
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
}),))


def encode_content(kind: Content, value: Mapping[str, Any]) -> bytes:
    """The bytes of a record, owner claim or account entry. A newer schema is never written.

    An older one is, because the vectors hold what earlier versions wrote.
    """
    schema = UINT32.decode(value["schema"], False)
    if not 1 <= schema <= kind.schema:
        raise Refused("parse", "schema")
    return cbor2.dumps(kind.tables[schema - 1].encode(value), canonical=True)


def decode_content(kind: Content, content: bytes) -> dict[str, Any]:
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
    schema = NOT_ZERO.decode(raw.get(1), False)
    return kind.tables[min(schema, kind.schema) - 1].decode(raw, lenient=schema > kind.schema)
