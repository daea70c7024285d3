"""The beginning of an installation happens once, and everything that could bury keys is refused with what to do."""

from __future__ import annotations

import base64
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import Cluster, keys, secrets
from installation import Installation, condition
from support import API_VERSION, KEYS, SYSTEM, Json, measured, outcome, until

INSTALLATION = f"/apis/{API_VERSION}/installations/coffer"


@pytest.fixture(scope="module")
def defined(own_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    Installation(own_cluster, tmp_path_factory.mktemp("defined")).apply_definitions()
    return own_cluster


@pytest.fixture
def blank(defined: Cluster, tmp_path: Path) -> Iterator[Installation]:
    """A cluster with the definitions, and nothing that any installation left."""
    wipe(defined)
    installation = Installation(defined, tmp_path)
    installation.take_server_token()
    yield installation
    installation.end()


def wipe(cluster: Cluster) -> None:
    api = cluster.api
    api.delete(INSTALLATION)
    api.delete(secrets(SYSTEM, "coffer-root"))
    api.delete(f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases/coffer")
    for key in api.items(f"/apis/{API_VERSION}/kmskeys"):
        api.delete(keys(key["metadata"]["namespace"], key["metadata"]["name"]))
    for secret in api.items(secrets(KEYS)):
        api.delete(secrets(KEYS, secret["metadata"]["name"]))


@pytest.fixture
def begun(blank: Installation) -> Installation:
    """An installation that was just initialised."""
    blank.initialise().ok()
    blank.take_root()
    return blank


def stored(installation: Installation) -> dict[str, str]:
    return {secret["metadata"]["name"]: secret["data"]["sealed"] for secret in installation.sealed()}


def test_it_makes_a_root_an_authority_and_an_installation_and_prints_the_id(blank: Installation) -> None:
    said = blank.initialise().ok()
    assert f"installation-id: {blank.id}" in said and f"kms.coffer.dev/{blank.id}" in said
    assert "Keep a copy of the Secret coffer-system/coffer-root elsewhere" in said
    assert set(stored(blank)) == {"root-1", "ca-1"}
    assert blank.api.get(INSTALLATION)["spec"] == {"installationId": blank.id, "region": "us-east-1"}
    root = blank.root_secret()
    assert root["immutable"] is True and len(base64.b64decode(root["data"]["root.key"])) == 64


def test_a_second_one_is_refused_with_the_id_to_use(begun: Installation) -> None:
    before = stored(begun)
    for options in ([], ["--keys-namespace", "other"], ["--root-secret", "other"], ["--system-namespace", "other"]):
        said = begun.initialise(*options).refused(f"this cluster has the installation {begun.id} already")
        assert f"--installation-id {begun.id}" in said and "nothing was changed" in said, options
    other = Installation(begun.cluster, begun.home / "other")
    other.initialise().refused(f"this cluster has the installation {begun.id} already")
    other.initialise("--accept-existing").refused(f"this cluster has the installation {begun.id} already")
    assert stored(begun) == before


def test_a_job_that_runs_again_may_accept_what_is_there(begun: Installation) -> None:
    before = stored(begun)
    assert "is complete already" in begun.initialise("--accept-existing").ok()
    assert stored(begun) == before


def test_a_wrong_pin_is_refused_with_the_right_one(begun: Installation) -> None:
    begun_id, begun.id = begun.id, uuid.uuid4().hex
    said = begun.prepare("coffer-0").refuse_to_start()
    assert f"--installation-id {begun.id} is not the installation of this cluster, which is {begun_id}" in said
    assert "correct the pin" in said


def test_a_wrong_root_file_is_refused(begun: Installation) -> None:
    begun.root.write_bytes(os.urandom(64))
    said = begun.prepare("coffer-0").refuse_to_start()
    assert "cannot be opened" in said and "bring back the Secret" in said and str(begun.root) in said


def test_a_root_file_that_everybody_can_read_is_refused(begun: Installation) -> None:
    begun.root.chmod(0o644)
    said = begun.prepare("coffer-0").refuse_to_start()
    assert "root.key" in said and ("0600" in said or "600" in said or "readable" in said)


def test_a_server_waits_for_it_and_then_serves(blank: Installation) -> None:
    secret = {"metadata": {"name": "coffer-root"}, "immutable": True,
              "data": {"root.key": base64.b64encode(os.urandom(64)).decode()}}
    blank.api.post(secrets(SYSTEM), secret)
    blank.take_root()
    server = blank.prepare("coffer-0")
    server.spawn()
    until(lambda: "waiting for `coffer init`" in server.said(), "the server to wait")
    assert not server.is_ready()
    blank.initialise().ok()
    server.wait_until_ready()


def test_a_server_does_not_wait_for_ever(blank: Installation) -> None:
    blank.root.touch(mode=0o600)
    blank.root.write_bytes(os.urandom(64))
    said = blank.prepare("coffer-0", "--initialisation-wait", "1").refuse_to_start()
    assert f"run `coffer init --installation-id {blank.id}`" in said and "from a backup" in said


def test_it_refuses_where_a_key_was_applied_before(blank: Installation) -> None:
    tenant = blank.tenant()
    tenant.apply("orders")
    said = blank.initialise().refused(f"the KmsKey {tenant.namespace}/orders is there and nothing sealed is")
    assert "Nothing was changed" in said
    assert stored(blank) == {} and blank.api.find(INSTALLATION) is None


def test_it_refuses_where_any_secret_is_in_the_namespace_of_keys(blank: Installation) -> None:
    blank.api.post(secrets(KEYS), {"metadata": {"name": "stray"}, "data": {}})
    said = blank.initialise().refused(f"the namespace {KEYS} holds the Secret stray")
    assert "would bury its keys. Nothing was changed" in said
    assert blank.api.find(INSTALLATION) is None and blank.api.find(secrets(SYSTEM, "coffer-root")) is None


def test_it_refuses_where_keys_are_and_only_the_installation_was_lost(begun: Installation) -> None:
    begun.serve("coffer-0")
    begun.leader()
    begun.tenant().make_key("orders")
    before = stored(begun)
    begun.api.delete(INSTALLATION)
    assert "would bury its keys" in begun.initialise().refused("an earlier installation was lost")
    assert {name: data for name, data in stored(begun).items() if not name.startswith("replica-")} == {
        name: data for name, data in before.items() if not name.startswith("replica-")
    }


@pytest.mark.parametrize("lost", [[], ["ca-1"], ["ca-1", "root-1"]], ids=["last-step", "authority", "root"])
def test_where_it_was_cut_it_goes_on_with_the_same_id(begun: Installation, lost: list[str]) -> None:
    before, secret = stored(begun), begun.root_secret()["data"]
    begun.api.delete(INSTALLATION)
    for name in lost:
        begun.api.delete(secrets(KEYS, name))
    begun.initialise().ok()
    after = stored(begun)
    assert set(after) == {"root-1", "ca-1"}
    assert {name: after[name] for name in after if name not in lost} == {
        name: before[name] for name in before if name not in lost
    }
    assert begun.root_secret()["data"] == secret
    begun.serve("coffer-0")
    begun.leader()
    tenant = begun.tenant()
    key_id = tenant.make_key("orders")
    assert outcome(tenant.caller().kms().encrypt, KeyId=key_id, Plaintext=b"x") == "ok"


def test_where_it_was_cut_another_id_is_refused(begun: Installation) -> None:
    before = stored(begun)
    begun.api.delete(INSTALLATION)
    other = Installation(begun.cluster, begun.home / "other")
    said = other.initialise().refused("the root that is there does not open")
    assert "name the --installation-id that an earlier `coffer init` printed" in said
    assert stored(begun) == before


def test_a_lost_root_is_never_made_again(begun: Installation) -> None:
    server = begun.serve("coffer-0")
    begun.leader()
    begun.tenant().make_key("orders")
    server.stop()
    begun.api.delete(secrets(KEYS, "root-1"))
    said = server.refuse_to_start()
    assert "root-1" in said and "backup" in said
    said = begun.initialise("--accept-existing").refused("Bring back all Secrets of that namespace from a backup")
    assert "Nothing was changed" in said
    assert "root-1" not in stored(begun)


def test_a_root_that_is_lost_while_it_serves_stops_new_keys_until_it_is_back(begun: Installation) -> None:
    server = begun.serve("coffer-0")
    begun.leader()
    tenant = begun.tenant()
    tenant.make_key("orders")
    root = begun.api.get(secrets(KEYS, "root-1"))
    begun.api.delete(secrets(KEYS, "root-1"))
    until(lambda: "the root is gone from the store" in server.said(), "the server to notice")
    tenant.apply("later")
    lost = "the root is missing from the store; bring it back from a backup"
    tenant.shows("later", lambda key: lost in condition(key, "Ready").get("message", ""), "the reason")
    until(lambda: condition(begun.api.get(INSTALLATION), "Ready").get("reason") == "RootMissing", "the alarm", 90)
    metadata = {name: root["metadata"][name] for name in ("name", "labels")}
    begun.api.post(secrets(KEYS), {**root, "metadata": metadata})
    tenant.ready("later", 60)


def test_a_new_system_namespace_with_the_saved_root_secret_opens_all_keys(begun: Installation) -> None:
    begun.serve("coffer-0")
    begun.leader()
    tenant = begun.tenant()
    names = [f"key-{number}" for number in range(5)]
    ids = [tenant.make_key(name) for name in names]
    caller = tenant.caller()
    kms = caller.kms()
    blobs = [kms.encrypt(KeyId=key_id, Plaintext=key_id.encode())["CiphertextBlob"] for key_id in ids]
    authority, saved, before = begun.authority(), begun.root_secret(), sealed_keys(begun)
    kubectl = begun.cluster.kubectl
    kubectl("delete", "namespace", SYSTEM, "--timeout=60s").ok()
    begun.replicas.pop("coffer-0").end()
    begun.root.unlink()
    began = time.monotonic()
    begun.apply_definitions()
    begun.api.post(secrets(SYSTEM), {"metadata": {"name": "coffer-root"}, "data": saved["data"], "immutable": True})
    begun.take_root()
    begun.take_server_token()
    begun.serve("coffer-0")
    begun.leader()
    assert begun.authority() == authority
    kms = caller.kms()
    opened = [kms.decrypt(CiphertextBlob=blob)["Plaintext"].decode() for blob in blobs]
    measured("a new system namespace to all keys open", began)
    assert opened == ids
    for name in names:
        tenant.ready(name)
    assert sealed_keys(begun) == before


def sealed_keys(installation: Installation) -> dict[str, Json]:
    kinds = ("root-", "ca-", "key-", "material-", "owner-")
    return {name: data for name, data in stored(installation).items() if name.startswith(kinds)}
