"""The byte formats of Coffer, written a second time and from `src/manual/formats.md` alone.

Two implementations that agree are evidence that the page says enough, so nothing here is taken from
the Rust sources. Names follow the page; every function names the part of it that it implements by
the words it uses. Everything that a reader turns down is a `Refused`, whose `stage` says how far the
reader came, because the order of the checks is a promise too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode

from coffer_content import OWNER, RECORD, Refused, decode_content

Context = Mapping[str, str]

MAX_CONTEXT = 8192
MAX_PLAINTEXT = 4096
HEADER, SALT, COMMITMENT, TAG = 36, 32, 32, 16
BLOB_OVERHEAD = HEADER + SALT + COMMITMENT + TAG
BLOB_MAGIC = bytes.fromhex("8a4b4d53")
CONTAINER_MAGIC = bytes.fromhex("8a4b534c")
CONTAINER_HEADER = 20
MULTI_REGION = 1


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def u64(value: int) -> bytes:
    return value.to_bytes(8, "big")


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def labelled(label: str, *parts: bytes) -> bytes:
    """A label as bare ASCII, one zero byte, and the parts with nothing between them."""
    return b"k8s-kms/v1/" + label.encode("ascii") + b"\0" + b"".join(parts)


def kbkdf(key: bytes, fixed: bytes, length: int) -> bytes:
    """SP 800-108r1 counter mode with HMAC-SHA-256 and a 32-bit counter before `fixed`."""
    derive = KBKDFHMAC(
        algorithm=SHA256(), mode=Mode.CounterMode, length=length, rlen=4, llen=None,
        location=CounterLocation.BeforeFixed, label=None, context=None, fixed=fixed,
    )
    return derive.derive(key)


# Identifiers


def key_id(installation: bytes, resource_uid: bytes) -> bytes:
    digest = bytearray(sha256(labelled("key-id", installation, resource_uid))[:16])
    digest[6] = digest[6] & 0x0F | 0x40
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)


def print_key_id(raw: bytes, multi_region: bool = False) -> str:
    return f"mrk-{raw.hex()}" if multi_region else str(uuid.UUID(bytes=raw))


def parse_key_id(printed: str) -> tuple[bytes, bool]:
    """The 16 bytes and the multi-Region flag; only the one printed form of each is accepted."""
    multi_region = printed.startswith("mrk-")
    digits = printed.removeprefix("mrk-") if multi_region else printed.replace("-", "")
    if not re.fullmatch("[0-9a-f]{32}", digits):
        raise Refused("parse", "not a key id")
    raw = bytes.fromhex(digits)
    if print_key_id(raw, multi_region) != printed:
        raise Refused("parse", "not a printed key id")
    return raw, multi_region


def account(namespace: str) -> str:
    number = int.from_bytes(sha256(labelled("account", namespace.encode()))[:8], "big")
    return f"{number % 10**12:012d}"


def owner_hash(namespace: str, name: str) -> str:
    digest = sha256(labelled("owner", namespace.encode(), b"/", name.encode()))[:20]
    return base64.b32encode(digest).decode().rstrip("=").lower()


def material_id(material: bytes, raw_key_id: bytes) -> bytes:
    return hmac_sha256(material, labelled("kmid", raw_key_id))


def object_id(object_name: str) -> bytes:
    """What stands for the key id in the associated data of an object that belongs to no key."""
    return sha256(object_name.encode())[:16]


# Encryption context


def encode_context(context: Context | None) -> bytes:
    if not context:
        return b""
    # Bytes are sorted, not strings: UTF-16 order differs above U+FFFF, and other languages use it.
    pairs = sorted((key.encode(), value.encode()) for key, value in context.items())
    if sum(4 + len(key) + len(value) for key, value in pairs) + 2 > MAX_CONTEXT:
        raise Refused("context", f"longer than {MAX_CONTEXT} bytes")
    body = (u16(len(key)) + key + u16(len(value)) + value for key, value in pairs)
    return u16(len(pairs)) + b"".join(body)


# Ciphertext blob


class Found(NamedTuple):
    """What a look-up by key id and the first 8 bytes of the material id gives to the reader."""

    material: bytes
    multi_region: bool = False


class Derived(NamedTuple):
    key: bytes
    commitment: bytes
    nonce: bytes


def blob_header(material: bytes, raw_key_id: bytes, version: int, multi_region: bool = False) -> bytes:
    start = BLOB_MAGIC + b"\x01\x01" + u16(MULTI_REGION if multi_region else 0)
    return start + raw_key_id + u32(version) + material_id(material, raw_key_id)[:8]


def derive_blob(material: bytes, header: bytes, salt: bytes, context: bytes) -> Derived:
    fixed = labelled("blob", header, salt, sha256(context), u32(608))
    out = kbkdf(material, fixed, 76)
    return Derived(out[:32], out[32:64], out[64:])


def hedge_key(material: bytes, header: bytes) -> bytes:
    return kbkdf(material, labelled("salt", header, u32(256)), 32)


def hedged_salt(
    material: bytes, header: bytes, random: bytes, replica: str, counter: int, plaintext: bytes, context: bytes
) -> bytes:
    """A salt that repeats only with the whole message, even where `random` and `counter` repeat."""
    name = replica.encode()
    hashes = sha256(plaintext) + sha256(context)
    return hmac_sha256(hedge_key(material, header), random + u16(len(name)) + name + u64(counter) + hashes)


def seal_blob(
    material: bytes, raw_key_id: bytes, version: int, plaintext: bytes, context: Context | None,
    salt: bytes | None = None, multi_region: bool = False,
) -> bytes:
    """A blob under `salt`, which is a parameter so that vectors repeat; without one it is hedged."""
    if len(plaintext) > MAX_PLAINTEXT or version < 1:
        raise Refused("parse", "plaintext or version out of bounds")
    encoded = encode_context(context)
    header = blob_header(material, raw_key_id, version, multi_region)
    salt = salt or hedged_salt(material, header, os.urandom(32), "python", 0, plaintext, encoded)
    key, commitment, nonce = derive_blob(material, header, salt, encoded)
    front = header + salt + commitment
    return front + AESGCM(key).encrypt(nonce, plaintext, front + encoded)


def parse_blob_header(blob: bytes) -> tuple[bytes, bytes, bool]:
    """Bounds and header: the key id, the 8 bytes of the material id, and the multi-Region flag."""
    if not BLOB_OVERHEAD <= len(blob) <= BLOB_OVERHEAD + MAX_PLAINTEXT:
        raise Refused("parse", "length")
    if blob[:6] != BLOB_MAGIC + b"\x01\x01":
        raise Refused("parse", "magic, layout or suite")
    flags = int.from_bytes(blob[6:8], "big")
    if flags & ~MULTI_REGION:
        raise Refused("parse", "flags")
    return blob[8:24], blob[28:36], bool(flags)


def open_blob(blob: bytes, find: Callable[[bytes, bytes], Found | None], context: Context | None) -> bytes:
    """The plaintext. `find` maps (key id, 8 bytes of the material id) to a material or to None."""
    encoded = encode_context(context)
    raw_key_id, short_id, multi_region = parse_blob_header(blob)
    found = find(raw_key_id, short_id)
    if found is None:
        raise Refused("unknown key")
    if found.multi_region != multi_region:
        raise Refused("parse", "multi-Region flag")
    front, sealed = blob[:100], blob[100:]
    key, commitment, nonce = derive_blob(found.material, front[:36], front[36:68], encoded)
    # AES-GCM alone commits to nothing, so it must never run on a blob of another key or context.
    if not hmac.compare_digest(commitment, front[68:]):
        raise Refused("commitment")
    try:
        return AESGCM(key).decrypt(nonce, sealed, front + encoded)
    except InvalidTag:
        raise Refused("tag") from None


# Sealed container and root


@dataclass(frozen=True)
class Root:
    """The root key of one term of one installation, from which every seal key comes."""

    key: bytes
    installation: bytes
    term: int = 1

    def check_value(self) -> bytes:
        return hmac_sha256(self.key, labelled("kcv", self.installation, u32(self.term)))[:8]

    def header(self) -> bytes:
        return CONTAINER_MAGIC + b"\x01\x01" + u16(0) + u32(self.term) + self.check_value()

    def seal_key(self, purpose: str) -> bytes:
        fixed = labelled("seal-key", self.installation, u32(self.term), purpose.encode(), u32(512))
        return kbkdf(self.key, fixed, 64)

    def associated(self, purpose: str, bound_id: bytes, number: bytes, spec: str, origin: str) -> list[bytes]:
        """The eight strings; `number` is `u32(version)` for material and `u64(epoch)` otherwise."""
        front = [b"k8s-kms/v1/seal", self.header(), self.installation, bound_id, number]
        return front + [purpose.encode(), spec.encode(), origin.encode()]

    def seal(self, purpose: str, plaintext: bytes, associated: list[bytes]) -> bytes:
        return self.header() + AESSIV(self.seal_key(purpose)).encrypt(plaintext, associated)

    def open(self, purpose: str, container: bytes, associated: list[bytes]) -> bytes:
        if len(container) < CONTAINER_HEADER + 16 or container[:20] != self.header():
            raise Refused("parse", "container header")
        return open_siv(self.seal_key(purpose), container[20:], associated)


def open_siv(key: bytes, sealed: bytes, associated: list[bytes]) -> bytes:
    try:
        return AESSIV(key).decrypt(sealed, associated)
    except InvalidTag:
        raise Refused("tag") from None


def seal_material(root: Root, raw_key_id: bytes, version: int, material: bytes, spec: str, origin: str) -> bytes:
    return root.seal("material", material, root.associated("material", raw_key_id, u32(version), spec, origin))


def open_material(root: Root, raw_key_id: bytes, version: int, container: bytes, spec: str, origin: str) -> bytes:
    return root.open("material", container, root.associated("material", raw_key_id, u32(version), spec, origin))


def seal_object(root: Root, purpose: str, bound_id: bytes, epoch: int, plaintext: bytes) -> bytes:
    """The stored bytes of every kind but material: the clear epoch, and the container bound to it."""
    return u64(epoch) + root.seal(purpose, plaintext, root.associated(purpose, bound_id, u64(epoch), "-", "-"))


def open_object(root: Root, purpose: str, bound_id: bytes, stored: bytes) -> tuple[int, bytes]:
    epoch = int.from_bytes(stored[:8], "big")
    if epoch < 1:
        raise Refused("parse", "epoch")
    return epoch, root.open(purpose, stored[8:], root.associated(purpose, bound_id, u64(epoch), "-", "-"))


def seal_token(root: Root, purpose: str, raw_key_id: bytes, number: int, plaintext: bytes) -> bytes:
    """What a caller carries and gives back: the bytes of an object, with a random number as its epoch."""
    return seal_object(root, purpose, raw_key_id, number, plaintext)


def open_token(root: Root, purpose: str, raw_key_id: bytes, token: bytes) -> tuple[int, bytes]:
    number = int.from_bytes(token[:8], "big")
    return number, root.open(purpose, token[8:], root.associated(purpose, raw_key_id, u64(number), "-", "-"))


def wrap_associated(root_header: bytes, installation: bytes, term: int, provider: str) -> list[bytes]:
    return [b"k8s-kms/v1/root-wrap", root_header, installation, u32(term), provider.encode()]


def wrap_root(root: Root, file_key: bytes, provider: str = "file") -> bytes:
    associated = wrap_associated(root.header(), root.installation, root.term, provider)
    return root.header() + AESSIV(file_key).encrypt(root.key, associated)


def unwrap_root(stored: bytes, file_key: bytes, installation: bytes, term: int, provider: str = "file") -> Root:
    """The root of `term`. AES-SIV does not commit to its key, so the check value is compared too."""
    if len(file_key) != 64 or len(stored) != CONTAINER_HEADER + 16 + 32:
        raise Refused("parse", "length of the file key or of the wrapped root")
    header = stored[:20]
    key = open_siv(file_key, stored[20:], wrap_associated(header, installation, term, provider))
    root = Root(key, installation, term)
    if not hmac.compare_digest(header, root.header()):
        raise Refused("parse", "root header")
    return root


# Record


def current_version(record: Mapping[str, Any]) -> int:
    """The version that encrypts, which is not the newest one while a rotation is on its way."""
    versions = [row["version"] for row in record["materials"]]
    if not versions:
        raise Refused("unknown key", "no material")
    return record.get("current_version", versions[-1])


# Folder of `coffer local`


class Folder:
    """The sealed state that `coffer local` keeps for one Region under its data folder."""

    def __init__(self, data: Path, region: str = "us-east-1") -> None:
        self.data = Path(data)
        self.state = self.data / region

    def installation(self) -> bytes:
        text = (self.state / "installation").read_text("ascii")
        if not re.fullmatch("[0-9a-f]{32}\n", text):
            raise Refused("parse", "installation")
        return bytes.fromhex(text)

    def root_key(self, term: int = 1) -> Root:
        file_key = (self.data / "root.key").read_bytes()
        stored = (self.state / "root" / f"root-{term}").read_bytes()
        return unwrap_root(stored, file_key, self.installation(), term)

    def sealed(self, kind: str, purpose: str, name: str, bound_id: bytes) -> tuple[int, bytes]:
        """Epoch and content of one object; the header names the term, and its root decides."""
        stored = (self.state / kind / name).read_bytes()
        root = self.root_key(int.from_bytes(stored[16:20], "big"))
        return open_object(root, purpose, bound_id, stored)

    def record(self, printed_key_id: str) -> dict[str, Any]:
        raw, multi_region = parse_key_id(printed_key_id)
        _, content = self.sealed("key", "state", f"key-{printed_key_id}", raw)
        record = decode_content(RECORD, content)
        if (record["key_id"], record["multi_region"]) != (raw, multi_region):
            raise Refused("parse", "record of another key")
        return record

    def owner(self, namespace: str, name: str) -> dict[str, Any]:
        object_name = f"owner-{owner_hash(namespace, name)}"
        _, content = self.sealed("owner", "owner", object_name, object_id(object_name))
        return decode_content(OWNER, content)

    def material(self, printed_key_id: str, version: int) -> bytes:
        """One version of a key. Its id is computed again, because AES-SIV does not commit to a key."""
        record = self.record(printed_key_id)
        row = next((row for row in record["materials"] if row["version"] == version), None)
        if row is None:
            raise Refused("unknown key", f"no version {version}")
        if not row.get("imported", {"present": True})["present"]:
            raise Refused("unknown key", f"version {version} was imported and is gone")
        container = (self.state / "material" / row["object_name"]).read_bytes()
        spec, raw = record["immutable_spec"], record["key_id"]
        root = self.root_key(row["term"])
        material = open_material(root, raw, version, container, spec["key_spec"], spec["origin"])
        if not hmac.compare_digest(material_id(material, raw), row["material_id"]):
            raise Refused("parse", "material id")
        return material

    def find(self, raw_key_id: bytes, short_id: bytes) -> Found | None:
        """The look-up of a blob; the printed form is the key's own, whatever the blob's flag says."""
        printed_forms = (print_key_id(raw_key_id, flag) for flag in (False, True))
        for printed in (form for form in printed_forms if (self.state / "key" / f"key-{form}").exists()):
            record = self.record(printed)
            for row in record["materials"]:
                if row["material_id"][:8] == short_id:
                    return Found(self.material(printed, row["version"]), record["multi_region"])
        return None

    def open_blob(self, blob: bytes, context: Context | None = None) -> bytes:
        return open_blob(blob, self.find, context)

    def seal_blob(self, printed_key_id: str, plaintext: bytes, context: Context | None = None) -> bytes:
        """A blob under the current version."""
        record = self.record(printed_key_id)
        version = current_version(record)
        material = self.material(printed_key_id, version)
        return seal_blob(
            material, record["key_id"], version, plaintext, context, multi_region=record["multi_region"]
        )
