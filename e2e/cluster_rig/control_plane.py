"""etcd, the API server and the controller-manager: most tests need no more."""

from __future__ import annotations

import errno
import json
import random
import socket
from dataclasses import asdict, dataclass

from . import pki
from .build import locate, program
from .output import Failure
from .paths import Folder, Json
from .process import Component
from .recipe import CONTROL_PLANE, NODE

LOOPBACK = "127.0.0.1"
# Pods and their gateway, the bridge. Not the range that podman takes by default.
BRIDGE_ADDRESS = "10.213.0.1"
POD_RANGE = "10.213.0.0/16"
SERVICE_RANGE = "10.96.0.0/16"
KUBERNETES_SERVICE_ADDRESS = "10.96.0.1"
NODE_NAME = "coffer-node"
ISSUER = "https://kubernetes.default.svc"
# Below what the kernel hands out to clients and what Kubernetes gives to node ports: a component that was stopped
# finds its port free when it is started again.
FIRST_PORT, LAST_PORT = 12000, 29999


@dataclass(frozen=True)
class Ports:
    etcd: int
    etcd_peer: int
    api: int


@dataclass(frozen=True)
class Options:
    """What the caller of `up` chose. A cluster that runs is given again only for the same choice of size."""

    size: str
    fsync: bool = False
    audit: bool = False
    definitions: str = ""
    api_server_arguments: tuple[str, ...] = ()

    def as_json(self) -> Json:
        return asdict(self)


def free_ports(address: str) -> Ports:
    return Ports(*(free_port(one) for one in (LOOPBACK, LOOPBACK, address)))


def free_port(address: str) -> int:
    for _ in range(100):
        port = random.randint(FIRST_PORT, LAST_PORT)
        with socket.socket() as one:
            try:
                one.bind((address, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            return port
    raise Failure(f"no free port between {FIRST_PORT} and {LAST_PORT}")


def api_address(size: str) -> str:
    """Pods reach the API server on the bridge, and nothing outside of the machine reaches it."""
    return BRIDGE_ADDRESS if size == NODE else LOOPBACK


def api_url(size: str, ports: Ports) -> str:
    return f"https://{api_address(size)}:{ports.api}"


def write_pki(folder: Folder, size: str, ports: Ports) -> None:
    pki.authority(folder)
    pki.token_keys(folder)
    service = "kubernetes.default.svc"
    names = [service, "kubernetes", "kubernetes.default", f"{service}.cluster.local", "localhost"]
    pki.server(folder, "api-server", names, [LOOPBACK, BRIDGE_ADDRESS, KUBERNETES_SERVICE_ADDRESS])
    pki.client(folder, "admin", "coffer-cluster-admin", "system:masters")
    pki.client(folder, "kube-controller-manager", "system:kube-controller-manager")
    url = api_url(size, ports)
    pki.write_kubeconfig(folder, folder.kubeconfig, url, "admin")
    pki.write_kubeconfig(
        folder, folder.files / "kube-controller-manager.kubeconfig", url, "kube-controller-manager"
    )


def write_audit_policy(folder: Folder) -> None:
    """Who asked for what, without bodies; each request once, when it ended."""
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived", "ResponseStarted"],
        "rules": [{"level": "Metadata"}],
    }
    (folder.files / "audit-policy.json").write_text(json.dumps(policy))


def etcd(folder: Folder, options: Options, ports: Ports) -> Component:
    """Without TLS, on loopback only. Without fsync unless asked: tests of the disk are few, waits for it many."""
    peer = f"http://{LOOPBACK}:{ports.etcd_peer}"
    client = f"http://{LOOPBACK}:{ports.etcd}"
    arguments = [
        str(program("etcd", options.size)), f"--name={folder.name}", f"--data-dir={folder.path / 'etcd'}",
        f"--listen-client-urls={client}", f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}", f"--initial-cluster={folder.name}={peer}", "--log-level=warn",
    ]
    return Component("etcd", (*arguments, *(() if options.fsync else ("--unsafe-no-fsync",))), {})


def api_server(folder: Folder, options: Options, ports: Ports) -> Component:
    address = api_address(options.size)
    keys = folder.pki
    arguments = [
        str(program("kube-apiserver", options.size)), f"--etcd-servers=http://{LOOPBACK}:{ports.etcd}",
        f"--bind-address={address}", f"--advertise-address={address}", f"--secure-port={ports.api}",
        f"--service-cluster-ip-range={SERVICE_RANGE}", "--allow-privileged=true",
        "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--profiling=false",
        f"--client-ca-file={keys / 'ca.crt'}", f"--tls-cert-file={keys / 'api-server.crt'}",
        f"--tls-private-key-file={keys / 'api-server.key'}", f"--cert-dir={keys}",
        f"--service-account-issuer={ISSUER}", f"--service-account-key-file={keys / 'tokens.pub'}",
        f"--service-account-signing-key-file={keys / 'tokens.key'}",
        # The tests of load measure Coffer, not the limits for fairness.
        "--max-requests-inflight=3000", "--max-mutating-requests-inflight=1500",
    ]
    more = [*size_arguments(folder, options, ports), *audit_arguments(folder, options)]
    return Component("kube-apiserver", (*arguments, *more, *options.api_server_arguments), {})


def size_arguments(folder: Folder, options: Options, ports: Ports) -> list[str]:
    """Where the public keys for tokens are; and the node's own identity for logs and exec."""
    if options.size == CONTROL_PLANE:
        # A loopback address would be refused as the endpoint of the Service `kubernetes`, which nobody uses here.
        url = api_url(options.size, ports)
        return ["--endpoint-reconciler-type=none", f"--service-account-jwks-uri={url}/openid/v1/jwks"]
    return [
        f"--service-account-jwks-uri={ISSUER}/openid/v1/jwks",
        f"--kubelet-certificate-authority={folder.pki / 'ca.crt'}",
        f"--kubelet-client-certificate={folder.pki / 'kubelet-client.crt'}",
        f"--kubelet-client-key={folder.pki / 'kubelet-client.key'}",
        "--kubelet-preferred-address-types=InternalIP",
    ]


def audit_arguments(folder: Folder, options: Options) -> list[str]:
    if not options.audit:
        return []
    return [f"--audit-policy-file={folder.files / 'audit-policy.json'}", f"--audit-log-path={folder.audit_log}"]


def controller_manager(folder: Folder, options: Options) -> Component | None:
    """Nothing if there is none, which only happens beside an API server of somebody's own."""
    path = locate("kube-controller-manager", options.size)
    if path is None:
        return None
    keys = folder.pki
    arguments = [
        str(path), f"--kubeconfig={folder.files / 'kube-controller-manager.kubeconfig'}",
        "--use-service-account-credentials=true", "--leader-elect=false", "--secure-port=0",
        f"--service-account-private-key-file={keys / 'tokens.key'}", f"--root-ca-file={keys / 'ca.crt'}",
        # It makes this folder, whose place would be outside of the cluster's own.
        f"--flex-volume-plugin-dir={folder.path / 'volume-plugins'}",
        f"--cluster-signing-cert-file={keys / 'ca.crt'}", f"--cluster-signing-key-file={keys / 'ca.key'}",
    ]
    return Component("kube-controller-manager", tuple(arguments), {})
