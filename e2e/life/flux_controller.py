"""Flux's kustomize-controller as a process, and a folder of archives that stands for its source-controller."""

from __future__ import annotations

import hashlib
import http.client
import io
import itertools
import json
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

from engines import program
from installation import Installation, Process, Tenant, condition
from support import ROOT, Json, free_port, until

KUSTOMIZATION = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{}/kustomizations"
REPOSITORY = "/apis/source.toolkit.fluxcd.io/v1/namespaces/{}/gitrepositories"
SECONDS = 40
LONG_AGO = "2026-01-01T00:00:00Z"
numbers = itertools.count(1)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing: what it is asked for is no part of a test's output."""


class Controller(Process):
    """The controller with all rights, as an installation of Flux has them. It fetches what `archives` holds."""

    def __init__(self, installation: Installation) -> None:
        home = installation.home / "flux"
        super().__init__(home, "kustomize-controller", {
            "KUBECONFIG": installation.cluster.kubeconfig, "RUNTIME_NAMESPACE": "default", "TMPDIR": str(home),
        })
        self.installation, self.health = installation, free_port()
        self.archives = home / "archives"
        self.archives.mkdir()
        self.files = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(self.archives)))
        threading.Thread(target=self.files.serve_forever, daemon=True).start()

    def define(self) -> None:
        kubectl = self.installation.cluster.kubectl
        for definition in sorted(program("controller_program").parent.glob("*.yaml")):
            kubectl("apply", "--server-side", "-f", str(definition)).ok()
        kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all").ok()

    def command(self) -> list[str]:
        addresses = ["--metrics-addr", "127.0.0.1:0", "--health-addr", f"127.0.0.1:{self.health}"]
        return [str(program("controller_program")), "--concurrent", "8", *addresses]

    def is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.health, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def end(self) -> None:
        super().end()
        self.files.shutdown()
        self.files.server_close()


class Git:
    """A repository whose commits the controller applies to a namespace, as config/flux/keys.yaml says."""

    def __init__(self, controller: Controller, tenant: Tenant, **spec: Any) -> None:
        self.controller, self.tenant, self.api = controller, tenant, tenant.api
        self.repositories = REPOSITORY.format(tenant.namespace)
        self.kustomizations = KUSTOMIZATION.format(tenant.namespace)
        self.api.post(self.repositories, {
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": {"name": "keys"},
            "spec": {"url": "https://git.example.com/shop/keys.git", "interval": "10m"},
        })
        kustomization = yaml.safe_load((ROOT / "config" / "flux" / "keys.yaml").read_text("utf-8"))
        kustomization["metadata"]["namespace"] = tenant.namespace
        kustomization["spec"] |= {"targetNamespace": tenant.namespace, **spec}
        self.api.post(self.kustomizations, kustomization)

    def commit(self, *manifests: Json) -> str:
        """The revision. The controller hears of it at once."""
        files = {f"keys/{manifest['metadata']['name']}.json": manifest for manifest in manifests}
        # An empty folder would be no Kustomization at all.
        resources = [path.removeprefix("keys/") for path in files]
        files["keys/kustomization.yaml"] = {"resources": resources}
        content = packed(files)
        digest = hashlib.sha256(content).hexdigest()
        name, revision = f"{digest}-{next(numbers)}.tar.gz", f"main@sha1:{next(numbers):040x}"
        (self.controller.archives / name).write_bytes(content)
        port = self.controller.files.server_address[1]
        artifact = {"path": name, "url": f"http://127.0.0.1:{port}/{name}", "revision": revision,
                    "digest": f"sha256:{digest}", "lastUpdateTime": LONG_AGO, "size": len(content)}
        ready = {"type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored",
                 "lastTransitionTime": LONG_AGO}
        status = {"artifact": artifact, "conditions": [ready], "observedGeneration": 1}
        self.api.patch(f"{self.repositories}/keys/status", {"status": status})
        return revision

    @property
    def kustomization(self) -> Json:
        return self.api.get(f"{self.kustomizations}/keys")

    def applies(self, *manifests: Json) -> None:
        """Commits, and waits until the controller calls it well: applied, pruned and healthy."""
        self.has_applied(self.commit(*manifests))

    def has_applied(self, revision: str) -> None:
        self.ends("True", lambda status: status.get("lastAppliedRevision") == revision)

    def refuses(self, *manifests: Json) -> str:
        """Commits, and waits for why the controller could not apply it."""
        revision = self.commit(*manifests)
        return self.ends("False", lambda status: status.get("lastAttemptedRevision") == revision)

    def looks_again(self) -> None:
        """As `flux reconcile kustomization` asks for it."""
        asked = f"request-{next(numbers)}"
        annotations = {"reconcile.fluxcd.io/requestedAt": asked}
        self.api.patch(f"{self.kustomizations}/keys", {"metadata": {"annotations": annotations}})
        self.ends("True", lambda status: status.get("lastHandledReconcileAt") == asked)

    def ends(self, ready: str, holds: Any) -> str:
        def look() -> str | None:
            found = self.kustomization
            told = condition(found, "Ready")
            return told["message"] if told.get("status") == ready and holds(found["status"]) else None

        try:
            return until(look, f"Ready={ready}", SECONDS)
        except AssertionError as late:
            raise AssertionError(f"{late}: {self.kustomization.get('status')}") from None


def packed(files: dict[str, Json]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for path, value in files.items():
            text = json.dumps(value).encode()
            entry = tarfile.TarInfo(path)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    return content.getvalue()
