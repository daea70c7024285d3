"""Vectors of key import: wrapped materials, and known answers of the import token.

OAEP and RSA keys are random, so `import.json` is made once and then only checked; the tokens are made from
stated inputs like every other known answer. The private keys protect nothing: they exist for these vectors.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

import coffer_content as content
import coffer_formats as formats
from sample_records import INSTALLATION, Json, seed

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
KEY_SIZES = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
HASHES: dict[str, hashes.HashAlgorithm] = {"SHA_1": hashes.SHA1(), "SHA_256": hashes.SHA256()}
ALGORITHMS = [f"{scheme}_{name}" for scheme in ("RSAES_OAEP", "RSA_AES_KEY_WRAP") for name in HASHES]

KEY_ID = bytes.fromhex("0f1e2d3c4b5a49788796a5b4c3d2e1f0")
ROOT = formats.Root(b"\x42" * 32, INSTALLATION, term=7)


# Wrapped materials


def oaep(algorithm: str) -> padding.OAEP:
    """The hash of the algorithm's name for the label, which is empty, and for the mask."""
    digest = next(digest for name, digest in HASHES.items() if algorithm.endswith(name))
    return padding.OAEP(padding.MGF1(digest), digest, None)


def wrap(key: rsa.RSAPublicKey, algorithm: str, material: bytes) -> bytes:
    if algorithm.startswith("RSAES_OAEP"):
        return key.encrypt(material, oaep(algorithm))
    ephemeral = os.urandom(32)
    return key.encrypt(ephemeral, oaep(algorithm)) + keywrap.aes_key_wrap_with_padding(ephemeral, material)


def unwrap(key: rsa.RSAPrivateKey, algorithm: str, wrapped: bytes) -> bytes:
    if algorithm.startswith("RSAES_OAEP"):
        return key.decrypt(wrapped, oaep(algorithm))
    modulus = key.key_size // 8
    ephemeral = key.decrypt(wrapped[:modulus], oaep(algorithm))
    return keywrap.aes_key_unwrap_with_padding(ephemeral, wrapped[modulus:])


def wrapped_case(spec: str, key: rsa.RSAPrivateKey, algorithm: str, material: bytes) -> Json:
    return {
        "spec": spec,
        "algorithm": algorithm,
        "material": material.hex(),
        "wrapped": wrap(key.public_key(), algorithm, material).hex(),
    }


def materials(spec: str, algorithm: str) -> Iterator[bytes]:
    """32 bytes, and lengths that no symmetric key has, which unwrap all the same."""
    for length in (32, 1, 33):
        yield seed(f"{spec} {algorithm} {length}", length)


def wrapped_materials() -> Json:
    keys = {spec: rsa.generate_private_key(65_537, size) for spec, size in KEY_SIZES.items()}
    der, pkcs8, clear = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return {
        "about": [
            "Materials wrapped for import by Python's cryptography, that is by OpenSSL. Bytes are hex. keys holds",
            "the private key of each spec as PKCS#8 DER and the public key as SubjectPublicKeyInfo DER; they",
            "protect nothing. RSA_AES_KEY_WRAP is an AES-256 key under RSA-OAEP, then the material under that key",
            "by AES key wrap with padding (RFC 5649).",
        ],
        "keys": {
            spec: {
                "private_key": key.private_bytes(der, pkcs8, clear).hex(),
                "public_key": key.public_key().public_bytes(der, spki).hex(),
            }
            for spec, key in keys.items()
        },
        "cases": [
            wrapped_case(spec, key, algorithm, material)
            for spec, key in keys.items()
            for algorithm in ALGORITHMS
            for material in materials(spec, algorithm)
        ],
    }


# Import tokens


def token_values() -> Iterator[tuple[str, int, Json]]:
    """Name, token number and content. A token does not look into its private key, so any bytes serve."""
    usual: dict[str, Any] = {
        "schema": 1, "key_id": KEY_ID, "multi_region": False, "algorithm": "RSAES_OAEP_SHA_256",
        "private_key": seed("wrapping key", 1218), "expires_at": 1_795_437_296_789, "import_epoch": 1,
        "principal": "arn:aws:iam::401845065923:role/importer",
    }
    longest = {
        "multi_region": True, "algorithm": "RSA_AES_KEY_WRAP_SHA_256", "private_key": seed("long wrapping key", 2376),
        "import_epoch": 2**32 - 1, "principal": "arn:aws:iam::401845065923:user/" + "u" * 993,
    }
    yield "usual", int.from_bytes(seed("token number", 8), "big"), usual
    yield "as long as a token gets", 2**64 - 1, usual | longest
    yield "everything small", 0, usual | {"private_key": b"\x00", "expires_at": 0, "import_epoch": 0, "principal": ""}


def token_answer(name: str, number: int, value: Json) -> Json:
    encoded = content.encode_content(content.IMPORT_TOKEN, value)
    token = formats.seal_token(ROOT, "import", KEY_ID, number, encoded)
    return {
        "name": name,
        "root_key": ROOT.key.hex(),
        "installation": ROOT.installation.hex(),
        "term": ROOT.term,
        "purpose": "import",
        "number": number,
        "value": {key: inner.hex() if isinstance(inner, bytes) else inner for key, inner in value.items()},
        "cbor": encoded.hex(),
        "token": token.hex(),
    }


def import_tokens() -> Json:
    return {
        "about": [
            "Import tokens. Bytes are hex, times are milliseconds. number is the leading u64 of the token, and the",
            "fourth string of the associated data is value.key_id. value.private_key is no real key.",
        ],
        "cases": [token_answer(*case) for case in token_values()],
    }


def main() -> None:
    text = json.dumps(wrapped_materials(), indent=1) + "\n"
    (VECTORS / "import.json").write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
