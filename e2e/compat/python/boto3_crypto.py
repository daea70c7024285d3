"""boto3: symmetric cryptography, and material of one's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from boto3_base import CONTEXT, checks, errors, kms, metadata, new_key
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from harness import equal, refused


@checks.add("Encrypt", "names the key and the algorithm")
def encrypt() -> None:
    key = new_key()
    answer = kms.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext=CONTEXT)
    equal((answer["KeyId"], answer["EncryptionAlgorithm"]), (metadata(key)["Arn"], "SYMMETRIC_DEFAULT"))


@checks.add("Decrypt", "with context and without naming the key")
def decrypt() -> None:
    key = new_key()
    blob = kms.encrypt(KeyId=key, Plaintext=bytes(range(256)), EncryptionContext=CONTEXT)["CiphertextBlob"]
    answer = kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)
    equal((answer["Plaintext"], answer["KeyId"]), (bytes(range(256)), metadata(key)["Arn"]))


@checks.add("GenerateDataKey", "the blob opens to the plaintext")
def generate_data_key() -> None:
    made = kms.generate_data_key(KeyId=new_key(), KeySpec="AES_256", EncryptionContext=CONTEXT)
    equal(len(made["Plaintext"]), 32)
    equal(kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)["Plaintext"], made["Plaintext"])


@checks.add("GenerateDataKeyWithoutPlaintext", "the blob opens to as many bytes")
def generate_data_key_without_plaintext() -> None:
    made = kms.generate_data_key_without_plaintext(KeyId=new_key(), NumberOfBytes=24)
    assert "Plaintext" not in made
    equal(len(kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"]), 24)


@checks.add("ReEncrypt", "to another key and another context")
def re_encrypt() -> None:
    first, second = new_key(), new_key()
    blob = kms.encrypt(KeyId=first, Plaintext=b"moved", EncryptionContext=CONTEXT)["CiphertextBlob"]
    moved = kms.re_encrypt(
        CiphertextBlob=blob, SourceEncryptionContext=CONTEXT, DestinationKeyId=second,
        DestinationEncryptionContext={"a": "b"},
    )
    equal((moved["SourceKeyId"], moved["KeyId"]), (metadata(first)["Arn"], metadata(second)["Arn"]))
    opened = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"a": "b"}, KeyId=second)
    equal(opened["Plaintext"], b"moved")


@checks.add("GenerateRandom", "as many bytes as asked for")
def generate_random() -> None:
    first, second = (kms.generate_random(NumberOfBytes=32)["Plaintext"] for _ in range(2))
    assert len(first) == len(second) == 32 and first != second


@checks.add("GetParametersForImport", "a public key and a token of a day")
def get_parameters_for_import() -> None:
    given = parameters(new_key(Origin="EXTERNAL"))
    equal(serialization.load_der_public_key(given["PublicKey"]).key_size, 2048)  # type: ignore[union-attr]
    assert timedelta(hours=23) < given["ParametersValidTo"] - datetime.now(UTC) < timedelta(hours=25)


@checks.add("ImportKeyMaterial", "the key works and expires when told")
def import_key_material() -> None:
    key, until = new_key(Origin="EXTERNAL"), datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    bring(key, bytes(range(32)), ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=until)
    equal((metadata(key)["KeyState"], metadata(key)["ValidTo"]), ("Enabled", until))
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    equal(kms.decrypt(CiphertextBlob=blob)["Plaintext"], b"x")


@checks.add("DeleteImportedKeyMaterial", "the same material brings the key back")
def delete_imported_key_material() -> None:
    key = new_key(Origin="EXTERNAL")
    bring(key, bytes(range(32)))
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.delete_imported_key_material(KeyId=key)
    equal(metadata(key)["KeyState"], "PendingImport")
    refused(errors.KMSInvalidStateException, kms.decrypt, CiphertextBlob=blob)
    bring(key, bytes(range(32)))
    equal(kms.decrypt(CiphertextBlob=blob)["Plaintext"], b"x")


@checks.add("ImportKeyMaterial", "IncorrectKeyMaterialException")
def incorrect_key_material() -> None:
    key = new_key(Origin="EXTERNAL")
    bring(key, bytes(range(32)))
    kms.delete_imported_key_material(KeyId=key)
    refused(errors.IncorrectKeyMaterialException, bring, key, bytes(32))


@checks.add("ImportKeyMaterial", "InvalidImportTokenException")
def invalid_import_token() -> None:
    first, second = new_key(Origin="EXTERNAL"), new_key(Origin="EXTERNAL")
    given, other = parameters(first), parameters(second)
    members = {"ImportToken": other["ImportToken"], "EncryptedKeyMaterial": wrapped(given, bytes(32))}
    forever = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    refused(errors.InvalidImportTokenException, kms.import_key_material, KeyId=first, **members, **forever)


@checks.add("GetParametersForImport", "UnsupportedOperationException")
def unsupported() -> None:
    members = {"WrappingKeySpec": "RSA_2048", "WrappingAlgorithm": "RSAES_OAEP_SHA_256"}
    refused(errors.UnsupportedOperationException, kms.get_parameters_for_import, KeyId=new_key(), **members)


@checks.add("Encrypt", "NotFoundException")
def not_found() -> None:
    refused(errors.NotFoundException, kms.encrypt, KeyId="alias/never-made", Plaintext=b"x")


@checks.add("Encrypt", "DisabledException")
def disabled() -> None:
    key = new_key()
    kms.disable_key(KeyId=key)
    refused(errors.DisabledException, kms.encrypt, KeyId=key, Plaintext=b"x")


@checks.add("Decrypt", "InvalidCiphertextException")
def invalid_ciphertext() -> None:
    key = new_key()
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=CONTEXT)["CiphertextBlob"]
    for members in ({}, {"EncryptionContext": {**CONTEXT, "tenant": "red"}}):
        error = refused(errors.InvalidCiphertextException, kms.decrypt, CiphertextBlob=blob, **members)
        equal(error.response["Error"]["Message"], "")  # type: ignore[attr-defined]


@checks.add("Decrypt", "IncorrectKeyException")
def incorrect_key() -> None:
    blob = kms.encrypt(KeyId=new_key(), Plaintext=b"x")["CiphertextBlob"]
    refused(errors.IncorrectKeyException, kms.decrypt, CiphertextBlob=blob, KeyId=new_key())


@checks.add("ReEncrypt", "InvalidCiphertextException")
def invalid_source() -> None:
    key = new_key()
    refused(errors.InvalidCiphertextException, kms.re_encrypt, CiphertextBlob=bytes(64), DestinationKeyId=key)


@checks.add("GenerateRandom", "ValidationException")
def too_many_bytes() -> None:
    error = refused(ClientError, kms.generate_random, NumberOfBytes=1025)
    told = error.response["Error"]  # type: ignore[attr-defined]
    equal(told["Code"], "ValidationException")
    assert told["Message"].startswith("1 validation error detected: Value '1025' at 'numberOfBytes'"), told


def parameters(key: str) -> dict[str, bytes]:
    return kms.get_parameters_for_import(
        KeyId=key, WrappingKeySpec="RSA_2048", WrappingAlgorithm="RSAES_OAEP_SHA_256"
    )


def wrapped(given: dict[str, bytes], material: bytes) -> bytes:
    public = serialization.load_der_public_key(given["PublicKey"])
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    return public.encrypt(material, oaep)  # type: ignore[union-attr]


def bring(key: str, material: bytes, **members: object) -> None:
    given = parameters(key)
    members = members or {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    kms.import_key_material(
        KeyId=key, ImportToken=given["ImportToken"], EncryptedKeyMaterial=wrapped(given, material), **members
    )
