"""Whoever keeps the manifest sees no drift, reads what happened, and is not misled; whoever forges gains nothing."""

from __future__ import annotations

import base64
from collections import Counter
from contextlib import suppress
from typing import Any

from cluster import keys, secrets
from installation import Tenant
from kept import audited, keep, refused_use, rotated
from support import GROUP, KEYS, Json, until
from test_removal import doomed

# What the API server says it does not know how to be: each of these is a reason of Coffer's.
STATUS = "/status"


def manager_of(key: Json, name: str) -> list[Json]:
    return [entry for entry in key["metadata"]["managedFields"] if entry["manager"] == name]


def check_no_drift(tenant: Tenant, manifest: Json, before: Json) -> None:
    after = tenant.key("orders")
    assert tenant.kubectl("diff", "--server-side", manifest=manifest).ok() == ""
    assert manager_of(after, "kubectl") == manager_of(before, "kubectl")
    assert after["spec"] == before["spec"]
    for field in ("annotations", "labels", "finalizers", "generation"):
        assert after["metadata"].get(field) == before["metadata"].get(field), field


def test_nothing_drifts_whatever_happens_to_the_key(tenant: Tenant) -> None:
    spec = {"description": "of git", "enabled": True, "rotation": {"automatic": True, "periodDays": 90}}
    manifest = tenant.manifest("orders", **spec)
    tenant.apply("orders", **spec)
    before = tenant.key("orders")
    kms = tenant.caller().kms()
    key_id = tenant.ready("orders")["keyId"]
    check_no_drift(tenant, manifest, before)
    kms.rotate_key_on_demand(KeyId=key_id)
    rotated(tenant, "orders", 2)
    check_no_drift(tenant, manifest, before)
    kms.disable_key(KeyId=key_id)
    held = tenant.shows("orders", lambda key: key["status"]["keyState"] == "Disabled", "Disabled")["status"]
    assert [hold["cause"] for hold in held["holds"]] == ["DisableKey"]
    check_no_drift(tenant, manifest, before)
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    tenant.shows("orders", doomed, "PendingDeletion")
    tenant.apply("orders", **spec)
    check_no_drift(tenant, manifest, before)
    kms.cancel_key_deletion(KeyId=key_id)
    kms.enable_key(KeyId=key_id)
    tenant.shows("orders", lambda key: key["status"]["keyState"] == "Enabled", "Enabled")
    check_no_drift(tenant, manifest, before)


def test_a_manifest_of_a_client_side_apply_does_not_drift_either(tenant: Tenant) -> None:
    manifest = tenant.manifest("orders", description="of git")
    tenant.kubectl("apply", manifest=manifest).ok()
    tenant.ready("orders")
    assert tenant.kubectl("diff", manifest=manifest).ok() == ""
    assert "unchanged" in tenant.kubectl("apply", manifest=manifest).ok()


def test_use_in_the_window_is_told_in_the_status_and_the_trail(tenant: Tenant) -> None:
    kept = keep(tenant)
    kept.kms.schedule_key_deletion(KeyId=kept.key_id)
    tenant.shows("orders", doomed, "PendingDeletion")
    refused_use(kept)
    status = tenant.shows("orders", lambda key: "lastAttempt" in key["status"], "the attempt")["status"]
    assert status["lastAttempt"]["operation"] == "Encrypt"
    assert "app" in status["lastAttempt"]["actor"]
    lines = audited(tenant.installation, "Encrypt", kept.key_id)
    refused = [line for line in lines if line.get("errorCode")]
    assert refused and refused[-1]["userIdentity"]["arn"] == status["lastAttempt"]["actor"]


def test_tables_show_the_state_the_next_rotation_and_the_deletion(tenant: Tenant) -> None:
    key_id = tenant.make_key("orders", rotation={"automatic": True, "periodDays": 90})
    next_rotation = tenant.status("orders")["nextRotationDate"]
    header, row = tenant.kubectl("get", "kmskey").ok().splitlines()
    assert header.split() == ["NAME", "STATE", "READY", "KEY-ID", "NEXT-ROTATION", "DELETION", "AGE"]
    assert row.split()[:5] == ["orders", "Enabled", "True", key_id, next_rotation]
    tenant.caller().kms().schedule_key_deletion(KeyId=key_id)
    date = tenant.shows("orders", doomed, "PendingDeletion")["status"]["deletionDate"]
    row = tenant.kubectl("get", "kmskey").ok().splitlines()[1]
    assert row.split()[1:3] == ["PendingDeletion", "False"] and date in row.split()


def test_events_tell_each_change_once_and_nothing_else(tenant: Tenant) -> None:
    kept = keep(tenant)
    told(tenant, *(life := ["KeyCreated", "KeyRotated"]))
    kept.opens()
    kept.kms.schedule_key_deletion(KeyId=kept.key_id)
    told(tenant, *(life := [*life, "DeletionScheduled"]))
    refused_use(kept)
    tenant.shows("orders", lambda key: "lastAttempt" in key["status"], "the attempt")
    kept.kms.cancel_key_deletion(KeyId=kept.key_id)
    told(tenant, *(life := [*life, "DeletionCancelled"]))
    kept.kms.enable_key(KeyId=kept.key_id)
    tenant.shows("orders", lambda key: key["status"]["keyState"] == "Enabled", "Enabled")
    tenant.kubectl("delete", "kmskey", "orders").ok()
    told(tenant, *(life := [*life, "DeletionScheduled"]))
    kept.is_restored()
    told(tenant, *life, "KeyRestored")


def told(tenant: Tenant, *expected: str) -> None:
    """Waits for these reasons and no others. One that is told again joins the first of its kind in a series."""
    seen: list[Counter[str]] = []
    with suppress(AssertionError):
        until(lambda: seen.append(reasons(tenant)) or seen[-1] == Counter(expected), "the events")
    assert seen[-1] == Counter(expected)


def reasons(tenant: Tenant) -> Counter[str]:
    """How often each was told."""
    counted: Counter[str] = Counter()
    for event in tenant.events("orders"):
        counted[event["reason"]] += (event.get("series") or {}).get("count", 1)
    return counted


def test_a_forged_status_changes_nothing_and_is_put_right(tenant: Tenant) -> None:
    kept = keep(tenant)
    before = tenant.status("orders")
    forged = {"keyState": "PendingDeletion", "deletionDate": "2020-01-01T00:00:00Z",
              "currentKeyMaterialId": "0" * 64, "keyId": "00000000-0000-4000-8000-000000000000", "holds": []}
    tenant.api.patch(keys(tenant.namespace, "orders") + STATUS, {"status": forged})
    kept.opens()
    assert kept.kms.describe_key(KeyId=kept.key_id)["KeyMetadata"]["KeyState"] == "Enabled"
    tenant.shows("orders", lambda key: known(key["status"]) == known(before), "what is true")
    kept.opens()


def known(status: Json) -> dict[str, Any]:
    return {name: status.get(name) for name in ("keyState", "deletionDate", "currentKeyMaterialId", "keyId", "holds")}


def test_hand_edited_labels_of_a_record_change_nothing(tenant: Tenant) -> None:
    kept, other = keep(tenant), tenant.make_key("other")
    name = f"key-{kept.key_id}"
    labels = {f"{GROUP}/key-id": other, f"{GROUP}/key-state": "Destroyed", f"{GROUP}/owner-hash": "x",
              f"{GROUP}/record": None}
    tenant.api.patch(secrets(KEYS, name), {"metadata": {"labels": labels}})
    before = tenant.api.get(secrets(KEYS, name))["data"]
    kept.opens()
    # What is written next goes to the same record.
    tenant.apply("orders", description="edited")
    tenant.ready("orders")
    assert kept.kms.describe_key(KeyId=kept.key_id)["KeyMetadata"]["Description"] == "edited"
    after = until(lambda: tenant.api.get(secrets(KEYS, name)), "the record")
    assert base64.b64decode(after["data"]["sealed"]) != base64.b64decode(before["sealed"])
    assert after["metadata"]["labels"][f"{GROUP}/key-id"] == kept.key_id
    assert kept.kms.describe_key(KeyId=other)["KeyMetadata"]["KeyState"] == "Enabled"
    kept.opens()
