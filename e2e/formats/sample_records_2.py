"""The values of the records of schema 2 in the vectors: a key at each turn of its life."""

from __future__ import annotations

import coffer_formats as formats
from sample_records import INSTALLATION, Json, created_record, full_record, material_row, minimal_record, seed

START = 1_760_000_000_000
DAY = 86_400_000
# The public key of RFC 8410 §10.1, as X.509 has it.
PUBLIC_KEY = bytes.fromhex("302a300506032b657003210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1")
USER = "arn:aws:iam::000000000000:user/ops"


def record_of(name: str, **changes: object) -> Json:
    """A key of its own for `name`, complete and without material."""
    resource_uid = seed(f"{name} resource uid", 16)
    record = minimal_record()
    owner = record["owner"] | {"name": name, "resource_uid": resource_uid}
    raw = formats.key_id(INSTALLATION, resource_uid)
    own = {"schema": 2, "key_id": raw, "owner": owner, "lifecycle": "Created", "created_at": START}
    return record | own | {"previous_hash": formats.sha256(name.encode())} | changes


def rows(record: Json, *changes: Json) -> list[Json]:
    """One material for each of `changes`, from version 1."""
    raw, printed = record["key_id"], formats.print_key_id(record["key_id"], record["multi_region"])
    made = (material_row(raw, printed, version, 7) for version in range(1, len(changes) + 1))
    return [row | change for row, change in zip(made, changes, strict=True)]


def with_rows(record: Json, *changes: Json) -> Json:
    return record | {"materials": rows(record, *changes), "current_version": 1}


def imported_record(name: str, *changes: Json) -> Json:
    record = record_of(name)
    spec = record["immutable_spec"] | {"origin": "EXTERNAL"}
    return with_rows(record, *changes) | {"immutable_spec": spec}


def pair() -> Json:
    record = record_of("pair", public_key=PUBLIC_KEY)
    record["immutable_spec"] = record["immutable_spec"] | {"key_spec": "ECC_NIST_EDWARDS25519", "key_usage": "SIGN_VERIFY"}
    return with_rows(record, {})


def creating() -> Json:
    fresh = {"lifecycle": "Creating", "previous_hash": bytes(32), "announced_version": 1}
    return record_of("creating") | fresh


def written_again(before: bytes) -> Json:
    """The record of schema 1 with one material, after a change by a version that writes schema 2."""
    hold = {"cause": "DisableKey", "since": START, "actor": USER}
    return created_record(b"") | {"schema": 2, "holds": [hold], "previous_hash": formats.sha256(before)}


def rotated() -> Json:
    record = record_of("rotated", due_times={"rotation": START + 90 * DAY}, restored_at=START + 5, vanished_at=START + 3)
    record["last_spec"]["rotation"] = {"automatic": True, "period_days": 90, "on_demand_request": "leaver"}
    automatic = {"rotation": "AUTOMATIC", "activated_at": START}
    on_demand = {"rotation": "ON_DEMAND", "activated_at": START + DAY, "request": "leaver"}
    return with_rows(record, {}, automatic, on_demand) | {"current_version": 3}


def rotation_announced() -> Json:
    announcement = {"announced_at": START + 90 * DAY, "rotation": "AUTOMATIC"}
    record = record_of("rotation-announced", announced_version=2, announcement=announcement)
    record["last_spec"]["rotation"] = {"automatic": True, "period_days": 90}
    return with_rows(record, {}) | {"due_times": {"rotation": START + 90 * DAY}}


def rotation_on_its_way() -> Json:
    return with_rows(record_of("rotation-on-its-way"), {}, {"rotation": "ON_DEMAND", "request": ""})


def imported_with_expiry() -> Json:
    imported = {"present": True, "valid_to": START + 400 * DAY, "description": "from the safe \U0001f512"}
    return imported_record("imported", {"imported": imported})


def imported_and_removed() -> Json:
    """The second version expired; the first never does, and was deleted by hand."""
    expired = {"present": False, "valid_to": START + DAY}
    second = {"rotation": "ON_DEMAND", "activated_at": START, "request": "new", "imported": expired}
    return imported_record("removed", {"imported": {"present": False}}, second) | {"current_version": 2}


def imported_and_waiting() -> Json:
    """The newest version is there, nothing rotates to it yet, and the first one encrypts."""
    present = {"present": True}
    return imported_record("waiting", {"imported": present}, {"imported": present | {"description": ""}})


def import_announced() -> Json:
    record = imported_record("import-announced") | {"announced_version": 1, "import_epoch": 1}
    imported = {"present": True, "valid_to": START + DAY}
    coming = {"material_id": seed("announced material id", 32), "imported": imported}
    record["announcement"] = {"announced_at": START + 1, "import": coming}
    del record["current_version"]
    return record


def managed() -> Json:
    return with_rows(record_of("aws.envelope", manager="AWS"), {})


def pending_deletion() -> Json:
    record = record_of("pending", due_times={"deletion": START + 40 * DAY})
    record["last_spec"]["deletion"]["extend_on_use"] = True
    attempt = {"at": START + 10 * DAY, "actor": USER, "operation": "Decrypt"}
    scheduled = {"cause": "ScheduleKeyDeletion", "since": START, "actor": USER}
    gone = {"cause": "ResourceDeleted", "since": START + DAY, "actor": "coffer"}
    return with_rows(record, {}) | {"attempt": attempt, "holds": [gone, scheduled]}


def tombstone() -> Json:
    """What was true before is kept, the due time among it."""
    record = record_of("destroyed", lifecycle="Destroyed", due_times={"deletion": START + 7 * DAY})
    hold = {"cause": "ScheduleKeyDeletion", "since": START, "actor": USER}
    row = {"rotation": "AUTOMATIC", "activated_at": START - DAY}
    return with_rows(record, {}, row) | {"current_version": 2, "holds": [hold], "destroyed_at": START + 7 * DAY + 1}


def every_field() -> Json:
    """No key has all of them at once; a reader has to know each."""
    full = full_record() | {"schema": 2}
    full["last_spec"]["deletion"]["extend_on_use"] = True
    full["holds"].append({"cause": "ScheduleKeyDeletion", "since": START, "actor": USER})
    imported = {"present": False, "valid_to": START + 3, "description": "\u00fcber den Tresor"}
    first, second, third = full["materials"]
    second |= {"rotation": "AUTOMATIC", "activated_at": START + 1}
    third |= {"rotation": "ON_DEMAND", "activated_at": START + 2, "request": "r", "imported": imported}
    coming = {"material_id": seed("coming material id", 32), "imported": imported | {"present": True}}
    return full | {
        "lifecycle": "Destroying",
        "due_times": {"deletion": START + 4, "rotation": START + 5},
        "materials": [first, second, third],
        "current_version": 3,
        "announcement": {
            "announced_at": START + 6, "rotation": "ON_DEMAND", "request": "2025-10-09 leaver", "import": coming,
        },
        "manager": "OWNED",
        "attempt": {"at": START + 7, "actor": USER, "operation": "GenerateDataKeyWithoutPlaintext"},
        "import_epoch": 24,
        "destroyed_at": START + 8,
        "restored_at": START + 9,
        "public_key": PUBLIC_KEY,
        "vanished_at": START + 10,
    }


def records(before: bytes) -> dict[str, Json]:
    """Name to value; `before` is the stored record of schema 1 that the second one follows."""
    return {
        "schema 2, minimal, Creating": creating(),
        "schema 2, a record of schema 1 written again": written_again(before),
        "schema 2, rotated": rotated(),
        "schema 2, a rotation announced": rotation_announced(),
        "schema 2, a rotation on its way": rotation_on_its_way(),
        "schema 2, imported with an expiry": imported_with_expiry(),
        "schema 2, imported and removed": imported_and_removed(),
        "schema 2, imported material that waits": imported_and_waiting(),
        "schema 2, an import announced": import_announced(),
        "schema 2, a pair": pair(),
        "schema 2, managed by Coffer": managed(),
        "schema 2, pending deletion with an attempt": pending_deletion(),
        "schema 2, a tombstone": tombstone(),
        "schema 2, every field": every_field(),
    }
