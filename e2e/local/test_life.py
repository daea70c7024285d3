"""The life of a key through boto3 and the AWS CLI: rotated, scheduled for deletion, called back, and at last destroyed
by a process whose clock is ahead."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from clients import Cli, kms, refusal
from manifest_files import FIRST, Manifests, manifest, until_known, until_member
from support import Coffer, Json, Launch, until

LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


def at(days: float) -> dict[str, str]:
    """The environment of a process whose clock is so many days ahead of the machine's."""
    assert Path(LIBRARY).exists(), "libfaketime is missing; run: apt-get install faketime"
    return {"LD_PRELOAD": LIBRARY, "FAKETIME": f"+{days * 86_400:.0f}s", "FAKETIME_DONT_RESET": "1"}


def later(server: Coffer, days: float) -> Coffer:
    """Starts the process again so many days ahead of the machine's clock."""
    assert server.stop() == 0, server.stderr()
    server.env = at(days)
    return server.start()


def encrypted(client: Any, key: str, text: bytes) -> bytes:
    return client.encrypt(KeyId=key, Plaintext=text)["CiphertextBlob"]


def materials(server: Coffer, key: str) -> list[str]:
    """The sealed materials of a key, as the folder has them."""
    return sorted(file.name for file in (server.data / "us-east-1" / "material").glob(f"material-{key}-*"))


def is_gone(client: Any, key: str) -> bool:
    try:
        client.describe_key(KeyId=key)
    except client.exceptions.NotFoundException:
        return True
    return False


def audited(server: Coffer, name: str) -> list[Json]:
    lines = (server.data / "audit.jsonl").read_text("utf-8").splitlines()
    return [record for record in map(json.loads, lines) if record["eventName"] == name]


def test_a_rotation_on_demand_and_what_it_shows(server: Coffer) -> None:
    client = kms(server)
    key = client.create_key()["KeyMetadata"]
    old = encrypted(client, key["KeyId"], b"before")
    assert client.rotate_key_on_demand(KeyId=key["KeyId"])["KeyId"] == key["KeyId"]
    described = client.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert described["CurrentKeyMaterialId"] != key["CurrentKeyMaterialId"]
    new = client.encrypt(KeyId=key["KeyId"], Plaintext=b"after")
    assert client.decrypt(CiphertextBlob=old)["KeyMaterialId"] == key["CurrentKeyMaterialId"]
    again = client.decrypt(CiphertextBlob=new["CiphertextBlob"])
    assert (again["Plaintext"], again["KeyMaterialId"]) == (b"after", described["CurrentKeyMaterialId"])
    [rotation] = client.list_key_rotations(KeyId=key["KeyId"])["Rotations"]
    assert (rotation["RotationType"], rotation["KeyMaterialState"]) == ("ON_DEMAND", "CURRENT")
    assert isinstance(rotation["RotationDate"], datetime.datetime)
    everything = client.list_key_rotations(KeyId=key["KeyId"], IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert [one["KeyMaterialState"] for one in everything] == ["NON_CURRENT", "CURRENT"]
    status = client.get_key_rotation_status(KeyId=key["KeyId"])
    assert (status["KeyRotationEnabled"], "NextRotationDate" in status) == (False, False)


@pytest.mark.parametrize(
    ("spec", "usage"),
    [("RSA_2048", "ENCRYPT_DECRYPT"), ("ECC_NIST_P256", "SIGN_VERIFY"), ("HMAC_256", "GENERATE_VERIFY_MAC")],
)
def test_what_no_calendar_rotates_says_so(server: Coffer, spec: str, usage: str) -> None:
    """Terraform asks it of every key, and makes none that does not answer."""
    client = kms(server)
    key = client.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"]
    status = client.get_key_rotation_status(KeyId=key)
    assert {name for name in status if name != "ResponseMetadata"} == {"KeyId", "KeyRotationEnabled"}
    assert status["KeyRotationEnabled"] is False
    assert refusal(client.enable_key_rotation, KeyId=key).code == "UnsupportedOperationException"


def test_a_disabled_key_still_tells_its_public_half(server: Coffer) -> None:
    client = kms(server)
    key = client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    told = client.get_public_key(KeyId=key)["PublicKey"]
    client.disable_key(KeyId=key)
    assert client.get_public_key(KeyId=key)["PublicKey"] == told
    client.schedule_key_deletion(KeyId=key)
    assert refusal(client.get_public_key, KeyId=key).code == "KMSInvalidStateException"


def test_the_history_of_rotations_comes_in_pages(server: Coffer) -> None:
    client = kms(server)
    key = client.create_key()["KeyMetadata"]["KeyId"]
    for _ in range(5):
        client.rotate_key_on_demand(KeyId=key)
    pages = client.get_paginator("list_key_rotations").paginate(KeyId=key, PaginationConfig={"PageSize": 2})
    sizes = [len(page["Rotations"]) for page in pages]
    assert sizes == [2, 2, 1]
    wrong = refusal(client.list_key_rotations, KeyId=key, Marker="wrong")
    assert wrong.code == "InvalidMarkerException"


def test_twenty_five_rotations_on_demand_are_the_most(server: Coffer) -> None:
    client = kms(server)
    key = client.create_key()["KeyMetadata"]
    blobs = []
    for number in range(25):
        blobs.append(encrypted(client, key["KeyId"], b"%d" % number))
        client.rotate_key_on_demand(KeyId=key["KeyId"])
    refused = refusal(client.rotate_key_on_demand, KeyId=key["KeyId"])
    assert refused.code == "LimitExceededException"
    assert refused.message == (
        "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be "
        f"performed for this key: {key['Arn']}"
    )
    assert [client.decrypt(CiphertextBlob=blob)["Plaintext"] for blob in blobs] == [b"%d" % n for n in range(25)]


@pytest.mark.parametrize("days", [7, 30, None])
def test_a_deletion_is_scheduled_and_called_off(server: Coffer, days: int | None) -> None:
    client = kms(server)
    key = client.create_key()["KeyMetadata"]
    blob = encrypted(client, key["KeyId"], b"kept")
    window = {} if days is None else {"PendingWindowInDays": days}
    scheduled = client.schedule_key_deletion(KeyId=key["KeyId"], **window)
    assert (scheduled["KeyId"], scheduled["KeyState"]) == (key["Arn"], "PendingDeletion")
    assert scheduled["PendingWindowInDays"] == (days or 30)
    ahead = scheduled["DeletionDate"] - datetime.datetime.now(datetime.timezone.utc)
    assert abs(ahead - datetime.timedelta(days=days or 30)) < datetime.timedelta(minutes=5)
    described = client.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert (described["KeyState"], described["DeletionDate"]) == ("PendingDeletion", scheduled["DeletionDate"])
    for call, members in [
        (client.decrypt, {"CiphertextBlob": blob}), (client.schedule_key_deletion, {"KeyId": key["KeyId"]}),
        (client.enable_key, {"KeyId": key["KeyId"]}), (client.rotate_key_on_demand, {"KeyId": key["KeyId"]}),
    ]:
        assert refusal(call, **members).code == "KMSInvalidStateException"
    assert client.cancel_key_deletion(KeyId=key["KeyId"])["KeyId"] == key["Arn"]
    assert client.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Disabled"
    assert refusal(client.decrypt, CiphertextBlob=blob).code == "DisabledException"
    client.enable_key(KeyId=key["KeyId"])
    assert client.decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"


@pytest.mark.parametrize("days", [1, 6, 31, 365])
def test_a_window_out_of_range_changes_nothing(server: Coffer, days: int) -> None:
    client = kms(server)
    key = client.create_key()["KeyMetadata"]["KeyId"]
    assert refusal(client.schedule_key_deletion, KeyId=key, PendingWindowInDays=days).code == "ValidationException"
    assert client.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


def test_the_aws_cli_rotates_and_deletes(server: Coffer) -> None:
    cli = Cli(server)
    key = cli.good("create-key")["KeyMetadata"]["KeyId"]
    assert cli.good("rotate-key-on-demand", "--key-id", key) == {"KeyId": key}
    assert len(cli.good("list-key-rotations", "--key-id", key)["Rotations"]) == 1
    scheduled = cli.good("schedule-key-deletion", "--key-id", key, "--pending-window-in-days", "7")
    assert scheduled["KeyState"] == "PendingDeletion"
    assert "is pending deletion." in cli.refused("enable-key", "--key-id", key)
    cli.good("cancel-key-deletion", "--key-id", key)
    assert "is not pending deletion." in cli.refused("cancel-key-deletion", "--key-id", key)


def test_a_key_is_destroyed_when_its_time_has_come_and_a_clock_alone_is_not_believed(server: Coffer) -> None:
    client = kms(server)
    doomed, other = (client.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    blobs = {key: encrypted(client, key, b"x") for key in (doomed, other)}
    client.schedule_key_deletion(KeyId=doomed, PendingWindowInDays=7)
    # The process was away for more than a day: its clock may be wrong, and nothing is destroyed for a day.
    client = kms(later(server, 8))
    assert refusal(client.decrypt, CiphertextBlob=blobs[doomed]).code == "KMSInvalidStateException"
    until(lambda: (server.data / "us-east-1" / "replica" / "replica-local").exists(), "the time to be noted")
    assert len(materials(server, doomed)) == 1
    # The day has passed, with a process that noted the time in between.
    client = kms(later(server, 8.5))
    until(lambda: not materials(server, doomed), "the material to be destroyed", 60)
    until(lambda: is_gone(client, doomed), "the key to be gone")
    assert "material is missing" not in server.stderr(), "what is destroyed on purpose is told as a loss"
    assert client.decrypt(CiphertextBlob=blobs[other])["Plaintext"] == b"x"
    assert [record["phase"] for record in audited(server, "DeleteKey")] == ["Intent", "Outcome"]


def test_a_manifest_rotates_by_the_calendar_and_on_request(launch: Launch, tmp_path: Path) -> None:
    folder = Manifests(tmp_path / "manifests")
    rotation: Json = {"automatic": True, "periodDays": 90}
    folder.put("orders.yaml", manifest("orders", keyId=FIRST, rotation=rotation))
    server = launch(*folder.options())
    first = until_known(server, FIRST)["CurrentKeyMaterialId"]
    client = kms(server)
    status = client.get_key_rotation_status(KeyId=FIRST)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 90)
    blob = encrypted(client, FIRST, b"first")
    client = kms(later(server, 91))
    rotated = lambda: client.describe_key(KeyId=FIRST)["KeyMetadata"]["CurrentKeyMaterialId"]
    until(lambda: rotated() != first, "the rotation of an overdue key", 60)
    second = rotated()
    folder.put("orders.yaml", manifest("orders", keyId=FIRST, rotation=rotation | {"onDemandRequest": "one"}))
    until(lambda: rotated() != second, "the rotation that the manifest asks for", 60)
    third = rotated()
    # The same value again, and after another edit, is no new request.
    folder.put("orders.yaml", manifest("orders", keyId=FIRST, description="edited", rotation=rotation | {"onDemandRequest": "one"}))
    until_member(server, FIRST, "Description", "edited")
    assert rotated() == third
    assert client.decrypt(CiphertextBlob=blob)["KeyMaterialId"] == first
    kinds = [one["RotationType"] for one in client.list_key_rotations(KeyId=FIRST)["Rotations"]]
    assert kinds == ["AUTOMATIC", "ON_DEMAND"]
