"""Every signature, code, ciphertext and secret is checked by programs that are not Coffer, and theirs by Coffer.

One key of each spec is made by Coffer, of which the others know the public key alone; another is made by them and
imported, so that its private half is theirs too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem
from cryptography.hazmat.primitives.serialization import (
    Encoding, PublicFormat, load_der_private_key, load_der_public_key,
)
from import_vectors import oaep
from key_vectors import CURVES, pkcs8, spki

from importing import imported
from judges import OpenSsl, judges_of, loaded, task_of
from lattices import LatticePair, der, encapsulate, sequence
from support import Coffer

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
MESSAGE, OTHER = b"what is agreed upon", b"what is not"
BOTH = ["RAW", "DIGEST"]
RSA_SIGNATURES = {
    f"RSASSA_{scheme}_SHA_{bits}": BOTH for scheme in ("PKCS1_V1_5", "PSS") for bits in (256, 384, 512)
}
RSA_SPECS = ["RSA_2048", "RSA_3072", "RSA_4096"]
SIGNATURES = {
    **dict.fromkeys(RSA_SPECS, RSA_SIGNATURES),
    **{spec: {f"ECDSA_SHA_{bits}": BOTH} for spec, (_, bits) in CURVES.items()},
    "ECC_NIST_EDWARDS25519": {"ED25519_SHA_512": ["RAW"], "ED25519_PH_SHA_512": ["DIGEST"]},
    **{f"ML_DSA_{size}": {"ML_DSA_SHAKE_256": ["RAW", "EXTERNAL_MU"]} for size in (44, 65, 87)},
}
# Two scalars for each curve whose common x coordinate begins with a zero byte, which must not get lost.
SCALAR, SHORT = 0xC0FFEE, {"ECC_NIST_P256": 344, "ECC_NIST_P384": 71, "ECC_NIST_P521": 2}
ML_KEM = {"ML_KEM_512": None, "ML_KEM_768": mlkem.MLKEM768PrivateKey, "ML_KEM_1024": mlkem.MLKEM1024PrivateKey}
ML_DSA = {
    "ML_DSA_44": mldsa.MLDSA44PrivateKey, "ML_DSA_65": mldsa.MLDSA65PrivateKey, "ML_DSA_87": mldsa.MLDSA87PrivateKey,
}


def decoded(text: str) -> bytes:
    return base64.b64decode(text)


def made(server: Coffer, spec: str, usage: str) -> str:
    return server.new_key(KeySpec=spec, KeyUsage=usage)["KeyId"]


def public_of(server: Coffer, key: str) -> bytes:
    return decoded(server.good("GetPublicKey", KeyId=key)["PublicKey"])


@cache
def rsa_vectors() -> dict[str, bytes]:
    """RSA keys of the vectors, because making new ones would take the tests' time."""
    return {pair["spec"]: bytes.fromhex(pair["pkcs8"]) for pair in json.loads((VECTORS / "keys.json").read_text())
            if pair["spec"] in RSA_SPECS}


def private_of(spec: str) -> Any:
    """A private key that Python's `cryptography` made."""
    if spec in RSA_SPECS:
        return loaded(rsa_vectors()[spec])
    if spec in CURVES:
        return ec.generate_private_key(CURVES[spec][0])
    return ed25519.Ed25519PrivateKey.generate() if "25519" in spec else ML_DSA[spec].generate()


@pytest.mark.parametrize("spec", SIGNATURES)
def test_signatures_hold_with_others_and_theirs_hold_here(server: Coffer, tmp_path: Path, spec: str) -> None:
    private = private_of(spec)
    ours, theirs = made(server, spec, "SIGN_VERIFY"), imported(server, spec, "SIGN_VERIFY", pkcs8(private))
    public = public_of(server, ours)
    assert public_of(server, theirs) == spki(private)
    assert server.folder().record(ours)["public_key"] == public
    assert sorted(server.describe(ours)["SigningAlgorithms"]) == sorted(SIGNATURES[spec])
    for algorithm, kinds in SIGNATURES[spec].items():
        for kind in kinds:
            for judge in judges_of(algorithm, tmp_path):
                task, other = (task_of(public, algorithm, kind, message) for message in (MESSAGE, OTHER))
                signature = signed(server, ours, task)
                assert judge.verifies(public, task, signature), (judge, task)
                assert not judge.verifies(public, other, signature), (judge, task)
                task, other = (task_of(spki(private), algorithm, kind, message) for message in (MESSAGE, OTHER))
                signature = judge.sign(pkcs8(private), task)
                assert verified(server, theirs, task, signature) == "valid", (judge, task)
                assert verified(server, theirs, other, signature) == "KMSInvalidSignatureException", (judge, task)


def signed(server: Coffer, key: str, task: Any) -> bytes:
    members = {"Message": task.message, "MessageType": task.kind, "SigningAlgorithm": task.algorithm}
    return decoded(server.good("Sign", KeyId=key, **members)["Signature"])


def verified(server: Coffer, key: str, task: Any, signature: bytes) -> str:
    members = {"Message": task.message, "MessageType": task.kind, "SigningAlgorithm": task.algorithm}
    answer = server.call("Verify", KeyId=key, Signature=signature, **members)
    return "valid" if answer.status == 200 and answer.json["SignatureValid"] is True else answer.code


@pytest.mark.parametrize("bits", [224, 256, 384, 512])
def test_codes_are_those_of_the_standard_library(server: Coffer, bits: int) -> None:
    spec, algorithm = f"HMAC_{bits}", f"HMAC_SHA_{bits}"
    material = hashlib.shake_256(spec.encode()).digest(bits // 8)
    ours, theirs = made(server, spec, "GENERATE_VERIFY_MAC"), imported(server, spec, "GENERATE_VERIFY_MAC", material)
    # The material of a key that Coffer made is unsealed by a second implementation of its formats.
    for key, secret in ((ours, server.folder().material(ours, 1)), (theirs, material)):
        assert len(secret) == bits // 8
        for message in (MESSAGE, b"x", bytes(4096)):
            code = hmac.digest(secret, message, f"sha{bits}")
            members = {"KeyId": key, "Message": message, "MacAlgorithm": algorithm}
            assert decoded(server.good("GenerateMac", **members)["Mac"]) == code
            assert server.good("VerifyMac", **members, Mac=code)["MacValid"] is True
            for wrong in (code[:-1], code + b"\0", hmac.digest(secret, OTHER, f"sha{bits}")):
                assert server.call("VerifyMac", **members, Mac=wrong).code == "KMSInvalidMacException"


@pytest.mark.parametrize("spec", RSA_SPECS)
def test_oaep_opens_with_others_and_theirs_opens_here(server: Coffer, tmp_path: Path, spec: str) -> None:
    private, openssl = private_of(spec), OpenSsl(tmp_path)
    theirs = imported(server, spec, "ENCRYPT_DECRYPT", pkcs8(private))
    # Making a longer key takes seconds, and those of signatures are made in the same way.
    ours = made(server, spec, "ENCRYPT_DECRYPT") if spec == "RSA_2048" else theirs
    public = public_of(server, ours)
    for algorithm, digest, overhead in (("RSAES_OAEP_SHA_1", "sha1", 42), ("RSAES_OAEP_SHA_256", "sha256", 66)):
        for plaintext in (b"p", b"q" * (private.key_size // 8 - overhead)):
            sealed = decoded(server.encrypt(theirs, plaintext, EncryptionAlgorithm=algorithm))
            assert private.decrypt(sealed, oaep(algorithm)) == plaintext
            assert openssl.decrypt(pkcs8(private), digest, sealed) == plaintext
            outside: Any = load_der_public_key(public)
            for sealed in (outside.encrypt(plaintext, oaep(algorithm)), openssl.encrypt(public, digest, plaintext)):
                members = {"KeyId": ours, "CiphertextBlob": sealed, "EncryptionAlgorithm": algorithm}
                assert decoded(server.good("Decrypt", **members)["Plaintext"]) == plaintext
        check_moves(server, private, theirs, algorithm)


def check_moves(server: Coffer, private: Any, theirs: str, algorithm: str) -> None:
    """ReEncrypt from a symmetric key to the pair and back."""
    symmetric = server.new_key()["KeyId"]
    blob = server.encrypt(symmetric, b"moved")
    there = {"DestinationKeyId": theirs, "DestinationEncryptionAlgorithm": algorithm}
    moved = decoded(server.good("ReEncrypt", CiphertextBlob=blob, **there)["CiphertextBlob"])
    assert private.decrypt(moved, oaep(algorithm)) == b"moved"
    sealed = private.public_key().encrypt(b"back", oaep(algorithm))
    here = {"SourceKeyId": theirs, "SourceEncryptionAlgorithm": algorithm, "DestinationKeyId": symmetric}
    back = server.good("ReEncrypt", CiphertextBlob=sealed, **here)["CiphertextBlob"]
    assert server.folder().open_blob(decoded(back)) == b"back"


@pytest.mark.parametrize("spec", SHORT)
def test_shared_secrets_are_the_x_coordinate_of_the_others(server: Coffer, tmp_path: Path, spec: str) -> None:
    curve, openssl = CURVES[spec][0], OpenSsl(tmp_path)
    own, short = (ec.derive_private_key(scalar, curve) for scalar in (SCALAR, SHORT[spec]))
    ours, theirs = made(server, spec, "KEY_AGREEMENT"), imported(server, spec, "KEY_AGREEMENT", pkcs8(own))
    public: Any = load_der_public_key(public_of(server, ours))
    for peer in [ec.generate_private_key(curve) for _ in range(3)]:
        secret = derived(server, ours, spki(peer))
        assert secret == peer.exchange(ec.ECDH(), public) == openssl.agree(pkcs8(peer), public_of(server, ours))
        assert derived(server, theirs, spki(peer)) == own.exchange(ec.ECDH(), peer.public_key())
    compressed = short.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    assert derived(server, theirs, with_point(spki(short), compressed)) == derived(server, theirs, spki(short))
    secret = derived(server, theirs, spki(short))
    assert secret[0] == 0 and len(secret) == (curve.key_size + 7) // 8
    assert secret == openssl.agree(pkcs8(short), spki(own)) == x_coordinate(short, own)


def with_point(public: bytes, point: bytes) -> bytes:
    """The same public key with its point written in another way."""
    body = public[2 if public[1] < 0x80 else 3 :]
    return sequence(body[: 2 + body[1]], der(0x03, b"\0" + point))


def x_coordinate(private: ec.EllipticCurvePrivateKey, other: ec.EllipticCurvePrivateKey) -> bytes:
    """The product of both scalars is the scalar of the point that both agree on."""
    order = private.curve.group_order
    scalar = private.private_numbers().private_value * other.private_numbers().private_value % order
    x = ec.derive_private_key(scalar, private.curve).public_key().public_numbers().x
    return x.to_bytes((private.curve.key_size + 7) // 8, "big")


def derived(server: Coffer, key: str, public: bytes) -> bytes:
    answer = server.good("DeriveSharedSecret", KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=public)
    return decoded(answer["SharedSecret"])


@pytest.mark.parametrize("spec", ML_KEM)
def test_encapsulated_secrets_are_those_of_the_others(server: Coffer, spec: str) -> None:
    usage = "ENCAPSULATE_DECAPSULATE"
    pair = LatticePair(spec, hashlib.shake_256(spec.encode()).digest(64))
    ours, theirs = made(server, spec, usage), imported(server, spec, usage, pair.pkcs8())
    public = public_of(server, ours)
    assert public_of(server, theirs) == pair.public_key()
    secret, sealed = encapsulated(server, theirs)
    assert pair.decapsulate(sealed) == secret
    # A wrong ciphertext opens too, to what only the holder of the seed can tell from chance (FIPS 203 §6.3).
    wrong = sealed[:-1] + bytes([sealed[-1] ^ 1])
    assert decapsulated(server, theirs, wrong) == pair.decapsulate(wrong) != secret
    secret, sealed = encapsulate(spec, public)
    assert decapsulated(server, ours, sealed) == secret
    if kind := ML_KEM[spec]:
        private = kind.from_seed_bytes(pair.seed)
        assert (pkcs8(private), spki(private)) == (pair.pkcs8(), pair.public_key())
        secret, sealed = encapsulated(server, theirs)
        assert private.decapsulate(sealed) == secret
        outside: Any = load_der_public_key(public)
        secret, sealed = outside.encapsulate()
        assert decapsulated(server, ours, sealed) == secret


def encapsulated(server: Coffer, key: str) -> tuple[bytes, bytes]:
    answer = server.good("Encapsulate", KeyId=key, EncapsulationAlgorithm="ML_KEM")
    return decoded(answer["SharedSecret"]), decoded(answer["SharedSecretCiphertextBlob"])


def decapsulated(server: Coffer, key: str, sealed: bytes) -> bytes:
    members = {"EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": sealed}
    return decoded(server.good("Decapsulate", KeyId=key, **members)["SharedSecret"])


DATA_PAIRS = [*RSA_SPECS, *CURVES, "ECC_NIST_EDWARDS25519", *ML_KEM]


def test_data_key_pairs_are_read_by_others(server: Coffer) -> None:
    key, context = server.new_key()["KeyId"], {"tenant": "blue"}
    for spec in DATA_PAIRS:
        members = {"KeyId": key, "KeyPairSpec": spec, "EncryptionContext": context}
        pair = server.good("GenerateDataKeyPair", **members)
        private = decoded(pair["PrivateKeyPlaintext"])
        assert opened(server, pair, context) == private
        assert public_half(spec, private) == decoded(pair["PublicKey"]), spec
        if spec in RSA_SPECS[1:]:
            continue  # Another one of these would take seconds.
        hidden = server.good("GenerateDataKeyPairWithoutPlaintext", **members)
        assert "PrivateKeyPlaintext" not in hidden
        private = opened(server, hidden, context)
        assert public_half(spec, private) == decoded(hidden["PublicKey"]) != decoded(pair["PublicKey"]), spec


def opened(server: Coffer, pair: dict[str, Any], context: dict[str, str]) -> bytes:
    """By the server, and by the second implementation of its blobs."""
    blob = decoded(pair["PrivateKeyCiphertextBlob"])
    private = decoded(server.good("Decrypt", CiphertextBlob=blob, EncryptionContext=context)["Plaintext"])
    assert server.folder().open_blob(blob, context) == private
    return private


def public_half(spec: str, private: bytes) -> bytes:
    """What others make of a private key, which they also write as Coffer did."""
    if spec == "ML_KEM_512":
        pair = LatticePair(spec, private[-64:])
        assert pair.pkcs8() == private
        return pair.public_key()
    key = load_der_private_key(private, None)
    assert pkcs8(key) == private, spec
    assert key_kind(key) == spec
    return spki(key)


def key_kind(key: Any) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return next(spec for spec, (curve, _) in CURVES.items() if curve.name == key.curve.name)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ECC_NIST_EDWARDS25519"
    lattice = (spec for spec, kind in ML_KEM.items() if kind and isinstance(key, kind))
    return next(lattice, None) or f"RSA_{key.key_size}"
