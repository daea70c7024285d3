"""Packs a tree of files as an image: a tar file in the OCI layout that containerd, podman and skopeo take.

The same files give the same bytes, so that a digest says what is inside: entries are sorted, times are one fixed
moment, owners are numbers, and the layer is not compressed, because versions of zlib differ in what they write.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import stat
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Json = dict[str, Any]

USER = 65532
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Image:
    """What is packed, and how it is run."""

    # With a registry part, or the kubelet looks for it elsewhere.
    name: str
    entrypoint: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: int = USER


def moment_seconds() -> int:
    """The one time in the image, as all reproducible builds take it."""
    return int(os.environ.get("SOURCE_DATE_EPOCH", "0"))


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def pack(image: Image, tree: Path, target: Path) -> str:
    """Writes the tar file and gives the digest of its manifest, which is the image's own."""
    layer = layer_of(tree)
    config = encoded(config_of(image, digest_of(layer)))
    manifest = encoded({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": reference("application/vnd.oci.image.config.v1+json", config),
        "layers": [reference("application/vnd.oci.image.layer.v1.tar", layer)],
    })
    entry = reference(MANIFEST_TYPE, manifest)
    entry["platform"] = {"architecture": architecture(), "os": "linux"}
    # The first name is containerd's, the second the standard's, which only has room for the tag.
    entry["annotations"] = {
        "io.containerd.image.name": image.name,
        "org.opencontainers.image.ref.name": image.name.rpartition(":")[2],
    }
    files = {f"blobs/sha256/{digest_of(data)[7:]}": data for data in (layer, config, manifest)}
    files["index.json"] = encoded({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry],
    })
    files["oci-layout"] = encoded({"imageLayoutVersion": "1.0.0"})
    write_layout(files, target)
    return digest_of(manifest)


def encoded(value: Json) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def reference(media_type: str, data: bytes) -> Json:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}


def architecture() -> str:
    return ARCHITECTURES.get(platform.machine(), platform.machine())


def config_of(image: Image, layer_digest: str) -> Json:
    created = datetime.fromtimestamp(moment_seconds(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "architecture": architecture(),
        "os": "linux",
        "created": created,
        "config": {
            "User": f"{image.user}:{image.user}",
            "Entrypoint": list(image.entrypoint),
            "Env": [f"{name}={value}" for name, value in sorted(image.environment.items())],
            "WorkingDir": "/",
        },
        "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
        "history": [{"created": created, "created_by": "e2e/images/build"}],
    }


def layer_of(tree: Path) -> bytes:
    """Everything below the tree, owned by root: the user of the image changes nothing of it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(tree.rglob("*"), key=lambda path: path.relative_to(tree).parts):
            add(archive, path, str(path.relative_to(tree)))
    return buffer.getvalue()


def add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    """Only what a copied tree keeps for certain counts: what kind it is, whether it may be run, the sticky bit."""
    mode = path.lstat().st_mode
    entry = tarfile.TarInfo(name)
    entry.mtime = moment_seconds()
    if stat.S_ISLNK(mode):
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, os.readlink(path), 0o777
        archive.addfile(entry)
    elif stat.S_ISDIR(mode):
        entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if mode & stat.S_ISVTX else 0o755
        archive.addfile(entry)
    else:
        entry.mode = 0o755 if mode & stat.S_IXUSR else 0o644
        entry.size = path.stat().st_size
        with path.open("rb") as file:
            archive.addfile(entry, file)


def write_layout(files: Mapping[str, bytes], target: Path) -> None:
    """In one step, so that nobody loads half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f".{target.name}.{os.getpid()}")
    with tarfile.open(new, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.mtime, entry.size, entry.mode = moment_seconds(), len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    new.replace(target)
