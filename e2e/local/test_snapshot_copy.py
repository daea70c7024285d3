"""The sample that hands a snapshot from one namespace to another, run as it stands."""

from __future__ import annotations

from pathlib import Path

from clients import Cli, kms, refusal, run
from manifest_files import FIRST, SECOND, Manifests, manifest, until_known
from support import Launch

SAMPLE = Path(__file__).resolve().parents[2] / "config" / "samples" / "snapshot-copy.sh"
BOUND = {"purpose": "snapshot"}


def test_a_snapshot_goes_from_one_namespace_to_another(launch: Launch, tmp_path: Path) -> None:
    folder = Manifests(tmp_path / "manifests")
    folder.put("keys.yaml", manifest("disks", "shop", keyId=FIRST), manifest("disks", "archive", keyId=SECOND))
    server = launch(*folder.options())
    for key in (FIRST, SECOND):
        until_known(server, key)
    client = kms(server)
    data_key = client.generate_data_key(KeyId=FIRST, KeySpec="AES_256", EncryptionContext=BOUND)
    (tmp_path / "snapshot.key").write_bytes(data_key["CiphertextBlob"])
    done = run([str(SAMPLE), FIRST, SECOND, str(tmp_path)], Cli(server).env)
    assert done.returncode == 0, done.stderr
    copied = (tmp_path / "snapshot.copied.key").read_bytes()
    opened = client.decrypt(CiphertextBlob=copied, EncryptionContext=BOUND | {"copied": "true"})
    assert (opened["Plaintext"], opened["KeyId"].endswith(SECOND)) == (data_key["Plaintext"], True)
    # The copy needs nothing of the key that it came from.
    client.disable_key(KeyId=FIRST)
    assert client.decrypt(CiphertextBlob=copied, EncryptionContext=BOUND | {"copied": "true"})["Plaintext"]
    assert refusal(client.decrypt, CiphertextBlob=data_key["CiphertextBlob"], EncryptionContext=BOUND).code == (
        "DisabledException"
    )
    assert refusal(client.decrypt, CiphertextBlob=copied, EncryptionContext=BOUND).code == "InvalidCiphertextException"
    # A copy that fails leaves the earlier one as it is, and nothing beside it.
    failed = run([str(SAMPLE), FIRST, SECOND, str(tmp_path)], Cli(server).env)
    assert failed.returncode != 0 and "DisabledException" in failed.stderr
    assert (tmp_path / "snapshot.copied.key").read_bytes() == copied
    assert [path.name for path in tmp_path.glob("snapshot.copied.*")] == ["snapshot.copied.key"]
