"""Pairs of ML-KEM and ML-DSA that are written in Python throughout, and every encoding that their keys have.

kyber-py and dilithium-py know raw bytes alone; what stands around them (RFC 9935, RFC 9881) is written here. Python's
`cryptography` has no ML-KEM-512 and writes no expanded keys.
"""

from __future__ import annotations

from typing import Any

from dilithium_py.ml_dsa import ML_DSA_44, ML_DSA_65, ML_DSA_87
from kyber_py.ml_kem import ML_KEM_512, ML_KEM_768, ML_KEM_1024

# The algorithm, and the end of its object identifier below 2.16.840.1.101.3.4.
SCHEMES: dict[str, tuple[Any, bytes]] = {
    "ML_DSA_44": (ML_DSA_44, b"\x03\x11"), "ML_DSA_65": (ML_DSA_65, b"\x03\x12"), "ML_DSA_87": (ML_DSA_87, b"\x03\x13"),
    "ML_KEM_512": (ML_KEM_512, b"\x04\x01"), "ML_KEM_768": (ML_KEM_768, b"\x04\x02"),
    "ML_KEM_1024": (ML_KEM_1024, b"\x04\x03"),
}
PUBLIC_LENGTHS = {"ML_KEM_512": 800, "ML_KEM_768": 1184, "ML_KEM_1024": 1568}


def der(tag: int, content: bytes) -> bytes:
    """One value with its length."""
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    head = length.to_bytes(2 if length > 0xFF else 1, "big")
    return bytes([tag, 0x80 | len(head)]) + head + content


def sequence(*parts: bytes) -> bytes:
    return der(0x30, b"".join(parts))


def private_key_info(identifier: bytes, key: bytes) -> bytes:
    """PKCS#8, version 1."""
    return sequence(der(0x02, b"\0"), identifier, der(0x04, key))


class LatticePair:
    """Both halves of a key, from its seed."""

    def __init__(self, spec: str, seed: bytes) -> None:
        self.spec, self.seed = spec, seed
        self.scheme, end = SCHEMES[spec]
        self.identifier = sequence(der(0x06, bytes.fromhex("60864801650304") + end))
        self.public, self.expanded = self.scheme.key_derive(seed)

    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo."""
        return sequence(self.identifier, der(0x03, b"\0" + self.public))

    def pkcs8(self, form: str = "seed") -> bytes:
        """In each of the three forms."""
        seed, expanded = der(0x04, self.seed), der(0x04, self.expanded)
        forms = {"seed": der(0x80, self.seed), "expanded": expanded, "both": sequence(seed, expanded)}
        return private_key_info(self.identifier, forms[form])

    def decapsulate(self, ciphertext: bytes) -> bytes:
        return self.scheme.decaps(self.expanded, ciphertext)


def encapsulate(spec: str, public_key: bytes) -> tuple[bytes, bytes]:
    """Secret and ciphertext under a public key that another made."""
    return SCHEMES[spec][0].encaps(public_key[-PUBLIC_LENGTHS[spec]:])
