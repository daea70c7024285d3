"""With a credentials file the signature counts: who you are, what you sent, and when."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import botocore.auth
import pytest

from clients import curl, kms, refusal, session
from signing import ALICE, CAROL, MALLORY, User, credentials_file, send_signed, signed
from support import Coffer, Launch, arn
from wire import JSON_TYPE, operation_headers, scope_header

WRONG_SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
    "Key and signing method. Consult the service documentation for details."
)


@pytest.fixture
def server(launch: Launch, tmp_path: Path) -> Coffer:
    path = credentials_file(tmp_path / "credentials.yaml", ALICE, CAROL, MALLORY)
    return launch("--credentials", str(path), "--account", ALICE.account)


def client_of(server: Coffer, user: User, region: str = "us-east-1") -> Any:
    return kms(server, region, user.access_key, user.secret)


def test_a_token_of_a_session_that_nobody_opened(server: Coffer) -> None:
    client = session().client(
        "kms", region_name="us-east-1", endpoint_url=server.url,
        aws_access_key_id=ALICE.access_key, aws_secret_access_key=ALICE.secret, aws_session_token="x",
    )
    told = refusal(client.list_keys)
    expected = ("UnrecognizedClientException", "The security token included in the request is invalid.")
    assert (told.code, told.message) == expected


def test_a_signed_round_trip(server: Coffer) -> None:
    client = client_of(server, ALICE)
    key = client.create_key()["KeyMetadata"]
    assert key["AWSAccountId"] == ALICE.account
    blob = client.encrypt(KeyId=key["KeyId"], Plaintext=b"signed")["CiphertextBlob"]
    assert client_of(server, CAROL).decrypt(CiphertextBlob=blob)["Plaintext"] == b"signed"
    assert {line["userIdentity"]["arn"] for line in server.audit()} == {ALICE.arn, CAROL.arn}


AS_YAML = f"""\
# Kept by hand, with comments.
credentials:
  - accessKeyId: {ALICE.access_key}
    secretAccessKey: "{ALICE.secret}"
    account: "{ALICE.account}"
    user: {ALICE.name}
"""


def test_the_file_is_yaml(launch: Launch, tmp_path: Path) -> None:
    path = tmp_path / "by-hand.yaml"
    path.write_text(AS_YAML)
    path.chmod(0o600)
    server = launch("--credentials", str(path))
    assert send_signed(server, ALICE, "GenerateRandom", {"NumberOfBytes": 8}).status == 200
    assert server.audit()[-1]["userIdentity"]["arn"] == ALICE.arn


def test_curl_signs_in_its_own_way(server: Coffer) -> None:
    """A second signer, which covers fewer headers than botocore does."""
    headers = ["-H", f"Content-Type: {JSON_TYPE}", "-H", "X-Amz-Target: TrentService.CreateKey"]
    user = ["--aws-sigv4", "aws:amz:us-east-1:kms", "--user", f"{ALICE.access_key}:{ALICE.secret}"]
    done = curl(server, *headers, *user, "-d", "{}", f"{server.url}/")
    assert json.loads(done.stdout)["KeyMetadata"]["AWSAccountId"] == ALICE.account
    through = ["--unix-socket", server.socket]
    done = curl(server, *through, *headers, *user, "-d", "{}", "http://localhost/")
    assert json.loads(done.stdout)["KeyMetadata"]["AWSAccountId"] == ALICE.account


def test_an_unsigned_request(server: Coffer) -> None:
    expected = (400, "MissingAuthenticationTokenException", "Missing Authentication Token")
    assert server.call("CreateKey").refused() == expected
    with server.connect_socket() as connection:
        answer = connection.send(b"{}", operation_headers("CreateKey") | {"Host": "localhost"})
    assert answer.refused() == expected


def test_an_unknown_access_key(server: Coffer) -> None:
    nobody = ALICE._replace(access_key="AKIANOBODYNOBODY1234")
    expected = ("UnrecognizedClientException", "The security token included in the request is invalid.", 400)
    assert refusal(client_of(server, nobody).create_key) == expected


def test_a_wrong_secret(server: Coffer) -> None:
    impostor = ALICE._replace(secret=CAROL.secret)
    assert refusal(client_of(server, impostor).create_key) == ("InvalidSignatureException", WRONG_SIGNATURE, 400)


def test_a_made_up_signature(server: Coffer) -> None:
    answer = server.call("CreateKey", "us-east-1")
    assert (answer.status, answer.code) == (400, "UnrecognizedClientException")
    headers = operation_headers("CreateKey", "us-east-1")
    headers["Authorization"] = scope_header("us-east-1").replace("AKIAIOSFODNN7EXAMPLE", ALICE.access_key)
    with server.connect() as connection:
        answer = connection.send(b"{}", headers)
    assert (answer.status, answer.code) == (400, "InvalidSignatureException")


BROKEN_HEADERS = [
    "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential", "AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature=",
    "Basic YWxpY2U6c2VjcmV0", "Bearer token", "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=00",
    "", "x" * 4000,
]


@pytest.mark.parametrize("header", BROKEN_HEADERS, ids=range(len(BROKEN_HEADERS)))
def test_a_broken_header(server: Coffer, header: str) -> None:
    with server.connect() as connection:
        answer = connection.send(b"{}", operation_headers("CreateKey") | {"Authorization": header})
    assert answer.status == 400
    assert answer.code in {
        "IncompleteSignatureException", "MissingAuthenticationTokenException", "InvalidSignatureException",
        "UnrecognizedClientException",
    }


def changed(server: Coffer, body: bytes, **headers: str) -> Any:
    """What a signed `CreateKey` is answered once somebody on the way has changed it."""
    good = signed(server, ALICE, "CreateKey", b"{}")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with server.connect() as connection:
        return connection.send(body, good | named)


def test_what_was_signed_cannot_be_changed(server: Coffer) -> None:
    assert changed(server, b"{}").status == 200
    refused = (400, "InvalidSignatureException", WRONG_SIGNATURE)
    assert changed(server, b'{"Description": "changed"}').refused() == refused
    assert changed(server, b"{}", X_Amz_Target="TrentService.ListKeys").refused() == refused
    assert len(client_of(server, ALICE).list_keys()["Keys"]) == 1


@pytest.mark.parametrize(("minutes", "text"), [(-6, "Signature expired: "), (6, "Signature not yet current: ")])
def test_a_clock_that_is_wrong(server: Coffer, monkeypatch: pytest.MonkeyPatch, minutes: int, text: str) -> None:
    """Old requests would otherwise be good for ever to whoever wrote them down."""
    skewed = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(minutes=minutes)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda **_: skewed)
    answer = send_signed(server, ALICE, "CreateKey", {})
    assert (answer.status, answer.code) == (400, "InvalidSignatureException")
    assert (answer.message or "").startswith(f"{text}{skewed:%Y%m%dT%H%M%SZ} is ")


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_clock_that_is_nearly_right(server: Coffer, monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    skewed = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(minutes=minutes)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda **_: skewed)
    assert send_signed(server, ALICE, "CreateKey", {}).status == 200


def test_a_signature_for_another_service(server: Coffer) -> None:
    """A signature that was made for another service must not open a key here."""
    answer = send_signed(server, ALICE, "CreateKey", {}, service="s3")
    assert (answer.status, answer.code) == (400, "InvalidSignatureException")


def test_the_signed_region_counts(server: Coffer) -> None:
    key = client_of(server, ALICE, "eu-west-1").create_key()["KeyMetadata"]
    assert key["Arn"] == arn(key["KeyId"], "eu-west-1", ALICE.account)


def test_another_account_has_no_part_in_a_key(server: Coffer) -> None:
    alice, mallory = client_of(server, ALICE), client_of(server, MALLORY)
    key = alice.create_key()["KeyMetadata"]
    blob = alice.encrypt(KeyId=key["Arn"], Plaintext=b"not for Mallory")["CiphertextBlob"]
    told = [
        refusal(mallory.describe_key, KeyId=key["Arn"]),
        refusal(mallory.encrypt, KeyId=key["Arn"], Plaintext=b"x"),
        refusal(mallory.generate_data_key, KeyId=key["Arn"], KeySpec="AES_256"),
        refusal(mallory.disable_key, KeyId=key["Arn"]),
        refusal(mallory.decrypt, CiphertextBlob=blob),
        refusal(mallory.decrypt, CiphertextBlob=blob, KeyId=key["Arn"]),
    ]
    assert {(each.code, each.status) for each in told} == {("AccessDeniedException", 400)}
    assert all(each.message.startswith(f"User: {MALLORY.arn} is not authorized") for each in told)
    assert mallory.list_keys()["Keys"] == []
    assert alice.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Enabled"


def test_a_key_belongs_to_the_account_of_its_maker(launch: Launch, tmp_path: Path) -> None:
    path = credentials_file(tmp_path / "users.yaml", ALICE, MALLORY)
    server = launch("--credentials", str(path))
    for user in (ALICE, MALLORY):
        client = client_of(server, user)
        key = client.create_key()["KeyMetadata"]
        assert key["Arn"] == arn(key["KeyId"], account=user.account)
        assert [entry["KeyArn"] for entry in client.list_keys()["Keys"]] == [key["Arn"]]
        assert client.describe_key(KeyId=key["KeyId"])["KeyMetadata"] == key


def test_a_bare_key_id_does_not_reach_another_account(server: Coffer) -> None:
    """A key id without an ARN means a key of the caller's own account."""
    key = client_of(server, ALICE).create_key()["KeyMetadata"]["KeyId"]
    told = refusal(client_of(server, MALLORY).encrypt, KeyId=key, Plaintext=b"x")
    assert told.status == 400
    assert told.code in {"NotFoundException", "AccessDeniedException"}


def test_the_refused_are_in_the_audit_under_their_name(server: Coffer) -> None:
    key = client_of(server, ALICE).create_key()["KeyMetadata"]["Arn"]
    refusal(client_of(server, MALLORY).encrypt, KeyId=key, Plaintext=b"x")
    line = server.audit()[-1]
    assert (line["eventName"], line["userIdentity"]["arn"]) == ("Encrypt", MALLORY.arn)
    assert line["errorCode"].startswith("AccessDenied")


def test_secrets_are_not_told(server: Coffer) -> None:
    refusal(client_of(server, ALICE._replace(secret="wrong/secret+0123456789")).create_key)
    client_of(server, ALICE).create_key()
    told = server.stdout() + server.stderr() + (server.data / "audit.jsonl").read_text()
    assert ALICE.secret not in told
    assert "wrong/secret" not in told


BROKEN_FILES = {
    "broken": "credentials: [", "no list": "credentials: alice\n", "other top": "users: []\n", "empty": "",
    "no secret": json.dumps({"credentials": [{"accessKeyId": "AKIA", "account": "111122223333", "user": "a"}]}),
    "short account": json.dumps({"credentials": [ALICE._replace(account="12").entry()]}),
    "unknown field": json.dumps({"credentials": [ALICE.entry() | {"role": "admin"}]}),
    "key twice": json.dumps({"credentials": [ALICE.entry(), CAROL._replace(access_key=ALICE.access_key).entry()]}),
}


@pytest.mark.parametrize("text", BROKEN_FILES.values(), ids=BROKEN_FILES.keys())
def test_a_broken_file_is_refused(prepare: Launch, tmp_path: Path, text: str) -> None:
    """A server that started without the credentials it was given would let everybody in."""
    path = tmp_path / "credentials.yaml"
    path.write_text(text)
    path.chmod(0o600)
    error = prepare("--credentials", str(path)).refuse_to_start()
    assert str(path) in error
    assert ALICE.secret not in error


def test_a_missing_file_is_refused(prepare: Launch, tmp_path: Path) -> None:
    path = tmp_path / "nowhere.yaml"
    assert str(path) in prepare("--credentials", str(path)).refuse_to_start()
