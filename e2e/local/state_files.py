"""Ways to harm a state folder, and to write one that a newer version could have written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import cbor2
import coffer_formats as formats
from coffer_content import RECORD, encode_content

from support import Coffer

Harm = Callable[[Path], None]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def flip_header(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


CHANGES: dict[str, Harm] = {
    "flipped": flip, "flipped header": flip_header, "truncated": truncate, "empty": empty, "lengthened": lengthen,
}
LOSSES: dict[str, Harm] = CHANGES | {"deleted": Path.unlink}


def swap(first: Path, second: Path) -> None:
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)


def material_path(server: Coffer, key: str, region: str = "us-east-1") -> Path:
    """The file of the newest material, by the name that the sealed record gives it."""
    folder = server.folder(region)
    return folder.state / "material" / folder.record(key)["materials"][-1]["object_name"]


def record_path(server: Coffer, key: str, region: str = "us-east-1") -> Path:
    return server.folder(region).state / "key" / f"key-{key}"


def fingerprints(folder: Path, *without: str) -> dict[str, str]:
    """Every file below a folder with a hash of its bytes, to tell whether anything was written."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in without]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def make_newer(server: Coffer, key: str) -> None:
    """Seals a record as the next schema could have it: with a higher number and a field nobody knows."""
    folder = server.folder()
    path = record_path(server, key)
    stored = path.read_bytes()
    raw, _ = formats.parse_key_id(key)
    root = folder.root_key(int.from_bytes(stored[16:20], "big"))
    epoch, content = formats.open_object(root, "state", raw, stored)
    assert encode_content(RECORD, folder.record(key)) == content
    newer = cbor2.dumps(cbor2.loads(content) | {1: RECORD.schema + 1, 900: "from the future"}, canonical=True)
    path.write_bytes(formats.seal_object(root, "state", raw, epoch, newer))
