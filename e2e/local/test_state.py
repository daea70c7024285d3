"""A state folder that is not as it was left: harm stays with the key it befell, and nothing is made anew."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from state_files import (
    CHANGES, LOSSES, Harm, fingerprints, flip, make_newer, material_path, record_path, swap,
)
from support import Coffer, Inspection, Launch, binary

INVALID_STATE = "KMSInvalidStateException"


class TwoKeys:
    """A key that will be harmed and a key that must not notice."""

    def __init__(self, server: Coffer) -> None:
        self.server = server
        self.hurt, self.well = server.new_key()["KeyId"], server.new_key()["KeyId"]
        self.blobs = {key: server.encrypt(key, key.encode()) for key in (self.hurt, self.well)}

    def opens(self, key: str) -> bool:
        answer = self.server.call("Decrypt", CiphertextBlob=self.blobs[key])
        if answer.status == 200:
            assert base64.b64decode(answer.json["Plaintext"]) == key.encode()
        return answer.status == 200

    def check_unusable(self, key: str, by_blob: str = INVALID_STATE) -> None:
        """All uses fail in the same way, also those that would only need to encrypt."""
        server, blob = self.server, self.blobs[key]
        named = [
            server.call("Encrypt", KeyId=key, Plaintext=b"x"),
            server.call("GenerateDataKey", KeyId=key, KeySpec="AES_256"),
            server.call("Decrypt", KeyId=key, CiphertextBlob=blob),
            server.call("ReEncrypt", CiphertextBlob=self.blobs[self.well], DestinationKeyId=key),
        ]
        assert {(answer.status, answer.code) for answer in named} == {(400, INVALID_STATE)}
        unnamed = [
            server.call("Decrypt", CiphertextBlob=blob),
            server.call("ReEncrypt", CiphertextBlob=blob, DestinationKeyId=self.well),
        ]
        assert {(answer.status, answer.code) for answer in unnamed} == {(400, by_blob)}


@pytest.fixture
def two(server: Coffer) -> TwoKeys:
    return TwoKeys(server)


def hurt_while_stopped(two: TwoKeys, path: Path, harm: Harm) -> bytes:
    """Harms a file between two runs, and gives back what it was."""
    right = path.read_bytes()
    assert two.server.stop() == 0
    harm(path)
    two.server.start()
    return right


def put_back(two: TwoKeys, path: Path, right: bytes) -> None:
    assert two.server.stop() == 0
    path.write_bytes(right)
    two.server.start()


# Materials


@pytest.mark.parametrize("harm", LOSSES.values(), ids=LOSSES.keys())
def test_a_harmed_material_hurts_only_its_key(two: TwoKeys, harm: Harm) -> None:
    path = material_path(two.server, two.hurt)
    right = hurt_while_stopped(two, path, harm)
    wrong = path.read_bytes() if path.exists() else None
    described = two.server.describe(two.hurt)
    assert (described["KeyState"], described["Enabled"]) == ("Unavailable", False)
    two.check_unusable(two.hurt)
    assert two.opens(two.well)
    assert (path.read_bytes() if path.exists() else None) == wrong
    put_back(two, path, right)
    assert two.server.describe(two.hurt)["KeyState"] == "Enabled"
    assert two.opens(two.hurt)


def test_swapped_materials_open_nothing(two: TwoKeys) -> None:
    """Each file is whole and well sealed, but it is not the one of its key."""
    paths = [material_path(two.server, key) for key in (two.hurt, two.well)]
    two.server.stop()
    swap(*paths)
    two.server.start()
    for key in (two.hurt, two.well):
        assert two.server.describe(key)["KeyState"] == "Unavailable"
        assert two.server.call("Decrypt", CiphertextBlob=two.blobs[key]).code == INVALID_STATE
    two.server.stop()
    assert Inspection(two.server.data).shut() == {two.hurt, two.well}
    swap(*paths)
    two.server.start()
    assert two.opens(two.hurt) and two.opens(two.well)


@pytest.mark.parametrize("harm", LOSSES.values(), ids=LOSSES.keys())
def test_inspection_finds_a_harmed_material(two: TwoKeys, harm: Harm) -> None:
    path = material_path(two.server, two.hurt)
    two.server.stop()
    sound = Inspection(two.server.data)
    assert (sound.code, sound.shut(), set(sound.keys)) == (0, set(), {two.hurt, two.well})
    harm(path)
    before = fingerprints(two.server.data)
    inspection = Inspection(two.server.data)
    assert (inspection.code, inspection.shut()) == (1, {two.hurt})
    materials = inspection.keys[two.hurt]["materials"]
    assert [material["version"] for material in materials if not material["opens"]] == [1]
    assert materials[0]["problem"]
    assert fingerprints(two.server.data) == before


def test_the_inspection_report(two: TwoKeys) -> None:
    two.server.stop()
    report = Inspection(two.server.data).report
    assert [region["region"] for region in report["regions"]] == ["us-east-1"]
    assert report["regions"][0]["installation"] == two.server.folder().installation().hex()
    assert report["regions"][0]["problems"] == []
    for key in report["regions"][0]["keys"]:
        record = two.server.folder().record(key["keyId"])
        assert (key["namespace"], key["name"]) == (record["owner"]["namespace"], record["owner"]["name"])
        ids = [(row["version"], row["material_id"].hex()) for row in record["materials"]]
        assert [(material["version"], material["materialId"]) for material in key["materials"]] == ids


def test_the_inspection_as_text(two: TwoKeys) -> None:
    two.server.stop()
    command = [binary(), "inspect", str(two.server.data), "--root", str(two.server.data / "root.key")]
    for words in ([], ["-o", "text"]):
        done = subprocess.run([*command, *words], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert two.hurt in done.stdout and two.well in done.stdout


def test_inspection_with_another_root_opens_nothing(two: TwoKeys, tmp_path: Path) -> None:
    two.server.stop()
    other = tmp_path / "other.key"
    other.write_bytes(os.urandom(64))
    other.chmod(0o600)
    assert Inspection(two.server.data, other).code == 1


# Records


@pytest.mark.parametrize("harm", CHANGES.values(), ids=CHANGES.keys())
def test_a_harmed_record_hurts_only_its_key(two: TwoKeys, harm: Harm) -> None:
    path = record_path(two.server, two.hurt)
    right = hurt_while_stopped(two, path, harm)
    wrong = path.read_bytes()
    assert two.opens(two.well)
    # Whose the key is, stands in the record, so that a blob alone is told nothing of it.
    two.check_unusable(two.hurt, by_blob="AccessDeniedException")
    for operation in ("DisableKey", "EnableKey"):
        assert two.server.call(operation, KeyId=two.hurt).status == 400
    assert path.read_bytes() == wrong
    put_back(two, path, right)
    assert two.opens(two.hurt)


def test_a_deleted_record_is_not_made_anew(two: TwoKeys) -> None:
    """New material under the old id would let the old ciphertexts be lost without anybody noticing."""
    path, material = record_path(two.server, two.hurt), material_path(two.server, two.hurt)
    sealed = material.read_bytes()
    right = hurt_while_stopped(two, path, Path.unlink)
    assert two.opens(two.well)
    assert not two.opens(two.hurt)
    assert two.server.call("Encrypt", KeyId=two.hurt, Plaintext=b"x").status == 400
    assert (path.exists(), material.read_bytes()) == (False, sealed)
    put_back(two, path, right)
    assert two.opens(two.hurt)


@pytest.mark.parametrize("harm", CHANGES.values(), ids=CHANGES.keys())
def test_inspection_finds_a_harmed_record(two: TwoKeys, harm: Harm) -> None:
    path = record_path(two.server, two.hurt)
    two.server.stop()
    harm(path)
    inspection = Inspection(two.server.data)
    assert inspection.code == 1
    assert two.hurt in inspection.said
    assert opens_in(inspection, two.well)


def opens_in(inspection: Inspection, key: str) -> bool:
    return all(material["opens"] for material in inspection.keys[key]["materials"])


def test_swapped_records_open_nothing(two: TwoKeys) -> None:
    paths = [record_path(two.server, key) for key in (two.hurt, two.well)]
    two.server.stop()
    swap(*paths)
    two.server.start()
    assert not two.opens(two.hurt) and not two.opens(two.well)
    two.server.stop()
    swap(*paths)
    two.server.start()
    assert two.opens(two.hurt) and two.opens(two.well)


def test_a_record_of_a_newer_schema_can_be_used_but_not_changed(two: TwoKeys) -> None:
    """An older program would write the record back without the fields that it does not know."""
    two.server.stop()
    make_newer(two.server, two.hurt)
    newer = record_path(two.server, two.hurt).read_bytes()
    two.server.start()
    assert two.opens(two.hurt) and two.opens(two.well)
    two.server.encrypt(two.hurt, b"x")
    answer = two.server.call("DisableKey", KeyId=two.hurt)
    assert answer.status == 400
    assert answer.code in {INVALID_STATE, "UnsupportedOperationException"}
    assert two.server.describe(two.hurt)["KeyState"] == "Enabled"
    assert record_path(two.server, two.hurt).read_bytes() == newer
    two.server.stop()
    assert Inspection(two.server.data).shut() == set()


# The root key and the folder as a whole


def check_refusal(server: Coffer, *named: str) -> None:
    """The start fails, says what and where, and leaves every file as it was."""
    before = fingerprints(server.data, "lock")
    error = server.refuse_to_start()
    assert all(word in error for word in named), error
    assert fingerprints(server.data, "lock") == before


def test_a_lost_root_key_is_not_replaced(two: TwoKeys) -> None:
    two.server.stop()
    root = two.server.data / "root.key"
    right = root.read_bytes()
    root.unlink()
    check_refusal(two.server, "root.key")
    assert not root.exists()
    root.write_bytes(right)
    root.chmod(0o600)
    two.server.start()
    assert two.opens(two.hurt) and two.opens(two.well)


def test_a_wrong_root_key_is_refused(two: TwoKeys) -> None:
    two.server.stop()
    root = two.server.data / "root.key"
    root.write_bytes(os.urandom(64))
    check_refusal(two.server, "root.key")


@pytest.mark.parametrize("length", [0, 32, 63, 65, 128])
def test_a_root_key_of_another_length_is_refused(two: TwoKeys, length: int) -> None:
    two.server.stop()
    root = two.server.data / "root.key"
    root.write_bytes((root.read_bytes() * 2)[:length])
    check_refusal(two.server, "root.key", "64")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o666])
def test_a_root_key_that_others_may_read_is_refused(two: TwoKeys, mode: int) -> None:
    two.server.stop()
    (two.server.data / "root.key").chmod(mode)
    check_refusal(two.server, "root.key", "chmod 600")


def test_the_root_key_may_be_elsewhere(launch: Launch, prepare: Launch, tmp_path: Path) -> None:
    server = launch()
    two = TwoKeys(server)
    server.stop()
    elsewhere = tmp_path / "root.key"
    shutil.move(server.data / "root.key", elsewhere)
    server.options += ["--root", str(elsewhere)]
    server.start()
    assert two.opens(two.hurt)
    assert not (server.data / "root.key").exists()


def test_a_second_process_is_refused(server: Coffer, prepare: Launch) -> None:
    key = server.new_key()["KeyId"]
    error = prepare(name="second", data=server.data).refuse_to_start()
    assert str(server.data) in error
    assert "lock" in error
    assert server.describe(key)["KeyId"] == key


def test_a_killed_process_leaves_no_lock(server: Coffer) -> None:
    server.kill()
    server.start()
    assert server.list_keys() == []


def test_a_lost_wrapped_root_is_not_replaced(two: TwoKeys) -> None:
    """Without it no seal opens; a new one would turn every key into a stranger."""
    two.server.stop()
    shutil.rmtree(two.server.folder().state / "root")
    check_refusal(two.server, "root")


def test_a_harmed_wrapped_root_is_refused(two: TwoKeys) -> None:
    two.server.stop()
    flip(two.server.folder().state / "root" / "root-1")
    check_refusal(two.server, "root")


def test_a_lost_installation_id_is_not_replaced(two: TwoKeys) -> None:
    two.server.stop()
    path = two.server.folder().state / "installation"
    right = path.read_bytes()
    path.unlink()
    check_refusal(two.server, "installation")
    path.write_bytes(right)
    two.server.start()
    assert two.opens(two.hurt)
