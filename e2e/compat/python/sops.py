"""SOPS. Its program is built elsewhere; COFFER_COMPAT_SOPS names it."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import boto3
import yaml
from harness import Checks, equal

checks = Checks("sops")
kms: Any = boto3.client("kms")
folder = Path(tempfile.mkdtemp(prefix="coffer-compat-"))

SECRETS = {"database": {"user": "orders", "password": "correct horse"}, "ports": [1, 2]}


def new_key() -> str:
    return kms.create_key()["KeyMetadata"]["Arn"]


def sops(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SOPS_DISABLE_VERSION_CHECK": "1"}
    command = [os.environ["COFFER_COMPAT_SOPS"], *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


def good(*words: str) -> str:
    done = sops(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(told: str, *words: str) -> None:
    done = sops(*words)
    assert done.returncode != 0, done.stdout
    assert told in done.stderr, done.stderr


def written(name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def encrypted(name: str, key: str, *words: str) -> str:
    plain = written(f"plain-{name}", json.dumps(SECRETS))
    return written(name, good("encrypt", "--kms", key, *words, plain))


def decrypted(path: str) -> Any:
    return yaml.safe_load(good("decrypt", path))


@checks.add("Encrypt", "a file is sealed and opened")
def round_trip() -> None:
    path = encrypted("one.yaml", new_key())
    text = Path(path).read_text()
    assert "correct horse" not in text and "ENC[AES256_GCM" in text
    equal(decrypted(path), SECRETS)


@checks.add("Decrypt", "with an encryption context")
def with_context() -> None:
    path = encrypted("context.yaml", new_key(), "--encryption-context", "team:orders,stage:test")
    equal(decrypted(path), SECRETS)


@checks.add("Encrypt", "the data key is rotated to a second key")
def rotate() -> None:
    first, second = new_key(), new_key()
    path = encrypted("rotated.yaml", first)
    good("rotate", "--in-place", "--add-kms", second, "--rm-kms", first, path)
    kms.disable_key(KeyId=first)
    equal(decrypted(path), SECRETS)


@checks.add("Encrypt", "NotFoundException")
def not_found() -> None:
    key = f"{new_key().rpartition('/')[0]}/01234567-89ab-4def-8123-456789abcdef"
    plain = written("plain-not-found.yaml", json.dumps(SECRETS))
    refused("NotFoundException", "encrypt", "--kms", key, plain)


@checks.add("Decrypt", "DisabledException")
def disabled() -> None:
    key = new_key()
    path = encrypted("disabled.yaml", key)
    kms.disable_key(KeyId=key)
    refused("DisabledException", "decrypt", path)


@checks.add("Decrypt", "InvalidCiphertextException")
def other_context() -> None:
    path = encrypted("changed.yaml", new_key(), "--encryption-context", "team:orders")
    written("changed.yaml", Path(path).read_text().replace("team: orders", "team: others"))
    refused("InvalidCiphertextException", "decrypt", path)


if __name__ == "__main__":
    checks.run()
