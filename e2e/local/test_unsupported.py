"""Operations of AWS KMS that are not there yet say so by name, and never look like a broken server."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.model import ListShape, Shape, StringShape, StructureShape

from clients import Refusal, kms, refusal, session
from support import Coffer
from wire import operation_headers

IMPLEMENTED = {
    "CreateKey", "DescribeKey", "ListKeys", "EnableKey", "DisableKey", "Encrypt", "Decrypt", "ReEncrypt",
    "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateRandom",
    "ScheduleKeyDeletion", "CancelKeyDeletion",
    "GetKeyRotationStatus", "ListKeyRotations", "RotateKeyOnDemand", "EnableKeyRotation", "DisableKeyRotation",
    "TagResource", "UntagResource", "ListResourceTags", "UpdateKeyDescription",
    "CreateAlias", "UpdateAlias", "DeleteAlias", "ListAliases",
    "GetParametersForImport", "ImportKeyMaterial", "DeleteImportedKeyMaterial",
    "Sign", "Verify", "GenerateMac", "VerifyMac", "DeriveSharedSecret", "Encapsulate", "Decapsulate",
    "GetPublicKey", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
}


def string_value(shape: Shape, key: str) -> str:
    """A value that AWS could accept: a key that exists, a name with its prefix, an enum's first word."""
    assert isinstance(shape, StringShape)
    special = {"KeyIdType": key, "AliasNameType": "alias/any", "PolicyType": "{}", "BackingKeyIdType": "0" * 64}
    if shape.name in special:
        return special[shape.name]
    return shape.enum[0] if shape.enum else "x" * max(1, shape.metadata.get("min", 1))


def structure_value(shape: Shape, key: str) -> dict[str, Any]:
    assert isinstance(shape, StructureShape)
    return {name: minimal(shape.members[name], key) for name in shape.required_members}


def list_value(shape: Shape, key: str) -> list[Any]:
    assert isinstance(shape, ListShape)
    return [minimal(shape.member, key)] * max(1, shape.metadata.get("min", 1))


def minimal(shape: Shape, key: str) -> Any:
    """The smallest value of a shape of the service model, with nothing but required members."""
    makers = {"string": string_value, "structure": structure_value, "list": list_value}
    if shape.type_name in makers:
        return makers[shape.type_name](shape, key)
    simple = {"integer": max(1, shape.metadata.get("min", 1)), "boolean": False, "blob": b"x", "timestamp": 1}
    return simple[shape.type_name]


def operations() -> dict[str, Any]:
    """Every operation of the SDK's own model of KMS with its input, under its name on the wire."""
    model = session()._session.get_service_model("kms")  # boto3 offers no public way to the model.
    return {name: model.operation_model(name).input_shape for name in model.operation_names}


@pytest.fixture(scope="module")
def missing() -> dict[str, Any]:
    found = {name: shape for name, shape in operations().items() if name not in IMPLEMENTED}
    assert len(found) == 17
    return found


def names_operation(told: Refusal, operation: str) -> bool:
    return (told.code, told.status) == ("UnsupportedOperationException", 400) and operation in told.message


def test_each_answers_that_it_is_not_supported(server: Coffer, missing: dict[str, Any]) -> None:
    client = kms(server)
    key = client.create_key()["KeyMetadata"]["KeyId"]
    methods = {operation: method for method, operation in client.meta.method_to_api_mapping.items()}
    told = {
        operation: refusal(getattr(client, methods[operation]), **structure_value(shape, key))
        for operation, shape in missing.items()
    }
    assert {name: answer for name, answer in told.items() if not names_operation(answer, name)} == {}


@pytest.mark.parametrize("body", [b"{}", b'{"KeyId": 5, "Unknown": [[]]}'], ids=["empty", "strange"])
def test_no_body_makes_them_fail_otherwise(server: Coffer, missing: dict[str, Any], body: bytes) -> None:
    """A client must learn that the operation is missing before it mends its members in vain."""
    with server.connect() as connection:
        told = {name: connection.send(body, operation_headers(name)) for name in missing}
    wrong = {name: answer for name, answer in told.items() if answer.code != "UnsupportedOperationException"}
    assert wrong == {}


def test_they_change_nothing(server: Coffer, missing: dict[str, Any]) -> None:
    key = server.new_key()
    with server.connect() as connection:
        for name in missing:
            connection.send(b'{"KeyId": "%s"}' % key["KeyId"].encode(), operation_headers(name))
    assert server.describe(key["KeyId"]) == key
