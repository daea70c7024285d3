"""KeyAlias resources in a cluster: bound, moved, contended and given up; and aliases of the API beside them."""

from __future__ import annotations

from typing import Any

from installation import Tenant, condition, is_ready
from support import API_VERSION, Json, outcome, refusal, until


def path(tenant: Tenant, name: str) -> str:
    return f"/apis/{API_VERSION}/namespaces/{tenant.namespace}/keyaliases/{name}"


def apply(tenant: Tenant, name: str, alias: str, key: str) -> None:
    spec = {"aliasName": alias, "keyRef": {"name": key}}
    manifest = {"apiVersion": API_VERSION, "kind": "KeyAlias", "metadata": {"name": name}, "spec": spec}
    tenant.kubectl("apply", "--server-side", manifest=manifest).ok()


def shows(tenant: Tenant, name: str, reason: str) -> Json:
    """The object, once its readiness of the latest spec has this reason."""

    def look() -> Json | None:
        found = tenant.api.get(path(tenant, name))
        current = (found.get("status") or {}).get("observedGeneration") == found["metadata"]["generation"]
        return found if current and condition(found, "Ready")["reason"] == reason else None

    return until(look, f"{name} to be {reason}", 15)


def named(kms: Any) -> dict[str, str]:
    return {entry["AliasName"]: entry["TargetKeyId"] for entry in kms.list_aliases()["Aliases"]}


def test_an_alias_is_bound_moved_and_given_up(tenant: Tenant) -> None:
    apply(tenant, "main", "alias/main", "orders")
    assert condition(shows(tenant, "main", "TargetMissing"), "Reconciling")["status"] == "True"
    first = tenant.make_key("orders")
    kms = tenant.caller().kms()
    status = shows(tenant, "main", "AsExpected")["status"]
    account = kms.describe_key(KeyId="alias/main")["KeyMetadata"]["AWSAccountId"]
    assert (status["targetKeyId"], status["aliasArn"]) == (first, f"arn:aws:kms:us-east-1:{account}:alias/main")
    blob = kms.encrypt(KeyId=status["aliasArn"], Plaintext=b"x")["CiphertextBlob"]
    told = refusal(kms.delete_alias, AliasName="alias/main")
    assert told.code == "KMSInvalidStateException" and f"{tenant.namespace}/main" in told.message
    second = tenant.make_key("invoices")
    apply(tenant, "main", "alias/main", "invoices")
    assert shows(tenant, "main", "AsExpected")["status"]["targetKeyId"] == second
    until(lambda: named(kms) == {"alias/main": second}, "the alias to move")
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    tenant.kubectl("get", "keyaliases").ok()
    tenant.kubectl("delete", "keyalias", "main").ok()
    until(lambda: named(kms) == {}, "the alias to be given up")


def test_an_alias_of_somebody_else_is_a_conflict(tenant: Tenant) -> None:
    first, second = tenant.make_key("orders"), tenant.make_key("invoices")
    kms = tenant.caller().kms()
    kms.create_alias(AliasName="alias/api", TargetKeyId=first)
    apply(tenant, "late", "alias/api", "invoices")
    assert condition(shows(tenant, "late", "AliasConflict"), "Stalled")["status"] == "True"
    kms.update_alias(AliasName="alias/api", TargetKeyId=second)
    shows(tenant, "late", "AsExpected")
    apply(tenant, "other", "alias/api", "invoices")
    message = condition(shows(tenant, "other", "AliasConflict"), "Ready")["message"]
    assert f"{tenant.namespace}/late" in message
    tenant.kubectl("delete", "keyalias", "late").ok()
    shows(tenant, "other", "AsExpected")


def test_namespaces_have_aliases_of_their_own(tenant: Tenant) -> None:
    other = tenant.installation.tenant()
    mine, theirs = tenant.make_key("orders"), other.make_key("orders")
    for place in (tenant, other):
        apply(place, "main", "alias/main", "orders")
        shows(place, "main", "AsExpected")
    here, there = tenant.caller().kms(), other.caller().kms()
    assert (named(here), named(there)) == ({"alias/main": mine}, {"alias/main": theirs})
    foreign = here.list_aliases()["Aliases"][0]["AliasArn"]
    assert outcome(there.describe_key, KeyId=foreign) == "AccessDeniedException"
    stranger = tenant.caller("stranger", "coffer-viewer").kms()
    told = [refusal(stranger.encrypt, KeyId=alias, Plaintext=b"x") for alias in ("alias/main", "alias/none")]
    assert [answer.code for answer in told] == ["AccessDeniedException"] * 2
    assert mine not in told[0].message


def test_the_platforms_key_is_made_on_first_use_and_its_resource_comes_back(tenant: Tenant) -> None:
    kms = tenant.caller().kms()
    stranger = tenant.caller("stranger", "coffer-viewer").kms()
    assert outcome(stranger.encrypt, KeyId="alias/aws/envelope", Plaintext=b"x") == "AccessDeniedException"
    assert tenant.keys() == []
    blob = kms.encrypt(KeyId="alias/aws/envelope", Plaintext=b"x")["CiphertextBlob"]
    key = tenant.shows("aws.envelope", is_ready, "Ready")
    assert key["status"]["keyManager"] == "AWS"
    tenant.kubectl("delete", "kmskey", "aws.envelope").ok()

    def again() -> bool:
        return any(found["metadata"]["uid"] != key["metadata"]["uid"] and is_ready(found) for found in tenant.keys())

    until(again, "the resource to come back", 15)
    assert tenant.status("aws.envelope")["keyId"] == key["status"]["keyId"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
