"""Tags, description and automatic rotation through the AWS API, and what manifests have to say in it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from clients import Cli, Json, Refusal, kms, refusal
from importing import bring, external_key
from manifest_files import FIRST, Manifests, manifest, seen_while_valid, until_known, until_member
from support import Coffer, Launch, arn, until

DAY = 86_400


def tags(**pairs: str) -> list[Json]:
    return [{"TagKey": key, "TagValue": value} for key, value in pairs.items()]


def listed(client: Any, key: str) -> dict[str, str]:
    """All tags, read page by page, which must be in the order of their keys."""
    pages = client.get_paginator("list_resource_tags").paginate(KeyId=key, PaginationConfig={"PageSize": 7})
    found = [(tag["TagKey"], tag["TagValue"]) for page in pages for tag in page["Tags"]]
    assert found == sorted(found)
    return dict(found)


def days_until_rotation(client: Any, key: str) -> float:
    status = client.get_key_rotation_status(KeyId=key)
    return (status["NextRotationDate"].timestamp() - time.time()) / DAY


def test_tags_are_set_changed_taken_away_and_listed(server: Coffer) -> None:
    client = kms(server)
    key = client.create_key(Tags=tags(made="1"))["KeyMetadata"]["KeyId"]
    client.tag_resource(KeyId=key, Tags=tags(team="blue", empty=""))
    client.tag_resource(KeyId=arn(key), Tags=tags(team="red") + [{"TagKey": "odd: /\n.key", "TagValue": "é"}])
    everything = {"made": "1", "team": "red", "empty": "", "odd: /\n.key": "é"}
    assert listed(client, key) == everything
    client.untag_resource(KeyId=key, TagKeys=["made", "absent", "odd: /\n.key"])
    server.restart()
    client = kms(server)
    assert listed(client, key) == {"team": "red", "empty": ""}
    assert client.list_resource_tags(KeyId=key)["Truncated"] is False
    client.untag_resource(KeyId=key, TagKeys=["team", "empty"])
    assert listed(client, key) == {}


def test_fifty_tags_and_not_one_more(server: Coffer) -> None:
    client = kms(server)
    key = server.new_key()["KeyId"]
    most = tags(**{f"key-{number:02}": "x" for number in range(50)})
    too_many = Refusal("TagException", "Too many tags", 400)
    assert refusal(client.tag_resource, KeyId=key, Tags=most + tags(more="x")) == too_many
    client.tag_resource(KeyId=key, Tags=most[:49])
    assert refusal(client.tag_resource, KeyId=key, Tags=tags(one="x", two="x")) == too_many
    client.tag_resource(KeyId=key, Tags=most)
    assert refusal(client.tag_resource, KeyId=key, Tags=tags(more="x")) == too_many
    assert len(listed(client, key)) == 50
    first = client.list_resource_tags(KeyId=key, Limit=49)
    assert (len(first["Tags"]), first["Truncated"]) == (49, True)
    assert refusal(client.list_resource_tags, KeyId=key, Marker="none").code == "InvalidMarkerException"


@pytest.mark.parametrize(("wrong", "code", "message"), [
    (tags(a="1") + tags(a="2"), "TagException", "Duplicate tag keys"),
    ([{"TagKey": "aws:x", "TagValue": ""}], "TagException", "Tags beginning with aws: are reserved"),
    ([{"TagKey": "AWS:x", "TagValue": ""}], "TagException", "Tags beginning with aws: are reserved"),
    ([{"TagKey": "x" * 129, "TagValue": ""}], "ValidationException", "less than or equal to 128"),
    ([{"TagKey": "x", "TagValue": "x" * 257}], "ValidationException", "less than or equal to 256"),
])
def test_tags_that_are_refused(server: Coffer, wrong: list[Json], code: str, message: str) -> None:
    key = server.new_key()["KeyId"]
    told = refusal(kms(server).tag_resource, KeyId=key, Tags=wrong)
    assert (told.code, told.status) == (code, 400) and message in told.message
    assert listed(kms(server), key) == {}


def test_keys_of_tags_that_are_refused(server: Coffer) -> None:
    key = server.new_key()["KeyId"]
    told = server.call("UntagResource", KeyId=key, TagKeys=["a", "x" * 129])
    assert (told.status, told.code) == (400, "ValidationException")
    assert "at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: [Member" in told.message
    assert server.call("UntagResource", KeyId=key, TagKeys="a").code == "SerializationException"
    assert server.call("UntagResource", KeyId=key).code == "ValidationException"


def test_a_description_is_changed_and_emptied(server: Coffer) -> None:
    client = kms(server)
    key = client.create_key(Description="old")["KeyMetadata"]["KeyId"]
    for text in ["new", "é" * 8192, ""]:
        client.update_key_description(KeyId=key, Description=text)
        assert client.describe_key(KeyId=key)["KeyMetadata"]["Description"] == text
    told = server.call("UpdateKeyDescription", KeyId=key, Description="x" * 8193)
    assert (told.status, told.code) == (400, "ValidationException")
    assert "at 'description'" in told.message and told.message.endswith("length less than or equal to 8192")
    assert server.call("UpdateKeyDescription", KeyId=key).code == "ValidationException"
    assert client.describe_key(KeyId=key)["KeyMetadata"]["Description"] == ""


def test_rotation_is_switched_on_changed_and_off(server: Coffer) -> None:
    client = kms(server)
    key = server.new_key()["KeyId"]
    assert client.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    client.enable_key_rotation(KeyId=key)
    status = client.get_key_rotation_status(KeyId=key)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 365)
    for days in (90, 2560):
        client.enable_key_rotation(KeyId=key, RotationPeriodInDays=days)
        assert days_until_rotation(client, key) == pytest.approx(days, abs=0.1)
    for days in (89, 2561):
        told = server.call("EnableKeyRotation", KeyId=key, RotationPeriodInDays=days)
        assert (told.status, told.code) == (400, "ValidationException") and f"'{days}'" in told.message
    client.disable_key_rotation(KeyId=key)
    server.restart()
    status = kms(server).get_key_rotation_status(KeyId=key)
    assert status["KeyRotationEnabled"] is False and "NextRotationDate" not in status


def test_what_states_and_origins_allow(server: Coffer) -> None:
    client = kms(server)
    key = server.new_key()["KeyId"]
    client.disable_key(KeyId=key)
    for call in (client.enable_key_rotation, client.disable_key_rotation):
        assert refusal(call, KeyId=key) == Refusal("DisabledException", f"{arn(key)} is disabled.", 400)
    client.tag_resource(KeyId=key, Tags=tags(team="blue"))
    client.schedule_key_deletion(KeyId=key)
    pending = Refusal("KMSInvalidStateException", f"{arn(key)} is pending deletion.", 400)
    assert refusal(client.tag_resource, KeyId=key, Tags=tags(team="red")) == pending
    assert refusal(client.untag_resource, KeyId=key, TagKeys=["team"]) == pending
    assert refusal(client.update_key_description, KeyId=key, Description="x") == pending
    assert listed(client, key) == {"team": "blue"}
    imported = external_key(server)
    client.tag_resource(KeyId=imported, Tags=tags(team="blue"))
    assert refusal(client.enable_key_rotation, KeyId=imported).code == "KMSInvalidStateException"
    bring(server, imported, b"m" * 32)
    words = f"{arn(imported)} origin is EXTERNAL which is not valid for this operation."
    for call in (client.enable_key_rotation, client.disable_key_rotation):
        assert refusal(call, KeyId=imported) == Refusal("UnsupportedOperationException", words, 400)
    assert listed(client, imported) == {"team": "blue"}
    assert refusal(client.list_resource_tags, KeyId=FIRST).code == "NotFoundException"


def test_with_the_aws_cli(server: Coffer) -> None:
    cli = Cli(server)
    key = cli.good("create-key", "--tags", "TagKey=made,TagValue=1")["KeyMetadata"]["KeyId"]
    cli.good("tag-resource", "--key-id", key, "--tags", "TagKey=team,TagValue=blue")
    cli.good("untag-resource", "--key-id", key, "--tag-keys", "made")
    assert cli.good("list-resource-tags", "--key-id", key)["Tags"] == tags(team="blue")
    cli.good("update-key-description", "--key-id", key, "--description", "from the CLI")
    assert cli.good("describe-key", "--key-id", key)["KeyMetadata"]["Description"] == "from the CLI"
    cli.good("enable-key-rotation", "--key-id", key, "--rotation-period-in-days", "180")
    assert cli.good("get-key-rotation-status", "--key-id", key)["RotationPeriodInDays"] == 180
    cli.good("disable-key-rotation", "--key-id", key)
    refused = cli.refused("tag-resource", "--key-id", key, "--tags", "TagKey=aws:x,TagValue=1")
    assert "(TagException)" in refused and "Tags beginning with aws: are reserved" in refused


def test_the_trail_has_what_was_asked_before_and_after(server: Coffer) -> None:
    client = kms(server)
    key = server.new_key()["KeyId"]
    client.tag_resource(KeyId=key, Tags=tags(team="blue"))
    client.untag_resource(KeyId=key, TagKeys=["team"])
    client.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    wanted = {
        "TagResource": {"keyId": key, "tags": {"team": "blue"}}, "UntagResource": {"keyId": key, "tagKeys": ["team"]},
        "EnableKeyRotation": {"keyId": key, "rotationPeriodInDays": 90},
    }
    for name, parameters in wanted.items():
        intent, outcome = [record for record in server.audit() if record["eventName"] == name]
        assert intent["requestParameters"] == outcome["requestParameters"] == parameters
        assert outcome["responseElements"]["keyId"] == arn(key) and outcome["readOnly"] is False


# Manifests


@pytest.fixture
def folder(tmp_path: Path) -> Manifests:
    return Manifests(tmp_path / "manifests")


@pytest.fixture
def followed(launch: Launch, folder: Manifests) -> Coffer:
    """A server with the manifest of one key, which sets a description, a tag and rotation."""
    spec = {"description": "git", "tags": {"team": "blue"}, "rotation": {"automatic": True}}
    folder.put("orders.yaml", manifest("orders", keyId=FIRST, **spec))
    server = launch(*folder.options())
    until_known(server, FIRST)
    return server


def kept(told: Refusal, field: str, folder: Manifests) -> bool:
    file = folder.path / "orders.yaml"
    words = f"{arn(FIRST)} has spec.{field} of the KmsKey default/orders, which {file} manages; change it there."
    return told == Refusal("KMSInvalidStateException", words, 400)


def test_what_a_manifest_sets_is_refused_with_its_file(followed: Coffer, folder: Manifests) -> None:
    client = kms(followed)
    record = followed.folder().record(FIRST)
    assert kept(refusal(client.update_key_description, KeyId=FIRST, Description="x"), "description", folder)
    assert kept(refusal(client.tag_resource, KeyId=FIRST, Tags=tags(team="red")), "tags.team", folder)
    assert kept(refusal(client.untag_resource, KeyId=FIRST, TagKeys=["team"]), "tags.team", folder)
    assert kept(refusal(client.disable_key_rotation, KeyId=FIRST), "rotation.automatic", folder)
    # All of a request or nothing of it.
    assert kept(refusal(client.tag_resource, KeyId=FIRST, Tags=tags(cost="1", team="red")), "tags.team", folder)
    client.update_key_description(KeyId=FIRST, Description="git")
    client.tag_resource(KeyId=FIRST, Tags=tags(team="blue"))
    client.enable_key_rotation(KeyId=FIRST)
    assert followed.folder().record(FIRST) == record


def test_what_a_manifest_leaves_out_is_the_apis_and_survives(followed: Coffer, folder: Manifests) -> None:
    client = kms(followed)
    client.tag_resource(KeyId=FIRST, Tags=tags(cost="1"))
    client.enable_key_rotation(KeyId=FIRST, RotationPeriodInDays=90)
    record = followed.folder().record(FIRST)
    seen_while_valid(followed, folder)
    followed.restart()
    seen_while_valid(followed, folder)
    assert followed.folder().record(FIRST) == record, "reading the same manifest again is no change"
    assert days_until_rotation(kms(followed), FIRST) == pytest.approx(90, abs=0.1)
    folder.put("orders.yaml", manifest("orders", keyId=FIRST, description="new", tags={"team": "red"}))
    until_member(followed, FIRST, "Description", "new")
    client = kms(followed)
    assert listed(client, FIRST) == {"team": "red", "cost": "1"}
    assert client.get_key_rotation_status(KeyId=FIRST)["KeyRotationEnabled"] is False
    client.untag_resource(KeyId=FIRST, TagKeys=["cost"])
    assert listed(client, FIRST) == {"team": "red"}


def test_a_manifest_that_begins_to_set_a_field_wins(followed: Coffer, folder: Manifests) -> None:
    client = kms(followed)
    client.tag_resource(KeyId=FIRST, Tags=tags(cost="1", same="1"))
    spec = {"description": "git", "tags": {"team": "blue", "cost": "2", "same": "1"}}
    folder.put("orders.yaml", manifest("orders", keyId=FIRST, **spec))
    until(lambda: listed(client, FIRST)["cost"] == "2", "the manifest's value")
    for name in ("cost", "same"):
        assert kept(refusal(client.untag_resource, KeyId=FIRST, TagKeys=[name]), f"tags.{name}", folder)


def test_brakes_work_on_keys_of_manifests(followed: Coffer) -> None:
    client = kms(followed)
    client.disable_key(KeyId=FIRST)
    assert followed.describe(FIRST)["KeyState"] == "Disabled"
    client.enable_key(KeyId=FIRST)
    client.schedule_key_deletion(KeyId=FIRST)
    assert followed.describe(FIRST)["KeyState"] == "PendingDeletion"


def test_a_key_without_its_manifest_says_where_to_change_it(launch: Launch, folder: Manifests) -> None:
    spec = manifest("orders", keyId=FIRST, deletion={"policy": "Retain"})
    folder.put("orders.yaml", spec)
    server = launch(*folder.options())
    until_known(server, FIRST)
    folder.remove("orders.yaml")
    until_member(server, FIRST, "KeyState", "Disabled")
    told = refusal(kms(server).tag_resource, KeyId=FIRST, Tags=tags(team="blue"))
    assert told.code == "KMSInvalidStateException" and "apply default/orders again" in told.message
    folder.put("orders.yaml", spec)
    until_member(server, FIRST, "KeyState", "Enabled")
    kms(server).tag_resource(KeyId=FIRST, Tags=tags(team="blue"))


def test_a_lost_process_forgets_no_change(followed: Coffer) -> None:
    """The answer is given when the change is durable, and the owner of each field with it."""
    for number in range(5):
        kms(followed).tag_resource(KeyId=FIRST, Tags=tags(cost=str(number)))
        followed.kill()
        followed.start()
        until(lambda: listed(kms(followed), FIRST).get("cost") == str(number), "the tag")
    state = json.loads((followed.folder().state / "resources" / "default" / "orders.json").read_text("utf-8"))
    assert json.loads(state["metadata"]["annotations"]["kms.coffer.dev/api-fields"]) == ["tags.cost"]
