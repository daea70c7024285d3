"""Every refusal has the code, the status and the exact text that AWS KMS answers with."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from support import Coffer, Launch, arn

UNKNOWN = "01234567-89ab-4def-8123-456789abcdef"
MULTI_REGION = f"mrk-{'0a' * 16}"
ONE = "1 validation error detected: "
FAILED = "failed to satisfy constraint: Member must"
EITHER = "Please specify either number of bytes or key spec."
ALGORITHMS = "[RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, SM2PKE, SYMMETRIC_DEFAULT]"
PATTERN = r"satisfy regular expression pattern: ^\p{ASCII}+$"

Case = tuple[str, dict[str, Any], str, str | None]
# `KEY` and `BLOB` stand for a key that exists and for a blob that it opens.
KEY, BLOB = "{key}", "{blob}"


def constraint(place: str, rule: str) -> str:
    return f"{ONE}{place} {FAILED} {rule}"


def validation(operation: str, members: dict[str, Any], text: str) -> Case:
    return operation, members, "ValidationException", text


NO_KEY = constraint("Value null at 'keyId'", "not be null")
NO_BLOB = constraint("Value null at 'ciphertextBlob'", "not be null")
MEMBERS: list[Case] = [
    validation("DescribeKey", {}, NO_KEY),
    validation("EnableKey", {}, NO_KEY),
    validation("DisableKey", {}, NO_KEY),
    validation("GenerateDataKey", {"KeySpec": "AES_256"}, NO_KEY),
    validation("GenerateDataKeyWithoutPlaintext", {"KeySpec": "AES_256"}, NO_KEY),
    validation("Encrypt", {"Plaintext": b"x"}, NO_KEY),
    validation("Encrypt", {"KeyId": KEY}, constraint("Value at 'plaintext'", "not be null")),
    validation(
        "Encrypt", {"KeyId": KEY, "Plaintext": b""},
        constraint("Value at 'plaintext'", "have length greater than or equal to 1"),
    ),
    validation(
        "Encrypt", {"KeyId": KEY, "Plaintext": bytes(4097)},
        constraint("Value at 'plaintext'", "have length less than or equal to 4096"),
    ),
    validation(
        # The bounds are checked before the key is looked up, or this would be a NotFoundException.
        "Encrypt", {"KeyId": UNKNOWN, "Plaintext": bytes(4097)},
        constraint("Value at 'plaintext'", "have length less than or equal to 4096"),
    ),
    validation("Decrypt", {}, NO_BLOB),
    validation(
        "Decrypt", {"CiphertextBlob": b""},
        constraint("Value at 'ciphertextBlob'", "have length greater than or equal to 1"),
    ),
    validation(
        "Decrypt", {"CiphertextBlob": bytes(6145)},
        constraint("Value at 'ciphertextBlob'", "have length less than or equal to 6144"),
    ),
    validation("ReEncrypt", {"DestinationKeyId": KEY}, NO_BLOB),
    validation("ReEncrypt", {"CiphertextBlob": BLOB}, constraint("Value null at 'destinationKeyId'", "not be null")),
    validation("GenerateRandom", {}, "NumberOfBytes is required."),
    validation("GenerateDataKey", {"KeyId": KEY}, EITHER),
    validation("GenerateDataKey", {"KeyId": KEY, "KeySpec": "AES_256", "NumberOfBytes": 32}, EITHER),
    validation("GenerateDataKeyWithoutPlaintext", {"KeyId": KEY}, EITHER),
    validation(
        "Encrypt", {"KeyId": KEY, "Plaintext": b"x", "EncryptionAlgorithm": "FOO"},
        constraint("Value 'FOO' at 'encryptionAlgorithm'", f"satisfy enum value set: {ALGORITHMS}"),
    ),
    validation(
        "ListKeys", {"Marker": ""}, constraint("Value '' at 'marker'", "have length greater than or equal to 1")
    ),
]


def numbers(operation: str, member: str, most: int, **others: Any) -> list[Case]:
    at = member[0].lower() + member[1:]
    low = constraint(f"Value '0' at '{at}'", "have value greater than or equal to 1")
    high = constraint(f"Value '{most + 1}' at '{at}'", f"have value less than or equal to {most}")
    return [
        validation(operation, {**others, member: 0}, low),
        validation(operation, {**others, member: most + 1}, high),
    ]


NUMBERS = [
    *numbers("GenerateRandom", "NumberOfBytes", 1024),
    *numbers("GenerateDataKey", "NumberOfBytes", 1024, KeyId=KEY),
    *numbers("GenerateDataKeyWithoutPlaintext", "NumberOfBytes", 1024, KeyId=KEY),
    *numbers("ListKeys", "Limit", 1000),
]

EMPTY_ID = (
    "2 validation errors detected: Value '' at 'keyId' failed to satisfy constraint: Member must have length "
    f"greater than or equal to 1; Value '' at 'keyId' {FAILED} {PATTERN}"
)
KEY_IDS: list[tuple[str, str, str]] = [
    ("fake-key-id", "NotFoundException", "Invalid keyId 'fake-key-id'"),
    ("0123456789ab4def8123456789abcdef", "NotFoundException", "Invalid keyId '0123456789ab4def8123456789abcdef'"),
    ("mrk-fake", "NotFoundException", "Invalid keyId 'mrk-fake'"),
    ("../../root.key", "NotFoundException", "Invalid keyId '../../root.key'"),
    (UNKNOWN, "NotFoundException", f"Key '{arn(UNKNOWN)}' does not exist"),
    (arn(UNKNOWN), "NotFoundException", f"Key '{arn(UNKNOWN)}' does not exist"),
    (MULTI_REGION, "NotFoundException", f"Key '{arn(MULTI_REGION)}' does not exist"),
    (arn(UNKNOWN, "ap-southeast-1"), "NotFoundException", "Invalid arn ap-southeast-1"),
    (arn("foo"), "NotFoundException", "Invalid keyId foo"),
    ("alias/none", "NotFoundException", "Alias arn:aws:kms:us-east-1:000000000000:alias/none is not found."),
    ("", "ValidationException", EMPTY_ID),
    ("キー", "ValidationException", constraint("Value 'キー' at 'keyId'", PATTERN)),
    (
        "x" * 2049, "ValidationException",
        constraint(f"Value '{'x' * 2049}' at 'keyId'", "have length less than or equal to 2048"),
    ),
]


def fill(server: Coffer, members: dict[str, Any]) -> dict[str, Any]:
    """The members with a real key and blob where a case names them."""
    key = server.new_key()["KeyId"]
    real: dict[str, Callable[[], str]] = {KEY: lambda: key, BLOB: lambda: server.encrypt(key, b"x")}
    return {
        name: real[value]() if isinstance(value, str) and value in real else value for name, value in members.items()
    }


@pytest.mark.parametrize("case", MEMBERS + NUMBERS, ids=lambda case: f"{case[0]}-{'-'.join(case[1])}")
def test_members_out_of_bounds(server: Coffer, case: Case) -> None:
    operation, members, code, text = case
    answer = server.call(operation, **fill(server, members))
    assert answer.refused() == (400, code, text)


@pytest.mark.parametrize(("key_id", "code", "text"), KEY_IDS, ids=lambda value: value[:24] or "empty")
def test_key_ids(server: Coffer, key_id: str, code: str, text: str) -> None:
    assert server.call("DescribeKey", KeyId=key_id).refused() == (400, code, text)
    assert server.call("Encrypt", KeyId=key_id, Plaintext=b"x").refused() == (400, code, text)


@pytest.mark.parametrize("operation", ["EnableKey", "DisableKey"])
def test_switches_take_no_alias(server: Coffer, operation: str) -> None:
    text = "Key Aliases are not supported for this operation."
    assert server.call(operation, KeyId="alias/any").refused() == (400, "InvalidArnException", text)


def test_an_unknown_account_in_an_arn_is_refused(server: Coffer) -> None:
    foreign = arn(server.new_key()["KeyId"], account="999999999999")
    answer = server.call("DescribeKey", KeyId=foreign)
    assert (answer.status, answer.code) == (400, "AccessDeniedException")
    assert foreign in (answer.message or "")


BROKEN_BLOBS = {
    "garbage": b"garbage", "zeros": bytes(148), "one byte": b"\0", "of AWS": base64.b64decode("AQICAHh3") + bytes(140),
}


@pytest.mark.parametrize("blob", BROKEN_BLOBS.values(), ids=BROKEN_BLOBS.keys())
def test_what_is_no_blob_is_refused_without_a_message(server: Coffer, blob: bytes) -> None:
    answer = server.call("Decrypt", CiphertextBlob=blob)
    assert (answer.status, answer.json) == (400, {"__type": "InvalidCiphertextException"})


def test_cut_and_lengthened_blobs_are_refused(server: Coffer) -> None:
    blob = base64.b64decode(server.encrypt(server.new_key()["KeyId"], b"whole"))
    for changed in [blob[:-1], blob[1:], blob[:116], blob[:40], blob + b"\0", blob + blob]:
        answer = server.call("Decrypt", CiphertextBlob=changed)
        assert answer.status == 400
        assert answer.code in {"InvalidCiphertextException", "AccessDeniedException"}


def test_a_blob_of_another_key_is_refused(server: Coffer) -> None:
    first, second = server.new_key(), server.new_key()
    text = "The key ID in the request does not identify a CMK that can perform this operation."
    answer = server.call("Decrypt", CiphertextBlob=server.encrypt(first["KeyId"], b"x"), KeyId=second["Arn"])
    assert answer.refused() == (400, "IncorrectKeyException", text)


def test_a_blob_of_another_installation_is_refused(launch: Launch) -> None:
    """Who holds the other installation's blob learns nothing here, not even whether it is well made."""
    here, elsewhere = launch(name="here"), launch(name="elsewhere")
    blob = elsewhere.encrypt(elsewhere.new_key()["KeyId"], b"x")
    answer = here.call("Decrypt", CiphertextBlob=blob)
    assert (answer.status, answer.code) == (400, "AccessDeniedException")
    assert (answer.message or "").startswith(
        "User: arn:aws:iam::000000000000:root is not authorized to perform: kms:Decrypt on the resource associated "
        "with this ciphertext because the resource does not exist in this Region"
    )


def test_an_algorithm_for_other_keys_is_refused(server: Coffer) -> None:
    key = server.new_key()["KeyId"]
    answer = server.call("Encrypt", KeyId=key, Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_256")
    text = "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT."
    assert answer.refused() == (400, "InvalidKeyUsageException", text)


def test_a_marker_that_was_never_given_is_refused(server: Coffer) -> None:
    answer = server.call("ListKeys", Marker="not a marker")
    assert (answer.status, answer.code) == (400, "InvalidMarkerException")


def test_a_context_that_is_too_long_is_refused(server: Coffer) -> None:
    key = server.new_key()["KeyId"]
    answer = server.call("Encrypt", KeyId=key, Plaintext=b"x", EncryptionContext={"a": "b" * 9000})
    assert (answer.status, answer.code) == (400, "ValidationException")


REFUSED_KEYS: list[tuple[dict[str, Any], str | None]] = [
    ({"KeyUsage": "SIGN_VERIFY"}, "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT"),
    (
        {"KeySpec": "SYMMETRIC_DEFAULT", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT"},
        "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
        "CustomerMasterKeySpec is deprecated.",
    ),
    ({"KeySpec": "FOO"}, None),
    ({"KeySpec": "RSA_2048", "KeyUsage": "KEY_AGREEMENT"}, "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048"),
    (
        {"KeySpec": "RSA_2048"},
        "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
    ),
    ({"Description": "x" * 8193}, None),
    ({"Tags": [{"TagKey": "", "TagValue": "x"}]}, None),
    ({"Tags": [{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}]}, "Duplicate tag keys"),
    ({"Tags": [{"TagKey": "aws:x", "TagValue": "1"}]}, "Tags beginning with aws: are reserved"),
]


@pytest.mark.parametrize(("members", "text"), REFUSED_KEYS, ids=lambda value: "-".join(value or ())[:30])
def test_a_key_that_cannot_be_is_not_made(server: Coffer, members: dict[str, Any], text: str | None) -> None:
    answer = server.call("CreateKey", **members)
    assert answer.status == 400
    assert text in (None, answer.message)
    assert server.list_keys() == []


DRY_RUNS = ["Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"]


def minimal(server: Coffer, operation: str) -> dict[str, Any]:
    key = server.new_key()["KeyId"]
    blob = server.encrypt(key, b"x")
    return {
        "Encrypt": {"KeyId": key, "Plaintext": b"x"},
        "Decrypt": {"CiphertextBlob": blob},
        "ReEncrypt": {"CiphertextBlob": blob, "DestinationKeyId": key},
        "GenerateRandom": {"NumberOfBytes": 8},
        "DescribeKey": {"KeyId": key},
    }.get(operation, {"KeyId": key, "KeySpec": "AES_256"})


RECIPIENT = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": "AAAA"}


@pytest.mark.parametrize("operation", [*DRY_RUNS, "DescribeKey"])
def test_grant_tokens_are_not_there_yet_and_never_ignored(server: Coffer, operation: str) -> None:
    answer = server.call(operation, **minimal(server, operation), GrantTokens=["token"])
    assert (answer.status, answer.code) == (400, "ValidationException")
    assert "GrantTokens" in (answer.message or "")


@pytest.mark.parametrize("operation", ["Decrypt", "GenerateDataKey", "GenerateRandom"])
def test_a_bad_attestation_document_is_never_ignored(server: Coffer, operation: str) -> None:
    answer = server.call(operation, **minimal(server, operation), Recipient=RECIPIENT)
    assert (answer.status, answer.code) == (400, "ValidationException")
    assert "attestation document" in (answer.message or "")


@pytest.mark.parametrize("operation", DRY_RUNS)
def test_a_trial_answers_nothing_but_that_it_would_succeed(server: Coffer, operation: str) -> None:
    answer = server.call(operation, **minimal(server, operation), DryRun=True)
    assert (answer.status, answer.code) == (400, "DryRunOperationException")
    assert answer.message == "The request would have succeeded, but the DryRun option is set."


@pytest.mark.parametrize("operation", DRY_RUNS)
def test_the_same_members_may_be_there_with_nothing_in_them(server: Coffer, operation: str) -> None:
    members = minimal(server, operation)
    server.good(operation, **members, DryRun=False, GrantTokens=[])
