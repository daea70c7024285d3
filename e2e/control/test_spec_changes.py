"""What calls of the AWS API change of a KmsKey, beside kubectl: each field has one owner, and nobody sees drift."""

from __future__ import annotations

import itertools

from installation import Tenant
from support import Json, Refusal, refusal

GIT: Json = {"description": "git", "tags": {"team": "blue"}, "rotation": {"automatic": True}}


def owners(key: Json) -> dict[str, Json]:
    """What each manager owns of the spec."""
    entries = [entry for entry in key["metadata"]["managedFields"] if "f:spec" in entry["fieldsV1"]]
    return {f"{entry['manager']} {entry['operation']}": entry["fieldsV1"]["f:spec"] for entry in entries}


def kept(tenant: Tenant, arn: str, field: str, manager: str) -> Refusal:
    words = f"{arn} has spec.{field} of the KmsKey {tenant.namespace}/orders, which {manager} manages; change it there."
    return Refusal("KMSInvalidStateException", words, 400)


def change_beside(tenant: Tenant, manager: str) -> None:
    """Changes through the API beside a manager that applied `GIT`."""
    status = tenant.ready("orders")
    key_id, arn = status["keyId"], status["arn"]
    kms = tenant.caller().kms()
    theirs = owners(tenant.key("orders"))
    refused = refusal(kms.update_key_description, KeyId=key_id, Description="x")
    assert refused == kept(tenant, arn, "description", manager)
    refused = refusal(kms.untag_resource, KeyId=key_id, TagKeys=["team"])
    assert refused == kept(tenant, arn, "tags.team", manager)
    assert refusal(kms.disable_key_rotation, KeyId=key_id) == kept(tenant, arn, "rotation.automatic", manager)
    kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": "cost", "TagValue": "1"}])
    kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    listed = {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=key_id)["Tags"]}
    assert listed == {"team": "blue", "cost": "1"}
    assert kms.get_key_rotation_status(KeyId=key_id)["RotationPeriodInDays"] == 90
    key = tenant.key("orders")
    assert key["spec"] == {**GIT, "tags": listed, "rotation": {"automatic": True, "periodDays": 90}}
    ours = {"f:tags": {"f:cost": {}}, "f:rotation": {"f:periodDays": {}}}
    assert owners(key) == {**theirs, "coffer-api Apply": ours}


def test_beside_a_server_side_apply(tenant: Tenant) -> None:
    tenant.apply("orders", **GIT)
    change_beside(tenant, "kubectl")
    manifest = tenant.manifest("orders", **GIT)
    assert tenant.kubectl("diff", "--server-side", manifest=manifest).ok() == ""
    before = tenant.key("orders")["spec"]
    tenant.apply("orders", **GIT)
    assert tenant.key("orders")["spec"] == before


def test_beside_a_client_side_apply(tenant: Tenant) -> None:
    manifest = tenant.manifest("orders", **GIT)
    tenant.kubectl("apply", manifest=manifest).ok()
    change_beside(tenant, "kubectl-client-side-apply")
    assert tenant.kubectl("diff", manifest=manifest).ok() == ""
    before = tenant.key("orders")["spec"]
    tenant.kubectl("apply", manifest=manifest).ok()
    assert tenant.key("orders")["spec"] == before


def test_brakes_work_beside_git(tenant: Tenant) -> None:
    key_id = tenant.make_key("orders", enabled=True, **GIT)
    kms = tenant.caller().kms()
    spec = tenant.key("orders")["spec"]
    kms.disable_key(KeyId=key_id)
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Disabled"
    kms.schedule_key_deletion(KeyId=key_id)
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert tenant.key("orders")["spec"] == spec


def test_a_key_of_the_api_changes_through_each_replica(tenant: Tenant) -> None:
    """Each call goes to the other replica than the one before, and finds what that wrote."""
    caller = tenant.caller()
    replicas = itertools.cycle([caller.kms(server) for server in tenant.installation.replicas.values()])
    key_id = next(replicas).create_key(Tags=[{"TagKey": "made", "TagValue": "1"}])["KeyMetadata"]["KeyId"]
    [key] = tenant.keys()
    assert list(owners(key)) == ["coffer-api Apply"]
    for number in range(8):
        next(replicas).tag_resource(KeyId=key_id, Tags=[{"TagKey": f"tag-{number}", "TagValue": ""}])
    for number in range(7):
        next(replicas).untag_resource(KeyId=key_id, TagKeys=[f"tag-{number}"])
    last = next(replicas)
    last.update_key_description(KeyId=key_id, Description="by the last")
    assert [tag["TagKey"] for tag in last.list_resource_tags(KeyId=key_id)["Tags"]] == ["made", "tag-7"]
    [key] = tenant.keys()
    assert (key["spec"]["tags"], key["spec"]["description"]) == ({"made": "1", "tag-7": ""}, "by the last")
    assert list(owners(key)) == ["coffer-api Apply"]
    assert key["metadata"]["generation"] == 1 + 8 + 7 + 1
