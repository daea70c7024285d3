"""A key that has lived: what it is by its sealed record, and the proof that nothing of it was lost."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from cluster import keys
from coffer_content import RECORD, decode_content
from coffer_formats import open_object, parse_key_id
from installation import Caller, Installation, Server, Tenant
from sealed import Vault, content
from support import Json, outcome, refusal, until

DAY_MS = 86_400_000
CLOCK_MS = 2000
OLD, NEW = b"of the first material", b"of the second material"


def record_of(installation: Installation, key_id: str) -> Json:
    """The record as a reader of the format that is not ours opens it."""
    vault, (raw, _) = Vault(installation), parse_key_id(key_id)
    _, plain = open_object(vault.root(), "state", raw, content(vault.read(f"key-{key_id}")))
    return decode_content(RECORD, plain)


def causes(record: Json) -> set[str]:
    return {hold["cause"] for hold in record["holds"]}


def materials(installation: Installation, key_id: str) -> dict[str, str]:
    """The uid of each stored material by its name: one that was made again would have another."""
    stored = installation.sealed("material", key_id)
    return {secret["metadata"]["name"]: secret["metadata"]["uid"] for secret in stored}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Kept:
    """A key with two materials, a blob of each, and the manifest that made it."""

    tenant: Tenant
    name: str
    spec: Json
    key_id: str
    kms: Any
    blobs: dict[bytes, bytes]
    stored: dict[str, str]
    made: list[str]

    @property
    def installation(self) -> Installation:
        return self.tenant.installation

    @property
    def manifest(self) -> Json:
        return self.tenant.manifest(self.name, **self.spec)

    def record(self) -> Json:
        return record_of(self.installation, self.key_id)

    def is_gone(self) -> bool:
        return self.tenant.api.find(keys(self.tenant.namespace, self.name)) is None

    def opens(self, kms: Any | None = None) -> None:
        """Every blob opens, whichever material sealed it."""
        for plaintext, blob in self.blobs.items():
            assert (kms or self.kms).decrypt(CiphertextBlob=blob)["Plaintext"] == plaintext

    def waits(self, since: int, days: int = 30, call: bool = True) -> None:
        """PendingDeletion, counted from when the removal was found; of no use meanwhile, and unharmed."""
        record = until(lambda: held(self.record()), f"the removal of {self.name} to be noted", 30)
        due = record["due_times"]["deletion"] - days * DAY_MS
        assert since - CLOCK_MS <= due <= now_ms() + CLOCK_MS
        assert record["lifecycle"] == "Created"
        assert materials(self.installation, self.key_id) == self.stored
        if call:
            refused = "KMSInvalidStateException"
            until(lambda: outcome(self.kms.decrypt, CiphertextBlob=self.blobs[OLD]) == refused, "the refusal of use")
            described = self.kms.describe_key(KeyId=self.key_id)["KeyMetadata"]
            assert (described["KeyState"], described["Enabled"]) == ("PendingDeletion", False)

    def comes_back(self, kms: Any | None = None, seconds: float = 15.0) -> Json:
        """The same key of the same materials, which opens all that it ever sealed."""
        status = self.tenant.ready(self.name, seconds)
        assert (status["keyId"], status["keyState"]) == (self.key_id, "Enabled")
        assert [made["keyMaterialId"] for made in status["materials"]] == self.made
        assert "deletionDate" not in status and status["restoredAt"]
        assert materials(self.installation, self.key_id) == self.stored
        self.opens(kms)
        return status

    def is_restored(self) -> Json:
        """By the same manifest."""
        self.tenant.kubectl("apply", "--server-side", manifest=self.manifest).ok()
        return self.comes_back()


def held(record: Json) -> Json | None:
    return record if "ResourceDeleted" in causes(record) else None


def rotated(tenant: Tenant, name: str, count: int, seconds: float = 30.0) -> Json:
    """The status of a key once its newest material of so many encrypts."""
    def has(key: Json) -> bool:
        status = key.get("status") or {}
        newest = (status.get("materials") or [{}])[0]
        return status.get("materialCount") == count and newest.get("state") == "CURRENT"

    return tenant.shows(name, has, f"{count} materials", seconds)["status"]


def keep(
    tenant: Tenant, name: str = "orders", caller: Caller | None = None, server: Server | None = None, **spec: Any
) -> Kept:
    """Makes a key, uses it, rotates it, and uses it again."""
    tenant.apply(name, **spec)
    return use(tenant, name, (caller or tenant.caller()).kms(server), **spec)


def use(tenant: Tenant, name: str, kms: Any, **spec: Any) -> Kept:
    """Uses a key that somebody made of this spec, rotates it, and uses it again."""
    key_id = tenant.ready(name)["keyId"]
    blobs = {OLD: kms.encrypt(KeyId=key_id, Plaintext=OLD)["CiphertextBlob"]}
    kms.rotate_key_on_demand(KeyId=key_id)
    status = rotated(tenant, name, 2)
    blobs[NEW] = kms.encrypt(KeyId=key_id, Plaintext=NEW)["CiphertextBlob"]
    made = [material["keyMaterialId"] for material in status["materials"]]
    kept = Kept(tenant, name, spec, key_id, kms, blobs, materials(tenant.installation, key_id), made)
    assert len(kept.stored) == 2
    kept.opens()
    return kept


def audited(installation: Installation, name: str, key_id: str = "") -> list[Json]:
    """What the replicas recorded under a name, of one key where it is given."""
    lines = [line for server in installation.replicas.values() for line in server.audit()]
    return [
        line for line in lines
        if line["eventName"] == name and (not key_id or any(key_id in one["ARN"] for one in line["resources"]))
    ]


def refused_use(kept: Kept) -> None:
    refused = refusal(kept.kms.encrypt, KeyId=kept.key_id, Plaintext=b"x")
    assert refused.code == "KMSInvalidStateException"


def leader_and_other(pair: Installation) -> tuple[Server, Server]:
    leader = pair.leader()
    return leader, next(server for server in pair.replicas.values() if server is not leader)
