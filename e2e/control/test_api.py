"""Keys that API calls make and change, and two replicas that answer as one."""

from __future__ import annotations

import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from installation import Tenant
from support import Refusal, attempt, measured, outcome, refusal, until

PAIRS = int(os.environ.get("COFFER_CONTROL_PAIRS", "200"))


def test_created_by_a_call_a_key_is_a_resource_that_the_api_keeps(tenant: Tenant) -> None:
    kms = tenant.caller().kms()
    metadata = kms.create_key(Description="by call", Tags=[{"TagKey": "team", "TagValue": "shop"}])["KeyMetadata"]
    listed = tenant.api.items(f"/apis/kms.coffer.dev/v1alpha1/namespaces/{tenant.namespace}/kmskeys")
    assert len(listed) == 1
    made = listed[0]
    name = made["metadata"]["name"]
    assert re.fullmatch("k-[a-z2-7]{20}", name)
    assert made["spec"] == {
        "description": "by call", "keySpec": "SYMMETRIC_DEFAULT", "keyUsage": "ENCRYPT_DECRYPT",
        "tags": {"team": "shop"},
    }
    owners = {entry["manager"] for entry in made["metadata"]["managedFields"] if "f:spec" in entry["fieldsV1"]}
    assert owners == {"coffer-api"}
    status = tenant.ready(name)
    assert (status["keyId"], status["arn"]) == (metadata["KeyId"], metadata["Arn"])
    assert metadata["KeyState"] == "Enabled" and metadata["Description"] == "by call"


def test_a_call_that_is_made_again_makes_one_key(tenant: Tenant) -> None:
    """The invocation id is what retries of an SDK have in common."""
    kms = tenant.caller().kms()
    send_header(kms, "amz-sdk-invocation-id", lambda: "11111111-2222-4333-8444-555555555555")
    first, second = kms.create_key()["KeyMetadata"], kms.create_key()["KeyMetadata"]
    assert first["KeyId"] == second["KeyId"]
    assert len(tenant.api.items(f"/apis/kms.coffer.dev/v1alpha1/namespaces/{tenant.namespace}/kmskeys")) == 1


def test_disabled_by_a_call_a_key_shows_it_in_its_status(tenant: Tenant) -> None:
    key_id = tenant.make_key("orders")
    kms = tenant.caller().kms()
    began = time.monotonic()
    kms.disable_key(KeyId=key_id)
    assert outcome(kms.encrypt, KeyId=key_id, Plaintext=b"x") == "DisabledException"
    tenant.shows("orders", lambda key: key["status"]["keyState"] == "Disabled", "Disabled", 10)
    assert measured("DisableKey to status", began) < 10
    holds = tenant.status("orders")["holds"]
    assert [hold["cause"] for hold in holds] == ["DisableKey"] and holds[0]["actor"].endswith(":role/app")
    assert "enabled" not in tenant.key("orders")["spec"]
    began = time.monotonic()
    kms.enable_key(KeyId=key_id)
    kms.encrypt(KeyId=key_id, Plaintext=b"x")
    tenant.shows("orders", lambda key: key["status"]["keyState"] == "Enabled", "Enabled", 10)
    assert measured("EnableKey to status", began) < 10
    assert not tenant.status("orders").get("holds")


def test_an_api_brake_outlives_the_same_manifest(tenant: Tenant) -> None:
    """A GitOps tool applies the same manifest again and again, and must not lift what a person set."""
    key_id = tenant.make_key("orders", description="one")
    kms = tenant.caller().kms()
    kms.disable_key(KeyId=key_id)
    tenant.apply("orders", description="two")
    tenant.shows("orders", lambda key: key["status"].get("observedGeneration") == 2, "the new generation")
    assert outcome(kms.encrypt, KeyId=key_id, Plaintext=b"x") == "DisabledException"


def test_enabling_a_key_that_its_manifest_disables_names_who_manages_the_field(tenant: Tenant) -> None:
    manifest = tenant.manifest("orders", enabled=False)
    tenant.kubectl("apply", "--server-side", "--field-manager", "git-robot", manifest=manifest).ok()
    key_id = tenant.shows("orders", lambda key: bool(key.get("status", {}).get("keyId")), "an id")["status"]["keyId"]
    kms = tenant.caller().kms()
    until(lambda: kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Disabled", "Disabled")
    refused = refusal(kms.enable_key, KeyId=key_id)
    assert refused.code == "KMSInvalidStateException" and refused.status == 400
    assert "git-robot" in refused.message and "spec.enabled" in refused.message
    assert f"{tenant.namespace}/orders" in refused.message
    assert tenant.key("orders")["spec"]["enabled"] is False


def test_the_wrong_context_opens_nothing(tenant: Tenant) -> None:
    key_id = tenant.make_key("orders")
    kms = tenant.caller().kms()
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x", EncryptionContext={"tenant": "blue"})["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext={"tenant": "blue"})["Plaintext"] == b"x"
    for context in ({}, {"tenant": "red"}):
        assert outcome(kms.decrypt, CiphertextBlob=blob, EncryptionContext=context) == "InvalidCiphertextException"


def test_a_key_made_on_one_replica_is_used_at_once_on_the_other_with_its_revision(tenant: Tenant) -> None:
    """Each sidecar is pinned to one replica; the header carries over what one sidecar would remember."""
    create_and_use(tenant, carry=True)


def test_a_key_made_on_one_replica_is_used_at_once_on_the_other_without_its_revision(tenant: Tenant) -> None:
    create_and_use(tenant, carry=False)


def create_and_use(tenant: Tenant, carry: bool) -> None:
    caller = tenant.caller()
    first, second = (caller.kms(server) for server in tenant.installation.replicas.values())
    seen = threading.local()
    if carry:
        send_header(second, "x-coffer-revision", lambda: seen.revision)

    def use_new_key(_: int) -> str:
        made = attempt(first.create_key)
        if isinstance(made, Refusal):
            return f"CreateKey: {made}"
        seen.revision = made["ResponseMetadata"]["HTTPHeaders"]["x-coffer-revision"]
        return outcome(second.encrypt, KeyId=made["KeyMetadata"]["KeyId"], Plaintext=b"x")

    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(use_new_key, range(PAIRS)))
    measured(f"{PAIRS} keys made on one replica and used on the other, carry={carry}", began)
    assert Counter(outcomes) == {"ok": PAIRS}


def send_header(kms: Any, name: str, value: Callable[[], str]) -> None:
    def add(request: Any, **_: Any) -> None:
        request.headers[name] = value()

    kms.meta.events.register("before-send.kms", add)
