"""What Argo CD and Flux do to keys by their own engines: sync, wait for health, prune, heal, and leave brakes alone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from engines import Argo, ClientSideArgo, Engine, Flux
from installation import Installation, Tenant
from kept import Kept, audited, keep, now_ms, refused_use, rotated, use
from support import Json, measured, refusal, until
from test_removal import doomed

SPEC: Json = {"description": "of git", "tags": {"team": "blue"}, "rotation": {"automatic": True, "periodDays": 90}}


@pytest.fixture
def tenant(alone: Installation) -> Tenant:
    return alone.tenant()


@pytest.fixture(params=[Argo, Flux], ids=["argo", "flux"])
def engine(request: pytest.FixtureRequest, tenant: Tenant, tmp_path: Path) -> Engine:
    return request.param(tenant, tmp_path)


def made(engine: Engine, name: str = "orders", **spec: object) -> Kept:
    """A key whose manifest is in Git, and which was used."""
    engine.put(name, **spec)
    engine.sync()
    return use(engine.tenant, name, engine.tenant.caller(f"app-{name}").kms(), **spec)


@pytest.mark.parametrize("kind", [Argo, ClientSideArgo, Flux])
def test_a_sync_ends_healthy_and_the_next_ones_change_nothing(
    tenant: Tenant, tmp_path: Path, kind: type[Engine]
) -> None:
    engine = kind(tenant, tmp_path)
    engine.put("orders", **SPEC)
    engine.put("plain")
    began = time.monotonic()
    engine.sync_to_health()
    measured(f"{kind.__name__} to healthy", began)
    assert tenant.status("orders")["keyState"] == "Enabled"
    for _ in range(2):
        engine.sees_no_drift()


def test_what_the_key_lives_through_is_no_drift(engine: Engine) -> None:
    kept = made(engine, **SPEC)
    engine.sees_no_drift()
    kept.kms.tag_resource(KeyId=kept.key_id, Tags=[{"TagKey": "cost", "TagValue": "1"}])
    engine.sees_no_drift()
    assert engine.tenant.key("orders")["spec"]["tags"] == {"team": "blue", "cost": "1"}
    kept.opens()


def test_a_field_that_somebody_edited_is_healed(engine: Engine) -> None:
    kept = made(engine, **SPEC)
    tenant = engine.tenant
    edited = tenant.manifest("orders", description="by hand", rotation={"automatic": False})
    tenant.kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=hand", manifest=edited).ok()
    until(lambda: described(kept) == "by hand", "the edit to be followed")
    if isinstance(engine, Argo):
        assert engine.out_of_sync() == {"orders"}
    engine.sync()
    until(lambda: described(kept) == "of git", "the description of Git to be followed")
    until(lambda: kept.kms.get_key_rotation_status(KeyId=kept.key_id)["KeyRotationEnabled"], "its rotation too")
    engine.sees_no_drift()
    kept.opens()


def described(kept: Kept) -> str:
    return kept.kms.describe_key(KeyId=kept.key_id)["KeyMetadata"]["Description"]


def test_a_rotation_that_git_asks_for_is_made_once(engine: Engine) -> None:
    tenant = engine.tenant
    engine.put("orders")
    engine.sync_to_health()
    for count, request in ((2, "first"), (3, "second"), (3, "first")):
        engine.put("orders", rotation={"onDemandRequest": request})
        engine.sync_to_health()
        rotated(tenant, "orders", count)
        engine.sees_no_drift()
        assert tenant.ready("orders")["materialCount"] == count


def test_a_call_cannot_change_what_git_owns_and_is_told_who_does(engine: Engine) -> None:
    kept = made(engine, **SPEC)
    tenant, kms = engine.tenant, kept.kms
    calls = {
        "description": lambda: refusal(kms.update_key_description, KeyId=kept.key_id, Description="x"),
        "tags.team": lambda: refusal(kms.untag_resource, KeyId=kept.key_id, TagKeys=["team"]),
        "rotation.automatic": lambda: refusal(kms.disable_key_rotation, KeyId=kept.key_id),
    }
    for field, call in calls.items():
        check_refusal(call(), f"spec.{field} of the KmsKey {tenant.namespace}/orders", engine)
    engine.put("orders", **SPEC, enabled=False)
    engine.sync()
    tenant.shows("orders", lambda key: key["status"]["keyState"] == "Disabled", "Disabled")
    refused = refusal(kms.enable_key, KeyId=kept.key_id)
    check_refusal(refused, f"spec.enabled of the KmsKey {tenant.namespace}/orders", engine)
    engine.sees_no_drift()
    engine.put("orders", **SPEC)
    engine.sync_to_health()
    kept.opens()


def check_refusal(refused: object, names: str, engine: Engine) -> None:
    code, message, status = refused  # type: ignore[misc]
    assert (code, status) == ("KMSInvalidStateException", 400)
    assert f"{names}, which {engine.manager} manages; change it there." in message


def test_no_sync_lets_go_of_a_brake(engine: Engine) -> None:
    """DisableKey and ScheduleKeyDeletion act beside Git, and only a call takes them back."""
    kept = made(engine, **SPEC, enabled=True)
    tenant, kms = engine.tenant, kept.kms
    kms.disable_key(KeyId=kept.key_id)
    tenant.shows("orders", lambda key: key["status"]["keyState"] == "Disabled", "Disabled")
    engine.sees_no_drift()
    kms.schedule_key_deletion(KeyId=kept.key_id, PendingWindowInDays=7)
    date = tenant.shows("orders", doomed, "PendingDeletion")["status"]["deletionDate"]
    engine.sees_no_drift()
    if isinstance(engine, Argo):
        assert engine.health("orders") == "Suspended"
    engine.put("orders", **{**SPEC, "description": "edited"}, enabled=True)
    engine.sync()
    status = tenant.shows("orders", lambda key: key["status"]["observedGeneration"] == 2, "the edit")["status"]
    assert (status["keyState"], status["deletionDate"]) == ("PendingDeletion", date)
    refused_use(kept)
    kms.cancel_key_deletion(KeyId=kept.key_id)
    engine.sees_no_drift()
    kms.enable_key(KeyId=kept.key_id)
    tenant.shows("orders", lambda key: key["status"]["keyState"] == "Enabled", "Enabled")
    engine.sync_to_health()
    kept.opens()


def test_flux_prunes_nothing_that_is_marked(tenant: Tenant, tmp_path: Path) -> None:
    engine = Flux(tenant, tmp_path)
    marked = tenant.manifest("orders")
    marked["metadata"]["labels"] = {"kustomize.toolkit.fluxcd.io/prune": "disabled"}
    engine.put_manifest(marked)
    engine.sync_to_health()
    kept = use(tenant, "orders", tenant.caller().kms())
    engine.remove("orders")
    assert list(engine.prune()["pruned"].values()) == ["skipped"]
    kept.opens()


@pytest.mark.parametrize("kind", [Argo, Flux])
def test_a_wait_ends_at_once_where_a_key_waits_for_somebody(
    tenant: Tenant, tmp_path: Path, kind: type[Engine]
) -> None:
    engine = kind(tenant, tmp_path)
    engine.put("orders", origin="Imported")
    began = time.monotonic()
    said = engine.ask("sync", "--wait", "60s")
    assert measured(f"{engine.name} wait for a stalled key", began) < 30
    assert not engine.problem(said) and not engine.is_healthy(said)
    assert tenant.status("orders")["keyState"] == "PendingImport"


def test_a_key_that_kubectl_made_is_taken_over_by_git(engine: Engine) -> None:
    tenant = engine.tenant
    kept = keep(tenant, **SPEC)
    engine.put("orders", **SPEC)
    engine.sync_to_health()
    engine.sees_no_drift()
    assert tenant.ready("orders")["keyId"] == kept.key_id
    kept.opens()


def test_what_is_pruned_is_gone_at_once_and_comes_back_with_its_manifest(engine: Engine) -> None:
    """Those beside it stay."""
    kept, beside = made(engine, **SPEC), made(engine, "beside")
    engine.remove("orders")
    engine.sync()
    assert not kept.is_gone(), "nothing is pruned unless it is told to"
    since, began = now_ms(), time.monotonic()
    engine.prune()
    # Argo CD deletes in the foreground: the garbage collector looks for new kinds every thirty seconds.
    until(kept.is_gone, "the resource to be gone", 60 if isinstance(engine, Argo) else 1)
    measured(f"{engine.name} prune to gone", began)
    kept.waits(since)
    engine.put("orders", **SPEC)
    engine.sync_to_health()
    kept.comes_back()
    for event in ("ScheduleKeyDeletion", "RestoreKey"):
        assert len(audited(engine.tenant.installation, event, kept.key_id)) == 1
    engine.sees_no_drift()
    beside.opens()
