"""Coffer in the cluster: initialised once, with replicas that run as processes under the server's own rights."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from pathlib import Path

from .api import GROUP, Access, Client, Json, kms
from .output import Failure, tell
from .process import Program, free_port, until
from .rig import ROOT, Rig, run

INSTALLATION = "c0ffeebe9c40000000000000000000de"
SYSTEM, SEALED, CALLERS = "coffer-system", "coffer-keys", "callers"
# The server bounds what one caller asks for in a second, and less than the fastest operations take.
CALLERS_NUMBER = 4
ROLES = ("coffer-user", "coffer-signer")
READY_SECONDS = 180.0
TOKEN_SECONDS = 24 * 3600


class Installation:
    """What every replica shares: the pin, the root file, and a kubeconfig of the server's ServiceAccount."""

    def __init__(self, rig: Rig, access: Access, coffer: Path, folder: Path) -> None:
        self.rig, self.access, self.coffer, self.folder = rig, access, coffer, folder
        self.client = Client(access)
        self.programs: list[Program] = []
        self.tokens: list[str] = []
        self.authority = folder / "coffer-ca.crt"

    def prepare(self) -> None:
        tell("applying definitions and rights, and initialising")
        rig = self.rig
        rig.kubectl("apply", "--server-side", "-k", str(ROOT / "crds"))
        rig.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
        for name in (SYSTEM, SEALED, CALLERS):
            labels = {"kms.coffer.dev/ca": "true"} if name == CALLERS else {}
            metadata = {"name": name, "labels": labels}
            self.client.call("POST", "/api/v1/namespaces", {"kind": "Namespace", "metadata": metadata})
        rig.kubectl("apply", "--server-side", "-k", str(ROOT / "config" / "rbac"))
        environment = f"KUBECONFIG={rig.kubeconfig}"
        run("env", environment, str(self.coffer), "init", "--installation-id", INSTALLATION)
        secret = self.client.call("GET", f"/api/v1/namespaces/{SYSTEM}/secrets/coffer-root")
        self.root.touch(mode=0o600)
        self.root.write_bytes(base64.b64decode(secret["data"]["root.key"]))
        self.write_kubeconfig()

    @property
    def root(self) -> Path:
        return self.folder / "root.key"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "server.kubeconfig"

    def write_kubeconfig(self) -> None:
        """The replicas have no more rights than in a deployment, and pay for their authorisation as they do there."""
        token = self.request_token(SYSTEM, "coffer-server", {"expirationSeconds": TOKEN_SECONDS})
        authority = base64.b64encode(self.access.authority.read_bytes()).decode()
        cluster = {"server": self.access.url, "certificate-authority-data": authority}
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "bench",
            "clusters": [{"name": "bench", "cluster": cluster}],
            "users": [{"name": "server", "user": {"token": token}}],
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "server"}}],
        }
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(json.dumps(config))

    def request_token(self, namespace: str, account: str, spec: Json) -> str:
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        until(lambda: self.client.found(path.removesuffix("/token")), f"the ServiceAccount {account}")
        return str(self.client.call("POST", path, {"kind": "TokenRequest", "spec": spec})["status"]["token"])

    def make_callers(self) -> None:
        """ServiceAccounts that may use keys."""
        self.tokens = [self.make_caller(f"caller-{index}") for index in range(CALLERS_NUMBER)]
        found = until(
            lambda: self.client.found(f"/api/v1/namespaces/{CALLERS}/configmaps/coffer-ca"), "the ConfigMap coffer-ca",
        )
        self.authority.write_text(found["data"]["ca.crt"])
        (self.folder / "token").write_text(self.token)

    def make_caller(self, name: str) -> str:
        """A ServiceAccount with a pod, which need not run for its token to be good, and the right to use keys."""
        path = f"/api/v1/namespaces/{CALLERS}"
        metadata = {"name": name}
        self.client.call("POST", f"{path}/serviceaccounts", {"metadata": metadata})
        containers = [{"name": "app", "image": "none"}]
        spec = {"serviceAccountName": name, "automountServiceAccountToken": False, "containers": containers}
        self.client.call("POST", f"{path}/pods", {"metadata": metadata, "spec": spec})
        for role in ROLES:
            self.bind(name, role)
        bound = {"kind": "Pod", "apiVersion": "v1", "name": name}
        audience = [f"kms.coffer.dev/{INSTALLATION}"]
        wanted = {"audiences": audience, "expirationSeconds": TOKEN_SECONDS, "boundObjectRef": bound}
        return self.request_token(CALLERS, name, wanted)

    @property
    def token(self) -> str:
        """The one that is used where one is enough."""
        return self.tokens[0]

    def bind(self, caller: str, role: str) -> None:
        binding = {
            "metadata": {"name": f"{caller}-{role}"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": caller, "namespace": CALLERS}],
        }
        path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{CALLERS}/rolebindings"
        self.client.call("POST", path, binding)

    def make_key(self, name: str, **spec: str) -> str:
        """The id of a key of the caller's namespace, once it is ready."""
        path = f"{GROUP}/namespaces/{CALLERS}/kmskeys"
        self.client.call("POST", path, manifest(CALLERS, name, **spec))
        status = until(lambda: ready_status(self.client.found(f"{path}/{name}")), f"the key {name} to be ready")
        return str(status["keyId"])

    def start(self, replica: str) -> Server:
        server = Server(self, replica)
        self.programs.append(server)
        return server

    def end(self) -> None:
        for program in self.programs:
            program.kill()


def manifest(namespace: str, name: str, **spec: str) -> Json:
    return {
        "apiVersion": "kms.coffer.dev/v1alpha1", "kind": "KmsKey",
        "metadata": {"name": name, "namespace": namespace}, "spec": {"description": "a key of the benchmark", **spec},
    }


def ready_status(key: Json | None) -> Json | None:
    status = (key or {}).get("status", {})
    is_ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", []))
    return status if is_ready else None


class Server(Program):
    """One replica."""

    def __init__(self, of: Installation, replica: str) -> None:
        self.of = of
        self.port, self.health = free_port(), free_port()
        audit = of.folder / f"audit-{replica}"
        audit.mkdir(exist_ok=True)
        command = [
            str(of.coffer), "server", "--installation-id", INSTALLATION, "--root", str(of.root), "--replica", replica,
            "--listen", f"127.0.0.1:{self.port}", "--health", f"127.0.0.1:{self.health}",
            "--audit-folder", str(audit), "--drain-delay", "0",
        ]
        self.begun = time.monotonic()
        super().__init__(replica, command, of.folder / f"{replica}.log", {"KUBECONFIG": str(of.kubeconfig)})

    def is_ready(self) -> bool:
        self.check()
        connection = http.client.HTTPConnection("127.0.0.1", self.health, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def wait_ready(self) -> float:
        """Seconds from its start."""
        until(self.is_ready, f"{self.name} to be ready", READY_SECONDS, 0.005)
        return time.monotonic() - self.begun

    def connect(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=str(self.of.authority))
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=30)

    def wait_answer(self, key: str) -> float:
        """Seconds from its start to the first good answer to a caller."""

        def answers() -> bool:
            connection = self.connect()
            try:
                kms(connection, "DescribeKey", {"KeyId": key}, self.of.token)
                return True
            except (OSError, Failure):
                return False
            finally:
                connection.close()

        until(answers, f"{self.name} to answer", READY_SECONDS, 0.005)
        return time.monotonic() - self.begun
