"""An installation of Coffer on a control plane: `coffer init`, replicas as processes, and namespaces that use it."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import os
import re
import signal
import subprocess
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from cluster import Cluster, Said, keys, run, secrets
from support import API_VERSION, GROUP, KEYS, ROOT, SYSTEM, Json, free_port, program, until

P = TypeVar("P", bound="Process")
START_SECONDS = 60.0
REGION = "us-east-1"
numbers = itertools.count(1)
SESSION = boto3.Session()


class Process:
    """A program with log files, which can be ended and started again."""

    def __init__(self, home: Path, name: str, env: Mapping[str, str] | None = None) -> None:
        self.home, self.name, self.env = home, name, dict(env or {})
        self.runs = 0
        self.process: subprocess.Popen[bytes] | None = None
        home.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        raise NotImplementedError

    def spawn(self) -> None:
        """Starts without waiting. Each run has a log of its own, so that those of one are not lost."""
        self.runs += 1
        while self.log.exists():
            self.runs += 1
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **self.env}
            )

    def start(self: P) -> P:
        self.spawn()
        self.wait_until_ready()
        return self

    def wait_until_ready(self) -> None:
        process = self.process
        assert process is not None

        def ready() -> bool:
            assert process.poll() is None, f"{self.name} ended with {process.returncode}:\n{self.said()}"
            return self.is_ready()

        until(ready, f"{self.name} to be ready", START_SECONDS)

    def refuse_to_start(self, seconds: float = START_SECONDS) -> str:
        """What a start says that must fail."""
        self.spawn()
        assert self.process is not None
        assert self.process.wait(seconds) == 1, self.said()
        return self.said()

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(START_SECONDS)

    def end(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait(START_SECONDS)

    @property
    def log(self) -> Path:
        return self.home / f"{self.name}-{self.runs}.log"

    def said(self) -> str:
        return self.log.read_text("utf-8", errors="replace")


class Server(Process):
    """One replica of `coffer server`."""

    def __init__(self, owner: Installation, name: str, *options: str, env: Mapping[str, str] | None = None) -> None:
        super().__init__(owner.home / name, name, {"KUBECONFIG": str(owner.server_kubeconfig), **(env or {})})
        self.owner, self.options = owner, options
        (self.home / "audit").mkdir(exist_ok=True)
        self.port, self.health = free_port(), free_port()

    def command(self) -> list[str]:
        addresses = ["--listen", f"127.0.0.1:{self.port}", "--health", f"127.0.0.1:{self.health}"]
        identity = ["--installation-id", self.owner.id, "--root", str(self.owner.root), "--replica", self.name]
        audit = ["--audit-folder", str(self.home / "audit"), "--drain-delay", "0"]
        return [program("COFFER_BIN"), "server", *identity, *addresses, *audit, *self.options]

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def ask(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.health, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def is_ready(self) -> bool:
        return self.ask("/readyz")[0] == 200

    def metric(self, name: str) -> float:
        """The one value of a metric without labels."""
        found = re.search(rf"^{name} (\S+)$", self.ask("/metrics")[1], re.MULTILINE)
        assert found, f"no metric {name}"
        return float(found[1])

    def leads(self) -> bool:
        return self.metric("coffer_leader") == 1

    def audit(self) -> list[Json]:
        text = (self.home / "audit" / "audit.jsonl").read_text("utf-8")
        return [json.loads(line) for line in text.split("\n") if line]


class Sidecar(Process):
    """`coffer-sidecar serve`, pinned to one replica."""

    def __init__(
        self, home: Path, server: Server, authority: str, token: str, env: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(home, "sidecar", env)
        self.server, self.port = server, free_port()
        self.put("ca.crt", authority)
        self.put("token", token)

    def put(self, name: str, text: str) -> None:
        """By a rename, as the kubelet does."""
        new = self.home / f"{name}.new"
        new.write_text(text, "utf-8")
        new.rename(self.home / name)

    def command(self) -> list[str]:
        files = ["--token-file", "token", "--ca-file", "ca.crt", "--authorization-token-file", "authorization"]
        files = [word if word.startswith("--") else str(self.home / word) for word in files]
        addresses = ["--socket", str(self.home / "s"), "--http", f"127.0.0.1:{self.port}", "--server", self.server.url]
        return [program("COFFER_SIDECAR_BIN"), "serve", *files, *addresses]

    def is_ready(self) -> bool:
        return " serving " in self.said()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kms(self, attempts: int = 1, seconds: float = 60.0) -> Any:
        """A boto3 client. It does not retry unless told to, so that a refusal is seen the first time."""
        config = Config(
            retries={"total_max_attempts": attempts, "mode": "standard"}, max_pool_connections=64, read_timeout=seconds
        )
        return SESSION.client(
            "kms", region_name=REGION, endpoint_url=self.url, config=config,
            aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="any",
        )


class Installation:
    """Coffer on one control plane. What it starts ends with it."""

    def __init__(self, cluster: Cluster, home: Path, installation_id: str | None = None) -> None:
        self.cluster, self.home = cluster, home
        self.api = cluster.api
        self.id = installation_id or uuid.uuid4().hex
        self.root = home / "root.key"
        self.server_kubeconfig = home / "server.kubeconfig"
        self.replicas: dict[str, Server] = {}
        self.processes: list[Process] = []
        home.mkdir(parents=True, exist_ok=True)

    # Beginning

    def apply_definitions(self) -> None:
        """What config/default applies, without the pods, which have no node here."""
        kubectl, config = self.cluster.kubectl, ROOT / "config"
        kubectl("apply", "--server-side", "-k", str(ROOT / "crds")).ok()
        kubectl("apply", "--server-side", "-f", str(config / "default" / "namespaces.yaml")).ok()
        kubectl("apply", "--server-side", "-k", str(config / "rbac")).ok()
        kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all").ok()
        for plural in ("kmskeys", "keypolicies", "grants", "keyaliases", "installations"):
            until(lambda path=f"/apis/{API_VERSION}/{plural}": self.api.answers(path), "the kinds to be served", 30)

    def initialise(self, *options: str) -> Said:
        words = [program("COFFER_BIN"), "init", "--installation-id", self.id, *options]
        return run(words, env={"KUBECONFIG": self.cluster.kubeconfig})

    def root_secret(self) -> Json:
        return self.api.get(secrets(SYSTEM, "coffer-root"))

    def take_root(self) -> None:
        """What a mounted Secret shows to the server."""
        content = base64.b64decode(self.root_secret()["data"]["root.key"])
        self.root.touch(mode=0o600)
        self.root.write_bytes(content)

    def take_server_token(self, kubeconfig: Path | None = None) -> None:
        """Replicas have the rights of config/rbac and no more."""
        kubeconfig = kubeconfig or self.server_kubeconfig
        token = self.token(SYSTEM, "coffer-server", {"expirationSeconds": 7200})
        context = {"cluster": "one", "user": "server", "namespace": SYSTEM}
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "one",
            "clusters": [{"name": "one", "cluster": {
                "server": self.api.server, "certificate-authority-data": self.api.authority}}],
            "users": [{"name": "server", "user": {"token": token}}],
            "contexts": [{"name": "one", "context": context}],
        }
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(json.dumps(config), "utf-8")

    def begin(self) -> Installation:
        self.apply_definitions()
        self.initialise().ok()
        self.take_root()
        self.take_server_token()
        return self

    # Replicas

    def prepare(self, name: str, *options: str, env: Mapping[str, str] | None = None) -> Server:
        server = Server(self, name, *options, env=env)
        self.replicas[name] = server
        self.processes.append(server)
        return server

    def serve(self, name: str = "coffer-0", *options: str, env: Mapping[str, str] | None = None) -> Server:
        return self.prepare(name, *options, env=env).start()

    def leader(self, seconds: float = 40.0) -> Server:
        def find() -> Server | None:
            live = [server for server in self.replicas.values() if server.is_ready()]
            return next((server for server in live if server.leads()), None)

        return until(find, "a leader", seconds)

    def end(self) -> None:
        for process in self.processes:
            process.end()

    # What it keeps

    def authority(self) -> str:
        path = f"/api/v1/namespaces/{SYSTEM}/configmaps/coffer-ca"
        found = until(lambda: self.api.find(path), "the ConfigMap coffer-ca", 30)
        return found["data"]["ca.crt"]

    def sealed(self, kind: str = "", key_id: str = "") -> list[Json]:
        """Secrets of the installation, of one kind and key."""
        items = self.api.items(secrets(KEYS))
        items = [item for item in items if kind in ("", item["type"].removeprefix(f"{GROUP}/"))]
        return [item for item in items if key_id in ("", item["metadata"].get("labels", {}).get(f"{GROUP}/key-id"))]

    def token(self, namespace: str, account: str, spec: Json) -> str:
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": [], **spec}}
        return self.api.post(path, request)["status"]["token"]

    @property
    def audience(self) -> str:
        return f"{GROUP}/{self.id}"

    def tenant(self, name: str | None = None) -> Tenant:
        """A new namespace."""
        return Tenant(self, name or f"t-{uuid.uuid4().hex[:10]}").make()


class Caller:
    """A ServiceAccount with a pod, and what calls in its name."""

    def __init__(self, tenant: Tenant, name: str) -> None:
        self.tenant, self.name = tenant, name
        self.installation = tenant.installation
        self.username = f"system:serviceaccount:{tenant.namespace}:{name}"

    def make(self) -> Caller:
        """The pod never runs: nothing but its existence is asked for."""
        namespace = self.tenant.namespace
        core = f"/api/v1/namespaces/{namespace}"
        self.installation.api.post(f"{core}/serviceaccounts", {"metadata": {"name": self.name}})
        spec = {"serviceAccountName": self.name, "containers": [{"name": "app", "image": "none"}]}
        pod = self.installation.api.post(f"{core}/pods", {"metadata": {"name": self.name}, "spec": spec})
        self.pod_uid = pod["metadata"]["uid"]
        return self

    def bind(self, *roles: str) -> Caller:
        """Rights by RoleBindings to the ClusterRoles of config/rbac."""
        for role in roles:
            self.bind_role(role, "ClusterRole")
        return self

    def bind_role(self, role: str, kind: str) -> str:
        name = f"{self.name}-{role}"
        self.installation.api.post(self.tenant.rbac("rolebindings"), {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": self.name, "namespace": self.tenant.namespace}],
        })
        return name

    def unbind(self, binding: str) -> None:
        self.installation.api.text("DELETE", self.tenant.rbac("rolebindings", binding))

    def token(self, audience: str | None = None, bound: bool = True) -> str:
        spec: Json = {"audiences": [audience or self.installation.audience], "expirationSeconds": 3600}
        if bound:
            spec["boundObjectRef"] = {"kind": "Pod", "apiVersion": "v1", "name": self.name, "uid": self.pod_uid}
        return self.installation.token(self.tenant.namespace, self.name, spec)

    def sidecar(
        self, server: Server | None = None, token: str | None = None, env: Mapping[str, str] | None = None
    ) -> Sidecar:
        """A started sidecar before one replica."""
        installation = self.installation
        server = server or next(iter(installation.replicas.values()))
        home = installation.home / f"s{next(numbers)}"
        sidecar = Sidecar(home, server, installation.authority(), token or self.token(), env)
        installation.processes.append(sidecar)
        return sidecar.start()

    def kms(self, server: Server | None = None, token: str | None = None, attempts: int = 1) -> Any:
        return self.sidecar(server, token).kms(attempts)


class Tenant:
    """A namespace that uses the installation."""

    def __init__(self, installation: Installation, namespace: str) -> None:
        self.installation, self.namespace = installation, namespace
        self.cluster, self.api = installation.cluster, installation.api

    def make(self) -> Tenant:
        self.api.post("/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        return self

    def rbac(self, plural: str, name: str = "") -> str:
        path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{self.namespace}/{plural}"
        return path + (f"/{name}" if name else "")

    def kubectl(self, *words: str, manifest: Json | str | None = None) -> Said:
        return self.cluster.kubectl("--namespace", self.namespace, *words, manifest=manifest)

    def caller(self, name: str = "app", *roles: str) -> Caller:
        """With these roles; with those of a user and an administrator of keys where none is named."""
        return Caller(self, name).make().bind(*(roles or ("coffer-user", "coffer-key-admin")))

    # Keys

    def manifest(self, name: str, **spec: Any) -> Json:
        metadata = {"name": name, "namespace": self.namespace}
        return {"apiVersion": API_VERSION, "kind": "KmsKey", "metadata": metadata, "spec": spec}

    def apply(self, name: str, **spec: Any) -> None:
        """As a user does, with kubectl."""
        self.kubectl("apply", "--server-side", manifest=self.manifest(name, **spec)).ok()

    def make_key(self, name: str, **spec: Any) -> str:
        """The id of a new key that is ready."""
        self.apply(name, **spec)
        return self.ready(name)["keyId"]

    def key(self, name: str) -> Json:
        return self.api.get(keys(self.namespace, name))

    def keys(self) -> list[Json]:
        return self.api.items(keys(self.namespace))

    def status(self, name: str) -> Json:
        return self.key(name).get("status") or {}

    def condition(self, name: str, kind: str) -> Json:
        return condition(self.key(name), kind)

    def ready(self, name: str, seconds: float = 15.0) -> Json:
        """The status, once it says Ready of the latest spec."""
        return self.shows(name, is_ready, "Ready", seconds)["status"]

    def stalled(self, name: str, reason: str, seconds: float = 10.0) -> str:
        """The message of a key that is stalled for a reason."""
        def stalls(key: Json) -> bool:
            found = condition(key, "Stalled")
            return found.get("status") == "True" and found["reason"] == reason

        return condition(self.shows(name, stalls, f"Stalled for {reason}", seconds), "Stalled")["message"]

    def shows(self, name: str, holds: Callable[[Json], bool], what: str, seconds: float = 15.0) -> Json:
        """The object, once something holds of it."""
        last: list[Json] = []

        def look() -> bool:
            last.append(self.key(name))
            return holds(last[-1])

        try:
            until(look, what, seconds)
        except AssertionError as late:
            raise AssertionError(f"{late} of {self.namespace}/{name}: {last[-1].get('status')}") from None
        return last[-1]

    def events(self, name: str) -> list[Json]:
        path = f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"
        return [event for event in self.api.items(path) if event["regarding"].get("name") == name]


def condition(key: Json, kind: str) -> Json:
    conditions = (key.get("status") or {}).get("conditions") or []
    return next((found for found in conditions if found["type"] == kind), {})


def is_ready(key: Json) -> bool:
    current = (key.get("status") or {}).get("observedGeneration") == key["metadata"]["generation"]
    return current and condition(key, "Ready").get("status") == "True"
