"""All that is sealed about keys is gone at once: nothing is made in their place."""

from __future__ import annotations

import shutil
from pathlib import Path

from manifest_files import Manifests, manifest
from support import REGION, Coffer, Launch, until

KINDS = ("key", "material", "owner")


def empty(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def test_keys_of_which_all_is_lost_are_not_made_again(server: Coffer) -> None:
    key = server.new_key()["KeyId"]
    blob = server.encrypt(key, b"before the loss")
    server.stop()
    kept = server.home / "kept"
    shutil.copytree(server.data, kept)
    for kind in KINDS:
        empty(server.data / REGION / kind)
    server.start()
    until(lambda: "is missing although the key was made" in server.stderr(), "the loss is told")
    assert server.list_keys() == []
    server.stop()
    for kind in KINDS:
        shutil.copytree(kept / REGION / kind, server.data / REGION / kind, dirs_exist_ok=True)
    server.start()
    assert server.good("Decrypt", CiphertextBlob=blob)["KeyId"].endswith(key)


def test_a_region_of_which_only_the_objects_are_left_is_not_initialised(server: Coffer) -> None:
    server.new_key()
    server.stop()
    for kind in (*KINDS, "root"):
        empty(server.data / REGION / kind)
    # The note of the time is evidence of an earlier life too.
    assert "root" in server.refuse_to_start()
    empty(server.data / REGION / "replica")
    error = server.refuse_to_start()
    assert "their keys were lost" in error and str(server.data / REGION) in error


def test_an_older_object_from_a_backup_does_not_stop_later_changes(launch: Launch, tmp_path: Path) -> None:
    folder = Manifests(tmp_path / "manifests")
    folder.put("orders.yaml", manifest("orders", description="one"))
    server = launch(*folder.options())
    key = until(server.list_keys, "the key")[0]
    object_file = server.data / REGION / "resources" / "default" / "orders.json"
    old = object_file.read_bytes()
    for text in ("two", "three"):
        folder.put("orders.yaml", manifest("orders", description=text))
        until(lambda text=text: server.describe(key)["Description"] == text, text)
    server.stop()
    object_file.write_bytes(old)
    folder.put("orders.yaml", manifest("orders", description="four", enabled=False))
    server.start()
    until(lambda: server.describe(key)["Description"] == "four", "the newest manifest is followed")
    assert server.describe(key)["KeyState"] == "Disabled"
