"""Keys of a user's own: wrapped elsewhere, imported, rotated to, deleted, expired and brought again."""

from __future__ import annotations

import base64
import datetime
import re
import threading
import time
from pathlib import Path
from typing import Any

import coffer_content as content
import coffer_formats as formats
import pytest

from clients import Cli, kms, refusal, run
from importing import (
    FOREVER, NEW, ONE, TWO, bring, external_key, in_seconds, listed, material_id, opened_by_hand, openssl_wrapped,
    parameters, request, sealed_by_hand, stored, wrapped,
)
from import_vectors import ALGORITHMS, KEY_SIZES
from manifest_files import Manifests, manifest, until_one_key
from scanner import scan
from support import Coffer, Inspection, Launch, arn, until


@pytest.mark.parametrize("spec", KEY_SIZES)
def test_every_wrapping_brings_the_very_bytes(server: Coffer, spec: str) -> None:
    client = kms(server)
    for algorithm in ALGORITHMS:
        key = client.create_key(Origin="EXTERNAL")["KeyMetadata"]
        assert (key["KeyState"], key["Origin"], key["Enabled"]) == ("PendingImport", "EXTERNAL", False)
        given = client.get_parameters_for_import(
            KeyId=key["KeyId"], WrappingAlgorithm=algorithm, WrappingKeySpec=spec
        )
        left = given["ParametersValidTo"] - datetime.datetime.now(datetime.UTC)
        assert given["KeyId"] == key["Arn"] and abs(left.total_seconds() - 86_400) < 60
        encoded = {"PublicKey": base64.b64encode(given["PublicKey"])}
        answer = client.import_key_material(
            KeyId=key["KeyId"], ImportToken=given["ImportToken"],
            EncryptedKeyMaterial=wrapped(encoded, ONE, algorithm), ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
        )
        assert (answer["KeyId"], answer["KeyMaterialId"]) == (key["Arn"], material_id(key["KeyId"], ONE))
        assert server.describe(key["KeyId"])["KeyState"] == "Enabled"
        # Each opens what the other sealed, and the other knows nothing but the 32 bytes.
        assert opened_by_hand(server.encrypt(key["KeyId"], b"theirs"), ONE) == b"theirs"
        by_hand = sealed_by_hand(key["KeyId"], ONE, b"known")
        assert client.decrypt(CiphertextBlob=by_hand)["Plaintext"] == b"known"


@pytest.mark.parametrize("digest, algorithm", [("sha1", "RSAES_OAEP_SHA_1"), ("sha256", "RSAES_OAEP_SHA_256")])
def test_the_aws_cli_and_openssl_bring_a_key(server: Coffer, tmp_path: Path, digest: str, algorithm: str) -> None:
    cli = Cli(server)
    key = cli.good("create-key", "--origin", "EXTERNAL")["KeyMetadata"]["KeyId"]
    given = cli.good(
        "get-parameters-for-import", "--key-id", key, "--wrapping-algorithm", algorithm,
        "--wrapping-key-spec", "RSA_4096",
    )
    (tmp_path / "wrapped").write_bytes(openssl_wrapped(tmp_path, given, ONE, digest))
    (tmp_path / "token").write_bytes(base64.b64decode(given["ImportToken"]))
    answer = cli.good(
        "import-key-material", "--key-id", key, "--encrypted-key-material", f"fileb://{tmp_path / 'wrapped'}",
        "--import-token", f"fileb://{tmp_path / 'token'}", "--expiration-model", "KEY_MATERIAL_DOES_NOT_EXPIRE",
        "--key-material-description", "made with openssl",
    )
    assert answer["KeyMaterialId"] == material_id(key, ONE)
    assert opened_by_hand(server.encrypt(key, b"x"), ONE) == b"x"
    rotations = cli.good("list-key-rotations", "--key-id", key, "--include-key-material", "ALL_KEY_MATERIAL")
    assert rotations["Rotations"][0]["KeyMaterialDescription"] == "made with openssl"
    assert cli.good("delete-imported-key-material", "--key-id", key)["KeyMaterialId"] == answer["KeyMaterialId"]
    assert server.describe(key)["KeyState"] == "PendingImport"


def test_the_example_of_the_manual_works_as_printed(server: Coffer, tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "src" / "manual" / "keys.md").read_text()
    found = re.search(r"^```sh run\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert found and "http://127.0.0.1:4599" in found[1]
    script = f"set -euo pipefail\ncd {tmp_path}\n" + found[1].replace("http://127.0.0.1:4599", server.url)
    done = run(["bash", "-c", script])
    assert done.returncode == 0, done.stderr
    brought, state = done.stdout.split()
    key = server.list_keys()[0]
    assert (brought, state) == (material_id(key, (tmp_path / "material").read_bytes()), "Enabled")


def test_a_new_material_waits_and_old_blobs_open(server: Coffer) -> None:
    key = external_key(server)
    first = bring(server, key, ONE)
    old = server.encrypt(key, b"old")
    second = bring(server, key, TWO, **NEW)
    assert listed(server, key) == [(first, "CURRENT", "IMPORTED"), (second, "PENDING_ROTATION", "IMPORTED")]
    given = parameters(server, key)
    third = bytes(32)
    refused = server.call("ImportKeyMaterial", **request(key, given, wrapped(given, third), **NEW))
    assert refused.refused() == (400, "KMSInvalidStateException", (
        f"New key material (id: {material_id(key, third)}) cannot be imported into KMS key {key}, because another "
        f"key material (id: {second}) is pending rotation."
    ))
    assert opened_by_hand(server.encrypt(key, b"still"), ONE) == b"still"
    server.good("RotateKeyOnDemand", KeyId=key)
    until(lambda: server.describe(key)["CurrentKeyMaterialId"] == second, "the rotation")
    assert opened_by_hand(server.encrypt(key, b"new"), TWO) == b"new"
    assert listed(server, key) == [(first, "NON_CURRENT", "IMPORTED"), (second, "CURRENT", "IMPORTED")]
    # Without the older one nothing opens, and with it everything does.
    server.good("DeleteImportedKeyMaterial", KeyId=key, KeyMaterialId=first)
    refused = server.call("Decrypt", CiphertextBlob=old)
    assert refused.refused() == (400, "KMSInvalidStateException", f"{arn(key)} is pending import.")
    server.restart()
    assert server.describe(key)["KeyState"] == "PendingImport"
    assert bring(server, key, ONE, KeyMaterialId=first) == first
    assert base64.b64decode(server.good("Decrypt", CiphertextBlob=old)["Plaintext"]) == b"old"


def test_what_waits_is_deleted_and_another_takes_its_place(server: Coffer) -> None:
    key = external_key(server)
    first = bring(server, key, ONE)
    second = bring(server, key, TWO, **NEW)
    server.good("DeleteImportedKeyMaterial", KeyId=key, KeyMaterialId=second)
    assert listed(server, key) == [(first, "CURRENT", "IMPORTED")] and len(stored(server)) == 1
    assert server.describe(key)["KeyState"] == "Enabled"
    third = bring(server, key, bytes(32), **NEW)
    server.good("RotateKeyOnDemand", KeyId=key)
    until(lambda: server.describe(key)["CurrentKeyMaterialId"] == third, "the rotation")


def test_material_expires_and_comes_back(server: Coffer) -> None:
    key = external_key(server)
    ends = in_seconds(3)
    bring(server, key, ONE, ValidTo=ends)
    blob = server.encrypt(key, b"short")
    metadata = server.describe(key)
    assert (metadata["ExpirationModel"], metadata["ValidTo"]) == ("KEY_MATERIAL_EXPIRES", ends)
    until(lambda: server.describe(key)["KeyState"] == "PendingImport", "the material to expire")
    assert time.time() >= ends
    assert server.call("Decrypt", CiphertextBlob=blob).code == "KMSInvalidStateException"
    assert "ValidTo" not in server.describe(key)
    until(lambda: stored(server) == [], "the sealed bytes to be gone", 40)
    assert [line["eventName"] for line in server.audit()].count("DeleteExpiredKeyMaterial") == 1
    bring(server, key, ONE)
    assert base64.b64decode(server.good("Decrypt", CiphertextBlob=blob)["Plaintext"]) == b"short"
    assert server.describe(key)["ExpirationModel"] == "KEY_MATERIAL_DOES_NOT_EXPIRE"


def test_deleted_bytes_are_gone_and_inspection_agrees(server: Coffer) -> None:
    empty, deleted, kept = (external_key(server) for _ in range(3))
    bring(server, deleted, ONE)
    bring(server, kept, ONE)
    server.good("DeleteImportedKeyMaterial", KeyId=deleted)
    assert server.good("DeleteImportedKeyMaterial", KeyId=empty) == {"KeyId": arn(empty)}
    assert stored(server) == [f"material-{kept}-v1-t1"]
    assert server.folder().material(kept, 1) == ONE
    assert server.stop() == 0
    inspection = Inspection(server.data)
    assert inspection.code == 0, inspection.said
    assert inspection.keys.keys() == {empty, deleted, kept}


def error(server: Coffer, body: dict[str, Any]) -> tuple[str, str | None]:
    answer = server.call("ImportKeyMaterial", **body)
    assert answer.status == 400, answer
    return answer.code, answer.message


def test_what_does_not_fit_is_refused(server: Coffer) -> None:
    key, other = external_key(server), external_key(server)
    given = parameters(server, key)
    good = request(key, given, wrapped(given, ONE), **FOREVER)
    assert error(server, good | {"KeyId": other})[0] == "InvalidImportTokenException"
    assert error(server, good | {"ImportToken": b"x"})[0] == "InvalidImportTokenException"
    flipped = bytearray(wrapped(given, ONE))
    flipped[7] ^= 1
    wrong = [bytes(flipped), wrapped(parameters(server, key), ONE), wrapped(given, ONE, "RSAES_OAEP_SHA_1")]
    wrong += [wrapped(given, ONE)[:-1], wrapped(given, ONE, "RSA_AES_KEY_WRAP_SHA_256"), b"x"]
    wrong += [wrapped(given, bytes(length)) for length in (16, 31, 33, 64)]
    for material in wrong:
        assert error(server, good | {"EncryptedKeyMaterial": material}) == ("InvalidCiphertextException", None)
    for valid_to in (in_seconds(-1), in_seconds(366 * 86_400)):
        ends = {name: value for name, value in good.items() if name != "ExpirationModel"} | {"ValidTo": valid_to}
        assert error(server, ends)[0] == "ValidationException"
    assert server.describe(key)["KeyState"] == "PendingImport" and stored(server) == []
    server.good("ImportKeyMaterial", **good)
    again = good | {"EncryptedKeyMaterial": wrapped(given, TWO)}
    assert error(server, again)[0] == "IncorrectKeyMaterialException"
    assert error(server, good | {"ImportType": "NEW_KEY_MATERIAL"})[0] == "IncorrectKeyMaterialException"


def test_what_is_not_offered_is_named(server: Coffer) -> None:
    client, key = kms(server), external_key(server)
    for word, spec in [("RSAES_PKCS1_V1_5", "RSA_2048"), ("SM2PKE", "RSA_2048"), ("RSAES_OAEP_SHA_256", "SM2")]:
        refused = refusal(
            client.get_parameters_for_import, KeyId=key, WrappingAlgorithm=word, WrappingKeySpec=spec
        )
        assert refused.code == "UnsupportedOperationException"
        assert (spec if spec == "SM2" else word) in refused.message
    made = server.new_key()["KeyId"]
    refused = refusal(client.delete_imported_key_material, KeyId=made)
    assert refused[:2] == (
        "UnsupportedOperationException", f"{arn(made)} origin is AWS_KMS which is not valid for this operation."
    )


def test_a_token_is_of_no_use_to_another_caller(launch: Launch, tmp_path: Path) -> None:
    users = "".join(
        f'  - {{accessKeyId: AKIA{name.upper()}, secretAccessKey: secret, account: "000000000000", user: {name}}}\n'
        for name in ("alice", "carol")
    )
    (tmp_path / "credentials").write_text(f"credentials:\n{users}")
    (tmp_path / "credentials").chmod(0o600)
    server = launch("--credentials", str(tmp_path / "credentials"))
    alice, carol = (kms(server, access_key=f"AKIA{name}", secret="secret") for name in ("ALICE", "CAROL"))
    key = alice.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    given = alice.get_parameters_for_import(
        KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
    )
    members = {
        "KeyId": key, "ImportToken": given["ImportToken"],
        "EncryptedKeyMaterial": wrapped({"PublicKey": base64.b64encode(given["PublicKey"])}, ONE), **FOREVER,
    }
    assert refusal(carol.import_key_material, **members).code == "InvalidImportTokenException"
    assert alice.import_key_material(**members)["KeyMaterialId"] == material_id(key, ONE)


def test_a_manifest_waits_for_its_material(launch: Launch, tmp_path: Path) -> None:
    folder = Manifests(tmp_path / "keys")
    folder.put("orders.yaml", manifest("orders", origin="Imported", description="brought by hand"))
    server = launch(*folder.options())
    key = until_one_key(server)
    assert (server.describe(key)["KeyState"], server.describe(key)["Origin"]) == ("PendingImport", "EXTERNAL")
    bring(server, key, ONE)
    assert server.describe(key)["KeyState"] == "Enabled"
    # The key of a manifest that goes and comes back has its material still.
    blob = server.encrypt(key, b"kept")
    folder.remove("orders.yaml")
    until(lambda: server.describe(key)["KeyState"] == "PendingDeletion", "the removal")
    folder.put("orders.yaml", manifest("orders", origin="Imported", description="brought by hand"))
    until(lambda: server.describe(key)["KeyState"] == "Enabled", "the return")
    assert base64.b64decode(server.good("Decrypt", CiphertextBlob=blob)["Plaintext"]) == b"kept"


def test_making_wrapping_keys_holds_nobody_up(server: Coffer) -> None:
    """Four of the longest keys are made, one after the other, while another client goes on encrypting."""
    key, external = server.new_key()["KeyId"], external_key(server)
    makers = [threading.Thread(target=parameters, args=(server, external, "RSA_4096")) for _ in range(4)]
    for maker in makers:
        maker.start()
    slowest, calls = 0.0, 0
    while any(maker.is_alive() for maker in makers):
        begin = time.monotonic()
        server.encrypt(key, b"x")
        slowest, calls = max(slowest, time.monotonic() - begin), calls + 1
    for maker in makers:
        maker.join()
    assert calls > 10 and slowest < 1.0, (calls, slowest)


def test_no_secret_of_an_import_is_found_anywhere(launch: Launch) -> None:
    server = launch(env={"RUST_LOG": "trace", "COFFER_LOG": "trace", "RUST_BACKTRACE": "full"})
    key = external_key(server)
    material = bytes.fromhex("5ec7e7" * 10 + "0a1b")
    given = parameters(server, key)
    body = request(key, given, wrapped(given, material), **FOREVER)
    assert error(server, body | {"EncryptedKeyMaterial": wrapped(given, material + b"x")})[0] == "InvalidCiphertextException"
    assert error(server, body | {"ImportType": "no such word"})[0] == "ValidationException"
    server.good("ImportKeyMaterial", **body)
    server.encrypt(key, b"x")
    token = base64.b64decode(given["ImportToken"])
    raw, _ = formats.parse_key_id(key)
    _, opened = formats.open_token(server.folder().root_key(), "import", raw, token)
    private_key = content.decode_content(content.IMPORT_TOKEN, opened)["private_key"]
    assert server.folder().material(key, 1) == material
    server.good("DeleteImportedKeyMaterial", KeyId=key)
    assert server.stop() == 0
    secrets = {"material": material, "token": token, "private key": private_key, "its end": private_key[-100:]}
    secrets["wrapped"] = body["EncryptedKeyMaterial"]
    files = [path for path in server.data.rglob("*") if path.is_file()] + list(server.home.glob("std*.log"))
    assert len(files) > 5 and scan(files, secrets) == set()
    (server.home / "planted").write_bytes(private_key)
    assert scan([server.home / "planted"], secrets) != set()
