"""What an attacker, a mishap or a restore can do to the Secrets of an installation."""

from __future__ import annotations

import base64
import copy
import os
from dataclasses import dataclass

from coffer_formats import Root, open_object, seal_object, unwrap_root

from cluster import secrets
from installation import Installation
from support import KEYS, Json, until

DATA = "sealed"


def content(secret: Json) -> bytes:
    return base64.b64decode(secret["data"][DATA])


def holding(secret: Json, stored: bytes) -> Json:
    """A copy of a Secret that holds something else."""
    changed = copy.deepcopy(secret)
    changed["data"] = {DATA: base64.b64encode(stored).decode()}
    return changed


def flipped(secret: Json) -> Json:
    stored = bytearray(content(secret))
    stored[len(stored) // 2] ^= 1
    return holding(secret, bytes(stored))


def truncated(secret: Json) -> Json:
    return holding(secret, content(secret)[:-1])


def emptied(secret: Json) -> Json:
    return holding(secret, b"")


def without_data(secret: Json) -> Json:
    changed = copy.deepcopy(secret)
    changed["data"] = {"other": base64.b64encode(b"x").decode()}
    return changed


def of_another_type(secret: Json) -> Json:
    return {**copy.deepcopy(secret), "type": "Opaque"}


@dataclass
class Vault:
    """The Secrets of one installation, with all rights on them."""

    installation: Installation

    def read(self, name: str) -> Json:
        return self.installation.api.get(secrets(KEYS, name))

    def find(self, name: str) -> Json | None:
        return self.installation.api.find(secrets(KEYS, name))

    def remove(self, name: str) -> None:
        self.installation.api.delete(secrets(KEYS, name))
        until(lambda: self.find(name) is None, f"{name} to be gone")

    def write(self, secret: Json) -> None:
        """Makes a Secret, in the place of one that is there: type and immutable content cannot be changed."""
        name = secret["metadata"]["name"]
        metadata = {"name": name, "labels": secret["metadata"].get("labels", {})}
        self.remove(name)
        self.installation.api.post(secrets(KEYS), {
            "metadata": metadata, "type": secret["type"], "data": secret["data"],
            "immutable": secret.get("immutable", False),
        })

    def edit(self, secret: Json) -> None:
        """Changes the data of a Secret that is there, as `kubectl edit` does."""
        name = secret["metadata"]["name"]
        self.installation.api.put(secrets(KEYS, name), {**self.read(name), "data": secret["data"]})

    def root(self) -> Root:
        """The root key, opened by a reader of the format that is not ours."""
        identifier = bytes.fromhex(self.installation.id)
        return unwrap_root(content(self.read("root-1")), self.installation.root.read_bytes(), identifier, 1)

    def under_another_root(self, record: Json, raw_key_id: bytes) -> Json:
        """The same record as another installation would have sealed it."""
        epoch, plain = open_object(self.root(), "state", raw_key_id, content(record))
        other = Root(os.urandom(32), os.urandom(16))
        return holding(record, seal_object(other, "state", raw_key_id, epoch, plain))
