"""One object that cannot be read stalls itself alone; at rest there is peace; and nothing ever tells a secret."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cluster import Cluster, control_plane
from coffer_content import RECORD, decode_content
from coffer_formats import open_material, open_object, parse_key_id
from installation import Caller, Installation, Sidecar, Tenant
from scanner import forms, found_in, scan
from sealed import Vault, content
from support import KEYS, ROOT, outcome, refusal, until

DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/kmskeys.kms.coffer.dev"
REST_SECONDS = 30.0
# All that the programs can say is asked for, because a leak most often sits in a message for debugging.
LOUD = {"RUST_LOG": "trace", "RUST_BACKTRACE": "full", "COFFER_LOG": "trace"}


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """Its API server notes each request, so that they can be counted by who made them."""
    with control_plane("quiet", "--audit") as cluster:
        yield cluster


@pytest.fixture
def replicas(own: Installation) -> Iterator[Installation]:
    """A leader and a follower, each with a token of its own."""
    for name in ("coffer-0", "coffer-1"):
        kubeconfig = own.home / f"{name}.kubeconfig"
        own.take_server_token(kubeconfig)
        own.serve(name, env={"KUBECONFIG": str(kubeconfig)})
        own.leader()
    yield own
    for server in own.replicas.values():
        server.end()
    own.replicas.clear()


@contextmanager
def loosened(cluster: Cluster) -> Iterator[None]:
    """Any value of `spec.enabled` is accepted meanwhile, as by a definition of another version."""
    definition = cluster.api.get(DEFINITION)
    spec = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    del spec["properties"]["enabled"]
    spec["x-kubernetes-preserve-unknown-fields"] = True
    cluster.api.put(DEFINITION, definition)
    try:
        yield
    finally:
        path = str(ROOT / "crds" / "kmskeys.yaml")
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", path).ok()


def store_unreadable(tenant: Tenant, name: str) -> None:
    """What the strict schema refuses is stored under the loose one, and the strict one is back in force."""
    manifest = tenant.manifest(name, enabled="yes")
    with loosened(tenant.cluster):
        create = ("create", "--validate=false")
        until(lambda: tenant.kubectl(*create, manifest=manifest).code == 0, "the loose schema to be in force", 20, 0.3)
    strict = tenant.manifest("strict", enabled="yes")
    until(lambda: "must be of type boolean" in tenant.kubectl("create", "--dry-run=server", manifest=strict).err,
          "the strict schema to be in force", 20, 0.3)


def test_a_key_that_cannot_be_read_stalls_itself_and_nothing_else(replicas: Installation) -> None:
    tenant = replicas.tenant()
    good = tenant.make_key("good")
    caller = tenant.caller()
    store_unreadable(tenant, "bad")
    check_bad(tenant)
    tenant.make_key("later")
    tenant.apply("good", description="still followed")
    tenant.ready("good")
    for server in replicas.replicas.values():
        kms = caller.kms(server)
        assert outcome(kms.encrypt, KeyId=good, Plaintext=b"x") == "ok"
        assert kms.describe_key(KeyId=good)["KeyMetadata"]["Description"] == "still followed"
        assert outcome(kms.create_key) == "ok"
    shown = {line.split()[0]: line.split() for line in tenant.kubectl("get", "kmskeys").ok().splitlines()[1:]}
    assert shown["bad"][1] == "False" and shown["good"][1:3] == ["Enabled", "True"]


def test_a_key_that_cannot_be_read_from_the_start_is_told_so_and_can_be_mended(replicas: Installation) -> None:
    """The definition was made stricter while no replica ran; a status must be written under the strict one."""
    tenant = replicas.tenant()
    tenant.make_key("good")
    for server in replicas.replicas.values():
        server.stop()
    store_unreadable(tenant, "bad")
    for server in replicas.replicas.values():
        server.start()
    replicas.leader()
    tenant.make_key("later")
    check_bad(tenant)
    tenant.kubectl("replace", manifest=tenant.manifest("bad", enabled=True)).ok()
    tenant.ready("bad")


def check_bad(tenant: Tenant) -> None:
    message = tenant.stalled("bad", "InvalidSpec")
    assert "spec.enabled" in message and "boolean" in message


def test_at_rest_a_replica_asks_little_of_the_api_server(replicas: Installation) -> None:
    """No hot loop, neither with keys nor with one that is stalled."""
    tenant = replicas.tenant()
    names = [f"key-{number}" for number in range(20)]
    replicas.cluster.apply(*(tenant.manifest(name) for name in names))
    for name in names:
        tenant.ready(name)
    tenant.apply("stalled", keySpec="SM2", keyUsage="SIGN_VERIFY")
    tenant.stalled("stalled", "NotImplemented")
    leader = replicas.leader()
    until(lambda: sum(requests(replicas, 5.0).values()) < 30, "the work to be done", 60, 0)
    counted = requests(replicas, REST_SECONDS)
    hourly: dict[str, float] = {}
    for server in replicas.replicas.values():
        role = "leader" if server is leader else "follower"
        own = {" ".join(what): number for (who, *what), number in counted.items() if who == server.name}
        hourly[role] = sum(own.values()) * 3600 / REST_SECONDS
        print(f"MEASURED {role} at rest: {hourly[role]:.0f} API requests an hour, {own}")
    assert 0 < hourly["leader"] < 6000
    assert 0 < hourly["follower"] < 4000


def requests(installation: Installation, seconds: float) -> Counter[tuple[str, ...]]:
    """The requests of each replica during that time, by verb and resource."""
    log = Path(installation.cluster.kubeconfig).parent / "audit.jsonl"
    tokens = {token_id(installation.home / f"{name}.kubeconfig"): name for name in installation.replicas}
    with open(log, encoding="utf-8") as lines:
        lines.seek(0, 2)
        time.sleep(seconds)
        entries = [json.loads(line) for line in lines if line.endswith("\n")]
    counted: Counter[tuple[str, ...]] = Counter()
    for entry in entries:
        extra = entry["user"].get("extra") or {}
        who = tokens.get(extra.get("authentication.kubernetes.io/credential-id", [""])[0])
        if who:
            counted[who, entry["verb"], (entry.get("objectRef") or {}).get("resource", entry["requestURI"])] += 1
    return counted


def token_id(kubeconfig: Path) -> str:
    claims = json.loads(base64.urlsafe_b64decode(server_token(kubeconfig).split(".")[1] + "=="))
    return f"JTI={claims['jti']}"


def server_token(kubeconfig: Path) -> str:
    return json.loads(kubeconfig.read_text("utf-8"))["users"][0]["user"]["token"]


PLAINTEXT = b"canary: the plaintext of Encrypt \xf0\x9f\x94\x91"
REFUSED = b"canary: the plaintext of a refused call"
UNKNOWN = b"canary: the plaintext of an unknown caller"


class Canaries:
    """An installation that was used in every way, and the secrets that went through it."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.secrets = {"plaintext": PLAINTEXT, "refused": REFUSED, "unknown": UNKNOWN}
        self.sidecars: list[Sidecar] = []

    def play(self) -> Canaries:
        own = self.installation
        server = own.serve("coffer-loud", env=LOUD)
        own.leader()
        self.tenant = own.tenant()
        self.key = self.tenant.make_key("orders", description="loud")
        caller = self.tenant.caller()
        self.use_well(caller)
        self.use_badly(caller)
        server.stop()
        server.start()
        own.leader()
        self.use_well(caller)
        self.dump("metrics", server.ask("/metrics")[1])
        server.stop()
        self.read_keys()
        self.dump_objects()
        return self

    def sidecar(self, caller: Caller, token: str) -> Any:
        self.secrets[f"token {len(self.secrets)}"] = token.encode()
        self.secrets[f"signature {len(self.secrets)}"] = base64.urlsafe_b64decode(token.split(".")[2] + "==")
        sidecar = caller.sidecar(token=token, env=LOUD)
        self.sidecars.append(sidecar)
        return sidecar.kms()

    def use_well(self, caller: Caller) -> None:
        kms, context = self.sidecar(caller, caller.token()), {"tenant": "blue"}
        blob = kms.encrypt(KeyId=self.key, Plaintext=PLAINTEXT, EncryptionContext=context)["CiphertextBlob"]
        kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
        kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext=context, DestinationKeyId=self.key)
        made = kms.generate_data_key(KeyId=self.key, KeySpec="AES_256")
        self.secrets[f"data key {len(self.secrets)}"] = made["Plaintext"]
        hidden = kms.generate_data_key_without_plaintext(KeyId=self.key, NumberOfBytes=48)
        opened = kms.decrypt(CiphertextBlob=hidden["CiphertextBlob"])
        self.secrets[f"hidden data key {len(self.secrets)}"] = opened["Plaintext"]
        self.secrets[f"random {len(self.secrets)}"] = kms.generate_random(NumberOfBytes=32)["Plaintext"]
        kms.create_key(Description="by call")

    def use_badly(self, caller: Caller) -> None:
        """Error paths echo values in their messages, which must never be a plaintext or a token."""
        kms = self.sidecar(caller, caller.token())
        missing = "00000000-0000-4000-8000-000000000000"
        refusal(kms.encrypt, KeyId=missing, Plaintext=REFUSED)
        refusal(kms.encrypt, KeyId="fake", Plaintext=REFUSED)
        refusal(kms.encrypt, KeyId=self.key, Plaintext=REFUSED, GrantTokens=["x"])
        kms.disable_key(KeyId=self.key)
        refusal(kms.encrypt, KeyId=self.key, Plaintext=REFUSED)
        kms.enable_key(KeyId=self.key)
        stranger = self.tenant.caller("stranger", "view")
        refusal(self.sidecar(stranger, stranger.token()).encrypt, KeyId=self.key, Plaintext=REFUSED)
        for token in (caller.token("another-audience"), caller.token(bound=False), caller.token()[:-4] + "AAAA"):
            refusal(self.sidecar(caller, token).encrypt, KeyId=self.key, Plaintext=UNKNOWN)

    def read_keys(self) -> None:
        """The root key and the material are read from the Secrets the way an attacker with all of them would."""
        vault = Vault(self.installation)
        root, (raw, _) = vault.root(), parse_key_id(self.key)
        _, plain = open_object(root, "state", raw, content(vault.read(f"key-{self.key}")))
        row = decode_content(RECORD, plain)["materials"][0]
        stored = content(vault.read(row["object_name"]))
        self.secrets |= {
            "root.key": self.installation.root.read_bytes(),
            "root key": root.key,
            "material": open_material(root, raw, 1, stored, "SYMMETRIC_DEFAULT", "AWS_KMS"),
            "seal key of materials": root.seal_key("material"),
            "seal key of records": root.seal_key("state"),
            "token of the server": server_token(self.installation.server_kubeconfig).encode(),
        }

    def dump_objects(self) -> None:
        kubectl = self.installation.cluster.kubectl
        kinds = "kmskeys,installations,events,leases,configmaps,events.events.k8s.io"
        self.dump("objects", kubectl("get", kinds, "-A", "-o", "yaml", "--show-managed-fields").ok())
        self.dump("described", kubectl("describe", "kmskeys", "-A").ok())
        self.dump("sealed", kubectl("get", "secrets", "-n", KEYS, "-o", "json").ok())
        log = Path(self.installation.cluster.kubeconfig).parent / "audit.jsonl"
        shutil.copy(log, self.dumps / "api-server-audit")

    @property
    def dumps(self) -> Path:
        folder = self.installation.home / "dumps"
        folder.mkdir(exist_ok=True)
        return folder

    def dump(self, name: str, text: str) -> None:
        (self.dumps / name).write_text(text, "utf-8")

    def files(self) -> list[Path]:
        """Everything but the files whose whole purpose is to hold a secret."""
        loud = self.installation.home / "coffer-loud"
        homes = [loud, *(sidecar.home for sidecar in self.sidecars)]
        logs = [path for home in homes for path in home.glob("*.log")]
        return [*logs, loud / "audit" / "audit.jsonl", *self.dumps.iterdir()]


@pytest.fixture(scope="module")
def canaries(own: Installation) -> Canaries:
    return Canaries(own).play()


def test_no_secret_is_found_in_logs_events_metrics_audit_or_objects(canaries: Canaries) -> None:
    names = {path.name for path in canaries.files()}
    assert {"coffer-loud-1.log", "coffer-loud-2.log", "sidecar-1.log", "audit.jsonl", "metrics", "objects"} <= names
    assert "TRACE" in (canaries.installation.home / "coffer-loud" / "coffer-loud-1.log").read_text("utf-8")
    assert all(path.stat().st_size > 0 for path in canaries.files())
    assert scan(canaries.files(), canaries.secrets) == set()


def test_no_private_key_is_found_in_logs_or_objects(canaries: Canaries) -> None:
    assert [path.name for path in canaries.files() if b"PRIVATE KEY" in path.read_bytes()] == []


def test_a_planted_leak_is_found(canaries: Canaries, tmp_path: Path) -> None:
    """A scanner that finds nothing proves nothing until it has found something."""
    copy = tmp_path / "leaky.log"
    shutil.copy(canaries.installation.home / "coffer-loud" / "audit" / "audit.jsonl", copy)
    with open(copy, "ab") as log:
        log.write(b"DEBUG request body: " + base64.b64encode(PLAINTEXT) + b"\n")
    assert scan([copy], canaries.secrets) == {("leaky.log", "plaintext", "base64+0")}
    for name, secret in canaries.secrets.items():
        for form, needle in forms(secret):
            assert (name, form) in found_in(b"before " + needle + b" after", {name: secret})
