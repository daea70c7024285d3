"""A control plane of the rig, kubectl as a user runs it, and the plain API for polling."""

from __future__ import annotations

import base64
import functools
import http.client
import json
import os
import re
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import API_VERSION, ROOT, Json, program

RIG = str(ROOT / "e2e" / "cluster")
COMMAND_SECONDS = 120.0
LATER_SECONDS = 20.0
# The process that started the run; the names of its clusters carry it, so that the next run finds what it left.
RUN = "COFFER_CONTROL_RUN"


def run_rig(*words: str) -> str:
    done = subprocess.run([RIG, *words], capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    assert done.returncode == 0, f"e2e/cluster {' '.join(words)} failed:\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


@functools.cache
def kubectl_program() -> str:
    return str(Path(run_rig("build", "--size", "control-plane").splitlines()[-1]) / "kubectl")


def begin_run() -> None:
    """Takes away what earlier runs left that were killed."""
    os.environ[RUN] = str(os.getpid())
    for name in re.findall(r"^(control-(\d+)-[a-z-]+):", run_rig("status"), re.MULTILINE):
        if not Path(f"/proc/{name[1]}").exists():
            run_rig("down", "--name", name[0])


def end_run() -> None:
    """Takes away all clusters of this run, whatever became of the fixtures."""
    for name in re.findall(rf"^(control-{os.environ[RUN]}-[a-z-]+):", run_rig("status"), re.MULTILINE):
        run_rig("down", "--name", name)


@dataclass(frozen=True)
class Said:
    """How one command ended."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    def ok(self) -> str:
        assert self.code == 0, f"{' '.join(self.words)} failed:\n{self.out}{self.err}"
        return self.out

    def refused(self, *says: str) -> str:
        assert self.code != 0, f"{' '.join(self.words)} succeeded:\n{self.out}"
        for text in says:
            assert text in self.err, f"{' '.join(self.words)} did not say {text!r}, but:\n{self.err}"
        return self.err


def run(words: list[str], text: str | None = None, env: Mapping[str, str] | None = None) -> Said:
    done = subprocess.run(
        words, input=text or "", capture_output=True, text=True, timeout=COMMAND_SECONDS,
        env={**os.environ, **(env or {})}, check=False,
    )
    return Said(tuple(words), done.returncode, done.stdout, done.stderr)


class Cluster:
    """One control plane, which can be damaged."""

    def __init__(self, purpose: str, *options: str) -> None:
        self.options = options
        self.name = f"control-{os.environ[RUN]}-{purpose}"
        self.kubeconfig = ""

    def up(self) -> Cluster:
        self.kubeconfig = run_rig("up", "--size", "control-plane", "--name", self.name, *self.options).splitlines()[-1]
        self.api = Api(self.kubeconfig)
        return self

    def down(self) -> None:
        run_rig("down", "--name", self.name)

    def stop(self, component: str) -> None:
        run_rig("stop", "--name", self.name, component)

    def start(self, component: str) -> None:
        run_rig("start", "--name", self.name, component)

    def pause(self, component: str) -> None:
        run_rig("pause", "--name", self.name, component)

    def resume(self, component: str) -> None:
        run_rig("resume", "--name", self.name, component)

    def kubectl(self, *words: str, manifest: Json | str | None = None) -> Said:
        text = manifest if isinstance(manifest, str) or manifest is None else json.dumps(manifest)
        file = () if manifest is None else ("-f", "-")
        return run([kubectl_program(), "--kubeconfig", self.kubeconfig, *words, *file], text)

    def apply(self, *objects: Json, field_manager: str = "kubectl") -> None:
        listing = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "--server-side", "--field-manager", field_manager, manifest=listing).ok()


@contextmanager
def control_plane(purpose: str, *options: str) -> Iterator[Cluster]:
    """A control plane that goes away whatever becomes of the tests."""
    for variable in ("COFFER_BIN", "COFFER_SIDECAR_BIN"):
        program(variable)
    cluster = Cluster(purpose, *options)
    try:
        yield cluster.up()
    finally:
        cluster.down()


class ApiError(Exception):
    """The API server refused a request."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:500]}")
        self.status = status


class Api:
    """The API server with the administrator's certificate; tests that poll would spend their time in kubectl."""

    def __init__(self, kubeconfig: str) -> None:
        config = json.loads(Path(kubeconfig).read_text("utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server = cluster["server"]
        self.authority = cluster["certificate-authority-data"]
        self.address = self.server.removeprefix("https://")
        self.context = ssl.create_default_context(cadata=self.authority_pem())
        self.kept = threading.local()
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(base64.b64decode(user["client-certificate-data"]) + b"\n")
            pair.write(base64.b64decode(user["client-key-data"]))
            pair.flush()
            self.context.load_cert_chain(pair.name)

    def authority_pem(self) -> str:
        return base64.b64decode(self.authority).decode()

    def text(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> str:
        """The body of the answer. As every client of Kubernetes does, it obeys where it is asked to come later."""
        deadline = time.monotonic() + LATER_SECONDS
        while True:
            try:
                return self.text_once(method, path, body, kind)
            except ApiError as error:
                if error.status != 429 or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def text_once(self, method: str, path: str, body: Any, kind: str) -> str:
        content = None if body is None else json.dumps(body)
        if connection := self.take_connection():
            # One that the API server closed meanwhile is made again.
            with suppress(ConnectionError, ssl.SSLEOFError):
                return self.answer(connection, method, path, content, kind)
        connection = http.client.HTTPSConnection(self.address, context=self.context, timeout=30)
        return self.answer(connection, method, path, content, kind)

    def answer(
        self, connection: http.client.HTTPSConnection, method: str, path: str, content: str | None, kind: str
    ) -> str:
        connection.request(method, path, content, {"Content-Type": kind})
        answer = connection.getresponse()
        text = answer.read().decode()
        self.kept.connection = connection
        if answer.status >= 300:
            raise ApiError(answer.status, text)
        return text

    def take_connection(self) -> http.client.HTTPSConnection | None:
        """The one of this thread; only what was answered is used again."""
        connection, self.kept.connection = getattr(self.kept, "connection", None), None
        return connection

    def get(self, path: str) -> Json:
        return json.loads(self.text("GET", path))

    def find(self, path: str) -> Json | None:
        """The object, or None where there is none."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def answers(self, path: str) -> bool:
        try:
            return bool(self.get(path))
        except (ApiError, OSError):
            return False

    def post(self, path: str, body: Any) -> Json:
        return json.loads(self.text("POST", path, body))

    def put(self, path: str, body: Any) -> Json:
        return json.loads(self.text("PUT", path, body))

    def patch(self, path: str, body: Any) -> Json:
        return json.loads(self.text("PATCH", path, body, "application/merge-patch+json"))

    def delete(self, path: str) -> None:
        with suppress(ApiError):
            self.text("DELETE", path)

    def items(self, path: str) -> list[Json]:
        return self.get(path)["items"]


def secrets(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/secrets" + (f"/{name}" if name else "")


def keys(namespace: str, name: str = "") -> str:
    return f"/apis/{API_VERSION}/namespaces/{namespace}/kmskeys" + (f"/{name}" if name else "")
