"""Others who sign, verify, encrypt and agree: what they accept of ours, and what they make for us to accept.

Python's `cryptography` knows nearly everything, by an OpenSSL of its own, and the command line of the machine's
OpenSSL everything but lattices. PyCryptodome has Ed25519ph. For ML-KEM-512 see `lattices`.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from Crypto.Hash import SHA512
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, padding, utils
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key
from key_vectors import HASHES


class Task(NamedTuple):
    """What is to be signed, and how."""

    algorithm: str
    kind: str
    message: bytes

    @property
    def digest(self) -> hashes.HashAlgorithm:
        return HASHES[self.algorithm.rpartition("_")[2]]

    @property
    def is_rsa(self) -> bool:
        return self.algorithm.startswith("RSASSA")


@cache
def loaded(private_key: bytes) -> Any:
    """A private key without the check of its primes, which takes longer than a hundred signatures."""
    return load_der_private_key(private_key, None, unsafe_skip_rsa_key_validation=True)


class Judge(Protocol):
    """Signs with a private key in PKCS#8, verifies with a public key in SubjectPublicKeyInfo."""

    def sign(self, private_key: bytes, task: Task) -> bytes: ...

    def verifies(self, public_key: bytes, task: Task, signature: bytes) -> bool: ...


def task_of(public_key: bytes, algorithm: str, kind: str, message: bytes) -> Task:
    """The message as a caller of its kind sends it."""
    if kind == "DIGEST":
        message = hashlib.new(Task(algorithm, kind, b"").digest.name, message).digest()
    elif kind == "EXTERNAL_MU":
        hasher = mldsa.MLDSAMuHasher(load_der_public_key(public_key))  # type: ignore[arg-type]
        hasher.update(message)
        message = hasher.finalize()
    return Task(algorithm, kind, message)


def judges_of(algorithm: str, folder: Path) -> Sequence[Judge]:
    """All who know an algorithm."""
    if algorithm == "ED25519_PH_SHA_512":
        return [PyCryptodome()]
    if algorithm.startswith("ML_DSA"):
        return [Cryptography()]
    return [Cryptography(), OpenSsl(folder)]


class Cryptography:
    """Python's `cryptography`."""

    def sign(self, private_key: bytes, task: Task) -> bytes:
        key = loaded(private_key)
        if task.kind == "EXTERNAL_MU":
            return key.sign_mu(task.message)
        return key.sign(task.message, *self.how(key, task))

    def verifies(self, public_key: bytes, task: Task, signature: bytes) -> bool:
        key: Any = load_der_public_key(public_key)
        verify = key.verify_mu if task.kind == "EXTERNAL_MU" else key.verify
        try:
            verify(signature, task.message, *self.how(key, task))
        except InvalidSignature:
            return False
        return True

    @staticmethod
    def how(key: Any, task: Task) -> Sequence[Any]:
        """What a call names besides message and signature."""
        if not task.is_rsa and not isinstance(key, (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey)):
            return []
        digest = utils.Prehashed(task.digest) if task.kind == "DIGEST" else task.digest
        if not task.is_rsa:
            return [ec.ECDSA(digest)]
        pss = padding.PSS(padding.MGF1(task.digest), task.digest.digest_size)
        return [pss if "PSS" in task.algorithm else padding.PKCS1v15(), digest]


class OpenSsl:
    """The command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, timeout=60, check=False)

    def made(self, *words: str) -> bytes:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def put(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return name

    def sign(self, private_key: bytes, task: Task) -> bytes:
        return self.made(*self.words(task, "-sign", self.put("private.der", private_key)))

    def verifies(self, public_key: bytes, task: Task, signature: bytes) -> bool:
        public = [self.put("public.der", public_key), "-pubin"]
        done = self.run(*self.words(task, "-verify", *public, "-sigfile", self.put("signature", signature)))
        assert done.returncode == 0 or not done.stderr.startswith(b"pkeyutl: "), done.stderr
        return done.returncode == 0

    def words(self, task: Task, what: str, key: str, *more: str) -> list[str]:
        """`pkeyutl` hashes what is raw."""
        words = ["pkeyutl", what, "-keyform", "DER", "-inkey", key, "-in", self.put("message", task.message), *more]
        words += ["-rawin"] if task.kind == "RAW" else []
        if task.algorithm.startswith("ED25519"):
            return words
        words += ["-digest", task.digest.name] if task.kind == "RAW" else ["-pkeyopt", f"digest:{task.digest.name}"]
        if task.is_rsa:
            scheme = "pss" if "PSS" in task.algorithm else "pkcs1"
            words += ["-pkeyopt", f"rsa_padding_mode:{scheme}"]
        if "PSS" in task.algorithm:
            words += ["-pkeyopt", "rsa_pss_saltlen:digest", "-pkeyopt", f"rsa_mgf1_md:{task.digest.name}"]
        return words

    def encrypt(self, public_key: bytes, digest: str, plaintext: bytes) -> bytes:
        key = ["-encrypt", "-pubin", "-inkey", self.put("public.der", public_key)]
        return self.made(*self.oaep(digest, self.put("plaintext", plaintext)), *key)

    def decrypt(self, private_key: bytes, digest: str, ciphertext: bytes) -> bytes:
        key = ["-decrypt", "-inkey", self.put("private.der", private_key)]
        return self.made(*self.oaep(digest, self.put("ciphertext", ciphertext)), *key)

    @staticmethod
    def oaep(digest: str, file: str) -> list[str]:
        options = ["rsa_padding_mode:oaep", f"rsa_oaep_md:{digest}", f"rsa_mgf1_md:{digest}"]
        words = (word for option in options for word in ("-pkeyopt", option))
        return ["pkeyutl", "-keyform", "DER", "-in", file, *words]

    def agree(self, private_key: bytes, public_key: bytes) -> bytes:
        """The x coordinate."""
        keys = ["-inkey", self.put("private.der", private_key), "-peerkey", self.put("public.der", public_key)]
        return self.made("pkeyutl", "-derive", "-keyform", "DER", "-peerform", "DER", *keys)


class PyCryptodome:
    """Ed25519ph (RFC 8032 §5.1) of the bytes of the caller's digest, which AWS KMS hashes once more."""

    def sign(self, private_key: bytes, task: Task) -> bytes:
        return eddsa.new(ECC.import_key(private_key), "rfc8032").sign(SHA512.new(task.message))

    def verifies(self, public_key: bytes, task: Task, signature: bytes) -> bool:
        try:
            eddsa.new(ECC.import_key(public_key), "rfc8032").verify(SHA512.new(task.message), signature)
        except ValueError:
            return False
        return True
