"""One line for every request, in CloudTrail's words, on the disk before the client has its answer."""

from __future__ import annotations

import datetime
import json
import re
from typing import Any

import pytest

from clients import curl_operation
from support import Coffer, Json, Launch, arn
from wire import Answer, operation_headers

ROOT = "arn:aws:iam::000000000000:root"


def lines_of(server: Coffer, answer: Answer) -> list[Json]:
    return [line for line in server.audit() if line["requestID"] == answer.request_id]


def only_line(server: Coffer, answer: Answer) -> Json:
    lines = lines_of(server, answer)
    assert len(lines) == 1, lines
    return lines[0]


def test_a_line_of_a_use(server: Coffer) -> None:
    key = server.new_key()
    answer = server.call("Encrypt", KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"tenant": "blue"})
    line = only_line(server, answer)
    assert (line["eventName"], line["readOnly"]) == ("Encrypt", True)
    assert line["userIdentity"]["arn"] == ROOT
    assert line["requestParameters"]["keyId"] == key["KeyId"]
    # These values are meant to be read in the trail, as they are in CloudTrail.
    assert line["requestParameters"]["encryptionContext"] == {"tenant": "blue"}
    assert [resource["ARN"] for resource in line["resources"]] == [key["Arn"]]
    assert "errorCode" not in line
    moment = datetime.datetime.fromisoformat(line["eventTime"])
    assert abs((datetime.datetime.now(datetime.UTC) - moment).total_seconds()) < 60


def test_both_keys_of_a_re_encryption(server: Coffer) -> None:
    first, second = server.new_key(), server.new_key()
    blob = server.encrypt(first["KeyId"], b"x", EncryptionContext={"a": "b"})
    answer = server.call(
        "ReEncrypt", CiphertextBlob=blob, SourceEncryptionContext={"a": "b"}, DestinationKeyId=second["Arn"]
    )
    assert answer.status == 200
    line = only_line(server, answer)
    assert {resource["ARN"] for resource in line["resources"]} == {first["Arn"], second["Arn"]}


REFUSALS: list[tuple[str, dict[str, Any], str]] = [
    ("Decrypt", {"CiphertextBlob": b"garbage"}, "InvalidCiphertextException"),
    ("DescribeKey", {"KeyId": "fake"}, "NotFoundException"),
    ("Encrypt", {"KeyId": arn("01234567-89ab-4def-8123-456789abcdef"), "Plaintext": b"x"}, "NotFoundException"),
    ("Encrypt", {"KeyId": "fake", "Plaintext": bytes(4097)}, "ValidationException"),
    ("GenerateRandom", {}, "ValidationException"),
    ("PutKeyPolicy", {"KeyId": "fake", "Policy": "{}"}, "UnsupportedOperationException"),
]


@pytest.mark.parametrize(("operation", "members", "code"), REFUSALS, ids=[f"{each[0]}-{each[2]}" for each in REFUSALS])
def test_a_refusal_is_recorded_too(server: Coffer, operation: str, members: dict[str, Any], code: str) -> None:
    answer = server.call(operation, **members)
    assert answer.code == code
    line = lines_of(server, answer)[-1]
    assert (line["eventName"], line["userIdentity"]["arn"]) == (operation, ROOT)
    # CloudTrail leaves the word Exception out of the names of some errors.
    assert line["errorCode"].removesuffix("Exception") == code.removesuffix("Exception")


def test_a_disabled_key_is_recorded_with_its_arn(server: Coffer) -> None:
    key = server.new_key()
    server.call("DisableKey", KeyId=key["KeyId"])
    line = only_line(server, server.call("Encrypt", KeyId=key["KeyId"], Plaintext=b"x"))
    assert line["errorCode"].startswith("Disabled")
    assert [resource["ARN"] for resource in line["resources"]] == [key["Arn"]]


CHANGES = ["CreateKey", "DisableKey", "EnableKey"]


@pytest.mark.parametrize("operation", CHANGES)
def test_a_change_is_announced_before_it_is_made(server: Coffer, operation: str) -> None:
    """Whoever crashes in the middle of a change leaves at least the word of what was meant."""
    members = {} if operation == "CreateKey" else {"KeyId": server.new_key()["KeyId"]}
    answer = server.call(operation, **members)
    assert answer.status == 200
    lines = lines_of(server, answer)
    assert [line["phase"] for line in lines] == ["Intent", "Outcome"]
    assert {(line["eventName"], line["readOnly"], line["userIdentity"]["arn"]) for line in lines} == {
        (operation, False, ROOT)
    }
    assert all("errorCode" not in line for line in lines)


def test_every_answer_is_in_the_trail_before_it_is_given(server: Coffer) -> None:
    """The trail is read right after each answer, with no time for a writer in the background."""
    key = server.new_key()["KeyId"]
    for _ in range(20):
        answer = server.call("GenerateDataKey", KeyId=key, KeySpec="AES_256")
        assert only_line(server, answer)["eventName"] == "GenerateDataKey"


def test_the_trail_survives_a_kill_and_goes_on(server: Coffer) -> None:
    answers = [server.call("GenerateRandom", NumberOfBytes=8) for _ in range(5)]
    server.kill()
    server.start()
    answers.append(server.call("ListKeys"))
    assert [line["requestID"] for line in server.audit()] == [answer.request_id for answer in answers]


def test_a_line_cut_by_a_crash_is_closed(server: Coffer) -> None:
    """A loss of power can leave half a line, and the next one must not be glued to it."""
    server.stop()
    with open(server.data / "audit.jsonl", "ab") as trail:
        trail.write(b'{"eventName": "Decr')
    server.start()
    answer = server.call("ListKeys")
    lines = (server.data / "audit.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["requestID"] == answer.request_id


def test_requests_through_the_socket_are_recorded(server: Coffer) -> None:
    curl_operation(server, "ListKeys", {})
    assert server.audit()[-1]["eventName"] == "ListKeys"


def test_what_no_client_of_aws_sends_does_not_fill_the_trail(server: Coffer) -> None:
    """A web page could otherwise fill the disk without a single request that is let in."""
    for _ in range(50):
        with server.connect() as connection:
            answer = connection.send(b"{}", operation_headers("ListKeys") | {"Origin": "https://evil.example"})
            assert answer.status == 403
    assert len(server.audit()) < 10


def test_control_characters_stay_inside_a_line(server: Coffer) -> None:
    """Nobody may write lines of their own into the trail by way of a value."""
    key = server.new_key()["KeyId"]
    context = {"a\n{\"eventName\": \"Forged\"}\n": "\u2028\u0085\r\n\0\x1b[2J"}
    answer = server.call("Encrypt", KeyId=key, Plaintext=b"x", EncryptionContext=context)
    assert only_line(server, answer)["requestParameters"]["encryptionContext"] == context
    raw = (server.data / "audit.jsonl").read_bytes()
    assert not re.search(rb"[\x00-\x09\x0b-\x1f]", raw)
    assert all(json.loads(line)["eventName"] != "Forged" for line in raw.split(b"\n") if line)


def test_the_trail_on_the_standard_output(launch: Launch) -> None:
    server = launch("--audit", "stdout")
    answer = server.call("GenerateRandom", NumberOfBytes=8)
    lines = [json.loads(line) for line in server.stdout().splitlines() if line.startswith("{")]
    assert [(line["eventName"], line["requestID"]) for line in lines] == [("GenerateRandom", answer.request_id)]
    assert not (server.data / "audit.jsonl").exists()
