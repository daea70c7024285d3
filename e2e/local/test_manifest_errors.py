"""A folder that is not wholly valid changes nothing: half of a set of manifests is no set of manifests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from manifest_files import (
    FIRST, SECOND, Manifests, error_line, everything, known, manifest, seen_while_invalid, until_known,
    until_keys, until_member, yaml,
)
from support import Coffer, Launch

GOOD = manifest("orders", keyId=FIRST, description="good")


@pytest.fixture
def folder(tmp_path: Path) -> Manifests:
    folder = Manifests(tmp_path / "manifests")
    folder.put("orders.yaml", GOOD)
    return folder


@pytest.fixture
def server(launch: Launch, folder: Manifests) -> Coffer:
    """A process that already has the key of one good manifest."""
    server = launch(*folder.options())
    until_known(server, FIRST)
    return server


def with_metadata(**metadata: Any) -> dict[str, Any]:
    return manifest("bad") | {"metadata": metadata}


# The text of a file, and the words that its error line has to name.
BAD_FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown field": (manifest("bad", colour="red"), "colour"),
    "unknown field below": (manifest("bad", deletion={"windowDays": 7}), "windowDays"),
    "unknown field at the top": (manifest("bad") | {"status": {}, "colour": "red"}, "colour"),
    "misspelt field": (manifest("bad", Enabled=False), "Enabled"),
    "window of 6 days": (manifest("bad", deletion={"pendingWindowDays": 6}), "pendingWindowDays"),
    "window of 31 days": (manifest("bad", deletion={"pendingWindowDays": 31}), "pendingWindowDays"),
    "period of 89 days": (manifest("bad", rotation={"automatic": True, "periodDays": 89}), "periodDays"),
    "period of 2561 days": (manifest("bad", rotation={"automatic": True, "periodDays": 2561}), "periodDays"),
    "64 letters": (manifest("x" * 64), "name"),
    "no name": (with_metadata(namespace="default"), "name"),
    "key id that is none": (manifest("bad", keyId="not-a-uuid"), "keyId"),
    "word for a boolean": (manifest("bad", enabled="yes"), "enabled"),
    "other deletion policy": (manifest("bad", deletion={"policy": "Shred"}), "policy"),
    "other key spec": (manifest("bad", keySpec="FOO"), "keySpec"),
    "other kind": (manifest("bad") | {"kind": "KmsKeys"}, "kind"),
    "other version": (manifest("bad") | {"apiVersion": "kms.coffer.dev/v9"}, "kms.coffer.dev/v9"),
    "no spec of a type": (manifest("bad") | {"spec": []}, "spec"),
}
BROKEN: dict[str, str | bytes] = {
    "broken YAML": "apiVersion: [", "broken JSON": '{"apiVersion": ', "tab": "spec:\n\tenabled: true\n",
    "no map": "- 1\n- 2\n", "no UTF-8": b"apiVersion: \xff\n", "cut document": yaml(manifest("bad"))[:-20],
    "good and broken": yaml(manifest("good", keyId=SECOND)) + "---\nspec: {",
    "field twice": yaml(manifest("bad")).replace('"kind": "KmsKey",', '"kind": "KmsKey", "kind": "KmsKey",'),
}


def check_nothing_changes(server: Coffer, folder: Manifests, before: list[dict[str, Any]]) -> None:
    """Neither an edit nor a removal nor a new manifest acts as long as the folder is not valid."""
    folder.put("orders.yaml", GOOD | {"spec": GOOD["spec"] | {"description": "edited", "enabled": False}})
    folder.put("new.yaml", manifest("new", keyId=SECOND))
    seen_while_invalid(server, folder)
    assert everything(server) == before
    folder.remove("orders.yaml")
    seen_while_invalid(server, folder)
    assert everything(server) == before
    assert not known(server, SECOND)


@pytest.mark.parametrize(("document", "field"), BAD_FIELDS.values(), ids=BAD_FIELDS.keys())
def test_a_bad_field(server: Coffer, folder: Manifests, document: dict[str, Any], field: str) -> None:
    before = everything(server)
    folder.put("bad.yaml", document)
    error_line(server, "bad.yaml", field)
    assert everything(server) == before


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file(server: Coffer, folder: Manifests, content: str | bytes) -> None:
    before = everything(server)
    folder.write("bad.yaml", content)
    error_line(server, "bad.yaml")
    assert everything(server) == before


INVALID = {
    "broken YAML": ("bad.yaml", "apiVersion: ["),
    "unknown field": ("bad.yaml", yaml(manifest("bad", colour="red"))),
    "twice in a file": ("bad.yaml", yaml(manifest("bad"), manifest("bad"))),
    "twice in two files": ("bad.yaml", yaml(manifest("orders"))),
    "twice by default": ("bad.yaml", yaml(manifest("orders", "default"))),
}


@pytest.mark.parametrize(("file", "text"), INVALID.values(), ids=INVALID.keys())
def test_an_invalid_folder_changes_no_key(server: Coffer, folder: Manifests, file: str, text: str) -> None:
    before = everything(server)
    folder.write(file, text)
    error_line(server, file)
    check_nothing_changes(server, folder, before)


@pytest.mark.parametrize("where", ["one file", "two files"])
def test_a_name_that_two_documents_have(server: Coffer, folder: Manifests, where: str) -> None:
    before = everything(server)
    twin = manifest("twin", description="which?")
    if where == "one file":
        folder.put("twins.yaml", twin, twin)
        error_line(server, "twins.yaml", "twin")
    else:
        folder.put("left.yaml", twin)
        until_keys(server, 2)
        before = everything(server)
        folder.put("right.yaml", twin | {"spec": {"description": "the other"}})
        error_line(server, "right.yaml", "twin")
    assert everything(server) == before


def test_a_broken_folder_that_is_mended_acts_at_once(server: Coffer, folder: Manifests) -> None:
    folder.write("bad.yaml", "apiVersion: [")
    error_line(server, "bad.yaml")
    folder.put("orders.yaml", GOOD | {"spec": GOOD["spec"] | {"description": "edited"}})
    seen_while_invalid(server, folder)
    for path in folder.path.iterdir():
        if path.name != "orders.yaml":
            path.unlink()
    until_member(server, FIRST, "Description", "edited")


IMMUTABLE = {"keyId": SECOND, "multiRegion": True, "origin": "Imported"}


@pytest.mark.parametrize(("field", "value"), IMMUTABLE.items(), ids=IMMUTABLE.keys())
def test_a_field_that_cannot_change(server: Coffer, folder: Manifests, field: str, value: Any) -> None:
    before = everything(server)
    folder.put("orders.yaml", GOOD | {"spec": GOOD["spec"] | {field: value}})
    error_line(server, "orders.yaml", field)
    assert everything(server) == before
    folder.put("orders.yaml", GOOD | {"spec": GOOD["spec"] | {"description": "mended"}})
    until_member(server, FIRST, "Description", "mended")


def test_a_key_id_that_is_taken(server: Coffer, folder: Manifests) -> None:
    before = everything(server)
    folder.put("thief.yaml", manifest("thief", keyId=FIRST, description="stolen"))
    error_line(server, "thief.yaml", FIRST)
    assert everything(server) == before


# A folder that cannot be read. Root may read everything, so that the process runs without that power.

POWERLESS = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


def test_a_folder_that_cannot_be_read(launch: Launch, folder: Manifests) -> None:
    """To the watcher it looks empty, and an empty folder would mean that all keys are to be deleted."""
    server = launch(*folder.options(), prefix=POWERLESS)
    until_known(server, FIRST)
    before = everything(server)
    folder.path.chmod(0)
    folder.write("new.yaml", yaml(manifest("new", keyId=SECOND)))
    error_line(server, str(folder.path))
    assert everything(server) == before
    folder.path.chmod(0o700)
    folder.put("newer.yaml", manifest("newer"))
    until_known(server, SECOND)
    assert server.describe(FIRST)["KeyState"] == "Enabled"


def test_a_file_that_cannot_be_read(launch: Launch, folder: Manifests) -> None:
    server = launch(*folder.options(), prefix=POWERLESS)
    until_known(server, FIRST)
    before = everything(server)
    (folder.path / "orders.yaml").chmod(0)
    folder.put("new.yaml", manifest("new", keyId=SECOND))
    error_line(server, "orders.yaml")
    assert everything(server) == before


def test_a_dangling_link(server: Coffer, folder: Manifests) -> None:
    """A link into a folder that is not mounted is a manifest that cannot be read, and not one that is gone."""
    before = everything(server)
    folder.remove("orders.yaml")
    (folder.path / "orders.yaml").symlink_to("/nowhere/orders.yaml")
    folder.put("new.yaml", manifest("new", keyId=SECOND))
    error_line(server, "orders.yaml")
    assert everything(server) == before


def test_a_link_to_a_manifest_is_a_manifest(server: Coffer, folder: Manifests, tmp_path: Path) -> None:
    """Folders of settings are often made of links."""
    (folder.path / "orders.yaml").rename(tmp_path / "real.yaml")
    (folder.path / "orders.yaml").symlink_to(tmp_path / "real.yaml")
    folder.put("new.yaml", manifest("new", keyId=SECOND))
    until_known(server, SECOND)
    assert server.describe(FIRST)["KeyState"] == "Enabled"


def test_a_folder_that_goes_away_and_comes_back(server: Coffer, folder: Manifests) -> None:
    """A folder on another disk may be unmounted; that is no wish to delete any key."""
    before = everything(server)
    away = folder.path.with_name("away")
    folder.path.rename(away)
    error_line(server, str(folder.path))
    assert everything(server) == before
    away.rename(folder.path)
    folder.put("orders.yaml", GOOD | {"spec": GOOD["spec"] | {"description": "back"}})
    until_member(server, FIRST, "Description", "back")
