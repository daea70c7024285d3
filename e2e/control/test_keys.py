"""The life of a key as its user sees it with kubectl and through the AWS API."""

from __future__ import annotations

import time
from typing import Any

import pytest

from cluster import keys
from installation import Tenant, condition
from support import API_VERSION, GROUP, KEYS, Json, Refusal, attempt, measured, outcome, refusal, until


def test_an_applied_key_becomes_ready_and_tells_all_about_itself(tenant: Tenant) -> None:
    began = time.monotonic()
    tenant.apply("orders", description="data keys", tags={"team": "shop"})
    status = tenant.ready("orders")
    measured("apply to Ready", began)
    key_id = status["keyId"]
    metadata = tenant.caller().kms().describe_key(KeyId=key_id)["KeyMetadata"]
    assert status["arn"] == metadata["Arn"] == f"arn:aws:kms:us-east-1:{metadata['AWSAccountId']}:key/{key_id}"
    assert (status["keyState"], status["keyManager"], status["materialCount"]) == ("Enabled", "CUSTOMER", 1)
    assert [material["version"] for material in status["materials"]] == [1]
    assert status["currentKeyMaterialId"] == status["materials"][0]["keyMaterialId"]
    assert condition(tenant.key("orders"), "Stalled")["status"] == "False"
    assert condition(tenant.key("orders"), "Reconciling")["status"] == "False"
    assert (metadata["Description"], metadata["KeyState"], metadata["Enabled"]) == ("data keys", "Enabled", True)


def test_a_key_is_waited_for_and_listed_with_kubectl(tenant: Tenant) -> None:
    tenant.apply("orders")
    tenant.kubectl("wait", "--for=condition=Ready", "--timeout=15s", "kmskey/orders").ok()
    header, row = tenant.kubectl("get", "kmskeys").ok().splitlines()
    assert header.split() == ["NAME", "STATE", "READY", "KEY-ID", "NEXT-ROTATION", "DELETION", "AGE"]
    assert row.split()[:4] == ["orders", "Enabled", "True", tenant.status("orders")["keyId"]]


def test_a_key_is_stored_as_sealed_secrets_with_labels(tenant: Tenant) -> None:
    key_id = tenant.make_key("orders")
    record, material = sorted(tenant.installation.sealed(key_id=key_id), key=lambda secret: secret["type"])
    assert (record["type"], material["type"]) == (f"{GROUP}/key", f"{GROUP}/material")
    assert record["metadata"]["name"] == f"key-{key_id}"
    assert material["metadata"]["name"] == f"material-{key_id}-v1-t1"
    assert record["metadata"]["labels"][f"{GROUP}/record"] == "true"
    assert material["metadata"]["labels"][f"{GROUP}/material"] == "true"
    assert material["immutable"] is True and list(material["data"]) == ["sealed"]
    for secret in (record, material):
        assert secret["metadata"]["namespace"] == KEYS
        assert secret["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "coffer"


def test_the_creation_of_a_key_is_an_event(tenant: Tenant) -> None:
    tenant.make_key("orders")
    events = until(lambda: tenant.events("orders"), "an event")
    assert [(event["reason"], event["type"]) for event in events] == [("KeyCreated", "Normal")]


def test_an_edited_description_is_followed(tenant: Tenant) -> None:
    key_id = tenant.make_key("orders", description="before")
    kms = tenant.caller().kms()
    tenant.apply("orders", description="after")
    tenant.ready("orders")
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["Description"] == "after"


def test_a_key_that_its_manifest_disables_refuses_use_until_it_is_enabled_there(tenant: Tenant) -> None:
    key_id = tenant.make_key("orders")
    kms = tenant.caller().kms()
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"hello")["CiphertextBlob"]
    tenant.apply("orders", enabled=False)
    tenant.shows("orders", lambda key: key["status"]["keyState"] == "Disabled", "Disabled")
    refused = refusal(kms.decrypt, CiphertextBlob=blob)
    assert refused.code == "DisabledException"
    assert key_id in refused.message and refused.message.endswith("is disabled.")
    assert outcome(kms.encrypt, KeyId=key_id, Plaintext=b"x") == "DisabledException"
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["Enabled"] is False
    tenant.apply("orders", enabled=True)
    tenant.shows("orders", lambda key: key["status"]["keyState"] == "Enabled", "Enabled")
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"hello"


def test_a_deleted_key_is_gone_at_once_and_waits_for_its_destruction(tenant: Tenant) -> None:
    key_id = tenant.make_key("orders", deletion={"pendingWindowDays": 7})
    kms = tenant.caller().kms()
    kms.encrypt(KeyId=key_id, Plaintext=b"hello")
    tenant.kubectl("delete", "kmskey", "orders", "--timeout=5s").ok()
    assert tenant.api.find(keys(tenant.namespace, "orders")) is None
    metadata = until_deleted(kms, key_id)
    assert metadata["KeyState"] == "PendingDeletion" and metadata["Enabled"] is False
    assert 6.9 < (metadata["DeletionDate"].timestamp() - time.time()) / 86_400 <= 7
    assert refusal(kms.encrypt, KeyId=key_id, Plaintext=b"x").code == "KMSInvalidStateException"
    assert len(tenant.installation.sealed("material", key_id)) == 1


def until_deleted(kms: Any, key_id: str) -> Json:
    def look() -> Json | None:
        metadata = kms.describe_key(KeyId=key_id)["KeyMetadata"]
        return metadata if metadata["KeyState"] == "PendingDeletion" else None

    return until(look, "PendingDeletion")


def test_the_same_manifest_brings_a_deleted_key_back(tenant: Tenant) -> None:
    key_id = tenant.make_key("orders", description="same")
    kms = tenant.caller().kms()
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"hello")["CiphertextBlob"]
    tenant.kubectl("delete", "kmskey", "orders").ok()
    until_deleted(kms, key_id)
    assert tenant.make_key("orders", description="same") == key_id
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"hello"
    assert tenant.status("orders").get("deletionDate") is None
    assert len(tenant.installation.sealed("material", key_id)) == 1


def test_a_manifest_with_another_immutable_field_is_no_restore(tenant: Tenant) -> None:
    """Nothing new is made under an old name; what was there goes on waiting for its destruction."""
    key_id = tenant.make_key("orders")
    kms = tenant.caller().kms()
    tenant.kubectl("delete", "kmskey", "orders").ok()
    until_deleted(kms, key_id)
    tenant.apply("orders", keySpec="HMAC_256", keyUsage="GENERATE_VERIFY_MAC")
    said = tenant.shows("orders", lambda key: condition(key, "Stalled").get("status") == "True", "Stalled")
    assert condition(said, "Stalled")["reason"] in ("RestoreConflict", "NotImplemented")
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_a_namespace_that_was_made_again_gets_nothing_of_the_old_one(tenant: Tenant) -> None:
    key_id = tenant.make_key("orders")
    kms = tenant.caller().kms()
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"hello")["CiphertextBlob"]
    tenant.kubectl("delete", "namespace", tenant.namespace, "--timeout=60s").ok()
    successor = tenant.installation.tenant(tenant.namespace)
    successor.apply("orders")
    message = successor.stalled("orders", "RestorePendingApproval")
    assert key_id in message and "approve" in message
    caller = successor.caller()
    for server in tenant.installation.replicas.values():
        heir = caller.kms(server)
        assert outcome(heir.decrypt, CiphertextBlob=blob) == "AccessDeniedException"
        for call, members in ((heir.encrypt, {"Plaintext": b"x"}), (heir.describe_key, {}), (heir.enable_key, {})):
            assert outcome(call, KeyId=key_id, **members) in ("AccessDeniedException", "NotFoundException")
    # The old caller's token died with its namespace.
    dead = attempt(kms.decrypt, CiphertextBlob=blob)
    assert isinstance(dead, Refusal) and dead.code in ("UnrecognizedClientException", "AccessDeniedException")
    # A key of another name in the new namespace is its own.
    other = successor.make_key("parcels")
    assert heir.encrypt(KeyId=other, Plaintext=b"x")["KeyId"].endswith(other)


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("KeyPolicy", {"delegateToNamespace": True, "statements": [
            {"sid": "s", "effect": "Deny", "principals": {"any": True}, "actions": ["kms:Encrypt"]}]}),
        ("Grant", {"keyRef": {"name": "orders"}, "granteePrincipal": {"serviceAccount": {"name": "app"}},
                   "operations": ["Decrypt"]}),
    ],
)
def test_a_kind_without_behaviour_says_that_it_is_not_implemented(tenant: Tenant, kind: str, spec: Json) -> None:
    plural = {"KeyPolicy": "keypolicies", "Grant": "grants"}[kind]
    manifest = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "orders"}, "spec": spec}
    tenant.kubectl("apply", "--server-side", manifest=manifest).ok()
    path = f"/apis/{API_VERSION}/namespaces/{tenant.namespace}/{plural}/orders"

    def stalled() -> Json | None:
        found = condition(tenant.api.get(path), "Stalled")
        return found if found.get("status") == "True" else None

    found = until(stalled, "Stalled", 10)
    assert found["reason"] == "NotImplemented"
    assert kind in found["message"] and "no effect" in found["message"]
    tenant.kubectl("get", plural).ok()
