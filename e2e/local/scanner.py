"""Looks for secrets in files, in every form in which a program could have written them by mistake."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path


def base64_core(secret: bytes, offset: int) -> bytes:
    """The letters of base64 that depend on the secret alone, when `offset` bytes stand before it."""
    letters = base64.b64encode(bytes(offset) + secret).rstrip(b"=")
    first = -(-offset * 8 // 6)
    return letters[first : (offset + len(secret)) * 8 // 6]


def forms(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """Each name of a form, and the bytes that show it; shorter secrets would be found by chance."""
    assert len(secret) >= 12
    yield "raw", secret
    yield "hex", secret.hex().encode()
    yield "HEX", secret.hex().upper().encode()
    yield "spaced hex", secret.hex(" ").encode()
    for offset in range(3):
        core = base64_core(secret, offset)
        yield f"base64+{offset}", core
        yield f"base64url+{offset}", core.translate(bytes.maketrans(b"+/", b"-_"))
    # The way in which languages print arrays of bytes for debugging, and the way of JSON.
    yield "debug list", ", ".join(map(str, secret)).encode()
    yield "JSON list", json.dumps(list(secret), separators=(",", ":"))[1:-1].encode()
    yield "escaped", "".join(f"\\x{byte:02x}" for byte in secret).encode()


def found_in(content: bytes, secrets: Mapping[str, bytes]) -> set[tuple[str, str]]:
    return {
        (name, form) for name, secret in secrets.items() for form, needle in forms(secret) if needle in content
    }


def scan(paths: Iterable[Path], secrets: Mapping[str, bytes]) -> set[tuple[str, str, str]]:
    """Every secret that is found, with the file and the form."""
    return {(path.name, *hit) for path in paths for hit in found_in(path.read_bytes(), secrets)}
