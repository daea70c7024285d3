"""Sealed Secrets that were changed, lost, swapped or planted hurt their own key, which says so, and no other.

All keys are damaged together, each in its own way, and looked at before and after a restart and once more when
everything was put back. The tests compare what was seen.
"""

from __future__ import annotations

import base64
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

import sealed
from coffer_formats import key_id as derive_key_id
from coffer_formats import print_key_id
from installation import Installation, Tenant, condition, is_ready
from sealed import Vault, content, holding
from support import GROUP, Json, Refusal, attempt, outcome, until


@dataclass
class Key:
    """A key and what is right about it."""

    name: str
    id: str
    blob: bytes
    record: Json
    material: Json


@dataclass(frozen=True)
class Damage:
    """What happens to a key's Secret, and what its users and operators are told then."""

    name: str
    reasons: tuple[str, ...]
    code: str
    event: str


RECORD = ("RecordUnreadable",)
MATERIAL = ("MaterialUnreadable",)
INVALID = "KMSInvalidStateException"
CHANGES: dict[str, Callable[[Json], Json]] = {
    "flipped": sealed.flipped, "truncated": sealed.truncated, "emptied": sealed.emptied,
    "without-data": sealed.without_data,
}
DAMAGES = [
    *(Damage(f"record-{change}", RECORD, INVALID, "RecordTampered") for change in CHANGES),
    *(Damage(f"material-{change}", MATERIAL, INVALID, "MaterialTampered") for change in CHANGES),
    Damage("record-of-another-installation", RECORD, INVALID, "RecordTampered"),
    Damage("material-of-another-installation", MATERIAL, INVALID, "MaterialTampered"),
    Damage("record-of-another-key", RECORD, INVALID, "RecordTampered"),
    Damage("material-of-another-key", MATERIAL, INVALID, "MaterialTampered"),
    Damage("record-deleted", ("RecordMissing",), "NotFoundException", "RecordTampered"),
    Damage("material-deleted", MATERIAL, INVALID, "MaterialTampered"),
]
NAMES = [damage.name for damage in DAMAGES]
# What does no harm, because names and sealed content are believed, and types and labels are not.
HARMLESS = ["record-of-another-type", "material-of-another-type", "garbage-material-of-a-later-version"]


@dataclass
class Seen:
    """What users saw of one key at one time."""

    stalled: Json
    ready: bool
    key_state: str
    encrypt: str
    decrypt: str


@dataclass
class Story:
    installation: Installation
    vault: Vault
    tenant: Tenant
    keys: dict[str, Key] = field(default_factory=dict)
    live: dict[str, Seen] = field(default_factory=dict)
    restarted: dict[str, Seen] = field(default_factory=dict)
    healed: dict[str, Seen] = field(default_factory=dict)
    bystander: list[tuple[str, str]] = field(default_factory=list)
    events: dict[str, set[str]] = field(default_factory=dict)
    stored_at_the_end: dict[str, list[bytes]] = field(default_factory=dict)

    def play(self) -> Story:
        server = self.installation.serve("coffer-0")
        self.installation.leader()
        self.kms = self.tenant.caller().kms()
        self.make_keys()
        self.damage_all()
        self.live = self.look(10, broken)
        self.events = {name: {event["reason"] for event in self.tenant.events(name)} for name in self.keys}
        server.stop()
        server.start()
        self.installation.leader()
        self.restarted = self.look(10, broken)
        self.put_everything_back()
        self.healed = self.look(15, is_ready)
        for key in self.keys.values():
            secrets = self.installation.sealed("material", key.id)
            self.stored_at_the_end[key.name] = [content(secret) for secret in secrets if self.is_first(secret)]
        return self

    @staticmethod
    def is_first(secret: Json) -> bool:
        return "-v1-" in secret["metadata"]["name"]

    def make_keys(self) -> None:
        names = [*NAMES, *HARMLESS, "twin-record", "twin-material", "bystander"]
        self.installation.cluster.apply(*(self.tenant.manifest(name) for name in names))
        for name in names:
            key_id = self.tenant.ready(name)["keyId"]
            blob = self.kms.encrypt(KeyId=key_id, Plaintext=name.encode())["CiphertextBlob"]
            record, material = self.vault.read(f"key-{key_id}"), self.vault.read(f"material-{key_id}-v1-t1")
            self.keys[name] = Key(name, key_id, blob, record, material)

    def damage_all(self) -> None:
        for change, damage in CHANGES.items():
            self.vault.edit(damage(self.keys[f"record-{change}"].record))
            self.vault.write(damage(self.keys[f"material-{change}"].material))
        key = self.keys["record-of-another-installation"]
        self.vault.edit(self.vault.under_another_root(key.record, uuid.UUID(key.id).bytes))
        key = self.keys["material-of-another-installation"]
        other = os.urandom(len(content(key.material)) - 20)
        self.vault.write(holding(key.material, content(key.material)[:12] + os.urandom(8) + other))
        self.swap("record-of-another-key", "twin-record", lambda key: key.record)
        self.swap("material-of-another-key", "twin-material", lambda key: key.material)
        self.vault.remove(f"key-{self.keys['record-deleted'].id}")
        self.vault.remove(self.keys["material-deleted"].material["metadata"]["name"])
        self.vault.write(sealed.of_another_type(self.keys["record-of-another-type"].record))
        self.vault.write(sealed.of_another_type(self.keys["material-of-another-type"].material))
        self.plant()

    def swap(self, one: str, other: str, part: Callable[[Key], Json]) -> None:
        first, second = part(self.keys[one]), part(self.keys[other])
        self.vault.write(holding(first, content(second)))
        self.vault.write(holding(second, content(first)))

    def plant(self) -> None:
        """Secrets that belong to no key, or to a version that no record knows."""
        later = self.keys["garbage-material-of-a-later-version"].material
        name = later["metadata"]["name"].replace("-v1-", "-v2-")
        garbage = {"sealed": base64.b64encode(os.urandom(100)).decode()}
        self.vault.write({**later, "metadata": {"name": name, "labels": later["metadata"]["labels"]}, "data": garbage})
        stranger = uuid.uuid4()
        for name, kind in (
            (f"key-{stranger}", f"{GROUP}/key"), (f"material-{stranger}-v1-t1", f"{GROUP}/material"),
            ("key-nonsense", f"{GROUP}/key"), ("material-nonsense", f"{GROUP}/material"),
            ("whatever", "Opaque"), ("owner-nonsense", f"{GROUP}/owner"), ("replica-nonsense", f"{GROUP}/replica"),
        ):
            self.vault.write({"metadata": {"name": name}, "type": kind, "data": garbage})

    def look(self, seconds: float, settled: Callable[[Json], bool]) -> dict[str, Seen]:
        """Waits until all damaged keys show something, and takes down what they show then."""
        def all_settled() -> bool:
            listed = {key["metadata"]["name"]: key for key in self.tenant.keys()}
            self.bystander.append(self.use(self.keys["bystander"]))
            return all(settled(listed[name]) for name in NAMES)

        try:
            until(all_settled, "the damaged keys", seconds, 0.2)
        except AssertionError as late:
            print(late)  # Each key's own test tells what is wrong.
        return {name: self.see(self.keys[name]) for name in [*NAMES, *HARMLESS]}

    def see(self, key: Key) -> Seen:
        found = self.tenant.key(key.name)
        return Seen(condition(found, "Stalled"), is_ready(found), found["status"].get("keyState", ""), *self.use(key))

    def use(self, key: Key) -> tuple[str, str]:
        opened = attempt(self.kms.decrypt, CiphertextBlob=key.blob, KeyId=key.id)
        if not isinstance(opened, Refusal):
            assert opened["Plaintext"] == key.name.encode()
        encrypted = outcome(self.kms.encrypt, KeyId=key.id, Plaintext=b"x")
        return encrypted, opened.code if isinstance(opened, Refusal) else "ok"

    def put_everything_back(self) -> None:
        for secret in [secret for key in self.keys.values() for secret in (key.record, key.material)]:
            now = self.vault.find(secret["metadata"]["name"])
            if now is None or (now["data"], now["type"]) != (secret["data"], secret["type"]):
                self.vault.write(secret)


def broken(key: Json) -> bool:
    return condition(key, "Stalled").get("status") == "True"


@pytest.fixture(scope="module")
def story(own: Installation) -> Story:
    return Story(own, Vault(own), own.tenant()).play()


def check_broken(story: Story, seen: Seen, damage: Damage) -> None:
    assert seen.stalled.get("status") == "True", seen
    assert seen.stalled["reason"] in damage.reasons, seen
    key = story.keys[damage.name]
    secret = key.record if damage.name.startswith("record-") else key.material
    assert secret["metadata"]["name"] in seen.stalled["message"], seen
    assert "restore it from a backup" in seen.stalled["message"], seen
    assert (seen.encrypt, seen.decrypt) == (damage.code, damage.code), seen
    assert not seen.ready
    assert seen.key_state == "Unavailable"


@pytest.mark.parametrize("damage", DAMAGES, ids=NAMES)
def test_damage_refuses_the_use_of_its_key_and_says_why(story: Story, damage: Damage) -> None:
    check_broken(story, story.live[damage.name], damage)


@pytest.mark.parametrize("damage", DAMAGES, ids=NAMES)
def test_damage_is_found_by_a_server_that_starts_with_it(story: Story, damage: Damage) -> None:
    check_broken(story, story.restarted[damage.name], damage)


@pytest.mark.parametrize("damage", DAMAGES, ids=NAMES)
def test_damage_is_an_event_of_its_key(story: Story, damage: Damage) -> None:
    assert damage.event in story.events[damage.name], story.events[damage.name]


@pytest.mark.parametrize("name", NAMES)
def test_a_secret_that_is_put_back_heals_its_key(story: Story, name: str) -> None:
    seen = story.healed[name]
    assert (seen.ready, seen.encrypt, seen.decrypt, seen.key_state) == (True, "ok", "ok", "Enabled")


@pytest.mark.parametrize("name", [*NAMES, *HARMLESS])
def test_no_material_is_ever_made_again(story: Story, name: str) -> None:
    assert story.stored_at_the_end[name] == [content(story.keys[name].material)]


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_not_believed_does_no_harm(story: Story, name: str) -> None:
    for seen in (story.live[name], story.restarted[name], story.healed[name]):
        assert (seen.ready, seen.encrypt, seen.decrypt) == (True, "ok", "ok")


def test_keys_that_were_not_damaged_never_notice(story: Story) -> None:
    assert len(story.bystander) >= 3
    assert set(story.bystander) == {("ok", "ok")}


def test_whatever_waits_where_a_new_key_will_be_is_not_taken_for_it(story: Story) -> None:
    """The names of a key's Secrets follow from its uid, so they can be planted before a server sees it."""
    server = story.installation.replicas["coffer-0"]
    server.stop()
    garbage = {"sealed": base64.b64encode(os.urandom(200)).decode()}
    ids = {}
    for name, kind, suffix in (("early-record", "key", ""), ("early-material", "material", "-v1-t1")):
        story.tenant.apply(name)
        uid = uuid.UUID(story.tenant.key(name)["metadata"]["uid"])
        ids[name] = print_key_id(derive_key_id(bytes.fromhex(story.installation.id), uid.bytes))
        planted = f"{kind}-{ids[name]}{suffix}"
        story.vault.write({"metadata": {"name": planted}, "type": f"{GROUP}/{kind}", "data": garbage})
    server.start()
    story.tenant.stalled("early-record", "RecordUnreadable", 20)
    message = story.tenant.shows("early-material", broken, "Stalled")
    assert condition(message, "Stalled")["reason"] in ("MaterialUnreadable", "RecordMissing")
    for key_id in ids.values():
        assert outcome(story.kms.encrypt, KeyId=key_id, Plaintext=b"x") != "ok"
    assert base64.b64encode(content(story.vault.read(f"key-{ids['early-record']}"))).decode() == garbage["sealed"]
    # Taken away again, both keys are made as if nothing had been, at the latest when their manifest changes.
    for name, planted in (("early-record", "key-{}"), ("early-material", "material-{}-v1-t1")):
        story.vault.remove(planted.format(ids[name]))
        story.tenant.apply(name, description="again")
        story.tenant.ready(name, 30)
        assert outcome(story.kms.encrypt, KeyId=ids[name], Plaintext=b"x") == "ok"
