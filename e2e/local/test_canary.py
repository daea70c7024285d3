"""Secrets are looked for, byte by byte, in everything that a busy server prints and stores."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import pytest

from scanner import forms, found_in, scan
from support import Coffer, Inspection, Launch
from wire import operation_headers

PLAINTEXT = b"canary: the plaintext of Encrypt \xf0\x9f\x94\x91"
REFUSED = b"canary: the plaintext of a refused call"
MALFORMED = b"canary: the plaintext in malformed JSON"
# All that the program can say is asked for, because a leak most often sits in a message for debugging.
LOUD = {"RUST_LOG": "trace", "RUST_BACKTRACE": "full", "COFFER_LOG": "trace"}


def b64(secret: bytes) -> bytes:
    return base64.b64encode(secret)


class Canaries:
    """A server that was used in every way, and the secrets that went through it."""

    def __init__(self, server: Coffer) -> None:
        self.server = server
        self.secrets = {"plaintext": PLAINTEXT, "refused": REFUSED, "malformed": MALFORMED}
        self.key = server.new_key()["KeyId"]

    def use(self) -> Canaries:
        self.use_well()
        self.use_badly()
        self.server.restart()
        self.use_well()
        self.server.kill()
        self.server.start()
        assert self.server.stop() == 0
        self.read_keys()
        return self

    def remember(self, name: str, encoded: str) -> None:
        self.secrets[name] = base64.b64decode(encoded)

    def use_well(self) -> None:
        server, context = self.server, {"tenant": "blue"}
        blob = server.encrypt(self.key, PLAINTEXT, EncryptionContext=context)
        server.good("Decrypt", CiphertextBlob=blob, EncryptionContext=context)
        moved = server.good(
            "ReEncrypt", CiphertextBlob=blob, SourceEncryptionContext=context, DestinationKeyId=self.key
        )
        server.good("Decrypt", CiphertextBlob=moved["CiphertextBlob"])
        made = server.good("GenerateDataKey", KeyId=self.key, KeySpec="AES_256")
        self.remember(f"data key {server.runs}", made["Plaintext"])
        hidden = server.good("GenerateDataKeyWithoutPlaintext", KeyId=self.key, NumberOfBytes=48)
        opened = server.good("Decrypt", CiphertextBlob=hidden["CiphertextBlob"])
        self.remember(f"hidden data key {server.runs}", opened["Plaintext"])
        self.remember(f"random {server.runs}", server.good("GenerateRandom", NumberOfBytes=32)["Plaintext"])

    def use_badly(self) -> None:
        """Error paths echo values in their messages, which must never be a plaintext."""
        server = self.server
        long = (REFUSED * 200)[:4097]
        assert server.call("Encrypt", KeyId=self.key, Plaintext=long).status == 400
        assert server.call("Encrypt", KeyId="fake", Plaintext=REFUSED).status == 400
        assert server.call("Encrypt", KeyId=self.key, Plaintext=REFUSED, EncryptionContext=5).status == 400
        assert server.call("Encrypt", KeyId=self.key, Plaintext=[b64(REFUSED).decode()]).status == 400
        assert server.call("Sign", KeyId=self.key, Message=REFUSED).status == 400
        assert server.call("DisableKey", KeyId=self.key).status == 200
        assert server.call("Encrypt", KeyId=self.key, Plaintext=REFUSED).status == 400
        assert server.call("EnableKey", KeyId=self.key).status == 200
        with server.connect() as connection:
            for body in (b'{"Plaintext": "%s', b'{"Plaintext": "%s", "Plaintext": ""}', b'["%s"]', b'{"%s!": {}}'):
                assert connection.send(body % b64(MALFORMED), operation_headers("Encrypt")).status == 400

    def read_keys(self) -> None:
        """The root key and the material are read from the state the way an attacker with all of it would."""
        folder = self.server.folder()
        root = folder.root_key()
        self.secrets |= {
            "root.key": (self.server.data / "root.key").read_bytes(),
            "root key": root.key,
            "material": folder.material(self.key, 1),
            "seal key of materials": root.seal_key("material"),
            "seal key of records": root.seal_key("state"),
        }

    def files(self) -> list[Path]:
        """Everything but the one file whose whole purpose is to hold a secret."""
        kept = [path for path in self.server.data.rglob("*") if path.is_file() and path.name != "root.key"]
        return kept + list(self.server.home.glob("std*.log"))


@pytest.fixture
def canaries(launch: Launch) -> Canaries:
    return Canaries(launch(env=LOUD)).use()


def test_no_secret_is_found_anywhere(canaries: Canaries) -> None:
    names = {path.name for path in canaries.files()}
    assert {"audit.jsonl", "stdout-1.log", "stderr-1.log", "stderr-3.log", "installation", "root-1"} <= names
    assert len(canaries.secrets) == 14
    assert scan(canaries.files(), canaries.secrets) == set()


def test_inspection_tells_no_secret(canaries: Canaries) -> None:
    inspection = Inspection(canaries.server.data)
    assert inspection.code == 0
    assert found_in(inspection.said.encode(), canaries.secrets) == set()


def test_a_planted_leak_is_found(canaries: Canaries, tmp_path: Path) -> None:
    """A scanner that finds nothing proves nothing until it has found something."""
    copy = tmp_path / "leaky.log"
    shutil.copy(canaries.server.log("stderr"), copy)
    assert scan([copy], canaries.secrets) == set()
    with open(copy, "ab") as log:
        log.write(b"DEBUG request body: " + b64(PLAINTEXT) + b"\n")
    assert scan([copy], canaries.secrets) == {("leaky.log", "plaintext", "base64+0")}


def test_every_form_of_every_secret_is_found(canaries: Canaries) -> None:
    """Two forms may be one and the same, as lower-case and upper-case hex of digits are."""
    for name, secret in canaries.secrets.items():
        for form, needle in forms(secret):
            assert (name, form) in found_in(b"before " + needle + b" after", canaries.secrets)
        for before in range(6):
            encoded = b64(bytes(range(before)) + secret + b"tail")
            hits = {form for found, form in found_in(encoded, canaries.secrets) if found == name}
            assert f"base64+{before % 3}" in hits
