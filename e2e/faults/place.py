"""A namespace with keys and aliases in it, and what must be true of them whatever went wrong."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from coffer_formats import labelled, sha256
from fault_layer import FaultLayer
from seen import Request
from support import API_VERSION, Caller, Cluster, Json, Keys, Server, until

T = TypeVar("T")
R = TypeVar("R")

# Told a kind of runs and their number, once they lost nothing.
Tell = Callable[[str, int], None]

CALLS_AT_A_TIME = 4
DAY_SECONDS = 86_400


@dataclass
class Key:
    """A key as it was before anything went wrong."""

    name: str
    id: str
    materials: list[str]
    blob: str


@dataclass
class Place:
    """One namespace, and the server that serves it."""

    cluster: Cluster
    layer: FaultLayer
    server: Server
    keys: Keys
    caller: Caller

    @property
    def namespace(self) -> str:
        return self.keys.namespace

    # Keys

    def make(self, *names: str) -> list[Key]:
        """Makes keys, and encrypts under each."""
        for name in names:
            self.keys.make(name)
        return [self.made(name) for name in names]

    def made(self, name: str) -> Key:
        status = self.keys.wait_ready(name)
        until(lambda: self.caller.state(status["keyId"]) == "Enabled", f"{name} to be served")
        materials = [material["keyMaterialId"] for material in status["materials"]]
        return Key(name, status["keyId"], materials, self.encrypt(status["keyId"]))

    def encrypt(self, key_id: str) -> str:
        code, answer = self.caller.call("Encrypt", KeyId=key_id, Plaintext="AAAA")
        assert code == 200, answer
        return str(answer["CiphertextBlob"])

    def set_spec(self, key: Key, spec: Json) -> None:
        self.cluster.good("PATCH", f"{self.keys.path}/{key.name}", {"spec": spec})

    def ok(self, operation: str, **members: object) -> Json:
        """A call that must succeed at once."""
        code, answer = self.caller.call(operation, **members)
        assert code == 200, f"{operation} {members}: {answer}"
        return answer

    def states(self, key: Key) -> tuple[str, str]:
        """What the API says of a key, and what its resource shows, where it has one."""
        code, found = self.cluster.ask("GET", f"{self.keys.path}/{key.name}")
        shown = (found.get("status") or {}).get("keyState", "") if code == 200 else ""
        return self.caller.state(key.id), shown

    def sealed_of(self, key: Key) -> list[str]:
        return sorted(name for name in self.cluster.sealed() if key.id in name)

    def check_whole(self, key: Key, versions: Iterable[int] = (1,)) -> None:
        """The record and these materials are stored, and nothing else; one material encrypts."""
        expected = [f"key-{key.id}", *(f"material-{key.id}-v{version}-t1" for version in versions)]
        until(lambda: self.sealed_of(key) == expected, f"{key.name} to have {expected}, not {self.sealed_of(key)}")
        if self.cluster.ask("GET", f"{self.keys.path}/{key.name}")[0] == 200:
            status = until(lambda: self.shows_all(key), f"{key.name} to show all of its materials")
            assert status["keyId"] == key.id, key.name
            current = [made for made in status["materials"] if made.get("state") == "CURRENT"]
            assert len(current) == 1, f"{key.name} has {len(current)} active versions: {json.dumps(status)}"

    def shows_all(self, key: Key) -> Json | None:
        """The status once it has every material, which may follow what the API says already."""
        status = self.keys.status(key.name)
        shown = {made["keyMaterialId"] for made in status.get("materials", [])}
        return status if shown.issuperset(key.materials) else None

    def check_usable(self, key: Key) -> None:
        """It encrypts, and opens what it sealed first."""
        until(lambda: self.caller.is_served(key.id), f"{key.name} to be of use")
        assert self.opens(key), key.name

    def opens(self, key: Key) -> bool:
        code, answer = self.caller.call("Decrypt", CiphertextBlob=key.blob)
        return code == 200 and answer["Plaintext"] == "AAAA"

    def check_waits(self, key: Key, days: int) -> None:
        """It is destroyed in so many days, no earlier, and of no use until then."""
        assert not self.opens(key), f"{key.name} opens what it sealed"
        date = self.ok("DescribeKey", KeyId=key.id)["KeyMetadata"]["DeletionDate"]
        left = seconds_of(date) - time.time()
        assert (days - 0.1) * DAY_SECONDS < left <= days * DAY_SECONDS + 60, f"{key.name}: {left} s"

    # Aliases

    @property
    def alias_path(self) -> str:
        return f"/apis/{API_VERSION}/namespaces/{self.namespace}/keyaliases"

    def make_alias(self, name: str, alias: str, key: Key) -> None:
        spec = {"aliasName": alias, "keyRef": {"name": key.name}}
        manifest = {"apiVersion": API_VERSION, "kind": "KeyAlias", "metadata": {"name": name}, "spec": spec}
        self.cluster.good("POST", self.alias_path, manifest)

    def move_alias(self, name: str, key: Key) -> None:
        self.cluster.good("PATCH", f"{self.alias_path}/{name}", {"spec": {"keyRef": {"name": key.name}}})

    def remove_alias(self, name: str) -> None:
        self.cluster.good("DELETE", f"{self.alias_path}/{name}")

    def told(self, name: str) -> tuple[str, str]:
        """Why a KeyAlias is ready or not, in its latest generation, and the key that it says."""
        found = self.cluster.good("GET", f"{self.alias_path}/{name}")
        status = found.get("status") or {}
        if status.get("observedGeneration") != found["metadata"]["generation"]:
            return "", ""
        ready = [condition for condition in status["conditions"] if condition["type"] == "Ready"]
        return ready[0]["reason"], status.get("targetKeyId", "")

    def targets(self) -> dict[str, str]:
        """The aliases of this namespace, as the server that is asked shows them."""
        listed = self.ok("ListAliases", Limit=100)
        assert not listed["Truncated"]
        return {entry["AliasName"]: entry["TargetKeyId"] for entry in listed["Aliases"]}

    def alias_object(self, alias: str) -> str:
        """The name of the sealed claim on an alias."""
        digest = sha256(labelled("alias", self.namespace.encode(), b"\0", alias.encode()))[:20]
        return "alias-" + base64.b32encode(digest).decode().rstrip("=").lower()

    # All at once

    @staticmethod
    def each(subjects: Iterable[T], work: Callable[[T], R]) -> list[R]:
        """Some at a time; the server has time for the others while one waits."""
        with ThreadPoolExecutor(CALLS_AT_A_TIME) as pool:
            return list(pool.map(work, subjects))

    def is_watched(self, plurals: tuple[str, ...]) -> bool:
        open_now = {stream.request.label for stream in list(self.layer.streams)}
        return {f"watch {plural}" for plural in plurals} <= open_now


def seconds_of(date: float | str) -> float:
    return float(date) if not isinstance(date, str) else datetime.fromisoformat(date).timestamp()


def watches(plurals: tuple[str, ...]) -> Callable[[Request], bool]:
    labels = {f"watch {plural}" for plural in plurals}
    return lambda request: request.label in labels
