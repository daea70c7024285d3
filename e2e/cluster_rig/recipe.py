"""Which programs there are, from which version of which Go module, and how each is built.

Everything here goes into the name of the cache folder: a change of a version or an option builds anew, and two
checkouts that differ do not get in each other's way. Programs of one group share a module file. Groups are
apart because the versions of what they depend on conflict.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .output import Failure
from .paths import cache_folder

KUBERNETES_VERSION = "v1.36.3"
VERSION_STAMP = "k8s.io/component-base/version"


@dataclass(frozen=True)
class Group:
    """Programs that are built from one Go module file."""

    name: str
    modules: Mapping[str, str]
    # Name of the program and its Go package.
    programs: Mapping[str, str]
    tags: tuple[str, ...] = ()
    cgo: bool = False
    stamps: Mapping[str, str] = field(default_factory=dict)
    # Kubernetes requires its own libraries at v0.0.0 and replaces them with folders beside it, which says nothing
    # to somebody who depends on it; they are published under this version.
    staging_version: str = ""


GROUPS = (
    Group(
        "etcd",
        {f"go.etcd.io/etcd/{part}/v3": "v3.6.8" for part in ("server", "etcdctl", "etcdutl")},
        {
            "etcd": "go.etcd.io/etcd/server/v3",
            "etcdctl": "go.etcd.io/etcd/etcdctl/v3",
            "etcdutl": "go.etcd.io/etcd/etcdutl/v3",
        },
    ),
    Group(
        "kubernetes",
        {"k8s.io/kubernetes": KUBERNETES_VERSION},
        {
            name: f"k8s.io/kubernetes/cmd/{name}"
            for name in (
                "kube-apiserver", "kubectl", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy",
            )
        },
        stamps={
            f"{VERSION_STAMP}.gitVersion": KUBERNETES_VERSION,
            f"{VERSION_STAMP}.gitMajor": "1",
            f"{VERSION_STAMP}.gitMinor": "36",
            f"{VERSION_STAMP}.gitTreeState": "clean",
        },
        staging_version="v0.36.3",
    ),
    Group(
        "containerd",
        {"github.com/containerd/containerd/v2": "v2.4.2", "github.com/containernetworking/plugins": "v1.9.1"},
        {
            "containerd": "github.com/containerd/containerd/v2/cmd/containerd",
            "containerd-shim-runc-v2": "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
            "ctr": "github.com/containerd/containerd/v2/cmd/ctr",
            "bridge": "github.com/containernetworking/plugins/plugins/main/bridge",
            "host-local": "github.com/containernetworking/plugins/plugins/ipam/host-local",
            "portmap": "github.com/containernetworking/plugins/plugins/meta/portmap",
        },
        tags=("no_btrfs", "no_devmapper", "no_zfs"),
    ),
    Group(
        "runc",
        {"github.com/opencontainers/runc": "v1.5.2"},
        {"runc": "github.com/opencontainers/runc"},
        tags=("seccomp",),
        cgo=True,
    ),
    Group("coredns", {"github.com/coredns/coredns": "v1.15.0"}, {"coredns": "github.com/coredns/coredns"}),
    Group("helm", {"helm.sh/helm/v4": "v4.3.1"}, {"helm": "helm.sh/helm/v4/cmd/helm"}),
)

CONTROL_PLANE = "control-plane"
NODE = "node"
CONTROL_PLANE_PROGRAMS = ("etcd", "kube-apiserver", "kubectl", "kube-controller-manager")
NODE_PROGRAMS = (
    "containerd", "containerd-shim-runc-v2", "ctr", "bridge", "host-local", "portmap", "runc", "kube-scheduler",
    "kubelet", "kube-proxy", "coredns",
)
# In the order of building: the first ones are what others wait for.
SIZES: Mapping[str, tuple[str, ...]] = {
    CONTROL_PLANE: CONTROL_PLANE_PROGRAMS,
    NODE: CONTROL_PLANE_PROGRAMS + NODE_PROGRAMS,
}
OPTIONAL_PROGRAMS = ("helm", "etcdctl", "etcdutl")

GO_FLAGS = "-trimpath -mod=mod"
LINKER_FLAGS = ("-s", "-w")


def group_of(program: str) -> Group:
    for group in GROUPS:
        if program in group.programs:
            return group
    raise Failure(f"the rig knows no program '{program}'")


def recipe_hash() -> str:
    """Over the data, not the text: a changed comment does not cost eight minutes."""
    recipe = {"groups": [asdict(group) for group in GROUPS], "go": GO_FLAGS, "linker": LINKER_FLAGS}
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]


def rig_folder() -> Path:
    return cache_folder() / f"cluster-{recipe_hash()}"


def programs_folder() -> Path:
    return rig_folder() / "bin"
