"""Requests and answers against botocore's model of AWS KMS, both ways.

That the members of the requests are those of the committed file is a test of the crate.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from typing import Any

import pytest

from aws_model import INPUTS, Json, model, outputs, shape_of, written
from importing import bring, external_key, in_seconds
from support import Coffer
from wire import send_operation

OUTPUTS = outputs()
# Members that AWS KMS does not have.
OWN = {"KeyMetadata.CofferDeletionAssurance"}

# "The KeySpec and CustomerMasterKeySpec fields have the same value", which the old enum does not have all words for.
OLD_SPEC = "CustomerMasterKeySpec"
SPECS = shape_of("KeySpec")

NO_ENCLAVE = "no attestation document can be valid, so no answer is for an enclave"
NO_STORE = "there are no custom key stores"
ONE_REGION = "there are no multi-Region keys"
# Members of the model that no answer has, each with its reason.
NEVER = {
    "*.CiphertextForRecipient": NO_ENCLAVE,
    "DescribeCustomKeyStores.CustomKeyStores[].*": NO_STORE,
    "DescribeCustomKeyStores.NextMarker": NO_STORE,
    "*.KeyMetadata.CustomKeyStoreId": NO_STORE,
    "*.KeyMetadata.CloudHsmClusterId": NO_STORE,
    "*.KeyMetadata.XksKeyConfiguration": NO_STORE,
    "*.KeyMetadata.MultiRegionConfiguration": ONE_REGION,
    "*.KeyMetadata.PendingDeletionWindowInDays": ONE_REGION,
    "GetKeyRotationStatus.OnDemandRotationStartDate": "a rotation is complete before it is answered",
    "ListKeyPolicies.NextMarker": "a key has one policy",
}
# Members of KeyMetadata that a key cannot have before something else happened to it.
LATER = {"DeletionDate", "ValidTo", "ExpirationModel"}
# Operations that never succeed.
REFUSED = {
    "CreateCustomKeyStore": NO_STORE, "ConnectCustomKeyStore": NO_STORE, "DeleteCustomKeyStore": NO_STORE,
    "DisconnectCustomKeyStore": NO_STORE, "UpdateCustomKeyStore": NO_STORE,
    "ReplicateKey": ONE_REGION, "UpdatePrimaryRegion": ONE_REGION,
    **dict.fromkeys(
        ["CreateGrant", "ListGrants", "ListRetirableGrants", "RetireGrant", "RevokeGrant", "PutKeyPolicy"],
        "policies and grants are not implemented",
    ),
}


def test_the_committed_requests_are_those_of_botocore() -> None:
    assert INPUTS.read_text("utf-8") == written(), "run e2e/local/aws_model.py"


class Tour:
    """Calls every operation that can succeed, and keeps the answers."""

    def __init__(self, server: Coffer) -> None:
        self.server = server
        self.answers: dict[str, list[Json]] = {}

    def ask(self, operation: str, **members: Any) -> Json:
        answer = self.server.call(operation, **members)
        assert answer.status == 200, (operation, members, answer)
        told = answer.json if answer.body else {}
        self.answers.setdefault(operation, []).append(told)
        return told

    def key(self, spec: str, usage: str, **members: Any) -> str:
        return self.ask("CreateKey", KeySpec=spec, KeyUsage=usage, **members)["KeyMetadata"]["KeyId"]

    def whole(self) -> None:
        self.symmetric()
        self.pairs()
        self.managed()
        self.lists()
        self.imported()
        self.ended()

    def symmetric(self) -> None:
        key = self.key("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
        blob = self.ask("Encrypt", KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        self.ask("Decrypt", CiphertextBlob=blob)
        self.ask("ReEncrypt", CiphertextBlob=blob, DestinationKeyId=key)
        self.ask("GenerateDataKey", KeyId=key, KeySpec="AES_256")
        self.ask("GenerateDataKeyWithoutPlaintext", KeyId=key, KeySpec="AES_256")
        self.ask("GenerateRandom", NumberOfBytes=8)
        for operation in ("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"):
            self.ask(operation, KeyId=key, KeyPairSpec="ECC_NIST_P256")
        self.ask("GetKeyLastUsage", KeyId=key)

    def pairs(self) -> None:
        signer = self.key("ECC_NIST_P256", "SIGN_VERIFY")
        asked = {"KeyId": signer, "Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
        self.ask("Verify", **asked, Signature=self.ask("Sign", **asked)["Signature"])
        hmac = self.key("HMAC_256", "GENERATE_VERIFY_MAC")
        asked = {"KeyId": hmac, "Message": b"x", "MacAlgorithm": "HMAC_SHA_256"}
        self.ask("VerifyMac", **asked, Mac=self.ask("GenerateMac", **asked)["Mac"])
        agreeing = self.key("ECC_NIST_P256", "KEY_AGREEMENT")
        public = self.ask("GetPublicKey", KeyId=agreeing)["PublicKey"]
        self.ask("DeriveSharedSecret", KeyId=agreeing, KeyAgreementAlgorithm="ECDH", PublicKey=public)
        kem = self.key("ML_KEM_768", "ENCAPSULATE_DECAPSULATE")
        asked = {"KeyId": kem, "EncapsulationAlgorithm": "ML_KEM"}
        told = self.ask("Encapsulate", **asked)
        self.ask("Decapsulate", **asked, SharedSecretCiphertextBlob=told["SharedSecretCiphertextBlob"])
        wrapping = self.key("RSA_2048", "ENCRYPT_DECRYPT")
        for key in (signer, hmac, agreeing, kem, wrapping):
            self.ask("DescribeKey", KeyId=key)
        for key in (signer, kem, wrapping):
            self.ask("GetPublicKey", KeyId=key)
        algorithm = {"EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
        blob = self.ask("Encrypt", KeyId=wrapping, Plaintext=b"x", **algorithm)["CiphertextBlob"]
        self.ask("Decrypt", KeyId=wrapping, CiphertextBlob=blob, **algorithm)

    def managed(self) -> None:
        key = self.key("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
        for operation in ("DisableKey", "EnableKey", "EnableKeyRotation", "GetKeyRotationStatus", "RotateKeyOnDemand"):
            self.ask(operation, KeyId=key)
        for members in ({}, {"Limit": 1, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"}):
            self.ask("ListKeyRotations", KeyId=key, **members)
        self.ask("DisableKeyRotation", KeyId=key)
        self.ask("UpdateKeyDescription", KeyId=key, Description="of orders")
        self.ask("TagResource", KeyId=key, Tags=[{"TagKey": name, "TagValue": ""} for name in ("a", "b")])
        self.ask("ListResourceTags", KeyId=key, Limit=1)
        self.ask("UntagResource", KeyId=key, TagKeys=["a"])
        self.ask("GetKeyPolicy", KeyId=key)
        self.ask("ListKeyPolicies", KeyId=key)
        for name in ("alias/one", "alias/two"):
            self.ask("CreateAlias", AliasName=name, TargetKeyId=key)
        self.ask("UpdateAlias", AliasName="alias/one", TargetKeyId=key)
        self.ask("ListAliases", Limit=1)
        self.ask("DeleteAlias", AliasName="alias/one")

    def lists(self) -> None:
        self.ask("ListKeys", Limit=1)
        self.ask("DescribeCustomKeyStores")

    def imported(self) -> None:
        key = external_key(self.server)
        self.ask("GetParametersForImport", KeyId=key, WrappingKeySpec="RSA_2048", WrappingAlgorithm="RSAES_OAEP_SHA_1")
        recorder: Any = _Recorder(self)
        kind = {"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialDescription": "first"}
        bring(recorder, key, bytes(32), ValidTo=in_seconds(3600), **kind)
        self.ask("DescribeKey", KeyId=key)
        self.ask("ListKeyRotations", KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")
        self.ask("DeleteImportedKeyMaterial", KeyId=key)

    def ended(self) -> None:
        key = self.key("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
        self.ask("ScheduleKeyDeletion", KeyId=key)
        self.ask("DescribeKey", KeyId=key)
        self.ask("CancelKeyDeletion", KeyId=key)


class _Recorder:
    """Gives the tour's own calls to a helper that expects a server."""

    def __init__(self, tour: Tour) -> None:
        self.good = tour.ask


@pytest.fixture(scope="module")
def tour(shared: Coffer) -> Tour:
    made = Tour(shared)
    made.whole()
    return made


def faults(shape: Json, value: Any, path: str) -> Iterator[str]:
    """Everything in a value that is not as its shape has it."""
    kinds: dict[str, Any] = {
        "string": str, "integer": int, "timestamp": (int, float), "boolean": bool, "blob": str, "map": dict,
        "list": list, "structure": dict,
    }
    kind = shape["type"]
    if not isinstance(value, kinds[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{path} is {type(value).__name__} and not {kind}"
    elif kind == "structure":
        yield from structure_faults(shape["members"], value, path)
    elif kind == "list":
        for item in value:
            yield from faults(shape["member"], item, f"{path}[]")
    elif "enum" in shape and value not in shape["enum"]:
        yield f"{path} is {value}"
    elif kind == "blob" and base64.b64encode(base64.b64decode(value, validate=True)).decode() != value:
        yield f"{path} is no base64"
    elif kind == "timestamp" and not (math.isfinite(value) and 1.6e9 < value < 1e11):
        yield f"{path} is {value}, which are no seconds of these years"


def structure_faults(members: list[Json], value: Json, path: str) -> Iterator[str]:
    known = {member["name"]: member for member in members}
    for name in value.keys() - known.keys():
        if f"{path}.{name}".split(".", 1)[1] not in OWN:
            yield f"{path}.{name} is not in the model"
    for name, member in known.items():
        if name in value:
            yield from faults(SPECS if name == OLD_SPEC else member["shape"], value[name], f"{path}.{name}")
        elif member["required"]:
            yield f"{path}.{name} is missing"


def test_every_operation_is_answered_or_refused_for_a_reason(tour: Tour) -> None:
    assert tour.answers.keys() | REFUSED.keys() == OUTPUTS.keys()
    assert tour.answers.keys() & REFUSED.keys() == set()


def test_answers_have_the_members_of_the_model_and_no_others(tour: Tour) -> None:
    found = {
        fault
        for operation, answers in tour.answers.items() for answer in answers
        for fault in structure_faults(OUTPUTS[operation], answer, operation)
    }
    assert found == set()


def paths_of_model(members: list[Json], path: str) -> Iterator[str]:
    for member in members:
        yield from paths_of_shape(member["shape"], f"{path}.{member['name']}")


def paths_of_shape(shape: Json, path: str) -> Iterator[str]:
    yield path
    if shape["type"] == "structure":
        yield from paths_of_model(shape["members"], path)
    elif shape["type"] == "list" and shape["member"]["type"] == "structure":
        yield from paths_of_model(shape["member"]["members"], f"{path}[]")


def paths_of_value(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{path}.{name}"
            yield from paths_of_value(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from paths_of_value(inner, f"{path}[]")


def is_known(path: str) -> bool:
    operation, rest = path.split(".", 1)
    for pattern in NEVER:
        place, member = pattern.split(".", 1)
        is_below = rest.startswith(member[:-1] if member.endswith("*") else f"{member}.")
        if place in ("*", operation) and (rest == member or is_below):
            return True
    return operation == "CreateKey" and rest.rsplit(".", 1)[-1] in LATER


def test_no_member_of_the_model_is_never_answered(tour: Tour) -> None:
    told = {
        path for operation, answers in tour.answers.items() for answer in answers
        for path in paths_of_value(answer, operation)
    }
    expected = {path for operation in tour.answers for path in paths_of_model(OUTPUTS[operation], operation)}
    assert {path for path in expected - told if not is_known(path)} == set()
    assert {path for path in told & expected if is_known(path)} == set(), "a reason that does not hold any more"


def test_operations_without_an_answer_have_an_empty_body(tour: Tour) -> None:
    empty = {name for name, told in model()["operations"].items() if "output" not in told} - REFUSED.keys()
    assert {name for name in empty if any(tour.answers[name])} == set()


@pytest.mark.parametrize("operation", REFUSED)
def test_refusals_are_errors_of_the_model(shared: Coffer, operation: str) -> None:
    key = shared.new_key()["KeyId"]
    members = {"KeyId": key, "CustomKeyStoreId": "cks-1", "GrantId": "1", "Policy": "{}", "Operations": []}
    members |= {"ReplicaRegion": "us-east-2", "PrimaryRegion": "us-east-2", "CustomKeyStoreName": "one"}
    with shared.connect() as connection:
        answer = send_operation(connection, operation, members)
    errors = {error["shape"] for error in model()["operations"][operation]["errors"]}
    assert answer.status == 400
    assert answer.code in errors | {"UnsupportedOperationException"}
