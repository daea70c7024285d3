"""Each Region is an installation of its own, chosen by the scope of the signature or pinned."""

from __future__ import annotations

import base64

import pytest

from clients import kms, refusal
from support import Coffer, Launch, arn


def test_the_scope_names_the_region(server: Coffer) -> None:
    here, there = kms(server, "us-east-1"), kms(server, "eu-west-1")
    key = there.create_key()["KeyMetadata"]
    assert key["Arn"] == arn(key["KeyId"], "eu-west-1")
    assert (server.data / "eu-west-1" / "key" / f"key-{key['KeyId']}").is_file()
    assert server.folder("eu-west-1").installation() != server.folder("us-east-1").installation()
    assert [entry["KeyId"] for entry in there.list_keys()["Keys"]] == [key["KeyId"]]
    assert here.list_keys()["Keys"] == []
    missing = ("NotFoundException", f"Key '{arn(key['KeyId'])}' does not exist", 400)
    assert refusal(here.describe_key, KeyId=key["KeyId"]) == missing
    assert refusal(here.describe_key, KeyId=key["Arn"]) == ("NotFoundException", "Invalid arn eu-west-1", 400)


def test_a_blob_stays_in_its_region(server: Coffer) -> None:
    here, there = kms(server, "us-east-1"), kms(server, "eu-west-1")
    key = there.create_key()["KeyMetadata"]["KeyId"]
    blob = there.encrypt(KeyId=key, Plaintext=b"abroad")["CiphertextBlob"]
    assert refusal(here.decrypt, CiphertextBlob=blob).code == "AccessDeniedException"
    assert there.decrypt(CiphertextBlob=blob)["Plaintext"] == b"abroad"


def test_without_credentials_it_is_the_first_region(server: Coffer) -> None:
    """curl without a signature must work too, and has no way to name a Region."""
    assert server.new_key()["Arn"].startswith("arn:aws:kms:us-east-1:000000000000:key/")


def test_regions_survive_a_restart(server: Coffer) -> None:
    key = server.new_key("ap-south-1")["KeyId"]
    blob = server.good("Encrypt", "ap-south-1", KeyId=key, Plaintext=b"kept")["CiphertextBlob"]
    server.restart()
    opened = server.good("Decrypt", "ap-south-1", CiphertextBlob=blob)
    assert base64.b64decode(opened["Plaintext"]) == b"kept"


def test_there_is_an_end_to_regions(server: Coffer) -> None:
    """Each is made on first use, so that a client in a loop could otherwise fill the disk with them."""
    names = ["us-east-1"] + [f"us-test-{number}" for number in range(1, 40)]
    answers = {name: server.call("CreateKey", name) for name in names}
    assert [name for name, answer in answers.items() if answer.status == 200] == names[:32]
    assert {answers[name].status for name in names[32:]} == {400}
    assert sorted(path.name for path in server.data.iterdir() if path.is_dir()) == sorted(names[:32])
    assert server.call("CreateKey", names[31]).status == 200


BAD_NAMES = [
    "EU-WEST-1", "eu", "..", "..%2feu-west-1", "..\\eu-west-1", "eu-west-1.", "eu_west_1", "eu-west-", "eu-west-1\0",
    "x" * 200, "a" * 200 + "-west-1", "root.key", "", " eu-west-1",
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: name[:20].replace("/", "_"))
def test_a_name_that_is_no_region_is_refused(server: Coffer, name: str) -> None:
    before = sorted(server.data.rglob("*"))
    answer = server.call("CreateKey", name)
    assert answer.status == 400
    assert sorted(server.data.rglob("*")) == before


def test_a_pinned_region(launch: Launch) -> None:
    server = launch("--region", "eu-central-1")
    client = kms(server, "us-west-2")
    key = client.create_key()["KeyMetadata"]
    assert key["Arn"] == arn(key["KeyId"], "eu-central-1")
    assert client.describe_key(KeyId=key["Arn"])["KeyMetadata"] == key
    foreign = arn(key["KeyId"], "us-west-2")
    assert refusal(client.describe_key, KeyId=foreign) == ("NotFoundException", "Invalid arn us-west-2", 400)
    assert [path.name for path in server.data.iterdir() if path.is_dir()] == ["eu-central-1"]


def test_a_given_account(launch: Launch) -> None:
    server = launch("--account", "123456789012")
    key = server.new_key()
    assert (key["AWSAccountId"], key["Arn"]) == ("123456789012", arn(key["KeyId"], account="123456789012"))
    assert server.audit()[-1]["userIdentity"]["arn"] == "arn:aws:iam::123456789012:root"
    server.restart()
    assert server.describe(key["Arn"]) == key
