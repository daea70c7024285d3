"""Unmodified AWS clients in a container: no credentials but those that the sidecar gives."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from clients import beside_python, refusal, run
from conftest import Launch
from pod import REGION, Pod
from support import Coffer
from tls_server import TlsServer


@pytest.mark.parametrize("options", [(), ("--require-signature",)], ids=["signature free", "signature required"])
def test_boto3_makes_a_key_and_uses_it(
    launch: Launch, engine: Coffer, server: TlsServer, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    pod = launch(*options)
    session = pod.session(monkeypatch)
    credentials = session.get_credentials()
    assert credentials.method == "container-role"
    assert credentials.get_frozen_credentials().access_key.startswith("COFFER")
    client = session.client("kms")
    key = client.create_key(Description="from a container")["KeyMetadata"]
    context = {"purpose": "test"}
    blob = client.encrypt(KeyId=key["KeyId"], Plaintext=b"secret", EncryptionContext=context)["CiphertextBlob"]
    assert client.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"secret"
    wrong = refusal(client.decrypt, CiphertextBlob=blob, EncryptionContext={"purpose": "another"})
    assert (wrong.code, wrong.status) == ("InvalidCiphertextException", 400)
    # It is the engine that answered, and the signature did not leave the pod.
    assert engine.describe(key["KeyId"])["Description"] == "from a container"
    assert {request.get("x-amz-security-token") for request in server.requests} == {None}
    assert all("Credential=" not in str(request) for request in server.requests)
    invocations = [request["amz-sdk-invocation-id"] for request in server.requests]
    assert len(set(invocations)) == len(invocations) == 4
    assert all(request["user-agent"].startswith("Boto3/") for request in server.requests)
    answered = client.describe_key(KeyId=key["KeyId"])["ResponseMetadata"]["HTTPHeaders"]
    assert engine.audit()[-1]["requestID"] == answered["x-amzn-requestid"]


def test_the_aws_cli(pod: Pod, tmp_path: Path) -> None:
    def aws(*words: str) -> dict[str, str]:
        done = run([beside_python("aws"), "kms", *words, "--output", "json"], pod.container())
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    key = aws("create-key")["KeyMetadata"]["KeyId"]
    (tmp_path / "plain").write_bytes(b"from the command line")
    encrypted = aws("encrypt", "--key-id", key, "--plaintext", f"fileb://{tmp_path / 'plain'}")
    (tmp_path / "blob").write_bytes(base64.b64decode(encrypted["CiphertextBlob"]))
    decrypted = aws("decrypt", "--ciphertext-blob", f"fileb://{tmp_path / 'blob'}")
    assert base64.b64decode(decrypted["Plaintext"]) == b"from the command line"


def test_own_credentials_are_accepted_unless_a_signature_is_required(
    launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "any"}
    free = launch(name="free")
    client = free.session(monkeypatch).client("kms", **own)
    assert len(client.generate_random(NumberOfBytes=8)["Plaintext"]) == 8
    strict = launch("--require-signature", name="strict")
    client = strict.session(monkeypatch).client("kms", **own)
    assert refusal(client.generate_random, NumberOfBytes=8).code == "UnrecognizedClientException"


def test_a_signature_of_ours_is_verified_even_where_none_is_required(
    pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = pod.session(monkeypatch).get_credentials().get_frozen_credentials()
    pair = {"aws_access_key_id": given.access_key, "aws_session_token": given.token}

    def code(secret: str, token: str) -> str:
        members = {**pair, "aws_secret_access_key": secret, "aws_session_token": token}
        client = pod.session(monkeypatch).client("kms", **members)
        return refusal(client.generate_random, NumberOfBytes=8).code

    assert code("another", given.token) == "InvalidSignatureException"
    assert code(given.secret_key, "another") == "UnrecognizedClientException"
    session = pod.session(monkeypatch)
    client = session.client("kms", region_name="ap-south-2", aws_secret_access_key=given.secret_key, **pair)
    assert client.generate_random(NumberOfBytes=8)["Plaintext"]


def test_credentials_outlive_a_restart_of_the_sidecar(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    pod = launch("--require-signature")
    given = pod.session(monkeypatch).get_credentials().get_frozen_credentials()
    assert pod.stop() == 0
    pod.start()
    client = pod.session(monkeypatch).client(
        "kms", aws_access_key_id=given.access_key, aws_secret_access_key=given.secret_key,
        aws_session_token=given.token,
    )
    assert client.generate_random(NumberOfBytes=8)["Plaintext"]


def test_credentials_need_the_authorization_token(pod: Pod) -> None:
    token = pod.path("authorization").read_text()
    with pod.connect() as connection:
        for headers, status in (({}, 401), ({"authorization": "another"}, 403), ({"authorization": token}, 200)):
            answer = connection.send(b"", headers, "GET", "/v1/credentials")
            assert (answer.status, b"SecretAccessKey" in answer.body) == (status, status == 200)
        page = connection.send(b"", {"authorization": token, "origin": "http://localhost"}, "GET", "/v1/credentials")
    assert page.status == 403
    assert oct(pod.path("authorization").stat().st_mode & 0o777) == "0o444"


def test_nothing_secret_is_logged(pod: Pod, server: TlsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    given = pod.session(monkeypatch).get_credentials().get_frozen_credentials()
    client = pod.kms(monkeypatch)
    assert client.meta.region_name == REGION
    client.generate_random(NumberOfBytes=8)
    server.stop()
    assert refusal(client.generate_random, NumberOfBytes=8).status == 503
    assert pod.stop() == 0
    secrets = ["first-token", given.secret_key, given.token, pod.path("authorization").read_text()]
    assert not [secret for secret in secrets if secret in pod.said()]
