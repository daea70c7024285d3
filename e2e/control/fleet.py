"""Many keys of one namespace with a ciphertext of each, which go away and come back together."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from installation import Tenant, is_ready
from support import Json, measured, until

GONE_SECONDS = 60.0
READY_SECONDS = 120.0


@dataclass
class Fleet:
    """Keys that were ready once, and what they encrypted then."""

    tenant: Tenant
    ids: dict[str, str]
    blobs: dict[str, bytes]

    @property
    def manifests(self) -> list[Json]:
        return [self.tenant.manifest(name) for name in self.ids]

    def apply(self) -> None:
        self.tenant.cluster.apply(*self.manifests)

    def wait_ready(self, what: str) -> None:
        began = time.monotonic()
        until(lambda: ready_keys(self.tenant) == len(self.ids), what, READY_SECONDS, 0.2)
        measured(f"{len(self.ids)} keys, {what}", began)

    def wait_pending(self, kms: Any, what: str) -> None:
        """Every key waits to be destroyed, as DescribeKey tells."""
        began = time.monotonic()
        until(lambda: self.states(kms) == {"PendingDeletion"}, what, GONE_SECONDS, 0.2)
        measured(f"{len(self.ids)} keys, {what}", began)

    def states(self, kms: Any) -> set[str]:
        with ThreadPoolExecutor(4) as pool:
            return set(pool.map(lambda key_id: state(kms, key_id), self.ids.values()))

    def check_same(self, kms: Any) -> None:
        """The same keys under the same names, which open what they encrypted before."""
        assert {key["metadata"]["name"]: key["status"]["keyId"] for key in self.tenant.keys()} == self.ids
        with ThreadPoolExecutor(4) as pool:
            opened = pool.map(lambda name: kms.decrypt(CiphertextBlob=self.blobs[name])["Plaintext"], self.blobs)
            assert list(opened) == [name.encode() for name in self.blobs]


def make_fleet(tenant: Tenant, kms: Any, count: int) -> Fleet:
    names = [f"key-{number}" for number in range(count)]
    fleet = Fleet(tenant, dict.fromkeys(names, ""), {})
    fleet.apply()
    fleet.wait_ready("apply to Ready")
    fleet.ids = {key["metadata"]["name"]: key["status"]["keyId"] for key in tenant.keys()}
    for name, key_id in fleet.ids.items():
        fleet.blobs[name] = kms.encrypt(KeyId=key_id, Plaintext=name.encode())["CiphertextBlob"]
    return fleet


def ready_keys(tenant: Tenant) -> int:
    return sum(is_ready(key) for key in tenant.keys())


def state(kms: Any, key_id: str) -> str:
    return kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"]
