"""The AWS Encryption SDK for Python, with keyrings of the material providers library and with its own providers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import boto3
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import CreateAwsKmsKeyringInput, CreateMultiKeyringInput
from aws_encryption_sdk import CommitmentPolicy, EncryptionSDKClient, StrictAwsKmsMasterKeyProvider
from aws_encryption_sdk.exceptions import DecryptKeyError
from cryptography.exceptions import InvalidTag
from harness import Checks, equal
from harness import refused as must_refuse

checks = Checks("esdk-python")
kms: Any = boto3.client("kms")
providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
client = EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)

CONTEXT = {"tenant": "blue", "purpose": "test"}
PLAINTEXT = bytes(range(256)) * 400  # Of several frames.


def new_key() -> str:
    return kms.create_key()["KeyMetadata"]["Arn"]


def keyring(key: str) -> Any:
    return providers.create_aws_kms_keyring(CreateAwsKmsKeyringInput(kms_key_id=key, kms_client=kms))


def encrypt(ring: Any) -> bytes:
    return client.encrypt(source=PLAINTEXT, keyring=ring, encryption_context=CONTEXT)[0]


def decrypt(sealed: bytes, ring: Any, context: dict[str, str]) -> bytes:
    return client.decrypt(source=sealed, keyring=ring, encryption_context=context)[0]


def refused(told: str, call: Callable[..., object], *arguments: object) -> None:
    """The library for all languages wraps what KMS answered and keeps its message, not its name."""
    error = must_refuse(Exception, call, *arguments)
    assert told in str(error), repr(error)


@checks.add("GenerateDataKey", "a keyring seals a message")
def keyring_round_trip() -> None:
    ring = keyring(new_key())
    equal(decrypt(encrypt(ring), ring, CONTEXT), PLAINTEXT)


@checks.add("Encrypt", "a multi-keyring seals for a second key, which opens alone")
def multi_keyring() -> None:
    first, second = keyring(new_key()), keyring(new_key())
    both = providers.create_multi_keyring(CreateMultiKeyringInput(generator=first, child_keyrings=[second]))
    equal(decrypt(encrypt(both), second, CONTEXT), PLAINTEXT)


@checks.add("Decrypt", "a master key provider opens what it sealed")
def master_key_provider() -> None:
    provider = StrictAwsKmsMasterKeyProvider(key_ids=[new_key(), new_key()])
    sealed, _ = client.encrypt(source=PLAINTEXT, key_provider=provider, encryption_context=CONTEXT)
    opened, header = client.decrypt(source=sealed, key_provider=provider)
    equal(opened, PLAINTEXT)
    equal({name: header.encryption_context[name] for name in CONTEXT}, CONTEXT)


@checks.add("Decrypt", "another key does not open it")
def other_key() -> None:
    sealed = encrypt(keyring(new_key()))
    refused("No Encrypted Data Keys found to match", decrypt, sealed, keyring(new_key()), CONTEXT)


@checks.add("Decrypt", "a changed message is refused")
def changed() -> None:
    ring = keyring(new_key())
    sealed = bytearray(encrypt(ring))
    sealed[-200] ^= 1
    must_refuse(InvalidTag, decrypt, bytes(sealed), ring, CONTEXT)


@checks.add("Decrypt", "a message with another context is refused")
def other_context() -> None:
    """The message's own context is changed under it, so that KMS refuses the data key with a context that never was."""
    provider = StrictAwsKmsMasterKeyProvider(key_ids=[new_key()])
    sealed, _ = client.encrypt(source=b"x", key_provider=provider, encryption_context={"tenant": "blue"})
    equal(sealed.count(b"blue"), 1)
    members = {"source": sealed.replace(b"blue", b"teal"), "key_provider": provider}
    must_refuse(DecryptKeyError, client.decrypt, **members)


@checks.add("GenerateDataKey", "NotFoundException")
def not_found() -> None:
    arn = f"{new_key().rpartition('/')[0]}/01234567-89ab-4def-8123-456789abcdef"
    refused("does not exist", encrypt, keyring(arn))


@checks.add("GenerateDataKey", "DisabledException")
def disabled() -> None:
    key = new_key()
    kms.disable_key(KeyId=key)
    refused("is disabled", encrypt, keyring(key))


if __name__ == "__main__":
    logging.disable()  # It logs each refusal with a trace.
    checks.run()
