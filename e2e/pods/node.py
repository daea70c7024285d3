"""A cluster of one node, and applications with a sidecar in it."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")
Json = dict[str, Any]

INSTALLATION = "c0ffe2000000000000000000000000de"
RESTRICTED = {
    "runAsNonRoot": True, "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
}


def run(*command: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=stdin, check=True, text=True, capture_output=True, timeout=600)


def until(condition: Callable[[], T], what: str, seconds: float = 30.0) -> T:
    """The first truthy value of `condition`; a test never sleeps for a guessed time instead."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)
    return found


class Node:
    """kubectl and the rig for one cluster."""

    def __init__(self, kubeconfig: str, rig: str) -> None:
        self.kubeconfig = kubeconfig
        self.rig = rig

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        command = [self.rig, "kubectl", "--name", "pods", *arguments]
        done = subprocess.run(command, input=stdin, text=True, capture_output=True, timeout=600)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def answers(self, *arguments: str) -> bool:
        command = [self.rig, "kubectl", "--name", "pods", *arguments]
        return subprocess.run(command, text=True, capture_output=True, timeout=600).returncode == 0

    def apply(self, *objects: Json) -> None:
        self.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def get(self, *arguments: str) -> Json:
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def namespace(self) -> Tenant:
        name = f"tenant-{uuid.uuid4().hex[:10]}"
        labels = {"kms.coffer.dev/ca": "true", "pod-security.kubernetes.io/enforce": "restricted"}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        return Tenant(self, name)


class Tenant:
    """One namespace with applications of its own."""

    def __init__(self, node: Node, name: str) -> None:
        self.node = node
        self.name = name

    def kubectl(self, *arguments: str) -> str:
        return self.node.kubectl("-n", self.name, *arguments)

    def application(self, name: str, *roles: str) -> Application:
        """A pod that waits to be told what to run, with the sidecar beside it."""
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": self.name}}
        self.node.apply(account, pod(self.name, name))
        for role in roles:
            self.bind(name, role)
        self.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=120s")
        return Application(self, name)

    def bind(self, account: str, role: str) -> None:
        self.kubectl("create", "rolebinding", f"{account}-{role}", f"--clusterrole={role}",
                     f"--serviceaccount={self.name}:{account}")

    def key(self, name: str, **spec: Any) -> str:
        metadata = {"name": name, "namespace": self.name}
        self.node.apply({"apiVersion": "kms.coffer.dev/v1alpha1", "kind": "KmsKey", "metadata": metadata, "spec": spec})
        self.kubectl("wait", "--for=condition=Ready", f"kmskey/{name}", "--timeout=60s")
        return self.node.get("-n", self.name, "kmskey", name)["status"]["keyId"]


class Application:
    """One pod; what it runs is Python with an unmodified boto3 and no credentials but its ServiceAccount."""

    def __init__(self, tenant: Tenant, name: str) -> None:
        self.tenant = tenant
        self.name = name

    def python(self, script: str, *arguments: str) -> str:
        """The output of a script; `kms` is a client, and `refusal(call)` the name of the error that a call ends in."""
        prelude = (HERE / "prelude.py").read_text()
        return self.tenant.kubectl("exec", self.name, "-c", "app", "--", "python3", "-c", prelude + script, *arguments)

    def start(self, script: str, *arguments: str) -> subprocess.Popen[str]:
        prelude = (HERE / "prelude.py").read_text()
        command = [self.tenant.node.rig, "kubectl", "--name", "pods", "-n", self.tenant.name, "exec", self.name,
                   "-c", "app", "--", "python3", "-u", "-c", prelude + script, *arguments]
        return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


HERE = Path(__file__).resolve().parent


def pod(namespace: str, name: str) -> Json:
    mounts = [
        {"name": "coffer", "mountPath": "/run/coffer"},
        {"name": "coffer-ca", "mountPath": "/etc/coffer/ca", "readOnly": True},
        {"name": "coffer-token", "mountPath": "/var/run/secrets/coffer", "readOnly": True},
    ]
    probe = ["/coffer-sidecar", "probe"]
    sidecar = {
        "name": "coffer-sidecar", "image": "localhost/coffer-sidecar:dev", "imagePullPolicy": "Never",
        "restartPolicy": "Always", "args": ["serve"], "securityContext": RESTRICTED, "volumeMounts": mounts,
        "startupProbe": {"exec": {"command": [*probe, "--startup"]}, "periodSeconds": 1, "failureThreshold": 60},
        "readinessProbe": {"exec": {"command": probe}, "periodSeconds": 2, "timeoutSeconds": 5},
    }
    environment = {
        "AWS_ENDPOINT_URL_KMS": "http://127.0.0.1:4599", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:4599/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/run/coffer/authorization", "HOME": "/tmp",
    }
    app = {
        "name": "app", "image": "localhost/client:dev", "imagePullPolicy": "Never", "securityContext": RESTRICTED,
        "command": ["python3", "-c", "import signal; signal.sigwait([signal.SIGTERM])"],
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "volumeMounts": [{"name": "coffer", "mountPath": "/run/coffer", "readOnly": True}],
    }
    token = {"audience": f"kms.coffer.dev/{INSTALLATION}", "expirationSeconds": 3600, "path": "token"}
    volumes = [
        {"name": "coffer", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "coffer-ca", "configMap": {"name": "coffer-ca", "optional": True}},
        {"name": "coffer-token", "projected": {"sources": [{"serviceAccountToken": token}]}},
    ]
    spec = {
        "serviceAccountName": name, "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 2,
        "initContainers": [sidecar], "containers": [app], "volumes": volumes,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532},
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec}
