"""A second implementation, in another language, opens what Coffer sealed and seals what it opens."""

from __future__ import annotations

import base64
from typing import Any

import coffer_formats as formats
import pytest
from coffer_content import Refused

from support import Coffer, Launch

CONTEXTS: dict[str, dict[str, str] | None] = {
    "no context": None,
    "one pair": {"tenant": "blue"},
    # These sort differently as UTF-8 and as UTF-16, which is where implementations part ways.
    "above U+FFFF": {"\ue000": "private use", "\U00010000": "supplementary", "": ""},
}


@pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS.keys())
@pytest.mark.parametrize("length", [1, 32, 4096])
def test_each_opens_what_the_other_sealed(server: Coffer, context: dict[str, str] | None, length: int) -> None:
    key = server.new_key()["KeyId"]
    plaintext = bytes(index % 256 for index in range(length))
    blob = base64.b64decode(server.encrypt(key, plaintext, EncryptionContext=context))
    assert server.folder().open_blob(blob, context) == plaintext
    foreign = server.folder().seal_blob(key, plaintext, context)
    opened = server.good("Decrypt", CiphertextBlob=foreign, EncryptionContext=context)
    assert base64.b64decode(opened["Plaintext"]) == plaintext


def test_both_refuse_another_context(server: Coffer) -> None:
    key = server.new_key()["KeyId"]
    blob = base64.b64decode(server.encrypt(key, b"x", EncryptionContext={"a": "bc"}))
    with pytest.raises(Refused) as refused:
        server.folder().open_blob(blob, {"ab": "c"})
    assert refused.value.stage == "commitment"
    foreign = server.folder().seal_blob(key, b"x", {"a": "bc"})
    assert server.call("Decrypt", CiphertextBlob=foreign, EncryptionContext={"ab": "c"}).code == (
        "InvalidCiphertextException"
    )


def test_data_keys_and_moved_blobs_are_ordinary_blobs(server: Coffer) -> None:
    first, second = server.new_key()["KeyId"], server.new_key()["KeyId"]
    made = server.good("GenerateDataKey", KeyId=first, KeySpec="AES_256", EncryptionContext={"a": "b"})
    moved = server.good(
        "ReEncrypt", CiphertextBlob=made["CiphertextBlob"], SourceEncryptionContext={"a": "b"},
        DestinationKeyId=second, DestinationEncryptionContext={"c": "d"},
    )
    blobs: list[tuple[Any, dict[str, str]]] = [(made, {"a": "b"}), (moved, {"c": "d"})]
    for answer, context in blobs:
        blob = base64.b64decode(answer["CiphertextBlob"])
        assert server.folder().open_blob(blob, context) == base64.b64decode(made["Plaintext"])


def test_the_material_id_is_the_one_of_the_formats(server: Coffer) -> None:
    key = server.new_key()
    raw, _ = formats.parse_key_id(key["KeyId"])
    material = server.folder().material(key["KeyId"], 1)
    assert formats.material_id(material, raw).hex() == key["CurrentKeyMaterialId"]


def test_the_record_says_what_the_api_says(server: Coffer) -> None:
    tags = [{"TagKey": "team", "TagValue": "blue"}, {"TagKey": "Cost", "TagValue": ""}]
    key = server.new_key(Description="Orders \U0001f511", Tags=tags)
    record = server.folder().record(key["KeyId"])
    assert record["last_spec"]["description"] == "Orders \U0001f511"
    assert record["last_spec"]["tags"] == {"team": "blue", "Cost": ""}
    assert record["lifecycle"] == "Created"
    assert abs(record["created_at"] / 1000 - key["CreationDate"]) < 1
    owner = record["owner"]
    assert server.folder().owner(owner["namespace"], owner["name"])["key_id"] == record["key_id"]


def test_every_region_can_be_read(launch: Launch) -> None:
    server = launch()
    for region in ["us-east-1", "eu-west-1"]:
        key = server.new_key(region)["KeyId"]
        blob = server.good("Encrypt", region, KeyId=key, Plaintext=region.encode())["CiphertextBlob"]
        assert server.folder(region).open_blob(base64.b64decode(blob)) == region.encode()
