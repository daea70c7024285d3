"""A hundred keys that go and come back again and again, and none is lost."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cluster import keys
from installation import Installation, Tenant, is_ready
from kept import held, record_of
from support import Json, measured, until

KEYS = 100
ROUNDS = 3
THREADS = 8
SECONDS = 90.0
INSTALLATION = "/apis/kms.coffer.dev/v1alpha1/installations/coffer"
APPLY = "application/apply-patch+yaml"


class Crowd:
    """Keys of one namespace, each with a blob."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.names = [f"key-{number:03}" for number in range(KEYS)]
        tenant.cluster.apply(*(tenant.manifest(name) for name in self.names))
        self.wait_ready({})
        self.known = self.look()
        kms = tenant.caller().kms()
        with ThreadPoolExecutor(THREADS) as pool:
            blobs = pool.map(lambda name: self.seal(kms, name), self.names)
            self.blobs = dict(zip(self.names, blobs, strict=True))

    def seal(self, kms: Any, name: str) -> bytes:
        return kms.encrypt(KeyId=self.known[name][0], Plaintext=name.encode())["CiphertextBlob"]

    def look(self) -> dict[str, tuple[str, str]]:
        """The key and the material of each resource that is ready."""
        def told(key: Json) -> tuple[str, str]:
            return key["status"]["keyId"], key["status"]["currentKeyMaterialId"]

        return {key["metadata"]["name"]: told(key) for key in self.tenant.keys() if is_ready(key)}

    def wait_ready(self, began: dict[str, float]) -> list[float]:
        """How long each took since it was begun."""
        took: dict[str, float] = {}

        def all_ready() -> bool:
            seen, now = self.look(), time.monotonic()
            for name in seen:
                took.setdefault(name, now - began.get(name, now))
            return len(seen) == KEYS

        until(all_ready, f"{KEYS} keys to be ready", SECONDS)
        return list(took.values())

    def remove(self) -> list[float]:
        """How long each delete took until the object was gone."""
        def one(name: str) -> float:
            path, began = keys(self.tenant.namespace, name), time.monotonic()
            self.tenant.api.text("DELETE", path)
            until(lambda: self.tenant.api.find(path) is None, f"{name} to be gone", 5, 0.005)
            return time.monotonic() - began

        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(one, self.names))

    def apply(self) -> dict[str, float]:
        """When each manifest was sent."""
        def one(name: str) -> tuple[str, float]:
            path, began = keys(self.tenant.namespace, name), time.monotonic()
            query = "?fieldManager=kubectl&force=true"
            self.tenant.api.text("PATCH", path + query, self.tenant.manifest(name), APPLY)
            return name, began

        with ThreadPoolExecutor(THREADS) as pool:
            return dict(pool.map(one, self.names))

    def wait_noted(self) -> None:
        def noted(name: str) -> bool:
            return held(record_of(self.tenant.installation, self.known[name][0])) is not None

        for name in self.names:
            until(lambda name=name: noted(name), f"the removal of {name} to be noted", SECONDS)

    def check(self, kms: Any) -> None:
        """Every resource has the key that it had, and every blob opens."""
        assert self.look() == self.known
        with ThreadPoolExecutor(THREADS) as pool:
            opened = pool.map(lambda name: kms.decrypt(CiphertextBlob=self.blobs[name])["Plaintext"], self.names)
            assert list(opened) == [name.encode() for name in self.names]
        ids = {key_id for key_id, _ in self.known.values()}
        for kind in ("key", "material"):
            stored = [one["metadata"]["labels"]["kms.coffer.dev/key-id"] for one in self.tenant.installation.sealed(kind)]
            assert sorted(one for one in stored if one in ids) == sorted(ids), kind


def told(what: str, seconds: list[float]) -> None:
    cut = statistics.quantiles(seconds, n=100)
    print(f"MEASURED {what} of {len(seconds)} keys: p50 {cut[49] * 1000:.0f} ms, p99 {cut[98] * 1000:.0f} ms")


def test_a_hundred_keys_go_and_come_back_again_and_again(alone: Installation) -> None:
    crowd = Crowd(alone.tenant())
    kms = crowd.tenant.caller("reader").kms()
    for number in range(ROUNDS):
        told(f"round {number + 1}: delete to gone", crowd.remove())
        if number == 0:
            # Then the manifests come while the removals are still being noted.
            crowd.wait_noted()
        told(f"round {number + 1}: apply again to Ready", crowd.wait_ready(crowd.apply()))
        crowd.check(kms)


def test_a_namespace_of_a_hundred_keys_comes_back_by_one_approval(alone: Installation) -> None:
    crowd = Crowd(alone.tenant())
    namespace = crowd.tenant.namespace
    began = time.monotonic()
    crowd.tenant.kubectl("delete", "namespace", namespace, "--timeout=90s").ok()
    measured(f"namespace of {KEYS} keys deleted", began)
    crowd.tenant = alone.tenant(namespace)
    uid = alone.api.get(f"/api/v1/namespaces/{namespace}")["metadata"]["uid"]
    alone.cluster.apply(*(crowd.tenant.manifest(name) for name in crowd.names))
    crowd.tenant.stalled("key-000", "RestorePendingApproval", 30)
    approvals = [{"namespace": namespace, "namespaceUid": uid}]
    alone.api.patch(INSTALLATION, {"spec": {"restoreApprovals": approvals}})
    began = time.monotonic()
    crowd.wait_ready({})
    measured(f"approval of {KEYS} keys to Ready", began)
    crowd.check(crowd.tenant.caller().kms())
