"""The AWS CLI as people use it: files in, files out, and error texts as AWS writes them."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from clients import Cli, run
from support import Coffer

FILES = {"text": "Zażółć gęślą jaźń\r\n".encode(), "binary": bytes(range(256)) + b"\xff\xfe\0\n"}


def blob_file(folder: Path, blob: str) -> str:
    path = folder / "blob.bin"
    path.write_bytes(base64.b64decode(blob))
    return f"fileb://{path}"


@pytest.mark.parametrize("content", FILES.values(), ids=FILES.keys())
def test_files_come_back(server: Coffer, tmp_path: Path, content: bytes) -> None:
    cli = Cli(server)
    (tmp_path / "plain").write_bytes(content)
    key = cli.good("create-key")["KeyMetadata"]["KeyId"]
    plain = f"fileb://{tmp_path / 'plain'}"
    encrypted = cli.good("encrypt", "--key-id", key, "--plaintext", plain, "--encryption-context", "a=bc,d=e")
    blob = blob_file(tmp_path, encrypted["CiphertextBlob"])
    decrypted = cli.good("decrypt", "--ciphertext-blob", blob, "--encryption-context", "d=e,a=bc")
    assert base64.b64decode(decrypted["Plaintext"]) == content


def test_a_wrong_context_is_refused(server: Coffer, tmp_path: Path) -> None:
    key = server.new_key()["KeyId"]
    blob = blob_file(tmp_path, server.encrypt(key, b"bound", EncryptionContext={"a": "bc"}))
    said = Cli(server).refused("decrypt", "--ciphertext-blob", blob, "--encryption-context", "ab=c")
    assert re.search(r"\(InvalidCiphertextException\) when calling the Decrypt operation", said)


def test_4097_bytes_are_refused_with_the_text_of_aws(server: Coffer, tmp_path: Path) -> None:
    key = server.new_key()["Arn"]
    (tmp_path / "long").write_bytes(bytes(4097))
    said = Cli(server).refused("encrypt", "--key-id", key, "--plaintext", f"fileb://{tmp_path / 'long'}")
    assert said.endswith(
        "An error occurred (ValidationException) when calling the Encrypt operation: "
        "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: "
        "Member must have length less than or equal to 4096"
    )


def test_a_disabled_key_is_refused_with_the_text_of_aws(server: Coffer) -> None:
    key = server.new_key()
    cli = Cli(server)
    assert cli.good("disable-key", "--key-id", key["KeyId"]) == {}
    said = cli.refused("generate-data-key", "--key-id", key["KeyId"], "--key-spec", "AES_256")
    assert said.endswith(
        "An error occurred (DisabledException) when calling the GenerateDataKey operation: "
        f"{key['Arn']} is disabled."
    )


def test_re_encryption_and_data_keys(server: Coffer, tmp_path: Path) -> None:
    cli = Cli(server)
    first, second = server.new_key(), server.new_key()
    data_key = cli.good("generate-data-key", "--key-id", first["KeyId"], "--key-spec", "AES_128")
    blob = blob_file(tmp_path, data_key["CiphertextBlob"])
    moved = cli.good(
        "re-encrypt", "--ciphertext-blob", blob, "--destination-key-id", second["KeyId"],
        "--destination-encryption-context", "a=b",
    )
    opened = server.good("Decrypt", CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"a": "b"})
    assert (opened["Plaintext"], opened["KeyId"]) == (data_key["Plaintext"], second["Arn"])


def test_the_cli_pages_through_all_keys(server: Coffer) -> None:
    made = [server.new_key()["KeyId"] for _ in range(5)]
    listed = Cli(server).good("list-keys", "--page-size", "2")
    assert [entry["KeyId"] for entry in listed["Keys"]] == made


def test_the_printed_lines_can_be_pasted(server: Coffer, tmp_path: Path) -> None:
    """A newcomer's first minute: the shell has no AWS settings but what the lines themselves bring."""
    said = server.stdout()
    block = said[said.index("export AWS_ENDPOINT_URL_KMS=") : said.index("ready")]
    assert f"export AWS_ENDPOINT_URL_KMS={server.url}" in block
    pasted = run(["bash", "-euo", "pipefail", "-c", f"cd {tmp_path}\n{block}"])
    assert pasted.returncode == 0, pasted.stderr
    assert pasted.stdout == "attack at dawn\n"
