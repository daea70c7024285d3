"""What was acknowledged is there after a restart, after a kill and after a full disk."""

from __future__ import annotations

import base64
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import pytest

from support import Coffer, Inspection, Launch, until
from wire import Answer, send_operation

CREATIONS = 500
WORKERS = 16


def test_blobs_open_after_a_restart(server: Coffer) -> None:
    key = server.new_key(Description="kept")
    blob = server.encrypt(key["KeyId"], b"before", EncryptionContext={"a": "b"})
    server.restart()
    assert server.describe(key["KeyId"]) == key
    opened = server.good("Decrypt", CiphertextBlob=blob, EncryptionContext={"a": "b"})
    assert (base64.b64decode(opened["Plaintext"]), opened["KeyId"]) == (b"before", key["Arn"])


def test_switches_survive_a_kill(server: Coffer) -> None:
    off, on = server.new_key()["KeyId"], server.new_key()["KeyId"]
    assert server.call("DisableKey", KeyId=off).status == 200
    assert server.call("DisableKey", KeyId=on).status == 200
    assert server.call("EnableKey", KeyId=on).status == 200
    server.kill()
    server.start()
    assert (server.describe(off)["KeyState"], server.describe(on)["KeyState"]) == ("Disabled", "Enabled")


def test_the_order_of_keys_survives(server: Coffer) -> None:
    made = [server.new_key()["KeyId"] for _ in range(10)]
    server.restart()
    made.append(server.new_key()["KeyId"])
    assert server.list_keys() == made


class Creators:
    """Clients that create keys and use them at once until the server goes away."""

    def __init__(self, server: Coffer) -> None:
        self.server = server
        self.acknowledged: list[str] = []
        self.blobs: dict[str, str] = {}
        self.half_way = threading.Event()

    def work(self, count: int) -> None:
        with suppress(OSError, HTTPException), self.server.connect() as connection:
            for _ in range(count):
                made = send_operation(connection, "CreateKey", {})
                assert made.status == 200, made
                key = made.json["KeyMetadata"]["KeyId"]
                self.acknowledged.append(key)
                sealed = send_operation(connection, "Encrypt", {"KeyId": key, "Plaintext": key.encode()})
                self.blobs[key] = sealed.json["CiphertextBlob"]
                if len(self.blobs) >= CREATIONS // 3:
                    self.half_way.set()

    def run_until_killed(self) -> None:
        shares = [CREATIONS // WORKERS + (index < CREATIONS % WORKERS) for index in range(WORKERS)]
        with ThreadPoolExecutor(WORKERS) as pool:
            running = [pool.submit(self.work, share) for share in shares]
            assert self.half_way.wait(60), "the creations are too slow, or they failed"
            self.server.kill()
            for each in running:
                each.result()


def stored(server: Coffer, kind: str) -> set[str]:
    """The names of the files of a kind, with those that a write may have left half done."""
    return {path.name for path in (server.folder().state / kind).rglob("*") if path.is_file()}


def is_settled(server: Coffer) -> bool:
    """Whether each file belongs to a whole key and each key has all its files."""
    keys = server.list_keys()
    if {server.describe(key)["KeyState"] for key in keys} != {"Enabled"}:
        return False
    records = [server.folder().record(key) for key in keys]
    return (
        stored(server, "key") == {f"key-{key}" for key in keys}
        and stored(server, "material") == {row["object_name"] for record in records for row in record["materials"]}
        and len(stored(server, "owner")) == len(stored(server, "resources")) == len(keys)
    )


def test_a_kill_in_the_middle_of_500_creations(server: Coffer) -> None:
    creators = Creators(server)
    creators.run_until_killed()
    assert CREATIONS // 3 <= len(creators.acknowledged) < CREATIONS
    server.start()
    with server.connect() as connection:
        for key, blob in creators.blobs.items():
            opened = send_operation(connection, "Decrypt", {"CiphertextBlob": blob})
            assert base64.b64decode(opened.json["Plaintext"]) == key.encode()
    assert set(creators.acknowledged) <= set(server.list_keys())
    # A creation that was under way may be finished now or be given up, but it must not stay half done.
    until(lambda: is_settled(server), "the end of the creations that were under way")
    listed = set(server.list_keys())
    for key in listed - set(creators.blobs):
        server.encrypt(key, b"usable")
    assert server.stop() == 0
    inspection = Inspection(server.data)
    assert inspection.code == 0, inspection.said
    assert set(inspection.keys) == listed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_gracefully(server: Coffer, number: int) -> None:
    """Clients keep idle connections open, and these must not hold up the end."""
    key = server.new_key()["KeyId"]
    with server.connect() as connection:
        send_operation(connection, "DescribeKey", {"KeyId": key})
        assert server.stop(number) == 0
    server.start()
    assert server.list_keys() == [key]


def test_requests_under_way_are_finished_or_never_acknowledged(server: Coffer) -> None:
    acknowledged: list[str] = []

    def work() -> None:
        with suppress(OSError, HTTPException), server.connect() as connection:
            while (made := send_operation(connection, "CreateKey", {})).status == 200:
                acknowledged.append(made.json["KeyMetadata"]["KeyId"])

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(work) for _ in range(4)]
        until(lambda: len(acknowledged) > 20, "some creations")
        assert server.stop() == 0
        for each in running:
            each.result()
    server.start()
    assert set(acknowledged) <= set(server.list_keys())


# A disk that is full or read-only. These tests mount file systems, so they need root.


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 2 MiB, which a test can fill without harm to anybody else."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "coffer-test", disk], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill_up(disk: Path) -> Path:
    """Leaves no free block; the last blocks of files that exist may still take a few bytes."""
    filler = disk / "filler"
    with open(filler, "ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


def audited(server: Coffer, answer: Answer) -> bool:
    return any(line.get("requestID") == answer.request_id for line in server.audit())


def until_nothing_fits(server: Coffer, blob: str) -> None:
    """Asks until the audit trail has no room left. Until then each answer must be in it."""
    answer = server.call("Decrypt", CiphertextBlob=blob)
    for _ in range(200):
        if answer.status >= 500:
            assert answer.code == "KMSInternalException"
            return
        assert answer.status == 200
        assert audited(server, answer)
        answer = server.call("Decrypt", CiphertextBlob=blob)
    raise AssertionError("the disk is full and it still answers")


def test_a_full_disk(launch: Launch, small_disk: Path) -> None:
    server = launch(data=small_disk / "data")
    key = server.new_key()["KeyId"]
    blob = server.encrypt(key, b"before")
    filler = fill_up(small_disk)
    refused = server.call("CreateKey")
    assert (refused.status // 100, refused.code) == (5, "KMSInternalException")
    until_nothing_fits(server, blob)
    assert "No space left on device" in server.stderr()
    filler.unlink()
    after = server.new_key()["KeyId"]
    assert base64.b64decode(server.good("Decrypt", CiphertextBlob=blob)["Plaintext"]) == b"before"
    assert server.list_keys() == [key, after]
    server.restart()
    assert server.list_keys() == [key, after]
    assert base64.b64decode(server.good("Decrypt", CiphertextBlob=blob)["Plaintext"]) == b"before"
    assert server.stop() == 0
    inspection = Inspection(server.data)
    assert inspection.code == 0, inspection.said


def test_the_audit_trail_stays_readable_after_a_full_disk(launch: Launch, small_disk: Path) -> None:
    """A line that was cut off by the full disk must not run into the next one."""
    server = launch(data=small_disk / "data")
    blob = server.encrypt(server.new_key()["KeyId"], b"before")
    filler = fill_up(small_disk)
    until_nothing_fits(server, blob)
    filler.unlink()
    answers = [server.call("Decrypt", CiphertextBlob=blob) for _ in range(3)]
    assert all(answer.status == 200 and audited(server, answer) for answer in answers)


def test_a_read_only_folder(prepare: Launch, tmp_path: Path) -> None:
    server = prepare().start()
    assert server.stop() == 0
    subprocess.run(["mount", "--bind", server.data, server.data], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", server.data], check=True)
        error = server.refuse_to_start()
    finally:
        subprocess.run(["umount", "--lazy", server.data], check=True)
    assert str(server.data) in error
    assert "Read-only file system" in error or "read-only" in error.lower()
