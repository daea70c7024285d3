"""What goes in comes out, and only with the same key and the same encryption context (boto3)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from clients import kms, refusal
from support import Coffer, Launch

PLAINTEXTS = {
    "one byte": b"\0",
    "text": "Zażółć gęślą jaźń \U0001f511\n".encode(),
    "every byte": bytes(range(256)),
    "4096 bytes": bytes(index * 7 % 251 for index in range(4096)),
}
CONTEXT = {"tenant": "blue", "app": "orders", "": "empty name", "empty value": "", "\U0001f511": "\uffee"}


@pytest.mark.parametrize("plaintext", PLAINTEXTS.values(), ids=PLAINTEXTS.keys())
@pytest.mark.parametrize("named_by", ["KeyId", "Arn"])
def test_a_plaintext_comes_back(server: Coffer, plaintext: bytes, named_by: str) -> None:
    client = kms(server)
    key = client.create_key()["KeyMetadata"]
    encrypted = client.encrypt(KeyId=key[named_by], Plaintext=plaintext)
    assert (encrypted["KeyId"], encrypted["EncryptionAlgorithm"]) == (key["Arn"], "SYMMETRIC_DEFAULT")
    assert len(encrypted["CiphertextBlob"]) <= len(plaintext) + 152
    decrypted = client.decrypt(CiphertextBlob=encrypted["CiphertextBlob"])
    assert decrypted["Plaintext"] == plaintext
    assert (decrypted["KeyId"], decrypted["EncryptionAlgorithm"]) == (key["Arn"], "SYMMETRIC_DEFAULT")
    assert decrypted["KeyMaterialId"] == key["CurrentKeyMaterialId"]


@pytest.mark.parametrize("named_by", ["KeyId", "Arn"])
def test_decrypt_may_name_the_key(server: Coffer, named_by: str) -> None:
    client = kms(server)
    key = client.create_key()["KeyMetadata"]
    blob = client.encrypt(KeyId=key["KeyId"], Plaintext=b"named")["CiphertextBlob"]
    assert client.decrypt(KeyId=key[named_by], CiphertextBlob=blob)["Plaintext"] == b"named"


def test_the_same_plaintext_never_gives_the_same_blob(server: Coffer) -> None:
    client = kms(server)
    key = client.create_key()["KeyMetadata"]["KeyId"]
    blobs = {client.encrypt(KeyId=key, Plaintext=b"same")["CiphertextBlob"] for _ in range(20)}
    assert len(blobs) == 20


@pytest.mark.parametrize("context", [CONTEXT, dict(reversed(CONTEXT.items()))], ids=["same order", "reordered"])
def test_the_order_of_a_context_does_not_matter(server: Coffer, context: dict[str, str]) -> None:
    client = kms(server)
    key = client.create_key()["KeyMetadata"]["KeyId"]
    blob = client.encrypt(KeyId=key, Plaintext=b"bound", EncryptionContext=CONTEXT)["CiphertextBlob"]
    assert client.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"bound"


OTHER_CONTEXTS = {
    "absent": ({"a": "b"}, None),
    "empty": ({"a": "b"}, {}),
    "one where none was": (None, {"a": "b"}),
    "other value": ({"a": "b"}, {"a": "c"}),
    "other name": ({"a": "b"}, {"b": "b"}),
    "letter case": ({"a": "b"}, {"A": "b"}),
    "one more": ({"a": "b"}, {"a": "b", "c": "d"}),
    "one less": ({"a": "b", "c": "d"}, {"a": "b"}),
    "swapped": ({"a": "b", "c": "d"}, {"a": "d", "c": "b"}),
    # The text of both is `abc` when lengths are not part of what is bound.
    "moved border": ({"a": "bc"}, {"ab": "c"}),
    "merged pairs": ({"a": "b", "c": "d"}, {"a": "bcd"}),
    # Both are `é` to a reader, but a normalising server would let one context stand for another.
    "normal form": ({"a": "\u00e9"}, {"a": "e\u0301"}),
}


@pytest.mark.parametrize(("sealed", "offered"), OTHER_CONTEXTS.values(), ids=OTHER_CONTEXTS.keys())
def test_another_context_is_refused(server: Coffer, sealed: Any, offered: Any) -> None:
    client = kms(server)
    key = client.create_key()["KeyMetadata"]["KeyId"]
    blob = client.encrypt(KeyId=key, Plaintext=b"bound", **given("EncryptionContext", sealed))["CiphertextBlob"]
    wrong = refusal(client.decrypt, CiphertextBlob=blob, **given("EncryptionContext", offered))
    assert wrong == ("InvalidCiphertextException", "", 400)
    assert client.decrypt(CiphertextBlob=blob, **given("EncryptionContext", sealed))["Plaintext"] == b"bound"


def given(name: str, value: Any) -> dict[str, Any]:
    return {} if value is None else {name: value}


def test_an_empty_context_is_no_context(server: Coffer) -> None:
    client = kms(server)
    key = client.create_key()["KeyMetadata"]["KeyId"]
    blob = client.encrypt(KeyId=key, Plaintext=b"bare", EncryptionContext={})["CiphertextBlob"]
    assert client.decrypt(CiphertextBlob=blob)["Plaintext"] == b"bare"


def test_re_encryption_between_keys_and_contexts(server: Coffer) -> None:
    client = kms(server)
    first, second = (client.create_key()["KeyMetadata"] for _ in range(2))
    old, new = {"stage": "old"}, {"stage": "new"}
    blob = client.encrypt(KeyId=first["Arn"], Plaintext=b"moved", EncryptionContext=old)["CiphertextBlob"]
    moved = client.re_encrypt(
        CiphertextBlob=blob, SourceEncryptionContext=old, SourceKeyId=first["KeyId"],
        DestinationKeyId=second["KeyId"], DestinationEncryptionContext=new,
    )
    assert (moved["SourceKeyId"], moved["KeyId"]) == (first["Arn"], second["Arn"])
    assert moved["SourceKeyMaterialId"] == first["CurrentKeyMaterialId"]
    assert moved["DestinationKeyMaterialId"] == second["CurrentKeyMaterialId"]
    assert {moved["SourceEncryptionAlgorithm"], moved["DestinationEncryptionAlgorithm"]} == {"SYMMETRIC_DEFAULT"}
    opened = client.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext=new)
    assert (opened["Plaintext"], opened["KeyId"]) == (b"moved", second["Arn"])
    assert refusal(client.decrypt, CiphertextBlob=moved["CiphertextBlob"], EncryptionContext=old).code == (
        "InvalidCiphertextException"
    )


def test_re_encryption_refuses_a_wrong_source(server: Coffer) -> None:
    client = kms(server)
    first, second = (client.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    blob = client.encrypt(KeyId=first, Plaintext=b"stays", EncryptionContext={"a": "b"})["CiphertextBlob"]
    request = {"CiphertextBlob": blob, "DestinationKeyId": second}
    assert refusal(client.re_encrypt, **request).code == "InvalidCiphertextException"
    wrong_key = refusal(client.re_encrypt, **request, SourceKeyId=second, SourceEncryptionContext={"a": "b"})
    assert wrong_key.code == "IncorrectKeyException"


SIZES = {"AES_128": ({"KeySpec": "AES_128"}, 16), "AES_256": ({"KeySpec": "AES_256"}, 32)} | {
    f"{count} bytes": ({"NumberOfBytes": count}, count) for count in (1, 64, 1024)
}


@pytest.mark.parametrize(("size", "length"), SIZES.values(), ids=SIZES.keys())
def test_data_keys(server: Coffer, size: dict[str, Any], length: int) -> None:
    client = kms(server)
    key = client.create_key()["KeyMetadata"]
    context = {"file": "backup"}
    full = client.generate_data_key(KeyId=key["KeyId"], EncryptionContext=context, **size)
    bare = client.generate_data_key_without_plaintext(KeyId=key["KeyId"], EncryptionContext=context, **size)
    assert "Plaintext" not in bare
    assert {full["KeyId"], bare["KeyId"]} == {key["Arn"]}
    assert {full["KeyMaterialId"], bare["KeyMaterialId"]} == {key["CurrentKeyMaterialId"]}
    opened = client.decrypt(CiphertextBlob=full["CiphertextBlob"], EncryptionContext=context)["Plaintext"]
    hidden = client.decrypt(CiphertextBlob=bare["CiphertextBlob"], EncryptionContext=context)["Plaintext"]
    assert opened == full["Plaintext"]
    assert len(opened) == len(hidden) == length
    assert refusal(client.decrypt, CiphertextBlob=bare["CiphertextBlob"]).code == "InvalidCiphertextException"


def test_data_keys_are_all_different(server: Coffer) -> None:
    client = kms(server)
    key = client.create_key()["KeyMetadata"]["KeyId"]
    made = {client.generate_data_key(KeyId=key, KeySpec="AES_256")["Plaintext"] for _ in range(20)}
    assert len(made) == 20


@pytest.mark.parametrize("count", [1, 32, 1024])
def test_random_bytes(server: Coffer, count: int) -> None:
    client = kms(server)
    first, second = (client.generate_random(NumberOfBytes=count)["Plaintext"] for _ in range(2))
    assert len(first) == len(second) == count
    assert count == 1 or first != second


def test_a_disabled_key_does_nothing_until_it_is_enabled(server: Coffer) -> None:
    client = kms(server)
    key = client.create_key(Description="switched")["KeyMetadata"]
    blob = client.encrypt(KeyId=key["KeyId"], Plaintext=b"later")["CiphertextBlob"]
    client.disable_key(KeyId=key["KeyId"])
    described = client.describe_key(KeyId=key["Arn"])["KeyMetadata"]
    assert (described["KeyState"], described["Enabled"]) == ("Disabled", False)
    disabled = ("DisabledException", f"{key['Arn']} is disabled.", 400)
    assert refusal(client.encrypt, KeyId=key["KeyId"], Plaintext=b"x") == disabled
    assert refusal(client.decrypt, CiphertextBlob=blob) == disabled
    assert refusal(client.generate_data_key, KeyId=key["KeyId"], KeySpec="AES_256") == disabled
    assert refusal(client.re_encrypt, CiphertextBlob=blob, DestinationKeyId=key["KeyId"]) == disabled
    client.enable_key(KeyId=key["Arn"])
    assert client.decrypt(CiphertextBlob=blob)["Plaintext"] == b"later"
    described = client.describe_key(KeyId=key["Arn"])["KeyMetadata"]
    assert (described["KeyState"], described["Enabled"]) == ("Enabled", True)


def test_what_a_new_key_looks_like(server: Coffer) -> None:
    client = kms(server)
    made = client.create_key(Description="Orders", Tags=[{"TagKey": "team", "TagValue": "blue"}])["KeyMetadata"]
    expected = {
        "AWSAccountId": "000000000000", "Arn": f"arn:aws:kms:us-east-1:000000000000:key/{made['KeyId']}",
        "Enabled": True, "Description": "Orders", "KeyUsage": "ENCRYPT_DECRYPT", "KeyState": "Enabled",
        "Origin": "AWS_KMS", "KeyManager": "CUSTOMER", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT", "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"], "MultiRegion": False,
    }
    assert {name: made.get(name) for name in expected} == expected
    assert set(made) == set(expected) | {"KeyId", "CreationDate", "CurrentKeyMaterialId"}
    assert client.describe_key(KeyId=made["KeyId"])["KeyMetadata"] == made


def test_keys_are_listed_in_creation_order_page_by_page(server: Coffer) -> None:
    client = kms(server)
    made = [client.create_key()["KeyMetadata"]["KeyId"] for _ in range(23)]
    pages = list(client.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["Keys"]) for page in pages] == [5, 5, 5, 5, 3]
    assert [page["Truncated"] for page in pages] == [True, True, True, True, False]
    assert [entry["KeyId"] for page in pages for entry in page["Keys"]] == made
    assert all(entry["KeyArn"].endswith(f":key/{entry['KeyId']}") for page in pages for entry in page["Keys"])
    whole = client.list_keys()
    assert ([entry["KeyId"] for entry in whole["Keys"]], whole["Truncated"]) == (made, False)
    assert "NextMarker" not in whole


def test_a_creation_does_not_wait_for_a_timer(server: Coffer) -> None:
    """Scripts make keys one after the other; the bound is ten times what the writes take."""
    start = time.monotonic()
    for _ in range(10):
        server.new_key()
    assert time.monotonic() - start < 4


def test_a_marker_still_works_after_a_restart(launch: Launch) -> None:
    server = launch()
    made = [server.new_key()["KeyId"] for _ in range(4)]
    page = kms(server).list_keys(Limit=2)
    server.restart()
    rest = kms(server).list_keys(Limit=2, Marker=page["NextMarker"])
    assert [entry["KeyId"] for entry in page["Keys"] + rest["Keys"]] == made
