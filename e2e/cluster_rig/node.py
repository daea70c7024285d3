"""The node: scheduler, container runtime, kubelet, Services and names; pods really run."""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import struct
import subprocess
import sys
from pathlib import Path

from . import kube, pki, process
from .build import program
from .control_plane import BRIDGE_ADDRESS, LOOPBACK, NODE_NAME, POD_RANGE
from .machine import BRIDGE, CONTROL_GROUP, NETWORK
from .output import Failure, tell
from .paths import NODE_RUN_FOLDER, Folder, Json, cache_folder
from .process import Component
from .recipe import NODE, programs_folder

DNS_ADDRESS = "10.96.0.10"
DOMAIN = "cluster.local"
READY_SECONDS = 120.0
RUNTIME_SOCKET = NODE_RUN_FOLDER / "containerd.sock"
PAUSE_IMAGE = "localhost/pause:1"
IMAGE_BUILDER = Path(__file__).resolve().parent.parent / "images" / "build"
COMPONENTS = ("containerd", "kube-scheduler", "kubelet", "kube-proxy", "coredns")


def prepare(folder: Folder, api_url: str) -> None:
    """Identities and files; the API server already needs one of them."""
    user = f"system:node:{NODE_NAME}"
    pki.client(folder, "kubelet-client", "kube-apiserver-kubelet-client", "system:masters")
    pki.client(folder, "kubelet", user, "system:nodes")
    pki.client(folder, "kube-scheduler", "system:kube-scheduler")
    pki.client(folder, "kube-proxy", "system:kube-proxy")
    pki.server(folder, "kubelet-server", [NODE_NAME], [BRIDGE_ADDRESS])
    for name in ("kubelet", "kube-scheduler", "kube-proxy"):
        pki.write_kubeconfig(folder, folder.files / f"{name}.kubeconfig", api_url, name)
    write_file(folder, "containerd.toml", containerd_settings(folder))
    write_file(folder, "Corefile", core_file(folder))
    # Names of the machine's own network mean nothing to pods.
    write_file(folder, "resolv.conf", "# nothing of the machine's\n")
    write_file(folder, "kubelet.json", json.dumps(kubelet_settings(folder), indent=2))
    write_file(folder, "kube-proxy.json", json.dumps(proxy_settings(folder), indent=2))
    write_file(folder, "cni/10-coffer.conflist", json.dumps(network_settings(folder), indent=2))


def write_file(folder: Folder, name: str, text: str) -> None:
    path = folder.files / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def containerd_settings(folder: Folder) -> str:
    """All of its places are ours, so that a Docker on the same machine is not disturbed.

    `restrict_oom_score_adj` is for machines whose root may not lower that score. The path of runc is given, as is
    PATH for the shim: Debian's are too old for this kubelet.
    """
    programs = programs_folder()
    return f"""version = 3
root = '{folder.path}/containerd'
state = '{NODE_RUN_FOLDER}/containerd'
disabled_plugins = ['io.containerd.nri.v1.nri', 'io.containerd.tracing.processor.v1.otlp']

[grpc]
address = '{RUNTIME_SOCKET}'

[plugins.'io.containerd.internal.v1.opt']
path = '{folder.path}/opt'

[plugins.'io.containerd.shim.v1.manager']
socket_dir = '{NODE_RUN_FOLDER}/shims'

[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = '{PAUSE_IMAGE}'

[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true

[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ['{programs}']
conf_dir = '{folder.files}/cni'
use_internal_loopback = true

[plugins.'io.containerd.cri.v1.runtime'.containerd]
default_runtime_name = 'runc'

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = 'io.containerd.runc.v2'

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = '{programs}/runc'
Root = '{NODE_RUN_FOLDER}/runc'
SystemdCgroup = false
"""


def core_file(folder: Folder) -> str:
    """The cluster is sealed: a name outside of it does not exist, at once, wherever the machine stands."""
    zones = " ".join(f"{zone}:53" for zone in (DOMAIN, "in-addr.arpa", "ip6.arpa"))
    return f"""{zones} {{
    bind {BRIDGE_ADDRESS}
    errors
    kubernetes {DOMAIN} in-addr.arpa ip6.arpa {{
        kubeconfig {folder.kubeconfig}
        pods insecure
        ttl 5
    }}
    loadbalance
}}
.:53 {{
    bind {BRIDGE_ADDRESS}
    errors
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""


def network_settings(folder: Folder) -> Json:
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(folder.path / "addresses"),
            "ranges": [[{"subnet": POD_RANGE, "gateway": BRIDGE_ADDRESS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    host_ports = {"type": "portmap", "backend": "nftables", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": NETWORK, "plugins": [bridge, host_ports]}


def kubelet_settings(folder: Folder) -> Json:
    """As a kubelet usually is, but for what a test machine lacks: space, swap off, systemd, a registry.

    Images come by `e2e/cluster load` and from nowhere else, so none of them is ever cleared away.
    """
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {"anonymous": {"enabled": False}, "x509": {"clientCAFile": str(folder.pki / "ca.crt")}},
        "authorization": {"mode": "Webhook"},
        "address": BRIDGE_ADDRESS,
        "tlsCertFile": str(folder.pki / "kubelet-server.crt"),
        "tlsPrivateKeyFile": str(folder.pki / "kubelet-server.key"),
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": DOMAIN,
        "resolvConf": str(folder.files / "resolv.conf"),
        "containerRuntimeEndpoint": f"unix://{RUNTIME_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CONTROL_GROUP}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "localStorageCapacityIsolation": False,
        "makeIPTablesUtilChains": False,
        "podLogsDir": str(folder.path / "pod-logs"),
        "volumePluginDir": str(folder.path / "volume-plugins"),
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
    }


def proxy_settings(folder: Folder) -> Json:
    """Limits on connections stay the machine's own."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(folder.files / "kube-proxy.kubeconfig")},
        "hostnameOverride": NODE_NAME,
        "clusterCIDR": POD_RANGE,
        "bindAddress": BRIDGE_ADDRESS,
        "healthzBindAddress": f"{LOOPBACK}:10256",
        "metricsBindAddress": f"{LOOPBACK}:10249",
        "oomScoreAdj": 0,
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }


def dns_objects() -> list[Json]:
    """A Service without selector, and by hand the address where CoreDNS listens: it runs beside the pods."""
    protocols = {"dns": "UDP", "dns-tcp": "TCP"}
    ports = [{"name": name, "port": 53, "protocol": protocol} for name, protocol in protocols.items()]
    place = {"name": "kube-dns", "namespace": "kube-system"}
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": place, "spec": {"clusterIP": DNS_ADDRESS, "ports": ports}},
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**place, "labels": {"kubernetes.io/service-name": "kube-dns"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [BRIDGE_ADDRESS], "conditions": {"ready": True}}],
            "ports": ports,
        },
    ]


def components(folder: Folder) -> dict[str, Component]:
    """PATH begins with the built programs: containerd looks there for its shim."""
    environment = {"PATH": f"{programs_folder()}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    kubelet = [
        f"--config={folder.files / 'kubelet.json'}", f"--kubeconfig={folder.files / 'kubelet.kubeconfig'}",
        f"--hostname-override={NODE_NAME}", f"--node-ip={BRIDGE_ADDRESS}", f"--root-dir={folder.path / 'kubelet'}",
        f"--cert-dir={folder.pki}",
    ]
    scheduler = [
        f"--kubeconfig={folder.files / 'kube-scheduler.kubeconfig'}", "--leader-elect=false", "--secure-port=0",
    ]
    arguments = {
        "containerd": [f"--config={folder.files / 'containerd.toml'}"],
        "kube-scheduler": scheduler,
        "kubelet": kubelet,
        "kube-proxy": [f"--config={folder.files / 'kube-proxy.json'}"],
        "coredns": [f"-conf={folder.files / 'Corefile'}"],
    }
    return {
        name: Component(name, (str(program(name, NODE)), *arguments[name]), environment) for name in COMPONENTS
    }


def start(folder: Folder) -> None:
    """The kubelet waits for its runtime, so the image that every pod needs is there before the first pod."""
    all_components = components(folder)
    process.start(folder, all_components["containerd"])
    process.wait_for(runtime_answers, "containerd to answer", READY_SECONDS, folder, ["containerd"])
    load(folder, pause_image())
    kube.apply(folder.kubeconfig, dns_objects())
    for name in COMPONENTS[1:]:
        process.start(folder, all_components[name])


def wait(folder: Folder) -> None:
    ready = ["wait", "--for=condition=Ready", f"node/{NODE_NAME}", "--timeout=0"]
    process.wait_for(
        lambda: kube.succeeds(folder.kubeconfig, *ready), "the node to be ready", READY_SECONDS, folder,
        ["kubelet", "containerd", "kube-scheduler"],
    )
    process.wait_for(
        lambda: resolves(f"kubernetes.default.svc.{DOMAIN}"), f"{DNS_ADDRESS} to answer", READY_SECONDS, folder,
        ["coredns", "kube-proxy"],
    )


def ctr(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(program("ctr", NODE)), f"--address={RUNTIME_SOCKET}", "--namespace=k8s.io", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def runtime_answers() -> bool:
    return RUNTIME_SOCKET.exists() and ctr("version").returncode == 0


def pause_image() -> Path:
    """Built once; the builder tells on stderr and prints the path."""
    path = cache_folder() / "images" / "pause.tar"
    if not path.exists():
        command = [sys.executable, str(IMAGE_BUILDER), "pause"]
        if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
            raise Failure("the pause image cannot be built; see above")
    return path


def load(folder: Folder, image: Path) -> None:
    """An image of the same name is replaced; pods that run keep the one they began with."""
    if not image.is_file():
        raise Failure(f"there is no image {image}")
    result = ctr("images", "import", str(image))
    if result.returncode:
        raise Failure(f"containerd of '{folder.name}' does not take {image}: {result.stderr.strip()}")
    names = re.findall(r"^(\S+)\s+(?:saved|already)", result.stdout, re.MULTILINE)
    tell(f"loaded {', '.join(names) or image}")


def resolves(name: str, timeout_seconds: float = 1.0) -> bool:
    """Asks for an address over the Service's own, as a pod does: it proves CoreDNS and kube-proxy at once."""
    number = secrets.randbits(16)
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(timeout_seconds)
        try:
            one.sendto(question, (DNS_ADDRESS, 53))
            answer = one.recv(4096)
        except OSError:
            return False
    got, flags, _, answers = struct.unpack(">4H", answer[:8])
    return got == number and flags & 0x000F == 0 and answers > 0
