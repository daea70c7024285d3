"""The values of the records in the vectors, apart from how they are encoded and sealed."""

from __future__ import annotations

from typing import Any

import coffer_formats as formats

Json = dict[str, Any]

INSTALLATION = bytes(range(16))
RESOURCE_UID = bytes.fromhex("11111111222243338444555555555555")
NAMESPACE_UID = bytes.fromhex("66666666777748888999aaaaaaaaaaaa")


def seed(name: str, length: int) -> bytes:
    """Bytes that look random and are fixed by `name`."""
    rounds = range(-(-length // 32))
    return b"".join(formats.sha256(f"coffer vectors {name} {index}".encode()) for index in rounds)[:length]


def material_row(raw: bytes, printed: str, version: int, term: int) -> Json:
    material = seed(f"material {printed} {version}", 32)
    return {
        "version": version, "term": term, "material_id": formats.material_id(material, raw),
        "object_name": f"material-{printed}-v{version}-t{term}", "created_at": 1_750_000_000_000 + version,
    }


def minimal_record() -> Json:
    return {
        "schema": 1,
        "key_id": formats.key_id(INSTALLATION, RESOURCE_UID),
        "multi_region": False,
        "owner": {
            "namespace": "default", "name": "orders", "namespace_uid": NAMESPACE_UID,
            "resource_uid": RESOURCE_UID, "generation": 1,
        },
        "immutable_spec": {"key_spec": "SYMMETRIC_DEFAULT", "key_usage": "ENCRYPT_DECRYPT", "origin": "AWS_KMS"},
        "last_spec": {
            "description": "", "enabled": True, "tags": {}, "policy": "Default",
            "deletion": {
                "policy": "Schedule", "pending_window_days": 30, "on_conflict": "Refuse", "protection": False,
            },
            "rotation": {"automatic": False, "period_days": 365},
        },
        "lifecycle": "Creating",
        "holds": [],
        "due_times": {},
        "materials": [],
        "previous_hash": bytes(32),
        "primary_epoch": 0,
        "created_at": 1_750_000_000_000,
    }


def created_record(before: bytes) -> Json:
    record = minimal_record()
    row = material_row(record["key_id"], formats.print_key_id(record["key_id"]), 1, 7)
    return record | {"lifecycle": "Created", "materials": [row], "previous_hash": formats.sha256(before)}


def full_spec() -> Json:
    return {
        "description": "Orders, \u00fcber alles \U0001f511",
        "enabled": False,
        # Neither this order nor UTF-16 order is the one that is stored.
        "tags": {"\U00010000": "supplementary", "team": "blue", "\ue000": "private use", "Cost": "", "a": "1"},
        "policy": "Required",
        "deletion": {"policy": "Retain", "pending_window_days": 7, "on_conflict": "NewKey", "protection": True},
        "rotation": {"automatic": True, "period_days": 90, "on_demand_request": "2025-06-15 leaver"},
    }


def full_record() -> Json:
    resource_uid = seed("full resource uid", 16)
    raw = formats.key_id(INSTALLATION, resource_uid)
    printed = formats.print_key_id(raw, multi_region=True)
    return minimal_record() | {
        "key_id": raw,
        "multi_region": True,
        "owner": {
            "namespace": "shop", "name": "payments", "namespace_uid": seed("full namespace uid", 16),
            "resource_uid": resource_uid, "generation": 4_294_967_296,
        },
        "last_spec": full_spec(),
        "lifecycle": "Created",
        "holds": [
            {"cause": "DisableKey", "since": 1_750_000_100_000, "actor": "arn:aws:iam::000000000000:root"},
            {"cause": "ResourceDeleted", "since": 1_750_000_200_000, "actor": "coffer"},
        ],
        "due_times": {"deletion": 1_750_604_800_000},
        "materials": [material_row(raw, printed, version, term) for version, term in ((1, 7), (2, 7), (3, 8))],
        "announced_version": 4,
        "accepted_policy": {"number": 24, "sha256": formats.sha256(b"a policy")},
        "previous_hash": formats.sha256(b"the stored bytes before"),
        "primary_epoch": 65_536,
    }
