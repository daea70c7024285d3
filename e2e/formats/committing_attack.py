"""A ciphertext that opens under two AES-256-GCM keys: why a blob carries a commitment.

GHASH is a polynomial in a key-dependent point, so it is linear in every ciphertext block. With one
block left free, "both tags are equal" is one linear equation over GF(2^128), and it has a solution.
"""

from __future__ import annotations

from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 16


class Side(NamedTuple):
    """One key and the nonce under which the ciphertext shall open."""

    key: bytes
    nonce: bytes

    def block(self, data: bytes) -> bytes:
        encryptor = Cipher(algorithms.AES(self.key), modes.ECB()).encryptor()
        return encryptor.update(data)

    def point(self) -> int:
        """The point at which GHASH evaluates its polynomial: the encryption of the zero block."""
        return int.from_bytes(self.block(bytes(BLOCK)), "big")

    def mask(self) -> int:
        return int.from_bytes(self.block(self.nonce + (1).to_bytes(4, "big")), "big")

    def keystream(self, index: int) -> bytes:
        return self.block(self.nonce + (index + 2).to_bytes(4, "big"))


def multiply(left: int, right: int) -> int:
    """The product in GCM's field, where the most significant bit is the constant term."""
    product = 0
    for bit in range(127, -1, -1):
        if left >> bit & 1:
            product ^= right
        right = right >> 1 ^ (0xE1 << 120 if right & 1 else 0)
    return product


def power(base: int, exponent: int) -> int:
    result = 1 << 127
    while exponent:
        if exponent & 1:
            result = multiply(result, base)
        base, exponent = multiply(base, base), exponent >> 1
    return result


def invert(value: int) -> int:
    return power(value, 2**128 - 2)


def blocks(data: bytes) -> list[int]:
    padded = data + bytes(-len(data) % BLOCK)
    return [int.from_bytes(padded[at : at + BLOCK], "big") for at in range(0, len(padded), BLOCK)]


def ghash(point: int, additional: bytes, ciphertext: bytes) -> int:
    lengths = (len(additional) * 8).to_bytes(8, "big") + (len(ciphertext) * 8).to_bytes(8, "big")
    state = 0
    for block in blocks(additional) + blocks(ciphertext) + blocks(lengths):
        state = multiply(state ^ block, point)
    return state


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def collide(first: Side, second: Side, additional: bytes, text1: bytes, text2: bytes) -> bytes:
    """Ciphertext and tag of three blocks that open under both sides.

    Block 0 decrypts to `text1` under the first key and block 1 to `text2` under the second, so each
    side has 16 bytes of its attacker's choice; block 2 is the solution of the equation.
    """
    chosen = xor(text1, first.keystream(0)) + xor(text2, second.keystream(1))
    tags = [ghash(side.point(), additional, chosen + bytes(BLOCK)) ^ side.mask() for side in (first, second)]
    # Only the length block follows the free one, so the point's square is its coefficient.
    slope = power(first.point(), 2) ^ power(second.point(), 2)
    solution = multiply(tags[0] ^ tags[1], invert(slope)).to_bytes(BLOCK, "big")
    ciphertext = chosen + solution
    tag = ghash(first.point(), additional, ciphertext) ^ first.mask()
    return ciphertext + tag.to_bytes(BLOCK, "big")
