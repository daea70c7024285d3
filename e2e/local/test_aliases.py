"""Aliases: taken and refused as AWS KMS does, moved, listed, kept by manifests, and made on first use."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from clients import Cli, kms, refusal
from manifest_files import Manifests, manifest
from signing import ALICE, MALLORY, credentials_file
from support import ACCOUNT, Coffer, Launch, arn, until

WITHOUT_PREFIX = (
    'Alias must start with the prefix "alias/". Please see '
    "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
)
PATTERN = "failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"
NOT_FOUND = "Alias arn:aws:kms:us-east-1:000000000000:{} is not found."


def alias_arn(alias: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:kms:us-east-1:{account}:{alias}"


@pytest.fixture
def client(server: Coffer) -> Any:
    return kms(server)


def new_key(client: Any) -> str:
    return client.create_key()["KeyMetadata"]["KeyId"]


def named(client: Any, **members: Any) -> dict[str, str]:
    """Every alias with its key, page after page."""
    pages = client.get_paginator("list_aliases").paginate(**members)
    return {entry["AliasName"]: entry["TargetKeyId"] for page in pages for entry in page["Aliases"]}


@pytest.mark.parametrize("alias", ["alias/a", "alias/shop/Orders_v1-x", "alias/my-alias_/", "alias/" + "a" * 250])
def test_names_that_aws_takes(client: Any, alias: str) -> None:
    key = new_key(client)
    client.create_alias(AliasName=alias, TargetKeyId=key)
    assert client.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"] == key
    assert client.describe_key(KeyId=alias_arn(alias))["KeyMetadata"]["Arn"] == arn(key)


REFUSED = [
    ("orders", "ValidationException", WITHOUT_PREFIX),
    ("ALIAS/orders", "ValidationException", WITHOUT_PREFIX),
    ("alias/a:b", "ValidationException", "alias/a:b contains invalid characters for an alias"),
    ("alias/a b", "ValidationException", f"1 validation error detected: Value 'alias/a b' at 'aliasName' {PATTERN}"),
    ("alias/", "InvalidAliasNameException", "The alias name needs a name after `alias/`"),
    ("alias/aws/envelope", "NotAuthorizedException", ""),
    (
        "alias/" + "a" * 251, "ValidationException",
        f"1 validation error detected: Value 'alias/{'a' * 251}' at 'aliasName' failed to satisfy constraint: "
        "Member must have length less than or equal to 256",
    ),
]


@pytest.mark.parametrize(("alias", "code", "message"), REFUSED, ids=range(len(REFUSED)))
def test_names_that_aws_refuses(client: Any, alias: str, code: str, message: str) -> None:
    key = new_key(client)
    for call in (client.create_alias, client.update_alias):
        assert refusal(call, AliasName=alias, TargetKeyId=key) == (code, message, 400)
    assert refusal(client.delete_alias, AliasName=alias) == (code, message, 400)


def test_the_rest_that_aws_refuses(client: Any) -> None:
    first, second = new_key(client), new_key(client)
    client.create_alias(AliasName="alias/a", TargetKeyId=first)
    exists = f"An alias with the name {alias_arn('alias/a')} already exists"
    expected = ("AlreadyExistsException", exists, 400)
    assert refusal(client.create_alias, AliasName="alias/a", TargetKeyId=second) == expected
    expected = ("ValidationException", "Aliases must refer to keys. Not aliases", 400)
    assert refusal(client.create_alias, AliasName="alias/b", TargetKeyId="alias/a") == expected
    gone = ("NotFoundException", NOT_FOUND.format("alias/none"), 400)
    assert refusal(client.update_alias, AliasName="alias/none", TargetKeyId=first) == gone
    assert refusal(client.delete_alias, AliasName="alias/none") == gone
    assert refusal(client.encrypt, KeyId="alias/none", Plaintext=b"x") == gone
    client.schedule_key_deletion(KeyId=first)
    expected = ("KMSInvalidStateException", f"{arn(first)} is pending deletion.", 400)
    assert refusal(client.create_alias, AliasName="alias/b", TargetKeyId=first) == expected
    client.update_alias(AliasName="alias/a", TargetKeyId=second)
    assert refusal(client.update_alias, AliasName="alias/a", TargetKeyId=first) == expected
    told = refusal(client.enable_key, KeyId="alias/a")
    assert told.code == "InvalidArnException"


def test_encryption_by_alias_goes_on_after_it_moved(server: Coffer, client: Any) -> None:
    first, second = new_key(client), new_key(client)
    client.create_alias(AliasName="alias/orders", TargetKeyId=first)
    blob = client.encrypt(KeyId="alias/orders", Plaintext=b"early")["CiphertextBlob"]
    client.update_alias(AliasName="alias/orders", TargetKeyId=second)
    data_key = client.generate_data_key(KeyId=alias_arn("alias/orders"), KeySpec="AES_256")
    assert data_key["KeyId"] == arn(second)
    assert client.decrypt(CiphertextBlob=blob)["KeyId"] == arn(first)
    assert refusal(client.decrypt, CiphertextBlob=blob, KeyId="alias/orders").code == "IncorrectKeyException"
    moved = client.re_encrypt(CiphertextBlob=blob, DestinationKeyId="alias/orders")
    assert (moved["SourceKeyId"], moved["KeyId"]) == (arn(first), arn(second))
    assert client.decrypt(CiphertextBlob=moved["CiphertextBlob"], KeyId="alias/orders")["Plaintext"] == b"early"
    audited = [line for line in server.audit() if line["eventName"] == "GenerateDataKey"]
    assert audited[-1]["requestParameters"]["keyId"] == alias_arn("alias/orders")
    assert audited[-1]["resources"][0]["ARN"] == arn(second)


def test_a_restart_changes_nothing(server: Coffer) -> None:
    client = kms(server)
    key = new_key(client)
    client.create_alias(AliasName="alias/a", TargetKeyId=key)
    client = kms(server.restart())
    assert named(client) == {"alias/a": key}
    assert client.describe_key(KeyId="alias/a")["KeyMetadata"]["KeyId"] == key


def test_lists(client: Any) -> None:
    first, second = new_key(client), new_key(client)
    for number in range(12):
        client.create_alias(AliasName=f"alias/{number:02}", TargetKeyId=second if number % 3 else first)
    assert list(named(client, PaginationConfig={"PageSize": 5})) == [f"alias/{number:02}" for number in range(12)]
    assert list(named(client, KeyId=first)) == ["alias/00", "alias/03", "alias/06", "alias/09"]
    assert named(client, KeyId=arn(first)) == named(client, KeyId=first)
    entry = client.list_aliases(Limit=1)["Aliases"][0]
    assert set(entry) == {"AliasName", "AliasArn", "TargetKeyId", "CreationDate", "LastUpdatedDate"}
    assert (entry["AliasArn"], entry["CreationDate"]) == (alias_arn("alias/00"), entry["LastUpdatedDate"])
    assert refusal(client.list_aliases, KeyId="alias/00").code == "InvalidArnException"
    assert refusal(client.list_aliases, Marker="none").code == "InvalidMarkerException"


def test_fifty_of_one_key(client: Any) -> None:
    key = new_key(client)
    for number in range(50):
        client.create_alias(AliasName=f"alias/{number}", TargetKeyId=key)
    assert client.list_aliases()["Truncated"] is False
    client.create_alias(AliasName="alias/other", TargetKeyId=new_key(client))
    page = client.list_aliases()
    assert (len(page["Aliases"]), page["Truncated"]) == (50, True), "fifty are a page where no limit is named"
    assert refusal(client.create_alias, AliasName="alias/more", TargetKeyId=key).code == "LimitExceededException"
    client.delete_alias(AliasName="alias/7")
    client.create_alias(AliasName="alias/more", TargetKeyId=key)


def test_of_many_who_make_the_same_alias_one_does(client: Any) -> None:
    """Though all would write the same."""
    key = new_key(client)

    def make(name: str) -> str:
        try:
            client.create_alias(AliasName=name, TargetKeyId=key)
            return "made"
        except client.exceptions.AlreadyExistsException:
            return "there"

    with ThreadPoolExecutor(16) as callers:
        for number in range(10):
            told = list(callers.map(make, [f"alias/{number}"] * 16))
            assert sorted(set(told)) == ["made", "there"] and told.count("made") == 1, told


def test_the_aws_cli(server: Coffer) -> None:
    cli = Cli(server)
    key = server.new_key()["KeyId"]
    cli.good("create-alias", "--alias-name", "alias/cli", "--target-key-id", key)
    assert cli.good("list-aliases")["Aliases"][0]["AliasName"] == "alias/cli"
    assert cli.good("describe-key", "--key-id", "alias/cli")["KeyMetadata"]["KeyId"] == key
    cli.good("update-alias", "--alias-name", "alias/cli", "--target-key-id", server.new_key()["KeyId"])
    cli.good("delete-alias", "--alias-name", "alias/cli")
    assert "NotFoundException" in cli.refused("describe-key", "--key-id", "alias/cli")


def test_the_first_use_of_the_platforms_alias_makes_its_key(server: Coffer, client: Any) -> None:
    for alias in ("alias/aws/none", "alias/envelope"):
        assert refusal(client.encrypt, KeyId=alias, Plaintext=b"x").code == "NotFoundException"
    assert server.list_keys() == []
    blob = client.encrypt(KeyId="alias/aws/envelope", Plaintext=b"sealed")["CiphertextBlob"]
    key = client.describe_key(KeyId="alias/aws/envelope")["KeyMetadata"]
    assert (key["KeyManager"], key["KeyState"], server.list_keys()) == ("AWS", "Enabled", [key["KeyId"]])
    assert named(client) == {"alias/aws/envelope": key["KeyId"]}
    for call in (client.schedule_key_deletion, client.disable_key):
        assert refusal(call, KeyId=key["KeyId"]).code == "AccessDeniedException"
    told = refusal(client.create_alias, AliasName="alias/mine", TargetKeyId=key["KeyId"])
    assert told.code == "AccessDeniedException"
    client = kms(server.restart())
    assert client.decrypt(CiphertextBlob=blob, KeyId="alias/aws/envelope")["Plaintext"] == b"sealed"


def alias(name: str, alias_name: str, key: str) -> dict[str, Any]:
    document = manifest(name)
    return document | {"kind": "KeyAlias", "spec": {"aliasName": alias_name, "keyRef": {"name": key}}}


def test_manifests_keep_aliases(launch: Launch, tmp_path: Path) -> None:
    folder = Manifests(tmp_path / "manifests")
    folder.put("keys.yaml", manifest("orders"), manifest("invoices"), alias("main", "alias/main", "orders"))
    server = launch(*folder.options())
    client = kms(server)
    until(lambda: "alias/main" in named(client), "the alias of the manifest")
    first = named(client)["alias/main"]
    told = refusal(client.update_alias, AliasName="alias/main", TargetKeyId=first)
    assert told.code == "KMSInvalidStateException"
    assert "KeyAlias default/main" in told.message
    assert "keys.yaml" in told.message
    assert refusal(client.delete_alias, AliasName="alias/main") == told

    folder.put("keys.yaml", manifest("orders"), manifest("invoices"), alias("main", "alias/main", "invoices"))
    until(lambda: named(client)["alias/main"] != first, "the alias to move")

    folder.write("broken.yaml", "a: [")
    folder.put("keys.yaml", manifest("orders"), manifest("invoices"))
    until(lambda: "the manifests are not acted on" in server.stderr(), "the broken file to be noticed")
    assert "alias/main" in named(client)
    folder.remove("broken.yaml")
    until(lambda: named(client) == {}, "the alias to be given up")


def test_conflicts_and_missing_keys_are_told(launch: Launch, tmp_path: Path) -> None:
    folder = Manifests(tmp_path / "manifests")
    server = launch(*folder.options())
    client = kms(server)
    client.create_alias(AliasName="alias/api", TargetKeyId=new_key(client))
    folder.put("a.yaml", manifest("orders"), alias("late", "alias/api", "orders"), alias("wait", "alias/wait", "none"))
    until(lambda: "reason=AliasConflict" in plain(server.stderr()), "the conflict to be told")
    until(lambda: "reason=TargetMissing" in plain(server.stderr()), "the missing key to be told")
    assert "alias/wait" not in named(client)
    folder.put("b.yaml", manifest("none"))
    until(lambda: "alias/wait" in named(client), "the alias of the key that came later")


def plain(log: str) -> str:
    """A log without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", log)


def test_accounts_have_aliases_of_their_own(launch: Launch, tmp_path: Path) -> None:
    path = credentials_file(tmp_path / "credentials.yaml", ALICE, MALLORY)
    server = launch("--credentials", str(path), "--account", ALICE.account)
    alice, mallory = (kms(server, "us-east-1", user.access_key, user.secret) for user in (ALICE, MALLORY))
    key, other = new_key(alice), new_key(mallory)
    alice.create_alias(AliasName="alias/a", TargetKeyId=key)
    assert refusal(mallory.describe_key, KeyId="alias/a").code == "NotFoundException"
    for name in ("alias/a", "alias/b"):
        told = refusal(mallory.describe_key, KeyId=alias_arn(name, ALICE.account))
        assert (told.code, key in told.message) == ("AccessDeniedException", False)
    told = refusal(mallory.create_alias, AliasName="alias/b", TargetKeyId=arn(key, account=ALICE.account))
    assert told.code == "AccessDeniedException"
    mallory.create_alias(AliasName="alias/a", TargetKeyId=other)
    assert (named(alice), named(mallory)) == ({"alias/a": key}, {"alias/a": other})
    # Neither may use the other's key, so nothing goes from one account to the other, whoever asks.
    blob = alice.encrypt(KeyId="alias/a", Plaintext=b"x")["CiphertextBlob"]
    theirs = alias_arn("alias/a", MALLORY.account)
    for client in (alice, mallory):
        assert refusal(client.re_encrypt, CiphertextBlob=blob, DestinationKeyId=theirs).code == "AccessDeniedException"
    foreign = arn(other, account=MALLORY.account)
    assert refusal(alice.re_encrypt, CiphertextBlob=blob, DestinationKeyId=foreign).code == "AccessDeniedException"
    assert mallory.describe_key(KeyId="alias/aws/envelope")["KeyMetadata"]["AWSAccountId"] == MALLORY.account
    assert list(named(alice)) == ["alias/a"]
