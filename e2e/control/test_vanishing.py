"""Every way in which resources of keys go away, by accident or by intent: each ends in PendingDeletion, and the same
manifests bring the same keys back, with everything that they ever encrypted."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cluster import keys
from fleet import Fleet, make_fleet, ready_keys, state
from installation import Installation, Server, Tenant, condition
from support import GROUP, ROOT, measured, outcome, refusal, until

DEFINITION = f"kmskeys.{GROUP}"
KEYS_OF_A_FLEET = 100


@pytest.fixture(scope="module")
def replicas(own: Installation) -> Iterator[Installation]:
    """Two replicas, of which one leads."""
    own.serve("coffer-0")
    own.leader()
    own.serve("coffer-1")
    yield own


@pytest.fixture
def tenant(replicas: Installation) -> Tenant:
    return replicas.tenant()


def patient(tenant: Tenant, server: Server | None = None) -> Any:
    """A client that retries as SDKs do, for many calls in a row."""
    return tenant.caller().kms(server, attempts=5)


def test_a_hundred_keys_are_deleted_and_applied_again_three_times(tenant: Tenant) -> None:
    kms = patient(tenant)
    fleet = make_fleet(tenant, kms, KEYS_OF_A_FLEET)
    for _ in range(3):
        began = time.monotonic()
        delete_all(tenant)
        assert tenant.keys() == []
        measured(f"{KEYS_OF_A_FLEET} keys, delete to gone", began)
        fleet.wait_pending(kms, "gone to PendingDeletion")
        fleet.apply()
        fleet.wait_ready("applied again to Ready")
        fleet.check_same(kms)
    stored = tenant.installation.sealed("material")
    ids = [secret["metadata"]["labels"][f"{GROUP}/key-id"] for secret in stored]
    assert all(ids.count(key_id) == 1 for key_id in fleet.ids.values())


def delete_all(tenant: Tenant) -> None:
    """In one request: kubectl would spend its time in holding itself back."""
    tenant.api.text("DELETE", keys(tenant.namespace))


def test_a_namespace_of_a_hundred_keys_that_was_made_again_gets_them_by_one_approval(tenant: Tenant) -> None:
    fleet = make_fleet(tenant, patient(tenant), KEYS_OF_A_FLEET)
    tenant.kubectl("delete", "namespace", tenant.namespace, "--timeout=120s").ok()
    successor = tenant.installation.tenant(tenant.namespace)
    fleet.tenant = successor
    fleet.apply()
    until(lambda: reasons(successor) == {"RestorePendingApproval"}, "all keys to wait for an approval", 60, 0.2)
    kms = patient(successor)
    assert outcome(kms.decrypt, CiphertextBlob=fleet.blobs["key-0"]) == "AccessDeniedException"
    approve(successor)
    fleet.wait_ready("approved to Ready")
    fleet.check_same(kms)


def reasons(tenant: Tenant) -> set[str]:
    return {condition(key, "Stalled").get("reason", "") for key in tenant.keys()}


def approve(tenant: Tenant) -> None:
    uid = tenant.api.get(f"/api/v1/namespaces/{tenant.namespace}")["metadata"]["uid"]
    patch = {"spec": {"restoreApprovals": [{"namespace": tenant.namespace, "namespaceUid": uid}]}}
    tenant.cluster.kubectl("patch", "installation", "coffer", "--type", "merge", "-p", json.dumps(patch)).ok()


def test_definitions_that_are_deleted_and_installed_again_lose_no_key(tenant: Tenant) -> None:
    kms = patient(tenant)
    fleet = make_fleet(tenant, kms, 10)
    tenant.cluster.kubectl("delete", "crd", DEFINITION, "--timeout=60s").ok()
    fleet.wait_pending(kms, "definition deleted to PendingDeletion")
    install_definitions(tenant)
    until(lambda: tenant.cluster.kubectl("auth", "can-i", "get", "kmskeys").code == 0, "the kind to be known", 30)
    until(lambda: tenant.api.answers(keys(tenant.namespace)), "the kind to be served", 30)
    fleet.apply()
    fleet.wait_ready("definition installed to Ready")
    fleet.check_same(kms)
    tenant.installation.leader()


def install_definitions(tenant: Tenant) -> None:
    kubectl = tenant.cluster.kubectl
    kubectl("apply", "--server-side", "--force-conflicts", "-k", str(ROOT / "crds")).ok()
    kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", DEFINITION).ok()


def test_a_definition_that_is_upgraded_in_place_changes_no_key(tenant: Tenant) -> None:
    kms = patient(tenant)
    fleet = make_fleet(tenant, kms, 10)
    before = {key["metadata"]["name"]: key["metadata"]["resourceVersion"] for key in tenant.keys()}
    field = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/later"
    patch = [{"op": "add", "path": field, "value": {"type": "string"}}]
    tenant.cluster.kubectl("patch", "crd", DEFINITION, "--type", "json", "-p", json.dumps(patch)).ok()
    install_definitions(tenant)
    # A key that is made afterwards shows that the watch went on over both changes.
    tenant.make_key("afterwards")
    tenant.kubectl("delete", "kmskey", "afterwards").ok()
    assert {key["metadata"]["name"]: key["metadata"]["resourceVersion"] for key in tenant.keys()} == before
    fleet.check_same(kms)


def test_replace_by_force_keeps_the_key(tenant: Tenant) -> None:
    kms = patient(tenant)
    fleet = make_fleet(tenant, kms, 1)
    before = tenant.key("key-0")["metadata"]["uid"]
    tenant.kubectl("replace", "--force", manifest=tenant.manifest("key-0")).ok()
    assert tenant.key("key-0")["metadata"]["uid"] != before
    fleet.wait_ready("replaced to Ready")
    fleet.check_same(kms)


def test_a_tool_that_makes_a_resource_again_after_a_typo_loses_no_key(tenant: Tenant) -> None:
    """As Flux does with `force`: the typo changes a field that is fixed, so the resource is deleted and made again."""
    kms = patient(tenant)
    fleet = make_fleet(tenant, kms, 1)
    typo = tenant.manifest("key-0", keySpec="HMAC_256", keyUsage="GENERATE_VERIFY_MAC")
    tenant.kubectl("apply", "--server-side", manifest=typo).refused("Forbidden")
    tenant.kubectl("replace", "--force", manifest=typo).ok()
    fleet.wait_pending(kms, "typo to PendingDeletion")
    tenant.kubectl("replace", "--force", manifest=tenant.manifest("key-0")).ok()
    fleet.wait_ready("mended to Ready")
    fleet.check_same(kms)


def test_resources_that_vanish_while_no_replica_runs_are_counted_from_their_detection(tenant: Tenant) -> None:
    fleet = make_fleet(tenant, patient(tenant), 10)
    servers = list(tenant.installation.replicas.values())
    for server in servers:
        server.stop()
    tenant.kubectl("delete", "kmskeys", "--all", "--timeout=60s").ok()
    down_until = time.time()
    for server in servers:
        server.start()
    tenant.installation.leader()
    kms = tenant.caller("later").kms(attempts=5)
    fleet.wait_pending(kms, "replicas started to PendingDeletion")
    dates = [kms.describe_key(KeyId=key_id)["KeyMetadata"]["DeletionDate"].timestamp() for key_id in fleet.ids.values()]
    # The default window is 30 days. A second is what rounding may take.
    assert min(dates) >= down_until + 30 * 86_400 - 1
    fleet.apply()
    fleet.wait_ready("applied again to Ready")
    fleet.check_same(kms)


def test_a_deletion_that_the_api_scheduled_is_not_called_off_by_applying_again(tenant: Tenant) -> None:
    kms = patient(tenant)
    fleet = make_fleet(tenant, kms, 1)
    key_id = fleet.ids["key-0"]
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    fleet.apply()
    tenant.kubectl("delete", "kmskey", "key-0").ok()
    fleet.apply()
    tenant.shows("key-0", lambda key: (key.get("status") or {}).get("keyState") == "PendingDeletion", "PendingDeletion")
    assert state(kms, key_id) == "PendingDeletion"
    assert refusal(kms.decrypt, CiphertextBlob=fleet.blobs["key-0"]).code == "KMSInvalidStateException"
    kms.cancel_key_deletion(KeyId=key_id)
    assert state(kms, key_id) == "Disabled"
    kms.enable_key(KeyId=key_id)
    fleet.wait_ready("enabled to Ready")
    fleet.check_same(kms)


def delete(fleet: Fleet, kms: Any) -> Callable[[], int]:
    delete_all(fleet.tenant)
    return lambda: sum(state(kms, key_id) == "PendingDeletion" for key_id in fleet.ids.values())


def restore(fleet: Fleet, kms: Any) -> Callable[[], int]:
    delete(fleet, kms)
    fleet.wait_pending(kms, "deleted to PendingDeletion")
    fleet.apply()
    return lambda: sum(state(kms, key_id) == "Enabled" for key_id in fleet.ids.values())


def rotate(fleet: Fleet, kms: Any) -> Callable[[], int]:
    asked = [fleet.tenant.manifest(name, rotation={"onDemandRequest": "one"}) for name in fleet.ids]
    fleet.tenant.cluster.apply(*asked)
    return lambda: sum(len(kms.list_key_rotations(KeyId=key_id)["Rotations"]) for key_id in fleet.ids.values())


@pytest.mark.parametrize("flow", [delete, restore, rotate])
def test_a_leader_that_is_killed_in_a_flow_leaves_it_to_the_next_one(
    replicas: Installation, tenant: Tenant, flow: Callable[[Fleet, Any], Callable[[], int]]
) -> None:
    leader = replicas.leader()
    other = next(server for server in replicas.replicas.values() if server is not leader)
    kms = patient(tenant, other)
    fleet = make_fleet(tenant, kms, KEYS_OF_A_FLEET)
    done = flow(fleet, kms)
    leader.stop(signal.SIGKILL)
    began = time.monotonic()
    until(other.leads, "the other replica to lead", 60)
    until(lambda: done() == KEYS_OF_A_FLEET, f"{flow.__name__} to be finished", 120, 0.2)
    measured(f"{KEYS_OF_A_FLEET} keys, {flow.__name__} finished after a SIGKILL of the leader", began)
    leader.start()
    if flow is delete:
        fleet.apply()
    until(lambda: ready_keys(tenant) == KEYS_OF_A_FLEET, "all keys", 120, 0.2)
    fleet.check_same(kms)
    rotated = 2 if flow is rotate else 1
    assert {key["status"]["materialCount"] for key in tenant.keys()} == {rotated}
