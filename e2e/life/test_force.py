"""What Argo CD and Flux do by force: what cannot be changed is deleted and made again, and no key is lost by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines import Argo, Engine, Flux
from installation import Installation, Tenant
from kept import Kept, audited, causes, now_ms, use
from support import Json, until

OTHER: Json = {"origin": "Imported"}
TYPING_ERROR: Json = {"keySpec": "SYMETRIC_DEFAULT"}


@pytest.fixture
def tenant(alone: Installation) -> Tenant:
    return alone.tenant()


@pytest.fixture(params=[Argo, Flux], ids=["argo", "flux"])
def engine(request: pytest.FixtureRequest, tenant: Tenant, tmp_path: Path) -> Engine:
    return request.param(tenant, tmp_path)


def made(engine: Engine, **spec: object) -> Kept:
    engine.put("orders", **spec)
    engine.sync_to_health()
    return use(engine.tenant, "orders", engine.tenant.caller().kms(), **spec)


def uid(engine: Engine) -> str:
    return engine.tenant.key("orders")["metadata"]["uid"]


def test_a_change_that_cannot_be_is_refused_without_force_and_costs_nothing(engine: Engine) -> None:
    kept = made(engine, description="same")
    before = uid(engine)
    for wrong, words in ((OTHER, "spec.origin cannot be changed"), (TYPING_ERROR, "SYMETRIC_DEFAULT")):
        engine.put("orders", description="same", **wrong)
        assert words in engine.refused()
        kept.opens()
    engine.put("orders", description="same")
    engine.sync_to_health()
    engine.sees_no_drift()
    assert uid(engine) == before
    assert not causes(kept.record())


def test_a_typing_error_under_force_costs_no_key(engine: Engine) -> None:
    kept = made(engine)
    engine.put("orders", **TYPING_ERROR)
    since = now_ms()
    assert "SYMETRIC_DEFAULT" in engine.refused(engine.forces)
    if isinstance(engine, Flux):
        assert kept.is_gone()
        kept.waits(since)
    engine.put("orders")
    engine.sync_to_health()
    if isinstance(engine, Flux):
        kept.comes_back()
    else:
        # Argo CD asks first whether what it would make is valid.
        kept.opens()


def test_another_key_by_force_leaves_the_earlier_one_to_wait(engine: Engine) -> None:
    kept = made(engine)
    before, since = uid(engine), now_ms()
    engine.put("orders", **OTHER)
    engine.force()
    assert uid(engine) != before
    assert kept.key_id in engine.tenant.stalled("orders", "RestoreConflict")
    kept.waits(since)
    if isinstance(engine, Argo):
        assert engine.health("orders") == "Degraded"
    engine.put("orders")
    engine.force()
    kept.comes_back()
    # What was made by force gets an owner of its fields by the first sync that applies it.
    engine.sync()
    engine.sees_no_drift()


def test_a_replacement_by_force_gives_the_same_key(tenant: Tenant, tmp_path: Path) -> None:
    """Argo CD with Replace=true and Force=true does this at each sync."""
    engine = Argo(tenant, tmp_path)
    kept = made(engine, description="same")
    for count in range(1, 4):
        before = uid(engine)
        engine.force()
        assert uid(engine) != before
        kept.comes_back()
        for event in ("ScheduleKeyDeletion", "RestoreKey"):
            assert len(audited(tenant.installation, event, kept.key_id)) == count
    assert engine.out_of_sync() == set()


def test_a_replacement_that_nobody_saw_was_a_removal(tenant: Tenant, tmp_path: Path) -> None:
    """While no replica runs, one resource is replaced by the same and another by what cannot be its key's."""
    folders = [tmp_path / name for name in ("same", "other")]
    for folder in folders:
        folder.mkdir()
    tenants = [tenant, tenant.installation.tenant()]
    same, other = (Argo(one, folder) for one, folder in zip(tenants, folders))
    kept, left = made(same), made(other)
    server = tenant.installation.replicas["coffer-0"]
    assert server.stop() == 0
    same.force()
    other.put("orders", **OTHER)
    other.force()
    since = now_ms()
    server.start()
    tenant.installation.leader()
    kept.comes_back()
    assert left.key_id in left.tenant.stalled("orders", "RestoreConflict")
    left.waits(since)
    other.put("orders")
    other.force()
    left.comes_back()


def test_a_prune_while_no_replica_runs_counts_from_when_it_was_found(engine: Engine) -> None:
    kept = made(engine)
    server = engine.tenant.installation.replicas["coffer-0"]
    assert server.stop() == 0
    engine.remove("orders")
    engine.prune()
    until(kept.is_gone, "the resource to be gone", 60)
    since = now_ms()
    server.start()
    engine.tenant.installation.leader()
    kept.waits(since)
    engine.put("orders")
    engine.sync_to_health()
    kept.comes_back()
