"""What the tests behind the fault layer need: the API server itself, the server under test, keys and a caller."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from fault_layer import FaultLayer

T = TypeVar("T")
Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
RIG = ROOT / "e2e" / "cluster"
GROUP = "kms.coffer.dev"
API_VERSION = f"{GROUP}/v1alpha1"
INSTALLATION = "000102030405060708090a0b0c0d0e0f"
CONVERGES_SECONDS = 30.0
START_SECONDS = 60.0
KUBECTL_SECONDS = 120.0


def binary() -> str:
    """The built program; a missing variable must fail loudly, or nothing at all would be proved."""
    path = os.environ.get("COFFER_BIN")
    assert path and os.access(path, os.X_OK), "COFFER_BIN must hold the path of the coffer binary"
    return path


def until(condition: Callable[[], T], what: str, seconds: float = CONVERGES_SECONDS) -> T:
    """The first truthy value of `condition`; a test never sleeps for a guessed time instead."""
    begun = time.monotonic()
    while not (found := condition()):
        waited = time.monotonic() - begun
        assert waited < seconds, f"waited {seconds} s for {what}"
        # The longer it takes, the less it matters when it is seen; those that are waited for need the processor.
        time.sleep(min(0.05 + waited / 20, 0.5))
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """The rig's control plane, and its API server without anything in between."""

    def __init__(self, name: str) -> None:
        self.name = name
        done = subprocess.run(
            [RIG, "up", "--size", "control-plane", "--name", name], capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, done.stderr
        self.kubeconfig = Path(done.stdout.splitlines()[-1])
        config = json.loads(self.kubeconfig.read_text("utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        address = urlsplit(cluster["server"])
        self.host, self.port = address.hostname or "", address.port or 443
        self.context = self._context(cluster, user)
        self.connection: http.client.HTTPSConnection | None = None

    def _context(self, cluster: Json, user: Json) -> ssl.SSLContext:
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        context = ssl.create_default_context(cadata=authority)
        path = self.kubeconfig.with_name("fault-layer.pem")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(base64.b64decode(user["client-certificate-data"]) + b"\n")
            file.write(base64.b64decode(user["client-key-data"]))
        context.load_cert_chain(path)
        path.unlink()
        return context

    def down(self) -> None:
        subprocess.run([RIG, "down", "--name", self.name], capture_output=True, timeout=120, check=True)

    def kubectl(self, *arguments: str) -> str:
        command = [RIG, "kubectl", "--name", self.name, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=KUBECTL_SECONDS)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def ask(self, method: str, path: str, body: Json | None = None) -> tuple[int, Json]:
        """One request; a connection that the API server closed meanwhile is made again."""
        for attempt in (1, 2):
            if self.connection is None:
                self.connection = http.client.HTTPSConnection(self.host, self.port, timeout=30, context=self.context)
            try:
                content = None if body is None else json.dumps(body)
                self.connection.request(method, path, content, headers(method))
                answer = self.connection.getresponse()
                return answer.status, json.loads(answer.read())
            except (OSError, http.client.HTTPException):
                self.connection = None
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def good(self, method: str, path: str, body: Json | None = None) -> Json:
        code, answer = self.ask(method, path, body)
        assert code in (200, 201, 202), answer
        return answer

    def sealed(self) -> set[str]:
        """The names of the sealed objects."""
        items = self.good("GET", "/api/v1/namespaces/coffer-keys/secrets")["items"]
        return {item["metadata"]["name"] for item in items}

    def make_namespace(self, name: str, **labels: str) -> None:
        self.good("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})


def headers(method: str) -> dict[str, str]:
    """Lists come without what their objects hold; only their names are looked at, or kinds of our own."""
    content = "application/merge-patch+json" if method == "PATCH" else "application/json"
    return {"Content-Type": content}


@dataclass(frozen=True)
class Keys:
    """KmsKeys of one namespace, as a user sees them."""

    cluster: Cluster
    namespace: str

    @property
    def path(self) -> str:
        return f"/apis/{API_VERSION}/namespaces/{self.namespace}/kmskeys"

    def make(self, name: str) -> None:
        manifest = {
            "apiVersion": API_VERSION, "kind": "KmsKey", "metadata": {"name": name},
            "spec": {"description": f"the key {name}"},
        }
        self.cluster.good("POST", self.path, manifest)

    def remove(self, name: str) -> None:
        self.cluster.good("DELETE", f"{self.path}/{name}")

    def status(self, name: str) -> Json:
        return self.cluster.good("GET", f"{self.path}/{name}").get("status") or {}

    def all(self) -> dict[str, Json]:
        items = self.cluster.good("GET", self.path)["items"]
        return {item["metadata"]["name"]: item.get("status") or {} for item in items}

    def wait_ready(self, name: str, seconds: float = CONVERGES_SECONDS) -> Json:
        last: Json = {}

        def ready() -> Json | None:
            nonlocal last
            last = self.status(name)
            return last if is_ready(last) else None

        try:
            return until(ready, f"{name} to be Ready", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; its status is {json.dumps(last)}") from error


def is_ready(status: Json) -> bool:
    conditions = {condition["type"]: condition["status"] for condition in status.get("conditions", [])}
    return conditions.get("Ready") == "True" and status.get("keyState") == "Enabled"


class Server:
    """One `coffer server` behind the fault layer, which can be stopped and started again."""

    def __init__(self, home: Path, layer: FaultLayer, authority: bytes, root: Path) -> None:
        self.home = home
        self.root = root
        self.port, self.health = free_port(), free_port()
        self.runs = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.kubeconfig = home / "kubeconfig"
        data = base64.b64encode(authority).decode()
        cluster = {"server": f"https://127.0.0.1:{layer.port}", "certificate-authority-data": data}
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "layer",
            "clusters": [{"name": "layer", "cluster": cluster}], "users": [{"name": "layer", "user": {}}],
            "contexts": [{"name": "layer", "context": {"cluster": "layer", "user": "layer"}}],
        }
        self.kubeconfig.write_text(json.dumps(config), "utf-8")

    def command(self) -> list[str]:
        return [
            binary(), "server", "--installation-id", INSTALLATION, "--root", str(self.root),
            "--listen", f"127.0.0.1:{self.port}", "--health", f"127.0.0.1:{self.health}",
            "--audit-folder", str(self.home), "--audit", "besteffort",
            "--replica", "coffer-0", "--drain-delay", "0",
        ]

    def start(self) -> Server:
        self.runs += 1
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig), "NO_PROXY": "*"}
        with open(self.log("stdout"), "wb") as out, open(self.log("stderr"), "wb") as err:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment
            )
        until(self.is_ready, "the server to be ready", START_SECONDS)
        until(self.leads, "the server to lead", START_SECONDS)
        return self

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(START_SECONDS) == 0, self.said()

    def restart(self) -> Server:
        self.stop()
        return self.start()

    def end(self) -> None:
        """The clean-up after the tests, which may have stopped the process already."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait(START_SECONDS)

    def log(self, name: str) -> Path:
        return self.home / f"{name}-{self.runs}.log"

    def said(self) -> str:
        return self.log("stdout").read_text("utf-8") + self.log("stderr").read_text("utf-8")

    def assert_alive(self) -> None:
        assert self.process is not None and self.process.poll() is None, self.said()[-4000:]
        assert "panicked" not in self.said()

    def ask_health(self, path: str) -> tuple[int, str]:
        self.assert_alive()
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
        return self.ask_health("/readyz")[0] == 200

    def metric(self, name: str) -> float | None:
        lines = [line.split() for line in self.ask_health("/metrics")[1].splitlines()]
        return next((float(line[1]) for line in lines if line and line[0] == f"coffer_{name}"), None)

    def leads(self) -> bool:
        return self.metric("leader") == 1


class Caller:
    """A workload with a token of its own, which calls the server without a sidecar."""

    def __init__(self, server: Server, token: str, authority: str) -> None:
        self.server = server
        self.token = token
        self.authority = authority
        self.context = ssl.create_default_context(cadata=authority)
        self.kept = threading.local()

    def call(self, operation: str, **members: Any) -> tuple[int, Json]:
        headers = {
            "Authorization": f"Bearer {self.token}", "X-Amz-Target": f"TrentService.{operation}",
            "Content-Type": "application/x-amz-json-1.1",
        }
        body = json.dumps(members)
        if connection := self.take_connection():
            # One that the server closed meanwhile is made again.
            with suppress(ConnectionError, ssl.SSLEOFError):
                return self.ask(connection, body, headers)
        connection = http.client.HTTPSConnection("127.0.0.1", self.server.port, timeout=15, context=self.context)
        return self.ask(connection, body, headers)

    def ask(self, connection: http.client.HTTPSConnection, body: str, headers: dict[str, str]) -> tuple[int, Json]:
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        code, text = answer.status, answer.read()
        self.kept.last = connection, self.server.runs
        return code, json.loads(text or b"{}")

    def take_connection(self) -> http.client.HTTPSConnection | None:
        """The one of this thread to this run of the server; only what was answered is used again."""
        connection, run = getattr(self.kept, "last", (None, 0))
        self.kept.last = None, 0
        return connection if run == self.server.runs else None

    def state(self, key_id: str) -> str:
        """What DescribeKey says of a key, or the error."""
        code, answer = self.call("DescribeKey", KeyId=key_id)
        return answer["KeyMetadata"]["KeyState"] if code == 200 else f"{code} {answer.get('__type')}"

    def problem_with(self, key_id: str) -> str:
        """What keeps a key from encrypting and decrypting; nothing where it does both."""
        plaintext = base64.b64encode(b"what is sealed").decode()
        code, sealed = self.call("Encrypt", KeyId=key_id, Plaintext=plaintext)
        if code != 200:
            return f"Encrypt: {code} {sealed}"
        code, opened = self.call("Decrypt", CiphertextBlob=sealed["CiphertextBlob"])
        return "" if code == 200 and opened["Plaintext"] == plaintext else f"Decrypt: {code} {opened}"

    def is_served(self, key_id: str) -> bool:
        return not self.problem_with(key_id)
