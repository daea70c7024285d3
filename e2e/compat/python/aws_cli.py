"""The AWS CLI. Each call is a process of its own, so that the checks share one key where they can."""

from __future__ import annotations

import base64
import functools
import json
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from harness import Checks, equal

Json = dict[str, Any]

checks = Checks("aws-cli")
folder = Path(tempfile.mkdtemp(prefix="coffer-compat-"))
UNKNOWN = "01234567-89ab-4def-8123-456789abcdef"
CONTEXT = ["--encryption-context", "tenant=blue,purpose=test"]


def aws(*words: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).parent / "aws")
    command = [program, "kms", *words, "--output", "json"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def good(*words: str) -> Json:
    done = aws(*words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout else {}


def refused(code: str, *words: str) -> None:
    done = aws(*words)
    assert done.returncode == 255, f"exit {done.returncode}: {done.stdout}{done.stderr}"
    assert f"An error occurred ({code}) when calling the" in done.stderr, done.stderr


def file(content: bytes) -> str:
    path = folder / uuid.uuid4().hex
    path.write_bytes(content)
    return f"fileb://{path}"


def new_key(*words: str) -> str:
    return good("create-key", *words)["KeyMetadata"]["KeyId"]


@functools.cache
def key() -> str:
    return new_key("--description", "of the AWS CLI", "--tags", "TagKey=team,TagValue=blue")


@functools.cache
def alias() -> str:
    return f"alias/aws-cli-{uuid.uuid4().hex[:12]}"


@functools.cache
def sealed() -> str:
    made = good("encrypt", "--key-id", key(), "--plaintext", file(b"attack at dawn"), *CONTEXT)
    return file(base64.b64decode(made["CiphertextBlob"]))


@checks.add("CreateKey", "description and tags are kept")
def create_key() -> None:
    found = good("describe-key", "--key-id", key())["KeyMetadata"]
    equal((found["Description"], found["KeySpec"]), ("of the AWS CLI", "SYMMETRIC_DEFAULT"))


@checks.add("ListResourceTags", "shows the tags of the key")
def list_resource_tags() -> None:
    equal(good("list-resource-tags", "--key-id", key())["Tags"], [{"TagKey": "team", "TagValue": "blue"}])


@checks.add("ListKeys", "reads all pages by itself")
def list_keys() -> None:
    found = good("list-keys", "--page-size", "10", "--query", "Keys[].KeyId | {all: @}")["all"]
    assert key() in found and len(found) == len(set(found))


@checks.add("Encrypt", "from a file with a context")
def encrypt() -> None:
    assert sealed()


@checks.add("Decrypt", "to the same bytes")
def decrypt() -> None:
    opened = good("decrypt", "--ciphertext-blob", sealed(), *CONTEXT)
    equal(base64.b64decode(opened["Plaintext"]), b"attack at dawn")


@checks.add("ReEncrypt", "to another context")
def re_encrypt() -> None:
    made = good(
        "re-encrypt", "--ciphertext-blob", sealed(), "--source-encryption-context", CONTEXT[1],
        "--destination-key-id", key(),
    )
    opened = good("decrypt", "--ciphertext-blob", file(base64.b64decode(made["CiphertextBlob"])))
    equal(base64.b64decode(opened["Plaintext"]), b"attack at dawn")


@checks.add("GenerateDataKey", "of 32 bytes")
def generate_data_key() -> None:
    made = good("generate-data-key", "--key-id", key(), "--key-spec", "AES_256")
    equal(len(base64.b64decode(made["Plaintext"])), 32)


@checks.add("GenerateRandom", "as many bytes as asked for")
def generate_random() -> None:
    equal(len(base64.b64decode(good("generate-random", "--number-of-bytes", "77")["Plaintext"])), 77)


@checks.add("CreateAlias", "the alias names the key")
def create_alias() -> None:
    good("create-alias", "--alias-name", alias(), "--target-key-id", key())
    equal(good("describe-key", "--key-id", alias())["KeyMetadata"]["KeyId"], key())


@checks.add("CreateAlias", "AlreadyExistsException")
def already_exists() -> None:
    refused("AlreadyExistsException", "create-alias", "--alias-name", alias(), "--target-key-id", key())


@checks.add("ListAliases", "those of the key")
def list_aliases() -> None:
    equal([entry["AliasName"] for entry in good("list-aliases", "--key-id", key())["Aliases"]], [alias()])


@checks.add("EnableKeyRotation", "with a period of one's own")
def enable_key_rotation() -> None:
    good("enable-key-rotation", "--key-id", key(), "--rotation-period-in-days", "90")
    equal(good("get-key-rotation-status", "--key-id", key())["RotationPeriodInDays"], 90)


@checks.add("ScheduleKeyDeletion", "and called off")
def schedule_key_deletion() -> None:
    other = new_key()
    answer = good("schedule-key-deletion", "--key-id", other, "--pending-window-in-days", "7")
    equal(answer["KeyState"], "PendingDeletion")
    good("cancel-key-deletion", "--key-id", other)
    refused("DisabledException", "encrypt", "--key-id", other, "--plaintext", file(b"x"))


@functools.cache
def signing_key() -> str:
    return new_key("--key-spec", "ECC_NIST_P256", "--key-usage", "SIGN_VERIFY")


@functools.cache
def signature() -> bytes:
    words = ["--message", file(b"attack at dawn"), "--signing-algorithm", "ECDSA_SHA_256"]
    return base64.b64decode(good("sign", "--key-id", signing_key(), *words)["Signature"])


@checks.add("Sign", "ECDSA on P-256, checked by cryptography")
def sign() -> None:
    public = base64.b64decode(good("get-public-key", "--key-id", signing_key())["PublicKey"])
    loaded: Any = serialization.load_der_public_key(public)
    loaded.verify(signature(), b"attack at dawn", ec.ECDSA(hashes.SHA256()))


@checks.add("Verify", "KMSInvalidSignatureException")
def invalid_signature() -> None:
    words = ["--message", file(b"another"), "--signature", file(signature()), "--signing-algorithm", "ECDSA_SHA_256"]
    refused("KMSInvalidSignatureException", "verify", "--key-id", signing_key(), *words)


@checks.add("GenerateMac", "of 32 bytes")
def generate_mac() -> None:
    key_words = ["--key-spec", "HMAC_256", "--key-usage", "GENERATE_VERIFY_MAC"]
    words = ["--message", file(b"attack at dawn"), "--mac-algorithm", "HMAC_SHA_256"]
    equal(len(base64.b64decode(good("generate-mac", "--key-id", new_key(*key_words), *words)["Mac"])), 32)


@checks.add("DescribeKey", "NotFoundException")
def not_found() -> None:
    refused("NotFoundException", "describe-key", "--key-id", UNKNOWN)


@checks.add("Decrypt", "InvalidCiphertextException")
def invalid_ciphertext() -> None:
    refused("InvalidCiphertextException", "decrypt", "--ciphertext-blob", sealed())


@checks.add("GenerateRandom", "ValidationException")
def validation() -> None:
    refused("ValidationException", "generate-random", "--number-of-bytes", "1025")


if __name__ == "__main__":
    checks.run()
