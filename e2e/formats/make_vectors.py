"""Writes the known answers in `e2e/vectors/`. Run it again after a new format, never for an old one.

Nothing here is random: every input is stated or comes from SHA-256 of a name, so the files are equal
wherever and whenever they are made, and a test compares them with what this file gives.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import coffer_content as content
import coffer_formats as formats
import sample_records_2
from committing_attack import Side, collide
from import_vectors import import_tokens
from sample_records import (
    INSTALLATION,
    NAMESPACE_UID,
    RESOURCE_UID,
    Json,
    created_record,
    full_record,
    minimal_record,
    seed,
)

VECTORS = Path(__file__).resolve().parent.parent / "vectors"

MATERIAL = bytes(range(32))
KEY_ID = bytes.fromhex("0f1e2d3c4b5a49788796a5b4c3d2e1f0")
VERSION = 3
SALT = bytes(range(0xA0, 0xC0))
CONTEXT = {"tenant": "blue", "app": "orders"}
ROOT = formats.Root(b"\x42" * 32, INSTALLATION, term=7)


def plain(value: Any) -> Any:
    """A value of the formats as JSON: bytes become hex, and maps that users fill become pairs."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, dict):
        return {key: pairs(inner) if key == "tags" else plain(inner) for key, inner in value.items()}
    return value


def pairs(context: formats.Context) -> list[list[str]]:
    return [[key, value] for key, value in context.items()]


# Known answers


def contexts() -> Iterator[Json]:
    cases: dict[str, formats.Context] = {
        "empty": {},
        "one pair": {"app": "orders"},
        "two pairs, given unsorted": CONTEXT,
        "the same two pairs, given sorted": dict(sorted(CONTEXT.items())),
        "boundary after the key's first letter": {"a": "bc"},
        "boundary after the key's second letter": {"ab": "c"},
        "a key that is the prefix of another": {"ab": "1", "a": "2", "": "3"},
        "empty key and empty value": {"": ""},
        "empty values": {"b": "", "a": ""},
        "upper case before lower case": {"a": "1", "B": "2", "b": "3", "A": "4"},
        "not normalised: composed and decomposed": {"e\u0301": "decomposed", "\u00e9": "composed"},
        "not trimmed": {" a ": "\tb\n", "a": "b"},
        "U+10000 and above sort after U+E000..U+FFFF": {
            "\U00010000": "1", "\ue000": "2", "\uffff": "3", "\U0010ffff": "4",
        },
        "the value's bytes are counted, not its characters": {"k": "\U0001f511\u20ac"},
    }
    for name, context in cases.items():
        yield {"name": name, "pairs": pairs(context), "encoded": formats.encode_context(context).hex()}


def blob_answer(name: str, context: formats.Context) -> Json:
    encoded = formats.encode_context(context)
    header = formats.blob_header(MATERIAL, KEY_ID, VERSION)
    blob = formats.seal_blob(MATERIAL, KEY_ID, VERSION, bytes(32), context, SALT)
    return {
        "name": name,
        "material": MATERIAL.hex(),
        "key_id": KEY_ID.hex(),
        "version": VERSION,
        "multi_region": False,
        "salt": SALT.hex(),
        "context": pairs(context),
        "plaintext": bytes(32).hex(),
        "material_id": formats.material_id(MATERIAL, KEY_ID).hex(),
        "commitment": formats.derive_blob(MATERIAL, header, SALT, encoded).commitment.hex(),
        "blob": blob.hex(),
        "blob_sha256": formats.sha256(blob).hex(),
    }


def salt_answer(name: str, replica: str, counter: int, plaintext: bytes, context: formats.Context) -> Json:
    random = seed(f"salt {name}", 32)
    header = formats.blob_header(MATERIAL, KEY_ID, VERSION)
    encoded = formats.encode_context(context)
    salt = formats.hedged_salt(MATERIAL, header, random, replica, counter, plaintext, encoded)
    return {
        "name": name,
        "material": MATERIAL.hex(),
        "header": header.hex(),
        "random": random.hex(),
        "replica_id": replica,
        "counter": counter,
        "plaintext": plaintext.hex(),
        "context": pairs(context),
        "hedge_key": formats.hedge_key(MATERIAL, header).hex(),
        "salt": salt.hex(),
    }


def root_inputs(root: formats.Root) -> Json:
    return {"root_key": root.key.hex(), "installation": root.installation.hex(), "term": root.term}


def material_answer() -> Json:
    spec, origin = "SYMMETRIC_DEFAULT", "AWS_KMS"
    container = formats.seal_material(ROOT, KEY_ID, VERSION, MATERIAL, spec, origin)
    return root_inputs(ROOT) | {
        "purpose": "material",
        "key_id": KEY_ID.hex(),
        "version": VERSION,
        "key_spec": spec,
        "origin": origin,
        "plaintext": MATERIAL.hex(),
        "check_value": ROOT.check_value().hex(),
        "seal_key_sha256": formats.sha256(ROOT.seal_key("material")).hex(),
        "container": container.hex(),
    }


def object_answers() -> Iterator[Json]:
    """One object of each purpose but material; those with a key are bound to it, others to their name."""
    uuid = formats.print_key_id(KEY_ID)
    names = {
        "state": f"key-{uuid}", "policy": f"policy-{uuid}-1", "owner": f"owner-{formats.owner_hash('shop', 'orders')}",
        "alias": "alias-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "account": f"account-{formats.account('shop')}",
        "grants": f"grants-{uuid}-0", "ca": "ca-1", "replica": "replica-coffer-0", "usage": "usage-3f",
    }
    for epoch, (purpose, name) in enumerate(names.items(), start=1):
        of_key = uuid in name
        bound_id = KEY_ID if of_key else formats.object_id(name)
        plaintext = f"the content of {purpose}".encode()
        stored = formats.seal_object(ROOT, purpose, bound_id, epoch, plaintext)
        yield root_inputs(ROOT) | {
            "purpose": purpose,
            "object_name": name,
            "key_id": KEY_ID.hex() if of_key else None,
            "bound_id": bound_id.hex(),
            "epoch": epoch,
            "plaintext": plaintext.hex(),
            "seal_key_sha256": formats.sha256(ROOT.seal_key(purpose)).hex(),
            "stored": stored.hex(),
        }


def root_answers() -> Iterator[Json]:
    for root in (formats.Root(seed("root", 32), INSTALLATION, 1), ROOT):
        file_key = seed(f"file key {root.term}", 64)
        yield root_inputs(root) | {
            "object_name": f"root-{root.term}",
            "provider_id": "file",
            "file_key": file_key.hex(),
            "check_value": root.check_value().hex(),
            "stored": formats.wrap_root(root, file_key).hex(),
        }


def identifier_answers() -> Json:
    raw = formats.key_id(INSTALLATION, RESOURCE_UID)
    owners = [("default", "orders"), ("shop", "orders"), ("sho", "p/orders"), ("shop", "k-\u00fc")]
    return {
        "key_ids": [{
            "installation": INSTALLATION.hex(),
            "resource_uid": RESOURCE_UID.hex(),
            "key_id": raw.hex(),
            "printed": formats.print_key_id(raw),
            "printed_multi_region": formats.print_key_id(raw, multi_region=True),
        }],
        "accounts": [
            {"namespace": name, "account": formats.account(name)} for name in ("default", "shop", "kube-system", "")
        ],
        "owner_hashes": [
            {"namespace": space, "name": name, "owner_hash": formats.owner_hash(space, name)} for space, name in owners
        ],
        "material_ids": [
            {"material": key.hex(), "key_id": KEY_ID.hex(), "material_id": formats.material_id(key, KEY_ID).hex()}
            for key in (MATERIAL, bytes(32), seed("longer material", 64))
        ],
    }


# Records, claims and entries


def content_answer(
    name: str, kind: content.Content, purpose: str, object_name: str, bound_id: bytes, epoch: int, value: Json
) -> Json:
    encoded = content.encode_content(kind, value)
    stored = formats.seal_object(ROOT, purpose, bound_id, epoch, encoded)
    return root_inputs(ROOT) | {
        "name": name,
        "purpose": purpose,
        "object_name": object_name,
        "bound_id": bound_id.hex(),
        "epoch": epoch,
        "value": plain(value),
        "cbor": encoded.hex(),
        "stored": stored.hex(),
        "stored_sha256": formats.sha256(stored).hex(),
    }


def record_answers() -> Iterator[Json]:
    """The second record follows the first of the same key, so its previous hash is checkable.

    The first three are of schema 1 and stay for ever, because that is what earlier versions stored.
    """
    minimal = minimal_record()
    raw, name = minimal["key_id"], f"key-{formats.print_key_id(minimal['key_id'])}"
    first = content_answer("minimal, Creating", content.RECORD, "state", name, raw, 1, minimal)
    yield first
    created = created_record(bytes.fromhex(first["stored"]))
    second = content_answer("Created with one material", content.RECORD, "state", name, raw, 2, created)
    yield second
    full = full_record()
    raw, name = full["key_id"], f"key-{formats.print_key_id(full['key_id'], multi_region=True)}"
    yield content_answer("every field", content.RECORD, "state", name, raw, 7, full)
    for name, record in sample_records_2.records(bytes.fromhex(second["stored"])).items():
        raw = record["key_id"]
        object_name = f"key-{formats.print_key_id(raw, record['multi_region'])}"
        yield content_answer(name, content.RECORD, "state", object_name, raw, 3, record)


def claim_answers() -> Iterator[tuple[str, Json]]:
    raw = formats.key_id(INSTALLATION, RESOURCE_UID)
    claim = {"schema": 1, "key_id": raw, "multi_region": False, "namespace": "default", "name": "orders", "confirmed": True}
    name = f"owner-{formats.owner_hash('default', 'orders')}"
    yield "owners", content_answer("claim", content.OWNER, "owner", name, formats.object_id(name), 1, claim)
    entry = {"schema": 1, "namespace": "default", "namespace_uid": NAMESPACE_UID}
    name = f"account-{formats.account('default')}"
    yield "accounts", content_answer("entry", content.ACCOUNT, "account", name, formats.object_id(name), 1, entry)


def known_answers() -> Json:
    claims = dict(claim_answers())
    return {
        "about": [
            "Known answers of src/manual/formats.md. Bytes are hex; times are milliseconds; maps that users fill are",
            "lists of [key, value] in the order of the input, which the encoding sorts. A field that is absent from a",
            "value is absent from its CBOR. bound_id is the fourth string of the associated data: the key id, or, for",
            "owner, alias, account, ca and replica (key_id is null), the first 16 bytes of SHA-256(object_name).",
        ],
        "identifiers": identifier_answers(),
        "contexts": list(contexts()),
        "blobs": [blob_answer("two pairs", CONTEXT), blob_answer("empty context", {})],
        "salts": [
            salt_answer("usual", "coffer-0", 1, bytes(32), CONTEXT),
            salt_answer("everything empty", "", 0, b"", {}),
            salt_answer("largest counter", "replica-\u00fc", 2**64 - 1, b"\x01", {"": ""}),
        ],
        "material": material_answer(),
        "objects": list(object_answers()),
        "roots": list(root_answers()),
        "records": list(record_answers()),
        "owners": [claims["owners"]],
        "accounts": [claims["accounts"]],
    }


# Generated blobs

LENGTHS = (0, 1, 15, 16, 17, 31, 32, 33, 1023, 4095, 4096)
LONG_VALUE: Json = {"key": "k", "value_repeat": "v", "count": formats.MAX_CONTEXT - 7}


def blob_contexts() -> list[tuple[str, formats.Context, Any]]:
    """Name, context, and how the JSON describes it. Pairs are given in an order that is not sorted."""
    one = {"purpose": "backup"}
    many = {f"k{index * 37 % 64:02}": f"v{index}" for index in range(64)}
    supplementary = {"\U00010000": "a", "\uffff": "b", "\U0001f511": "c", "\ue000": "d", "z": "e", "\U0010fffd": ""}
    listed: list[tuple[str, formats.Context]] = [("empty", {}), ("one pair", one), ("64 pairs", many)]
    listed.append(("supplementary planes", supplementary))
    described: list[tuple[str, formats.Context, Any]] = [(name, given, pairs(given)) for name, given in listed]
    longest: formats.Context = {LONG_VALUE["key"]: LONG_VALUE["value_repeat"] * LONG_VALUE["count"]}
    return described + [("8192 bytes", longest, LONG_VALUE)]


def blob_choices() -> Iterator[tuple[int, int, bool]]:
    """Each length with each context, the flag alternating, and nine of them with the other flag too."""
    grid = [(length, context, (at + context) % 2 == 1) for at, length in enumerate(LENGTHS) for context in range(5)]
    yield from grid
    for at in range(9):
        length, context, flag = grid[at * 6]
        yield length, context, not flag


def blob_case(index: int, length: int, context: int, multi_region: bool) -> Json:
    name, pairs_in, description = blob_contexts()[context]
    material, raw, salt = (seed(f"blob {index} {part}", size) for part, size in (("key", 32), ("id", 16), ("salt", 32)))
    version = (1, 2, 255, 65_536, 2**32 - 1)[index % 5]
    byte = seed(f"blob {index} byte", 1)
    plaintext = byte * length if length >= 1023 else seed(f"blob {index} text", length)
    blob = formats.seal_blob(material, raw, version, plaintext, pairs_in, salt, multi_region)
    long = length >= 1023
    return {
        "name": f"{length} bytes, {name}, {'multi-Region' if multi_region else 'one Region'}",
        "material": material.hex(),
        "key_id": raw.hex(),
        "version": version,
        "multi_region": multi_region,
        "salt": salt.hex(),
        "context": description,
        "plaintext": {"repeat": byte.hex(), "count": length} if long else plaintext.hex(),
        "blob": {"first_100": blob[:100].hex(), "sha256": formats.sha256(blob).hex()} if long else blob.hex(),
    }


def blobs() -> Json:
    return {
        "about": [
            "64 ciphertext blobs. Bytes are hex. context is a list of [key, value] in no special order, or",
            "{key, value_repeat, count}: one pair whose value is value_repeat count times, 8192 bytes encoded.",
            "plaintext is hex, or {repeat, count}: the one byte repeat, count times. blob is hex, or, for plaintexts",
            "of 1023 bytes and more, {first_100, sha256}: its first 100 bytes, and SHA-256 of the whole blob.",
            "Flag bit 0 of the header is multi_region.",
        ],
        "cases": [blob_case(index, *choice) for index, choice in enumerate(blob_choices())],
    }


# Committing attack


def attack_on_gcm() -> Json:
    nonce, additional = seed("attack nonce", 12), b"one message, two keys"
    first, second = Side(seed("attack key 1", 32), nonce), Side(seed("attack key 2", 32), nonce)
    sealed = collide(first, second, additional, b"pay alice 000001", b"pay mallory 9999")
    return {
        "key1": first.key.hex(),
        "key2": second.key.hex(),
        "nonce": nonce.hex(),
        "aad": additional.hex(),
        "ciphertext_and_tag": sealed.hex(),
        "plaintext1": AESGCM(first.key).decrypt(nonce, sealed, additional).hex(),
        "plaintext2": AESGCM(second.key).decrypt(nonce, sealed, additional).hex(),
    }


def attack_on_blob() -> Json:
    """The same attack by someone who knows two materials and aims at the blob that names the first."""
    one, two = seed("attack material 1", 32), seed("attack material 2", 32)
    header, encoded = formats.blob_header(one, KEY_ID, 1), formats.encode_context(CONTEXT)
    derived1, derived2 = (formats.derive_blob(key, header, SALT, encoded) for key in (one, two))
    front = header + SALT + derived1.commitment
    first, second = Side(derived1.key, derived1.nonce), Side(derived2.key, derived2.nonce)
    sealed = collide(first, second, front + encoded, b"pay alice 000001", b"pay mallory 9999")
    return {
        "material1": one.hex(),
        "material2": two.hex(),
        "key_id": KEY_ID.hex(),
        "context": pairs(CONTEXT),
        "blob": (front + sealed).hex(),
        "aad": (front + encoded).hex(),
        "key1": first.key.hex(),
        "nonce1": first.nonce.hex(),
        "key2": second.key.hex(),
        "nonce2": second.nonce.hex(),
        "plaintext1": AESGCM(first.key).decrypt(first.nonce, sealed, front + encoded).hex(),
        "plaintext2": AESGCM(second.key).decrypt(second.nonce, sealed, front + encoded).hex(),
    }


def committing_attack() -> Json:
    return {
        "about": [
            "gcm: one nonce, associated data and ciphertext that open under two AES-256-GCM keys to two plaintexts.",
            "blob: the same against the format. Bytes 100.. of blob open by AES-256-GCM alone, with aad, under",
            "(key1, nonce1) and (key2, nonce2), which the two materials really derive from header, salt and context.",
            "The commitment is material1's: as a blob it opens with material1, and must be refused with material2 at",
            "the commitment.",
        ],
        "gcm": attack_on_gcm(),
        "blob": attack_on_blob(),
    }


# Key derivation

OUTPUT_LENGTHS = (1, 12, 16, 20, 31, 32, 33, 48, 63, 64, 65, 76, 95, 96, 97, 128, 160, 255, 256, 1024)


def kbkdf_case(index: int, length: int) -> Json:
    key = seed(f"kbkdf {index} key", (16, 32, 48, 64, 65)[index % 5])
    fixed = seed(f"kbkdf {index} fixed", (1, 32, 60, 119)[index % 4])
    return {
        "key": key.hex(), "fixed_input": fixed.hex(), "length": length,
        "output": formats.kbkdf(key, fixed, length).hex(),
    }


def kbkdf() -> Json:
    return {
        "about": [
            "SP 800-108r1 KBKDF in counter mode with HMAC-SHA-256: a 32-bit big-endian counter, then fixed_input.",
            "fixed_input is used as it stands: no label, zero byte, context or length is added. length is in bytes.",
        ],
        "cases": [kbkdf_case(index, length) for index, length in enumerate(OUTPUT_LENGTHS)],
    }


def vectors() -> dict[str, str]:
    """File name to text, for writing and for the test that compares."""
    files = {
        "formats.json": known_answers(), "blobs.json": blobs(),
        "committing_attack.json": committing_attack(), "kbkdf.json": kbkdf(),
        "import_tokens.json": import_tokens(),
    }
    return {name: json.dumps(value, indent=1) + "\n" for name, value in files.items()}


def main() -> None:
    VECTORS.mkdir(parents=True, exist_ok=True)
    for name, text in vectors().items():
        (VECTORS / name).write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
