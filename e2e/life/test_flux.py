"""Flux's own controller, as it runs in clusters, over keys: what it applies, prunes, forces and leaves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from engines import versions
from flux_controller import Controller, Git
from installation import Installation, Tenant
from kept import Kept, now_ms, use
from support import Json, measured, until

SPEC: Json = {"description": "of git", "rotation": {"automatic": True, "periodDays": 90}}


@pytest.fixture(scope="module")
def controller(alone: Installation) -> Iterator[Controller]:
    controller = Controller(alone)
    try:
        controller.define()
        yield controller.start()
    finally:
        controller.end()


@pytest.fixture(scope="module")
def shops(controller: Controller, alone: Installation) -> dict[str, Shop]:
    """A namespace for each test, all of which wait at once: the controller looks at health every five seconds."""
    kinds: dict[str, Json] = {
        "plain": {}, "pruned": {}, "forced": {"force": True},
        "Orphan": {"deletionPolicy": "Orphan"}, "Delete": {"deletionPolicy": "Delete"},
    }
    began = time.monotonic()
    gits = {name: Git(controller, alone.tenant(), **spec) for name, spec in kinds.items()}
    revisions = {name: git.commit(git.tenant.manifest("orders", **SPEC)) for name, git in gits.items()}
    for name, git in gits.items():
        git.has_applied(revisions[name])
        assert git.tenant.status("orders")["keyState"] == "Enabled"
    measured("commits to Ready", began)
    return {name: shop(git) for name, git in gits.items()}


class Shop(NamedTuple):
    git: Git
    tenant: Tenant
    kept: Kept


def shop(git: Git) -> Shop:
    """With a key that Flux calls healthy, and which was used."""
    return Shop(git, git.tenant, use(git.tenant, "orders", git.tenant.caller().kms(), **SPEC))


def test_nothing_drifts_and_a_field_that_somebody_edited_is_healed(shops: dict[str, Shop]) -> None:
    git, tenant, kept = shops["plain"]
    before = versions(tenant)
    git.looks_again()
    assert versions(tenant) == before
    edited = tenant.manifest("orders", description="by hand")
    tenant.kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=hand", manifest=edited).ok()
    until(lambda: described(kept) == "by hand", "the edit to be followed")
    git.looks_again()
    until(lambda: described(kept) == "of git", "the description of Git to be followed")
    kept.opens()


def described(kept: Kept) -> str:
    return kept.kms.describe_key(KeyId=kept.key_id)["KeyMetadata"]["Description"]


def test_a_pruned_key_waits_and_comes_back_with_its_manifest(shops: dict[str, Shop]) -> None:
    git, _, kept = shops["pruned"]
    since = now_ms()
    git.applies()
    assert kept.is_gone()
    kept.waits(since)
    git.applies(kept.manifest)
    kept.comes_back()


def test_a_typing_error_under_force_costs_no_key(shops: dict[str, Shop]) -> None:
    git, tenant, kept = shops["forced"]
    since = now_ms()
    typo = tenant.manifest("orders", **SPEC, keySpec="SYMETRIC_DEFAULT")
    assert "SYMETRIC_DEFAULT" in git.refuses(typo)
    assert kept.is_gone()
    kept.waits(since)
    git.applies(kept.manifest)
    kept.comes_back()


@pytest.mark.parametrize("policy", ["Orphan", "Delete"])
def test_without_its_kustomization_a_key_stays_or_waits(shops: dict[str, Shop], policy: str) -> None:
    _, tenant, kept = shops[policy]
    since = now_ms()
    tenant.kubectl("delete", "kustomization.kustomize.toolkit.fluxcd.io", "keys", "--timeout=30s").ok()
    if policy == "Orphan":
        assert not kept.is_gone()
        kept.opens()
    else:
        until(kept.is_gone, "the resource to be gone")
        kept.waits(since)
        kept.is_restored()
