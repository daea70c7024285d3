"""The exact messages of AWS KMS, one by one, and that each error is one that the model knows of its operation."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from aws_model import model
from importing import bring, external_key, parameters, request, wrapped
from support import Coffer, arn

UNKNOWN = "01234567-89ab-4def-8123-456789abcdef"
# Errors that every operation may have, and that the model therefore does not list.
COMMON = {"ValidationException", "SerializationException", "AccessDeniedException"}

# Names of keys that stand for those of the fixture `keys`.
Case = tuple[str, str, dict[str, Any], str, str | None]


@pytest.fixture(scope="module")
def keys(shared: Coffer) -> dict[str, str]:
    """The ids of keys of some kinds, and blobs that one of them made."""
    made = {
        "symmetric": {}, "disabled": {}, "other": {},
        "pending": {}, "imported": {"Origin": "EXTERNAL"},
        "hmac 224": {"KeySpec": "HMAC_224", "KeyUsage": "GENERATE_VERIFY_MAC"},
        "signer": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
        "wrapping": {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"},
        "edwards": {"KeySpec": "ECC_NIST_EDWARDS25519", "KeyUsage": "SIGN_VERIFY"},
        "lattice": {"KeySpec": "ML_DSA_44", "KeyUsage": "SIGN_VERIFY"},
        "kem": {"KeySpec": "ML_KEM_512", "KeyUsage": "ENCAPSULATE_DECAPSULATE"},
    }
    ids = {name: shared.new_key(**members)["KeyId"] for name, members in made.items()}
    assert shared.call("DisableKey", KeyId=ids["disabled"]).status == 200
    shared.good("ScheduleKeyDeletion", KeyId=ids["pending"])
    return ids | {"blob": shared.encrypt(ids["symmetric"], b"x")}


def plain(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


SIGN = {"KeyId": "{signer}", "SigningAlgorithm": "ECDSA_SHA_256"}
MAC = {"KeyId": "{hmac 224}", "MacAlgorithm": "HMAC_SHA_224", "Message": plain("x")}
TAG = {"TagKey": "a", "TagValue": "1"}
ONE = "1 validation error detected: "
NOT_THIS_ORIGIN = "<symmetric> origin is AWS_KMS which is not valid for this operation."
CASES: list[Case] = [
    ("malformed id", "DescribeKey", {"KeyId": "x"}, "NotFoundException", "Invalid keyId 'x'"),
    ("unknown id", "DescribeKey", {"KeyId": UNKNOWN}, "NotFoundException", f"Key '{arn(UNKNOWN)}' does not exist"),
    (
        "other Region", "DescribeKey", {"KeyId": arn(UNKNOWN, "eu-west-1")}, "NotFoundException",
        "Invalid arn eu-west-1",
    ),
    (
        "other key", "Decrypt", {"KeyId": "{other}", "CiphertextBlob": "{blob}"}, "IncorrectKeyException",
        "The key ID in the request does not identify a CMK that can perform this operation.",
    ),
    (
        "usage", "Encrypt", {"KeyId": "{signer}", "Plaintext": plain("x")}, "InvalidKeyUsageException",
        "<signer> key usage is SIGN_VERIFY which is not valid for Encrypt.",
    ),
    (
        "algorithm", "GenerateMac", {**MAC, "MacAlgorithm": "HMAC_SHA_256"}, "InvalidKeyUsageException",
        "Algorithm HMAC_SHA_256 is incompatible with key spec HMAC_224.",
    ),
    ("ciphertext", "Decrypt", {"CiphertextBlob": plain("x" * 150)}, "InvalidCiphertextException", None),
    (
        "wrong context", "Decrypt", {"CiphertextBlob": "{blob}", "EncryptionContext": {"a": "b"}},
        "InvalidCiphertextException", None,
    ),
    ("MAC", "VerifyMac", {**MAC, "Mac": plain("x" * 28)}, "KMSInvalidMacException", None),
    (
        "signature", "Verify", {**SIGN, "Message": plain("x"), "Signature": plain("x")},
        "KMSInvalidSignatureException", None,
    ),
    (
        "KEM ciphertext", "Decapsulate",
        {"KeyId": "{kem}", "EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": plain("x" * 767)},
        "InvalidCiphertextException", None,
    ),
    (
        "digest", "Sign", {**SIGN, "Message": plain("x"), "MessageType": "DIGEST"}, "ValidationException",
        "Digest is invalid length for algorithm ECDSA_SHA_256.",
    ),
    (
        "digest for Ed25519", "Sign",
        {"KeyId": "{edwards}", "SigningAlgorithm": "ED25519_SHA_512", "Message": plain("x"), "MessageType": "DIGEST"},
        "ValidationException", "Message type DIGEST is incompatible with algorithm ED25519_SHA_512.",
    ),
    (
        "message for Ed25519ph", "Sign",
        {"KeyId": "{edwards}", "SigningAlgorithm": "ED25519_PH_SHA_512", "Message": plain("x")},
        "ValidationException", "Message type RAW is incompatible with algorithm ED25519_PH_SHA_512.",
    ),
    (
        "digest for ML-DSA", "Sign",
        {"KeyId": "{lattice}", "SigningAlgorithm": "ML_DSA_SHAKE_256", "Message": plain("x"), "MessageType": "DIGEST"},
        "ValidationException", "Message type DIGEST is incompatible with key spec ML_DSA_44.",
    ),
    (
        "data key under a pair", "GenerateDataKey", {"KeyId": "{wrapping}", "KeySpec": "AES_256"},
        "InvalidKeyUsageException", "You cannot generate a data key with an asymmetric CMK",
    ),
    ("public key of none", "GetPublicKey", {"KeyId": "{symmetric}"}, "UnsupportedOperationException", None),
    ("calendar of a pair", "EnableKeyRotation", {"KeyId": "{wrapping}"}, "UnsupportedOperationException", None),
    ("rotation of a pair", "RotateKeyOnDemand", {"KeyId": "{hmac 224}"}, "UnsupportedOperationException", None),
    (
        "marker", "DescribeCustomKeyStores", {"Marker": "x"}, "InvalidMarkerException",
        "the marker is not one that this service returned",
    ),
    (
        "too long for RSA", "Encrypt",
        {"KeyId": "{wrapping}", "Plaintext": plain("x" * 191), "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"},
        "ValidationException",
        "Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 bytes.",
    ),
    (
        "spec and usage", "CreateKey", {"KeySpec": "RSA_2048", "KeyUsage": "KEY_AGREEMENT"}, "ValidationException",
        "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048",
    ),
    (
        "no usage", "CreateKey", {"KeySpec": "RSA_2048"}, "ValidationException",
        "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
    ),
    (
        "disabled", "Encrypt", {"KeyId": "{disabled}", "Plaintext": plain("x")}, "DisabledException",
        "<disabled> is disabled.",
    ),
    (
        "disabled trial", "Encrypt", {"KeyId": "{disabled}", "Plaintext": plain("x"), "DryRun": True},
        "DisabledException", "<disabled> is disabled.",
    ),
    (
        "trial", "Encrypt", {"KeyId": "{symmetric}", "Plaintext": plain("x"), "DryRun": True},
        "DryRunOperationException", "The request would have succeeded, but the DryRun option is set.",
    ),
    (
        "pending deletion", "Encrypt", {"KeyId": "{pending}", "Plaintext": plain("x")}, "KMSInvalidStateException",
        "<pending> is pending deletion.",
    ),
    (
        "pending deletion, managed", "EnableKey", {"KeyId": "{pending}"}, "KMSInvalidStateException",
        "<pending> is pending deletion.",
    ),
    (
        "pending import", "Encrypt", {"KeyId": "{imported}", "Plaintext": plain("x")}, "KMSInvalidStateException",
        "<imported> is pending import.",
    ),
    (
        "rotation of a disabled key", "EnableKeyRotation", {"KeyId": "{disabled}"}, "DisabledException",
        "<disabled> is disabled.",
    ),
    ("origin", "DeleteImportedKeyMaterial", {"KeyId": "{symmetric}"}, "UnsupportedOperationException", NOT_THIS_ORIGIN),
    (
        "origin for parameters", "GetParametersForImport",
        {"KeyId": "{symmetric}", "WrappingKeySpec": "RSA_2048", "WrappingAlgorithm": "RSAES_OAEP_SHA_256"},
        "UnsupportedOperationException", NOT_THIS_ORIGIN,
    ),
    (
        "no multi-Region key", "ReplicateKey", {"KeyId": "{symmetric}", "ReplicaRegion": "eu-west-1"},
        "UnsupportedOperationException", "<symmetric> is not a multi-region primary key.",
    ),
    ("twice", "TagResource", {"KeyId": "{symmetric}", "Tags": [TAG, TAG]}, "TagException", "Duplicate tag keys"),
    (
        "many", "TagResource",
        {"KeyId": "{symmetric}", "Tags": [{"TagKey": str(number), "TagValue": ""} for number in range(51)]},
        "TagException", "Too many tags",
    ),
    (
        "reserved", "TagResource", {"KeyId": "{symmetric}", "Tags": [{"TagKey": "aws:a", "TagValue": ""}]},
        "TagException", "Tags beginning with aws: are reserved",
    ),
    (
        "bound", "GenerateRandom", {"NumberOfBytes": 1025}, "ValidationException",
        f"{ONE}Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal "
        "to 1024",
    ),
    (
        "sensitive", "Encrypt", {"KeyId": "{symmetric}", "Plaintext": ""}, "ValidationException",
        f"{ONE}Value at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 1",
    ),
    (
        "prefix", "CreateAlias", {"AliasName": "a", "TargetKeyId": "{symmetric}"}, "ValidationException",
        'Alias must start with the prefix "alias/". Please see '
        "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
    ),
    (
        "alias in its place", "DisableKey", {"KeyId": "alias/a"}, "InvalidArnException",
        "Key Aliases are not supported for this operation.",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_messages(shared: Coffer, keys: dict[str, str], case: Case) -> None:
    _, operation, members, code, message = case
    for name, value in keys.items():
        members = {member: value if given == f"{{{name}}}" else given for member, given in members.items()}
        message = message and message.replace(f"<{name}>", arn(value))
    assert shared.call(operation, **members).refused() == (400, code, message)
    errors = {error["shape"] for error in model()["operations"][operation]["errors"]}
    assert code in errors | COMMON


def test_messages_about_imports(shared: Coffer) -> None:
    key = external_key(shared)
    given = parameters(shared, key)
    asked = request(key, given, wrapped(given, bytes(32)))
    text = "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"
    assert shared.call("ImportKeyMaterial", **asked).refused() == (400, "ValidationException", text)
    bring(shared, key, bytes(32))
    rotated = shared.call("RotateKeyOnDemand", KeyId=key)
    text = f"No available key material pending rotation for the key: {arn(key)}."
    assert rotated.refused() == (400, "KMSInvalidStateException", text)
    two = bring(shared, key, b"2" * 32, ImportType="NEW_KEY_MATERIAL")
    given = parameters(shared, key)
    members = {"ImportType": "NEW_KEY_MATERIAL", "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    third = shared.call("ImportKeyMaterial", **request(key, given, wrapped(given, b"3" * 32), **members))
    assert (third.status, third.code) == (400, "KMSInvalidStateException")
    assert (third.message or "").endswith(
        f"cannot be imported into KMS key {key}, because another key material (id: {two}) is pending rotation."
    )

