"""What all checks of boto3 share: the client, as its defaults make it, and keys."""

from __future__ import annotations

import uuid
from typing import Any

import boto3
from harness import Checks

checks = Checks("boto3")
kms: Any = boto3.client("kms")
errors = kms.exceptions

UNKNOWN = "01234567-89ab-4def-8123-456789abcdef"
CONTEXT = {"tenant": "blue", "Zweck": "Prüfung"}


def new_key(**members: Any) -> str:
    return kms.create_key(**members)["KeyMetadata"]["KeyId"]


def metadata(key: str) -> dict[str, Any]:
    return kms.describe_key(KeyId=key)["KeyMetadata"]


def fresh_name(kind: str) -> str:
    return f"{kind}-{uuid.uuid4().hex[:12]}"


def new_alias() -> str:
    return f"alias/{fresh_name('boto3')}"
