"""Manifests in a watched folder are keys: written, edited, removed and put back without a restart."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from clients import kms, refusal
from manifest_files import (
    FIRST, SECOND, Manifests, manifest, seen_while_valid, until_known, until_keys, until_member, until_one_key,
)
from state_files import fingerprints
from support import Coffer, Launch, arn, until

FULL = """\
# A comment, because people write them.
apiVersion: kms.coffer.dev/v1alpha1
kind: KmsKey
metadata:
  name: orders
  namespace: shop
spec:
  description: "Orders of the shop"
  keySpec: SYMMETRIC_DEFAULT
  keyUsage: ENCRYPT_DECRYPT
  origin: Generated
  enabled: true
  rotation: {automatic: false, periodDays: 365}
  deletion:
    policy: Schedule
    pendingWindowDays: 7
    protection: false
    onConflict: Refuse
  policy: Default
  multiRegion: false
  keyId: 11111111-1111-4111-8111-111111111111
  tags:
    team: blue
    "cost center": ""
"""


@pytest.fixture
def folder(tmp_path: Path) -> Manifests:
    return Manifests(tmp_path / "manifests")


@pytest.fixture
def server(launch: Launch, folder: Manifests) -> Coffer:
    return launch(*folder.options())


@pytest.mark.parametrize("file", ["orders.yaml", "orders.yml"])
def test_a_new_manifest_becomes_a_key(server: Coffer, folder: Manifests, file: str) -> None:
    folder.write(file, FULL)
    key = until_known(server, FIRST)
    assert (key["KeyState"], key["Description"], key["Enabled"]) == ("Enabled", "Orders of the shop", True)
    record = server.folder().record(FIRST)
    assert (record["owner"]["namespace"], record["owner"]["name"]) == ("shop", "orders")
    assert record["last_spec"]["tags"] == {"team": "blue", "cost center": ""}
    blob = server.encrypt(FIRST, b"declared")
    assert base64.b64decode(server.good("Decrypt", CiphertextBlob=blob)["Plaintext"]) == b"declared"


def test_the_smallest_manifest(server: Coffer, folder: Manifests) -> None:
    folder.put("smallest.json", manifest("smallest"))
    key = until_one_key(server)
    described = server.describe(key)
    assert (described["Description"], described["KeyState"], described["Origin"]) == ("", "Enabled", "AWS_KMS")
    assert server.folder().record(key)["owner"]["namespace"] == "default"


def test_manifests_that_are_there_at_the_start(launch: Launch, folder: Manifests) -> None:
    folder.put("two.yaml", manifest("one", keyId=FIRST), manifest("two", keyId=SECOND))
    server = launch(*folder.options())
    for key in (FIRST, SECOND):
        assert until_known(server, key)["KeyState"] == "Enabled"


def test_a_manifest_written_at_the_first_moment(prepare: Launch, folder: Manifests) -> None:
    """Whoever waits for the word `ready` and then writes must not fall between the first look and the watch."""
    for attempt in range(6):
        server = prepare(*folder.options(), name=f"attempt-{attempt}")
        process = server.spawn()
        while "\nready" not in server.stdout():
            assert process.poll() is None, server.stderr()
        folder.put("first.yaml", manifest("first", keyId=FIRST))
        until_known(server, FIRST)
        server.kill()
        folder.remove("first.yaml")


def test_many_documents_in_one_file(server: Coffer, folder: Manifests) -> None:
    """Separators at either end and a document that is only a comment are no keys, and no errors."""
    documents = [FULL, FULL.replace("name: orders", "name: returns").replace(FIRST, SECOND), "# nothing\n"]
    folder.write("both.yaml", "---\n" + "---\n".join(documents) + "---\n")
    assert until_known(server, FIRST)["KeyState"] == until_known(server, SECOND)["KeyState"] == "Enabled"


def test_one_name_in_two_namespaces(server: Coffer, folder: Manifests) -> None:
    folder.put("two.yaml", manifest("orders", "blue", keyId=FIRST), manifest("orders", "green", keyId=SECOND))
    assert until_known(server, FIRST)["KeyState"] == until_known(server, SECOND)["KeyState"] == "Enabled"


def test_files_with_other_endings_are_no_manifests(server: Coffer, folder: Manifests) -> None:
    for name in ["README.md", "notes.txt", "orders.yaml.bak", "orders.yaml~", ".orders.yaml.swp"]:
        folder.write(name, "{ not a manifest")
    folder.put("orders.yaml", manifest("orders", keyId=FIRST))
    assert until_known(server, FIRST)["KeyState"] == "Enabled"


@pytest.mark.parametrize("way", [Manifests.put, Manifests.replace], ids=["in place", "renamed over"])
def test_an_edit_acts_on_the_same_key(server: Coffer, folder: Manifests, way: Callable[..., None]) -> None:
    folder.put("orders.yaml", manifest("orders", description="old", tags={"team": "blue"}))
    key = until_one_key(server)
    blob = server.encrypt(key, b"before the edit")
    way(folder, "orders.yaml", manifest("orders", description="new", tags={"team": "green"}))
    until_member(server, key, "Description", "new")
    assert server.folder().record(key)["last_spec"]["tags"] == {"team": "green"}
    way(folder, "orders.yaml", manifest("orders", description="new", enabled=False))
    assert until_member(server, key, "Enabled", False)["KeyState"] == "Disabled"
    disabled = (400, "DisabledException", f"{arn(key)} is disabled.")
    assert server.call("Decrypt", CiphertextBlob=blob).refused() == disabled
    way(folder, "orders.yaml", manifest("orders", enabled=True))
    until_member(server, key, "Enabled", True)
    assert base64.b64decode(server.good("Decrypt", CiphertextBlob=blob)["Plaintext"]) == b"before the edit"
    assert server.list_keys() == [key]


def test_a_manifest_may_move_to_another_file(server: Coffer, folder: Manifests) -> None:
    """The name says which key it is, and the file does not."""
    folder.put("orders.yaml", manifest("orders"))
    key = until_one_key(server)
    (folder.path / "orders.yaml").rename(folder.path / "moved.yaml")
    barrier = seen_while_valid(server, folder)
    assert server.describe(key)["KeyState"] == "Enabled"
    assert server.list_keys() == [key, barrier]


def test_a_removed_manifest_and_its_return(server: Coffer, folder: Manifests) -> None:
    folder.put("orders.yaml", manifest("orders"))
    key = until_one_key(server)
    blob = server.encrypt(key, b"before the removal")
    folder.remove("orders.yaml")
    assert until_member(server, key, "KeyState", "PendingDeletion")["Enabled"] is False
    pending = ("KMSInvalidStateException", f"{arn(key)} is pending deletion.", 400)
    client = kms(server)
    assert refusal(client.decrypt, CiphertextBlob=base64.b64decode(blob)) == pending
    assert refusal(client.encrypt, KeyId=key, Plaintext=b"x") == pending
    assert refusal(client.enable_key, KeyId=key) == pending
    assert refusal(client.disable_key, KeyId=key) == pending
    folder.put("orders.yaml", manifest("orders"))
    assert "DeletionDate" not in until_member(server, key, "KeyState", "Enabled")
    assert base64.b64decode(server.good("Decrypt", CiphertextBlob=blob)["Plaintext"]) == b"before the removal"
    assert server.list_keys() == [key]


@pytest.mark.parametrize("days", [7, 30])
def test_the_pending_window(server: Coffer, folder: Manifests, days: int) -> None:
    folder.put("orders.yaml", manifest("orders", keyId=FIRST, deletion={"pendingWindowDays": days}))
    until_known(server, FIRST)
    folder.remove("orders.yaml")
    described = until_member(server, FIRST, "KeyState", "PendingDeletion")
    assert abs(described["DeletionDate"] - time.time() - days * 86400) < 120


def test_a_pending_deletion_survives_a_restart(server: Coffer, folder: Manifests) -> None:
    folder.put("orders.yaml", manifest("orders", keyId=FIRST))
    until_known(server, FIRST)
    folder.remove("orders.yaml")
    pending = until_member(server, FIRST, "KeyState", "PendingDeletion")
    server.restart()
    assert server.describe(FIRST) == pending


def test_a_manifest_removed_while_nobody_watched(server: Coffer, folder: Manifests) -> None:
    folder.put("orders.yaml", manifest("orders", keyId=FIRST))
    until_known(server, FIRST)
    assert server.stop() == 0
    folder.remove("orders.yaml")
    server.start()
    until_member(server, FIRST, "KeyState", "PendingDeletion")


def test_a_retained_key_outlives_its_manifest(server: Coffer, folder: Manifests) -> None:
    folder.put("orders.yaml", manifest("orders", keyId=FIRST, deletion={"policy": "Retain"}))
    until_known(server, FIRST)
    folder.remove("orders.yaml")
    seen_while_valid(server, folder)
    described = server.describe(FIRST)
    assert "DeletionDate" not in described
    assert described["KeyState"] != "PendingDeletion"


def test_the_key_of_a_manifest_survives_a_restart(server: Coffer, folder: Manifests) -> None:
    folder.put("orders.yaml", manifest("orders", description="kept"))
    key = until_one_key(server)
    before, blob = server.describe(key), server.encrypt(key, b"kept")
    server.restart()
    seen_while_valid(server, folder)
    assert server.describe(key) == before
    assert base64.b64decode(server.good("Decrypt", CiphertextBlob=blob)["Plaintext"]) == b"kept"


def test_enable_key_does_not_overrule_a_manifest(server: Coffer, folder: Manifests) -> None:
    """The answer says where the word stands that has to change."""
    folder.put("orders.yaml", manifest("orders", keyId=FIRST, enabled=False))
    assert until_known(server, FIRST)["KeyState"] == "Disabled"
    answer = server.call("EnableKey", KeyId=FIRST)
    assert (answer.status, answer.code) == (400, "KMSInvalidStateException")
    assert "orders.yaml" in (answer.message or "")
    assert server.describe(FIRST)["KeyState"] == "Disabled"


def test_disable_key_is_a_hold_on_top_of_a_manifest(server: Coffer, folder: Manifests) -> None:
    """In an emergency a key must stay off, whatever edits of its manifest and restarts come along."""
    folder.put("orders.yaml", manifest("orders", keyId=FIRST))
    until_known(server, FIRST)
    assert server.call("DisableKey", KeyId=FIRST).status == 200
    folder.put("orders.yaml", manifest("orders", keyId=FIRST, description="edited", enabled=True))
    until_member(server, FIRST, "Description", "edited")
    assert server.describe(FIRST)["KeyState"] == "Disabled"
    server.restart()
    seen_while_valid(server, folder)
    assert server.describe(FIRST)["KeyState"] == "Disabled"
    assert server.call("EnableKey", KeyId=FIRST).status == 200
    assert server.describe(FIRST)["KeyState"] == "Enabled"
    server.restart()
    assert server.describe(FIRST)["KeyState"] == "Enabled"


def test_calls_never_write_into_the_folder(server: Coffer, folder: Manifests) -> None:
    folder.put("orders.yaml", manifest("orders", keyId=FIRST))
    until_known(server, FIRST)
    before = fingerprints(folder.path)
    made = server.new_key(Description="by a call")["KeyId"]
    for operation in ("DisableKey", "EnableKey"):
        for key in (made, FIRST):
            assert server.call(operation, KeyId=key).status == 200
    assert fingerprints(folder.path) == before


def test_a_key_of_a_call_is_not_removed_with_the_manifests(server: Coffer, folder: Manifests) -> None:
    """It never had a manifest, so that the absence of one says nothing."""
    made = server.new_key()["KeyId"]
    folder.put("orders.yaml", manifest("orders", keyId=FIRST))
    until_known(server, FIRST)
    folder.remove("orders.yaml")
    until_member(server, FIRST, "KeyState", "PendingDeletion")
    assert server.describe(made)["KeyState"] == "Enabled"


def test_a_hundred_manifests_at_once(server: Coffer, folder: Manifests) -> None:
    for index in range(100):
        folder.put(f"key-{index}.yaml", manifest(f"key-{index}"))
    until_keys(server, 100)
    for key in server.list_keys():
        until_member(server, key, "KeyState", "Enabled")


def read_calls(server: Coffer) -> int:
    assert server.process is not None
    lines = Path(f"/proc/{server.process.pid}/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("syscr")).split()[1])


def test_an_idle_folder_is_not_read_again_and_again(server: Coffer, folder: Manifests) -> None:
    """Readings of the folder must not count as changes of it. The window is ten times the quiet that they need."""
    for number in range(20):
        folder.put(f"key-{number}.yaml", manifest(f"key-{number}"))
    until_keys(server, 20)
    until(lambda: read_calls(server) == read_calls(server), "the readings end")
    before, begin = read_calls(server), time.monotonic()
    until(lambda: time.monotonic() - begin > 2, "the window")
    assert read_calls(server) - before < 200


def test_a_busy_folder_is_read_all_the_same(server: Coffer, folder: Manifests) -> None:
    """Something else is written all the time, and never leaves the quiet that a reading waits for."""
    folder.put("orders.yaml", manifest("orders", keyId=FIRST))

    def known() -> bool:
        folder.write("notes.txt", str(time.monotonic()))
        return FIRST in server.list_keys()

    until(known, "the key")
