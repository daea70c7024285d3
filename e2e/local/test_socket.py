"""curl on the Unix socket: the same operations, without a port that a browser could reach."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import pytest

from clients import curl, curl_operation
from support import Coffer, Launch

FILES = {"text": "žluťoučký kůň\n".encode(), "binary": bytes(range(256))}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES.keys())
def test_round_trip(server: Coffer, content: bytes) -> None:
    key = curl_operation(server, "CreateKey", {})["KeyMetadata"]["Arn"]
    request = {"KeyId": key, "Plaintext": base64.b64encode(content).decode(), "EncryptionContext": {"a": "b"}}
    blob = curl_operation(server, "Encrypt", request)["CiphertextBlob"]
    opened = curl_operation(server, "Decrypt", {"CiphertextBlob": blob, "EncryptionContext": {"a": "b"}})
    assert base64.b64decode(opened["Plaintext"]) == content
    refused = curl_operation(server, "Decrypt", {"CiphertextBlob": blob})
    assert refused == {"__type": "InvalidCiphertextException"}


@pytest.mark.parametrize("host", ["localhost", "kms.us-east-1.amazonaws.com", "anything.example:1234"])
def test_any_host_is_accepted_on_the_socket(server: Coffer, host: str) -> None:
    assert curl_operation(server, "ListKeys", {}, host=host)["Keys"] == []


def test_an_origin_is_refused_on_the_socket_too(server: Coffer) -> None:
    answer = curl(
        server, "--unix-socket", server.socket, "-H", "Origin: http://localhost", "-d", "{}",
        "-o", "/dev/null", "-w", "%{http_code}", "http://localhost/",
    )
    assert answer.stdout == "403"


def test_both_doors_lead_to_the_same_keys(server: Coffer) -> None:
    key = server.new_key()["KeyId"]
    assert curl_operation(server, "DescribeKey", {"KeyId": key})["KeyMetadata"]["KeyId"] == key


def test_only_the_owner_may_use_the_socket(server: Coffer) -> None:
    mode = os.lstat(server.socket)
    assert stat.S_ISSOCK(mode.st_mode)
    assert stat.S_IMODE(mode.st_mode) == 0o600
    assert server.socket == str(server.data / "coffer.sock")


def test_the_socket_may_be_elsewhere(launch: Launch, tmp_path: Path) -> None:
    path = tmp_path / "other.sock"
    server = launch("--socket", str(path))
    assert server.socket == str(path)
    assert stat.S_IMODE(os.lstat(path).st_mode) == 0o600
    assert curl_operation(server, "ListKeys", {})["Keys"] == []
    assert not (server.data / "coffer.sock").exists()


def test_a_socket_left_by_a_killed_process_is_no_obstacle(launch: Launch) -> None:
    server = launch()
    server.kill()
    server.start()
    assert curl_operation(server, "ListKeys", {})["Keys"] == []
