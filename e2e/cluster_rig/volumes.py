"""Local volumes for stateful sets: folders of the state folder, without a provisioner.

Their reclaim policy is Retain, as for a store that must not be lost: a claim that is deleted leaves its volume
released, with the data, until `e2e/cluster volumes` wipes it and offers it again.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from . import kube
from .control_plane import NODE_NAME
from .output import Failure, tell
from .paths import Folder, Json

CLASS_NAME = "coffer-local"
DEFAULT_COUNT = 6
LABEL = "kms.coffer.dev/cluster-rig"


def storage_class() -> Json:
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": CLASS_NAME, "annotations": annotations},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
        "reclaimPolicy": "Retain",
    }


def volume(name: str, path: Path) -> Json:
    only_here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE_NAME]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "labels": {LABEL: "true"}},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": CLASS_NAME,
            "local": {"path": str(path)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [only_here]}]}},
        },
    }


def ensure(folder: Folder, count: int) -> None:
    """Makes the class and the volumes that are missing, and offers released ones again, empty."""
    there = kube.read(folder.kubeconfig, "get", "persistentvolumes", "--selector", LABEL)["items"]
    phases = {one["metadata"]["name"]: one["status"].get("phase") for one in there}
    for name, phase in phases.items():
        if phase in ("Released", "Failed"):
            kube.output(folder.kubeconfig, "delete", "persistentvolume", name, "--timeout=30s")
            shutil.rmtree(folder.volumes / name)
    used = {name for name, phase in phases.items() if phase not in ("Released", "Failed")}
    new = [name for name in (f"coffer-local-{number}" for number in range(count)) if name not in used]
    kube.apply(folder.kubeconfig, [storage_class(), *(volume(name, make_folder(folder, name)) for name in new)])
    tell(f"local volumes: {len(used)} left as they are, {len(new)} offered anew")


def make_folder(folder: Folder, name: str) -> Path:
    """Any user of a container may write, as most containers here do not run as root."""
    path = folder.volumes / name
    try:
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o777)
    except OSError as error:
        raise Failure(f"the folder {path} of a local volume cannot be made: {error}") from error
    return path
