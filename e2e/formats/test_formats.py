"""Checks the Python implementation against published answers, and the vectors against their maker.

The literal values below were computed by other programs than this one. They stand here and are not
read from the vectors, because a vector made by the code under test proves only that it is stable.
"""

from __future__ import annotations

import collections
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

import coffer_content as content
import coffer_formats as formats
import make_vectors
import sample_records
import sample_records_2
from coffer_content import Refused
from coffer_formats import Folder, Found, Root
from make_vectors import CONTEXT, KEY_ID, MATERIAL, ROOT, SALT, VERSION
from sample_records import INSTALLATION, RESOURCE_UID

KNOWN_CONTEXT = "0002000361707000066f7264657273000674656e616e740004626c7565"
KNOWN_MATERIAL_ID = "5adff73ee29c3d1aede2c14eae912c8bdd871d6940b41a42f29682019d4b3f99"
KNOWN_COMMITMENT = "6d82da25e7858c3600b3ecc7a2c63a1666b73a13c8a11d947d02ec3c99df1360"
KNOWN_BLOB = (
    "8a4b4d53010100000f1e2d3c4b5a49788796a5b4c3d2e1f0000000035adff73ee29c3d1aa0a1a2a3a4a5a6a7a8a9"
    "aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf6d82da25e7858c3600b3ecc7a2c63a1666b73a13c8a11d947d"
    "02ec3c99df1360d29d1e9842fa1dc78e31e9c1226b89325045043fc10c48ee220e8c0857deb29512c142fddae67787"
    "af157218fe2d3637"
)
KNOWN_BLOB_SHA256 = "1c781c3957ccc15679c28a58791e80ab3b63207625e37e684e3f8fb355379fa7"
EMPTY_COMMITMENT = "13cfdcfbfefef36bf6c9b346e2c3abddaf8116b1af1c55a1f145d2b7d457ea34"
EMPTY_BLOB_SHA256 = "202dd380920948f3c227b57e9a2cc1aa650b7115f145a123b05f52bc8d2a8fad"
KNOWN_SEAL_KEY_SHA256 = "9f7a536d9925fc0dbf9f7c3a26f061cac389bf58fc43cd1824137fa2437b0c24"
KNOWN_CONTAINER = (
    "8a4b534c0101000000000007e2976dd71e9e1590a3268a85cdf5d5cf5d78220eee79a3b9c86d4e1c6be8ff0db2b2f7f3"
    "1cf3f97de357b3c25607a3b96e4b0cb9bc94b2df"
)
KEY_UUID = "f6b163df-a8b4-4126-a262-b9a07684c57d"


def finder(raw_key_id: bytes, short_id: bytes) -> Found | None:
    """A store that holds the one key of the known answers."""
    known = (KEY_ID, bytes.fromhex(KNOWN_MATERIAL_ID)[:8])
    return Found(MATERIAL) if (raw_key_id, short_id) == known else None


def always(found: Found) -> Callable[[bytes, bytes], Found]:
    return lambda *_: found


def stage_of(reader: Callable[..., Any], *inputs: Any, **named: Any) -> str:
    with pytest.raises(Refused) as refused:
        reader(*inputs, **named)
    return refused.value.stage


# Published answers


def test_context_has_the_published_encoding() -> None:
    assert formats.encode_context(CONTEXT).hex() == KNOWN_CONTEXT
    assert formats.encode_context(dict(reversed(CONTEXT.items()))).hex() == KNOWN_CONTEXT
    assert formats.encode_context({}) == formats.encode_context(None) == b""


def test_blob_has_the_published_bytes() -> None:
    blob = formats.seal_blob(MATERIAL, KEY_ID, VERSION, bytes(32), CONTEXT, SALT)
    assert formats.material_id(MATERIAL, KEY_ID).hex() == KNOWN_MATERIAL_ID
    assert blob.hex() == KNOWN_BLOB
    assert blob[68:100].hex() == KNOWN_COMMITMENT
    assert formats.sha256(blob).hex() == KNOWN_BLOB_SHA256
    assert formats.open_blob(blob, finder, CONTEXT) == bytes(32)


def test_blob_with_an_empty_context_has_the_published_bytes() -> None:
    blob = formats.seal_blob(MATERIAL, KEY_ID, VERSION, bytes(32), None, SALT)
    assert blob[68:100].hex() == EMPTY_COMMITMENT
    assert formats.sha256(blob).hex() == EMPTY_BLOB_SHA256
    assert formats.open_blob(blob, finder, {}) == bytes(32)


def test_material_container_has_the_published_bytes() -> None:
    assert formats.sha256(ROOT.seal_key("material")).hex() == KNOWN_SEAL_KEY_SHA256
    container = formats.seal_material(ROOT, KEY_ID, VERSION, MATERIAL, "SYMMETRIC_DEFAULT", "AWS_KMS")
    assert container.hex() == KNOWN_CONTAINER
    assert formats.open_material(ROOT, KEY_ID, VERSION, container, "SYMMETRIC_DEFAULT", "AWS_KMS") == MATERIAL


def test_identifiers_have_the_published_values() -> None:
    raw = formats.key_id(INSTALLATION, RESOURCE_UID)
    assert formats.print_key_id(raw) == KEY_UUID
    assert formats.print_key_id(raw, multi_region=True) == "mrk-" + KEY_UUID.replace("-", "")
    assert formats.account("default") == "401845065923"


# Identifiers and context


@pytest.mark.parametrize("multi_region", [False, True])
def test_printed_key_ids_are_read_back(multi_region: bool) -> None:
    printed = formats.print_key_id(KEY_ID, multi_region)
    assert formats.parse_key_id(printed) == (KEY_ID, multi_region)


@pytest.mark.parametrize("text", ["", KEY_UUID.upper(), KEY_UUID.replace("-", ""), "mrk-" + KEY_UUID, KEY_UUID + "\n"])
def test_other_spellings_of_key_ids_are_refused(text: str) -> None:
    assert stage_of(formats.parse_key_id, text) == "parse"


def test_an_owner_hash_is_lower_case_base32_and_holds_both_names() -> None:
    owner = formats.owner_hash("shop", "orders")
    assert len(owner) == 32
    assert set(owner) <= set("abcdefghijklmnopqrstuvwxyz234567")
    assert owner != formats.owner_hash("default", "orders")


def test_context_keys_sort_by_utf8_and_not_by_utf16() -> None:
    encoded = formats.encode_context({"\U00010000": "", "\uffff": ""})
    assert encoded.index("\uffff".encode()) < encoded.index("\U00010000".encode())


def test_context_encoding_is_injective_where_concatenation_is_not() -> None:
    assert formats.encode_context({"a": "bc"}) != formats.encode_context({"ab": "c"})


def test_a_context_may_have_8192_bytes_and_no_more() -> None:
    assert len(formats.encode_context({"k": "v" * 8185})) == 8192
    assert stage_of(formats.encode_context, {"k": "v" * 8186}) == "context"


# Blobs


def test_every_flipped_bit_of_a_blob_is_refused_at_its_stage() -> None:
    blob = bytes.fromhex(KNOWN_BLOB)
    stages: collections.Counter[str] = collections.Counter()
    for bit in range(len(blob) * 8):
        flipped = bytearray(blob)
        flipped[bit // 8] ^= 0x80 >> bit % 8
        stages[stage_of(formats.open_blob, bytes(flipped), finder, CONTEXT)] += 1
    assert stages == {"parse": 64, "unknown key": 192, "commitment": 544, "tag": 384}


def test_every_truncation_of_a_blob_is_refused() -> None:
    blob = bytes.fromhex(KNOWN_BLOB)
    stages = [stage_of(formats.open_blob, blob[:length], finder, CONTEXT) for length in range(len(blob))]
    assert stages == ["parse"] * 116 + ["tag"] * 32


@pytest.mark.parametrize("extra", range(1, 65))
def test_bytes_after_a_blob_are_refused(extra: int) -> None:
    blob = bytes.fromhex(KNOWN_BLOB) + bytes(extra)
    assert stage_of(formats.open_blob, blob, finder, CONTEXT) == "tag"


@pytest.mark.parametrize("context", [None, {}, {"tenant": "blue"}, CONTEXT | {"app": "Orders"}, CONTEXT | {"": ""}])
def test_another_context_fails_at_the_commitment(context: formats.Context | None) -> None:
    assert stage_of(formats.open_blob, bytes.fromhex(KNOWN_BLOB), finder, context) == "commitment"


def test_salt_and_commitment_of_another_blob_are_refused() -> None:
    one = bytes.fromhex(KNOWN_BLOB)
    two = formats.seal_blob(MATERIAL, KEY_ID, VERSION, bytes(32), CONTEXT, bytes(32))
    both = one[:36] + two[36:100] + one[100:]
    assert stage_of(formats.open_blob, both, finder, CONTEXT) == "tag"
    for swapped in (one[:36] + two[36:68] + one[68:], one[:68] + two[68:100] + one[100:]):
        assert stage_of(formats.open_blob, swapped, finder, CONTEXT) == "commitment"


@pytest.mark.parametrize("offset", [4, 5])
def test_only_layout_1_and_suite_1_are_read(offset: int) -> None:
    blob = bytearray.fromhex(KNOWN_BLOB)
    for value in set(range(256)) - {1}:
        blob[offset] = value
        assert stage_of(formats.open_blob, bytes(blob), finder, CONTEXT) == "parse"


@pytest.mark.parametrize("multi_region", [False, True])
def test_the_flag_must_be_the_keys(multi_region: bool) -> None:
    blob = formats.seal_blob(MATERIAL, KEY_ID, 1, b"text", {}, multi_region=multi_region)
    assert formats.open_blob(blob, always(Found(MATERIAL, multi_region)), {}) == b"text"
    assert stage_of(formats.open_blob, blob, always(Found(MATERIAL, not multi_region)), {}) == "parse"


@pytest.mark.parametrize("length", [0, 1, 4096])
def test_blobs_with_a_hedged_salt_open(length: int) -> None:
    text = b"\x5a" * length
    one, two = (formats.seal_blob(MATERIAL, KEY_ID, VERSION, text, CONTEXT) for _ in range(2))
    assert one != two
    assert formats.open_blob(one, finder, CONTEXT) == formats.open_blob(two, finder, CONTEXT) == text


def test_longer_plaintexts_are_not_sealed() -> None:
    assert stage_of(formats.seal_blob, MATERIAL, KEY_ID, VERSION, bytes(4097), {}) == "parse"
    longer = bytes.fromhex(KNOWN_BLOB)[:100] + bytes(4097 + 16)
    assert stage_of(formats.open_blob, longer, finder, CONTEXT) == "parse"


def test_a_hedged_salt_differs_with_each_input() -> None:
    """With a failed generator and a cloned counter, only equal messages may give equal salts."""
    header = formats.blob_header(MATERIAL, KEY_ID, VERSION)
    usual: dict[str, Any] = {
        "material": MATERIAL, "header": header, "random": bytes(32), "replica": "a", "counter": 1,
        "plaintext": b"text", "context": b"",
    }
    other: dict[str, Any] = {
        "material": bytes(32), "header": bytes(36), "random": SALT, "replica": "b", "counter": 2,
        "plaintext": b"Text", "context": b"c",
    }
    salts = {formats.hedged_salt(**(usual | {name: value})) for name, value in other.items()}
    assert len(salts | {formats.hedged_salt(**usual)}) == len(other) + 1


# Sealed containers and the root


@pytest.mark.parametrize("change", ["root", "installation", "term", "key", "version", "spec", "origin"])
def test_a_material_opens_only_where_it_belongs(change: str) -> None:
    root = {
        "root": Root(bytes(32), INSTALLATION, 7), "installation": Root(ROOT.key, bytes(16), 7),
        "term": Root(ROOT.key, INSTALLATION, 8),
    }.get(change, ROOT)
    raw = bytes(16) if change == "key" else KEY_ID
    version = 4 if change == "version" else VERSION
    spec = "HMAC_256" if change == "spec" else "SYMMETRIC_DEFAULT"
    origin = "EXTERNAL" if change == "origin" else "AWS_KMS"
    container = bytes.fromhex(KNOWN_CONTAINER)
    stage = stage_of(formats.open_material, root, raw, version, container, spec, origin)
    assert stage == ("parse" if root != ROOT else "tag")


def test_every_flipped_bit_of_an_object_is_refused() -> None:
    """The clear epoch is bound as well, so a store cannot pass an old object off as a new one."""
    stored = formats.seal_object(ROOT, "state", KEY_ID, 7, b"content")
    assert formats.open_object(ROOT, "state", KEY_ID, stored) == (7, b"content")
    for bit in range(len(stored) * 8):
        flipped = bytearray(stored)
        flipped[bit // 8] ^= 0x80 >> bit % 8
        stage = stage_of(formats.open_object, ROOT, "state", KEY_ID, bytes(flipped))
        assert stage == ("parse" if 64 <= bit < 224 else "tag")


def test_every_truncation_of_an_object_is_refused() -> None:
    stored = formats.seal_object(ROOT, "grants", KEY_ID, 1, b"content")
    for length in range(len(stored)):
        assert stage_of(formats.open_object, ROOT, "grants", KEY_ID, stored[:length]) in ("parse", "tag")


def test_purposes_do_not_open_each_other() -> None:
    stored = formats.seal_object(ROOT, "owner", KEY_ID, 1, b"content")
    assert stage_of(formats.open_object, ROOT, "alias", KEY_ID, stored) == "tag"


def test_a_root_opens_with_its_file_key_only() -> None:
    file_key = bytes(range(64))
    stored = formats.wrap_root(ROOT, file_key)
    assert formats.unwrap_root(stored, file_key, INSTALLATION, 7) == ROOT
    assert stage_of(formats.unwrap_root, stored, bytes(64), INSTALLATION, 7) == "tag"
    assert stage_of(formats.unwrap_root, stored, file_key, bytes(16), 7) == "tag"
    assert stage_of(formats.unwrap_root, stored, file_key, INSTALLATION, 8) == "tag"
    assert stage_of(formats.unwrap_root, stored, file_key, INSTALLATION, 7, provider="hsm") == "tag"
    assert stage_of(formats.unwrap_root, stored, file_key[:32], INSTALLATION, 7) == "parse"


def test_the_check_value_of_an_unwrapped_root_is_compared() -> None:
    """The wrap is honest and the header is another root's, which AES-SIV alone would not notice."""
    file_key, header = bytes(range(64)), Root(bytes(32), INSTALLATION, 7).header()
    associated = formats.wrap_associated(header, INSTALLATION, 7, "file")
    stored = header + AESSIV(file_key).encrypt(ROOT.key, associated)
    assert stage_of(formats.unwrap_root, stored, file_key, INSTALLATION, 7) == "parse"


# Sealed content


RECORDS = {
    "minimal": sample_records.minimal_record(),
    "created": sample_records.created_record(b""),
    "full": sample_records.full_record(),
    **sample_records_2.records(b""),
}
FULL_2 = "schema 2, every field"


@pytest.mark.parametrize("name", RECORDS)
def test_records_are_read_back(name: str) -> None:
    encoded = content.encode_content(content.RECORD, RECORDS[name])
    assert content.decode_content(content.RECORD, encoded) == RECORDS[name]


def changed_record(change: Callable[[dict[int, Any]], Any], name: str = "full") -> bytes:
    """The bytes of a record after `change` to its generic value."""
    raw = cbor2.loads(content.encode_content(content.RECORD, RECORDS[name]))
    change(raw)
    return cbor2.dumps(raw, canonical=True)


CHANGES: dict[str, Callable[[dict[int, Any]], Any]] = {
    "a missing field": lambda raw: raw.pop(7),
    "an unknown field": lambda raw: raw.update({255: 1}),
    "an unknown inner field": lambda raw: raw[9].update({3: 1}),
    "no schema": lambda raw: raw.pop(1),
    "schema 0": lambda raw: raw.update({1: 0}),
    "a version of 33 bits": lambda raw: raw.update({11: 2**32}),
    "an unknown hold cause": lambda raw: raw[8][0].update({1: "DisableKez"}),
    "more materials than 1,200": lambda raw: raw.update({10: [raw[10][0] | {1: at} for at in range(1201)]}),
    "a bool where a number belongs": lambda raw: raw[4].update({5: True}),
    "a number where a bool belongs": lambda raw: raw.update({3: 1}),
    "a float": lambda raw: raw.update({14: 1.0}),
    "a negative uint": lambda raw: raw.update({14: -1}),
    "a short key id": lambda raw: raw.update({2: bytes(15)}),
    "an unknown word": lambda raw: raw.update({7: "Enabled"}),
    "unsorted holds": lambda raw: raw[8].reverse(),
    "unsorted materials": lambda raw: raw[10].reverse(),
    "a repeated version": lambda raw: raw[10].append(raw[10][2]),
    "unsorted tags": lambda raw: raw[6][3].reverse(),
    "a repeated tag": lambda raw: raw[6][3].append(raw[6][3][-1]),
    "a tag of three parts": lambda raw: raw[6][3][-1].append("x"),
    "a null": lambda raw: raw[9].update({1: None}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_records_with_a_wrong_value_are_refused(name: str) -> None:
    assert stage_of(content.decode_content, content.RECORD, changed_record(CHANGES[name])) == "parse"


CHANGES_2: dict[str, Callable[[dict[int, Any]], Any]] = {
    "an unknown field": lambda raw: raw.update({255: 1}),
    "an unknown rotation type of a material": lambda raw: raw[10][1].update({6: "MANUAL"}),
    "an unknown rotation type of an announcement": lambda raw: raw[17].update({2: "on_demand"}),
    "an unknown lifecycle": lambda raw: raw.update({7: "Destroyes"}),
    "an unknown hold cause": lambda raw: raw[8][2].update({1: "ScheduleKeyDeletioo"}),
    "an unknown manager": lambda raw: raw.update({18: "OWNER"}),
    "a customer as manager, written out": lambda raw: raw.update({18: "CUSTOMER"}),
    "import epoch 0, written out": lambda raw: raw.update({20: 0}),
    "extend on use false, written out": lambda raw: raw[6][5].update({5: False}),
    "extend on use as a number": lambda raw: raw[6][5].update({5: 1}),
    "imported without present": lambda raw: raw[10][2][9].pop(1),
    "imported as a flag": lambda raw: raw[10][2].update({9: True}),
    "present as a number": lambda raw: raw[10][2][9].update({1: 1}),
    "an announced import without present": lambda raw: raw[17][4][2].pop(1),
    "an announced import without a material id": lambda raw: raw[17][4].pop(1),
    "an announced import with a short material id": lambda raw: raw[17][4].update({1: bytes(31)}),
    "an announcement without its time": lambda raw: raw[17].pop(1),
    "an unknown field of an announcement": lambda raw: raw[17].update({5: 1}),
    "an attempt without its actor": lambda raw: raw[19].pop(2),
    "current version as text": lambda raw: raw.update({16: "3"}),
    "current version null": lambda raw: raw.update({16: None}),
    "current version negative": lambda raw: raw.update({16: -1}),
    "current version of 33 bits": lambda raw: raw.update({16: 2**32}),
    "destroyed at as text": lambda raw: raw.update({21: "2025-10-09"}),
    "restored at as a float": lambda raw: raw.update({22: 1.5}),
    "vanished at as text": lambda raw: raw.update({24: ""}),
    "the next rotation null": lambda raw: raw[9].update({2: None}),
}


@pytest.mark.parametrize("name", CHANGES_2)
def test_records_of_schema_2_with_a_wrong_value_are_refused(name: str) -> None:
    changed = changed_record(CHANGES_2[name], FULL_2)
    assert stage_of(content.decode_content, content.RECORD, changed) == "parse"


ADDED_BY_SCHEMA_2: dict[str, Callable[[dict[int, Any], dict[int, Any]], Any]] = {
    **{f"key {key}": lambda old, new, key=key: old.update({key: new[key]}) for key in range(16, 25)},
    "extend on use": lambda old, new: old[6][5].update({5: True}),
    "the next rotation": lambda old, new: old[9].update({2: new[9][2]}),
    **{
        f"key {key} of a material": lambda old, new, key=key: old[10][2].update({key: new[10][2][key]})
        for key in range(6, 10)
    },
    "Destroying": lambda old, new: old.update({7: "Destroying"}),
    "Destroyed": lambda old, new: old.update({7: "Destroyed"}),
    "ScheduleKeyDeletion": lambda old, new: old[8].append(new[8][2]),
}


@pytest.mark.parametrize("name", ADDED_BY_SCHEMA_2)
def test_a_record_of_schema_1_has_nothing_that_schema_2_added(name: str) -> None:
    new = cbor2.loads(changed_record(lambda _: None, FULL_2))
    changed = changed_record(lambda old: ADDED_BY_SCHEMA_2[name](old, new))
    assert stage_of(content.decode_content, content.RECORD, changed) == "parse"
    raw = cbor2.loads(changed) | {1: 2}
    assert content.decode_content(content.RECORD, cbor2.dumps(raw, canonical=True))["schema"] == 2


def test_false_is_not_encoded_where_it_is_left_out() -> None:
    record = sample_records_2.every_field()
    record["last_spec"]["deletion"]["extend_on_use"] = False
    assert stage_of(content.encode_content, content.RECORD, record) == "parse"


def fields_of(raw: Any, path: str = "") -> set[str]:
    """The path of each integer key in a generic value, rows of an array taken together."""
    if type(raw) is list:
        return set().union(*(fields_of(row, path) for row in raw))
    if type(raw) is not dict:
        return set()
    inner = (fields_of(value, f"{path}.{key}") for key, value in raw.items())
    return {f"{path}.{key}" for key in raw}.union(*inner)


def defined(table: content.Map, path: str = "") -> set[str]:
    """The same of a table."""
    found = {f"{path}.{key}" for key in table.fields}
    for key, (_, kind) in table.fields.items():
        inner = kind.row if isinstance(kind, content.Rows) else kind
        found |= defined(inner, f"{path}.{key}") if isinstance(inner, content.Map) else set()
    return found


@pytest.mark.parametrize(("name", "schema"), [("full", 1), (FULL_2, 2)])
def test_every_field_of_a_schema_is_in_its_fullest_record(name: str, schema: int) -> None:
    fields = fields_of(cbor2.loads(changed_record(lambda _: None, name)))
    assert fields == defined(content.RECORD.tables[schema - 1])


@pytest.mark.parametrize(("name", "version"), [
    ("created", 1), ("full", 3), ("schema 2, a record of schema 1 written again", 1), ("schema 2, rotated", 3),
    ("schema 2, a rotation on its way", 1), ("schema 2, imported material that waits", 1),
])  # fmt: skip
def test_the_current_version_encrypts_and_else_the_newest(name: str, version: int) -> None:
    assert formats.current_version(RECORDS[name]) == version


@pytest.mark.parametrize("name", ["minimal", "schema 2, an import announced"])
def test_without_material_nothing_encrypts(name: str) -> None:
    assert stage_of(formats.current_version, RECORDS[name]) == "unknown key"


ENTRY = {"schema": 1, "namespace": "a", "namespace_uid": bytes(16)}
ENTRY_BYTES = "a301010261610350" + "00" * 16


@pytest.mark.parametrize("text", [
    "a3" + "1801" + "01" + "02616103" + "50" + "00" * 16,
    "a3" + "0101" + "0350" + "00" * 16 + "026161",
    "bf" + ENTRY_BYTES[2:] + "ff",
    "a301010278016103" + "50" + "00" * 16,
    "a30101027f6161ff03" + "50" + "00" * 16,
    "a4" + ENTRY_BYTES[2:] + "026161",
    ENTRY_BYTES + "00",
    ENTRY_BYTES[:-2],
    "a30101026180" + "0350" + "00" * 16,
    "01",
    "",
], ids=[
    "long integer", "unsorted keys", "indefinite map", "long length", "indefinite text", "repeated key",
    "trailing byte", "truncated", "not UTF-8", "no map", "nothing",
])  # fmt: skip
def test_other_encodings_of_one_value_are_refused(text: str) -> None:
    assert content.encode_content(content.ACCOUNT, ENTRY).hex() == ENTRY_BYTES
    assert stage_of(content.decode_content, content.ACCOUNT, bytes.fromhex(text)) == "parse"


def test_a_newer_schema_is_read_and_not_written() -> None:
    newer = changed_record(lambda raw: (raw.update({1: 3, 255: "new"}), raw[4].update({6: "new"})), FULL_2)
    read = content.decode_content(content.RECORD, newer)
    assert read == RECORDS[FULL_2] | {"schema": 3}
    assert stage_of(content.encode_content, content.RECORD, read) == "parse"


# Folder of `coffer local`


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def make_folder(data: Path, multi_region: bool) -> str:
    """A folder with one key, as `coffer local` leaves it, and the key's printed id."""
    state, root, file_key = data / "us-east-1", Root(b"\x17" * 32, INSTALLATION), bytes(range(64))
    raw = formats.key_id(INSTALLATION, RESOURCE_UID)
    printed = formats.print_key_id(raw, multi_region)
    row: dict[str, Any] = {
        "version": 1, "term": 1, "material_id": formats.material_id(MATERIAL, raw),
        "object_name": f"material-{printed}-v1-t1", "created_at": 0,
    }
    changes = {"multi_region": multi_region, "lifecycle": "Created", "materials": [row]}
    record = sample_records.minimal_record() | changes
    claim = {
        "schema": 1, "key_id": raw, "multi_region": multi_region,
        "namespace": "default", "name": "orders", "confirmed": True,
    }
    owner = f"owner-{formats.owner_hash('default', 'orders')}"
    sealed_record = content.encode_content(content.RECORD, record)
    sealed_claim = content.encode_content(content.OWNER, claim)
    write(data / "root.key", file_key)
    write(state / "installation", INSTALLATION.hex().encode() + b"\n")
    write(state / "root" / "root-1", formats.wrap_root(root, file_key))
    write(state / "key" / f"key-{printed}", formats.seal_object(root, "state", raw, 2, sealed_record))
    write(state / "owner" / owner, formats.seal_object(root, "owner", formats.object_id(owner), 1, sealed_claim))
    container = formats.seal_material(root, raw, 1, MATERIAL, "SYMMETRIC_DEFAULT", "AWS_KMS")
    write(state / "material" / row["object_name"], container)
    return printed


@pytest.mark.parametrize("multi_region", [False, True])
def test_a_folder_opens_and_seals(tmp_path: Path, multi_region: bool) -> None:
    printed = make_folder(tmp_path, multi_region)
    folder = Folder(tmp_path)
    assert folder.installation() == INSTALLATION
    assert folder.root_key().key == b"\x17" * 32
    assert folder.record(printed)["lifecycle"] == "Created"
    assert folder.owner("default", "orders")["key_id"] == folder.record(printed)["key_id"]
    assert folder.material(printed, 1) == MATERIAL
    blob = folder.seal_blob(printed, b"text", CONTEXT)
    assert folder.open_blob(blob, dict(reversed(CONTEXT.items()))) == b"text"
    assert stage_of(folder.open_blob, blob[:7] + bytes([blob[7] ^ 1]) + blob[8:], CONTEXT) == "parse"
    assert stage_of(folder.open_blob, bytes.fromhex(KNOWN_BLOB), CONTEXT) == "unknown key"


def test_a_folder_refuses_objects_under_other_names(tmp_path: Path) -> None:
    """The first two are what someone with write access but without the root key could try."""
    printed = make_folder(tmp_path, False)
    folder, other = Folder(tmp_path), formats.print_key_id(KEY_ID)
    (folder.state / "key" / f"key-{printed}").rename(folder.state / "key" / f"key-{other}")
    assert stage_of(folder.record, other) == "tag"
    owner = folder.state / "owner" / f"owner-{formats.owner_hash('default', 'orders')}"
    owner.rename(owner.with_name(f"owner-{formats.owner_hash('shop', 'orders')}"))
    assert stage_of(folder.owner, "shop", "orders") == "tag"
    assert stage_of(folder.record, "../" + printed) == "parse"


def test_a_folder_seals_with_the_current_version(tmp_path: Path) -> None:
    """While a rotation is on its way, the version before it encrypts and both decrypt."""
    printed = make_folder(tmp_path, False)
    folder, raw, newer = Folder(tmp_path), formats.parse_key_id(printed)[0], bytes(32)
    record, root = folder.record(printed), folder.root_key()
    row = {
        "version": 2, "term": 1, "material_id": formats.material_id(newer, raw),
        "object_name": f"material-{printed}-v2-t1", "created_at": 1, "rotation": "AUTOMATIC",
    }
    container = formats.seal_material(root, raw, 2, newer, "SYMMETRIC_DEFAULT", "AWS_KMS")
    write(folder.state / "material" / row["object_name"], container)

    def store(**changes: Any) -> None:
        changed = record | {"schema": 2, "materials": [*record["materials"], row]} | changes
        sealed = formats.seal_object(root, "state", raw, 3, content.encode_content(content.RECORD, changed))
        write(folder.state / "key" / f"key-{printed}", sealed)

    store(current_version=1)
    assert folder.seal_blob(printed, b"text")[24:28] == formats.u32(1)
    assert folder.open_blob(formats.seal_blob(newer, raw, 2, b"new", {})) == b"new"
    row["activated_at"] = 2
    store(current_version=2)
    assert folder.seal_blob(printed, b"text")[24:28] == formats.u32(2)
    row["imported"] = {"present": False}
    store(current_version=2)
    assert stage_of(folder.seal_blob, printed, b"text") == "unknown key"


def test_a_folder_compares_the_material_id_of_what_it_unseals(tmp_path: Path) -> None:
    """A well-sealed material that is not the one of the record, as after a restore of one file."""
    printed = make_folder(tmp_path, False)
    folder, raw = Folder(tmp_path), formats.parse_key_id(printed)[0]
    other = formats.seal_material(folder.root_key(), raw, 1, bytes(32), "SYMMETRIC_DEFAULT", "AWS_KMS")
    write(folder.state / "material" / f"material-{printed}-v1-t1", other)
    assert stage_of(folder.material, printed, 1) == "parse"


# Vectors


@pytest.mark.parametrize(("name", "text"), make_vectors.vectors().items())
def test_vectors_are_what_their_maker_gives(name: str, text: str) -> None:
    assert (make_vectors.VECTORS / name).read_text("ascii") == text


def test_the_blob_vectors_hold_every_value() -> None:
    cases = make_vectors.blobs()["cases"]
    choices = list(make_vectors.blob_choices())
    assert len(cases) == len(set(choices)) == 64
    assert {length for length, _, _ in choices} == set(make_vectors.LENGTHS)
    assert len({(length, context) for length, context, _ in choices}) == 55
    assert len({(context, flag) for _, context, flag in choices}) == 10
    longest = next(context for name, context, _ in make_vectors.blob_contexts() if name == "8192 bytes")
    assert len(formats.encode_context(longest)) == 8192


def test_blob_vectors_open_as_they_say() -> None:
    """The descriptions are expanded here as any other reader of the file has to."""
    for case in json.loads((make_vectors.VECTORS / "blobs.json").read_text())["cases"]:
        if isinstance(case["blob"], dict):
            continue
        context = case["context"]
        if isinstance(context, dict):
            context = [[context["key"], context["value_repeat"] * context["count"]]]
        found = Found(bytes.fromhex(case["material"]), case["multi_region"])
        plaintext = formats.open_blob(bytes.fromhex(case["blob"]), always(found), dict(context))
        assert plaintext.hex() == case["plaintext"]


def test_the_attack_opens_twice_under_aes_gcm() -> None:
    attack = {name: bytes.fromhex(value) for name, value in make_vectors.attack_on_gcm().items()}
    sealed, nonce, aad = attack["ciphertext_and_tag"], attack["nonce"], attack["aad"]
    assert AESGCM(attack["key1"]).decrypt(nonce, sealed, aad) == attack["plaintext1"]
    assert AESGCM(attack["key2"]).decrypt(nonce, sealed, aad) == attack["plaintext2"]
    assert attack["key1"] != attack["key2"]
    assert attack["plaintext1"].startswith(b"pay alice 000001")
    assert attack["plaintext2"][16:32] == b"pay mallory 9999"


def test_the_attack_fails_at_the_commitment_of_a_blob() -> None:
    attack = make_vectors.attack_on_blob()
    blob, context = bytes.fromhex(attack["blob"]), dict(attack["context"])
    one, two = (Found(bytes.fromhex(attack[name])) for name in ("material1", "material2"))
    assert formats.open_blob(blob, always(one), context).hex() == attack["plaintext1"]
    assert stage_of(formats.open_blob, blob, always(two), context) == "commitment"
