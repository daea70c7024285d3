"""Every way in which a resource goes away: its key waits, unharmed, and the same manifest brings it back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from cluster import ApiError, keys
from installation import Installation, Tenant
from kept import Kept, audited, causes, keep, now_ms, refused_use
from support import Json, measured, outcome, until

APPROVED = "/apis/kms.coffer.dev/v1alpha1/installations/coffer"
# The Installation is looked at every thirty seconds.
APPROVED_SECONDS = 45.0
FLUX = "kustomize-controller"


def by_kubectl(kept: Kept) -> None:
    kept.tenant.kubectl("delete", "kmskey", kept.name, "--timeout=5s").ok()


def prune(kept: Kept, policy: str, seconds: float) -> None:
    path = keys(kept.tenant.namespace, kept.name)
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy}
    kept.tenant.api.text("DELETE", path, options)
    until(kept.is_gone, "the resource to be gone", seconds)


def by_foreground_prune(kept: Kept) -> None:
    """As Argo CD prunes: it waits for the garbage collector, which looks for new kinds every thirty seconds."""
    prune(kept, "Foreground", 60)


def by_background_prune(kept: Kept) -> None:
    """As Flux prunes."""
    prune(kept, "Background", 5)


@pytest.mark.parametrize("remove", [by_kubectl, by_foreground_prune, by_background_prune])
def test_a_removed_key_waits_and_comes_back(tenant: Tenant, remove: Callable[[Kept], None]) -> None:
    kept = keep(tenant, description="same", deletion={"pendingWindowDays": 7})
    began, since = time.monotonic(), now_ms()
    remove(kept)
    measured(f"{remove.__name__} to gone", began)
    assert kept.is_gone()
    kept.waits(since, days=7)
    kept.is_restored()
    assert audited(tenant.installation, "ScheduleKeyDeletion", kept.key_id)
    assert audited(tenant.installation, "RestoreKey", kept.key_id)


def test_a_replace_by_force_gives_the_same_key(tenant: Tenant) -> None:
    kept = keep(tenant, description="same")
    uid = tenant.key("orders")["metadata"]["uid"]
    tenant.kubectl("replace", "--force", "--timeout=10s", manifest=kept.manifest).ok()
    assert tenant.key("orders")["metadata"]["uid"] != uid
    kept.comes_back()


def flux_apply(tenant: Tenant, manifest: Json, dry: bool = False) -> None:
    query = f"?fieldManager={FLUX}&force=true" + ("&dryRun=All" if dry else "")
    path = keys(tenant.namespace, manifest["metadata"]["name"])
    tenant.api.text("PATCH", path + query, manifest, "application/apply-patch+yaml")


def refused_apply(tenant: Tenant, manifest: Json, dry: bool = False) -> int:
    with pytest.raises(ApiError) as refused:
        flux_apply(tenant, manifest, dry)
    return refused.value.status


def test_a_typing_error_under_the_force_of_flux_costs_no_key(tenant: Tenant) -> None:
    """What Flux does with `force: true`: whatever is invalid is deleted first, and then it cannot be made."""
    kept = keep(tenant, keySpec="SYMMETRIC_DEFAULT", keyUsage="ENCRYPT_DECRYPT")
    typo = tenant.manifest("orders", keySpec="SYMETRIC_DEFAULT", keyUsage="ENCRYPT_DECRYPT")
    assert refused_apply(tenant, typo, dry=True) == 422
    since = now_ms()
    by_background_prune(kept)
    assert refused_apply(tenant, typo) == 422
    kept.waits(since)
    flux_apply(tenant, kept.manifest)
    kept.comes_back()


def test_keys_of_a_namespace_that_was_made_again_come_back_where_somebody_approves(quiet: Installation) -> None:
    """One key of one namespace, and all keys of another."""
    old = [quiet.tenant(), quiet.tenant()]
    callers = [tenant.caller() for tenant in old]
    lost = [[keep(tenant, name, caller) for name in ("one", "two")] for tenant, caller in zip(old, callers)]
    since = now_ms()
    for tenant in old:
        tenant.kubectl("delete", "namespace", tenant.namespace, "--timeout=60s").ok()
    for kept in (*lost[0], *lost[1]):
        kept.waits(since, call=False)
    new = [quiet.tenant(tenant.namespace) for tenant in old]
    for tenant, group in zip(new, lost):
        quiet.cluster.apply(*(kept.manifest for kept in group))
        for kept in group:
            message = tenant.stalled(kept.name, "RestorePendingApproval")
            assert kept.key_id in message and uid_of(tenant) in message
    uids = [uid_of(tenant) for tenant in new]
    approvals = [{"namespace": new[0].namespace, "namespaceUid": uids[0], "name": "one"},
                 {"namespace": new[1].namespace, "namespaceUid": uids[1]}]
    began = time.monotonic()
    quiet.api.patch(APPROVED, {"spec": {"restoreApprovals": approvals}})
    kms = [tenant.caller().kms() for tenant in new]
    for kept, own in ((lost[0][0], kms[0]), (lost[1][0], kms[1]), (lost[1][1], kms[1])):
        kept.comes_back(own, APPROVED_SECONDS)
        assert audited(quiet, "RestoreKey", kept.key_id)
    measured("approval to Ready", began)
    assert new[0].stalled("two", "RestorePendingApproval")
    told = [line["additionalEventData"] | line["requestParameters"] for line in audited(quiet, "ApproveRestore")]
    assert {(one["namespaceUid"], one["name"]) for one in told} == {(uids[0], "one"), (uids[1], "*")}


def uid_of(tenant: Tenant) -> str:
    return tenant.api.get(f"/api/v1/namespaces/{tenant.namespace}")["metadata"]["uid"]


def test_other_immutable_fields_are_a_conflict_until_another_key_is_asked_for(tenant: Tenant) -> None:
    kept = keep(tenant)
    since = now_ms()
    by_kubectl(kept)
    kept.waits(since)
    other = {"origin": "Imported"}
    tenant.apply("orders", **other)
    assert kept.key_id in tenant.stalled("orders", "RestoreConflict")
    kept.waits(since)
    tenant.apply("orders", **other, deletion={"onConflict": "NewKey"})
    replaced = tenant.shows(
        "orders", lambda key: key["status"].get("keyId") not in (None, kept.key_id), "another key"
    )["status"]
    assert replaced["keyState"] == "PendingImport"
    kept.waits(since)
    # The earlier one can be reached by its id, and called back.
    kept.kms.cancel_key_deletion(KeyId=kept.key_id)
    kept.kms.enable_key(KeyId=kept.key_id)
    kept.opens()


def test_a_retained_key_is_held_and_has_no_end(tenant: Tenant) -> None:
    kept = keep(tenant, deletion={"policy": "Retain"})
    by_kubectl(kept)
    until(lambda: "ResourceDeleted" in causes(kept.record()), "the removal to be noted")
    assert "deletion" not in kept.record()["due_times"]
    until(lambda: outcome(kept.kms.decrypt, CiphertextBlob=next(iter(kept.blobs.values()))) != "ok", "the hold")
    assert kept.kms.describe_key(KeyId=kept.key_id)["KeyMetadata"]["KeyState"] == "Disabled"
    kept.is_restored()


def test_a_scheduled_deletion_is_called_off_by_a_call_and_by_no_manifest(tenant: Tenant) -> None:
    kept = keep(tenant)
    kept.kms.schedule_key_deletion(KeyId=kept.key_id, PendingWindowInDays=9)
    date = tenant.shows("orders", doomed, "PendingDeletion")["status"]["deletionDate"]
    tenant.apply("orders", description="edited")
    tenant.shows("orders", lambda key: key["status"]["observedGeneration"] == 2, "the edit")
    by_kubectl(kept)
    until(lambda: "ResourceDeleted" in causes(kept.record()), "the removal to be noted")
    tenant.apply("orders")
    status = tenant.shows("orders", doomed, "PendingDeletion")["status"]
    assert status["deletionDate"] == date and causes(kept.record()) == {"ScheduleKeyDeletion"}
    refused_use(kept)
    kept.kms.cancel_key_deletion(KeyId=kept.key_id)
    tenant.shows("orders", lambda key: key["status"]["keyState"] == "Disabled", "Disabled")
    assert outcome(kept.kms.decrypt, CiphertextBlob=next(iter(kept.blobs.values()))) == "DisabledException"
    kept.kms.enable_key(KeyId=kept.key_id)
    kept.opens()
    assert json.dumps(tenant.key("orders")["spec"]) == "{}"


def doomed(key: Json) -> bool:
    return (key.get("status") or {}).get("keyState") == "PendingDeletion"
