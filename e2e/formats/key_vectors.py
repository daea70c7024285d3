"""Vectors of keys: what other libraries made, for every key spec that they know.

Python's `cryptography` makes all but SM2, which comes from the command line of OpenSSL. Keys and signatures are
random, so `keys.json` is made once and then only read. The private keys protect nothing: they exist for these
vectors.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, padding, rsa, utils

Json = dict[str, Any]
VECTORS = Path(__file__).resolve().parent.parent / "vectors"
MESSAGE = b"a message of the second implementation"
HASHES: dict[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES: dict[str, tuple[ec.EllipticCurve, str]] = {
    "ECC_NIST_P256": (ec.SECP256R1(), "256"),
    "ECC_NIST_P384": (ec.SECP384R1(), "384"),
    "ECC_NIST_P521": (ec.SECP521R1(), "512"),
    "ECC_SECG_P256K1": (ec.SECP256K1(), "256"),
}


def pkcs8(key: Any) -> bytes:
    formats = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.DER, formats, serialization.NoEncryption())


def spki(key: Any) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def pair(spec: str, key: Any, material: bytes, **more: list[Json]) -> Json:
    fields = {"material": material, "pkcs8": pkcs8(key), "public_key": spki(key)}
    return {"spec": spec} | {name: value.hex() for name, value in fields.items()} | more


def signature(algorithm: str, kind: str, message: bytes, signed: bytes) -> Json:
    return {"algorithm": algorithm, "kind": kind, "message": message.hex(), "signature": signed.hex()}


def signatures(algorithm: str, digest: hashes.HashAlgorithm, sign: Callable[..., bytes]) -> list[Json]:
    """One of the message and one of its digest."""
    hashed = hashlib.new(digest.name, MESSAGE).digest()
    return [
        signature(algorithm, "RAW", MESSAGE, sign(MESSAGE, digest)),
        signature(algorithm, "DIGEST", hashed, sign(hashed, utils.Prehashed(digest))),
    ]


def rsa_pair(size: int) -> Json:
    key = rsa.generate_private_key(65537, size)
    signed = []
    for bits, digest in HASHES.items():
        pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
        for name, scheme in {"PSS": pss, "PKCS1_V1_5": padding.PKCS1v15()}.items():
            signed += signatures(
                f"RSASSA_{name}_SHA_{bits}", digest, lambda message, how, scheme=scheme: key.sign(message, scheme, how)
            )
    ciphertexts = []
    for name, digest in {"1": hashes.SHA1(), "256": hashes.SHA256()}.items():
        sealed = key.public_key().encrypt(MESSAGE, padding.OAEP(padding.MGF1(digest), digest, None))
        ciphertexts.append(
            {"algorithm": f"RSAES_OAEP_SHA_{name}", "plaintext": MESSAGE.hex(), "ciphertext": sealed.hex()}
        )
    return pair(f"RSA_{size}", key, pkcs8(key), signatures=signed, ciphertexts=ciphertexts)


def ec_pair(spec: str) -> Json:
    curve, bits = CURVES[spec]
    key, peer = ec.generate_private_key(curve), ec.generate_private_key(curve)
    scalar = key.private_numbers().private_value.to_bytes((curve.key_size + 7) // 8, "big")
    signed = signatures(
        f"ECDSA_SHA_{bits}", HASHES[bits], lambda message, how: key.sign(message, ec.ECDSA(how))
    )
    shared = key.exchange(ec.ECDH(), peer.public_key())
    agreements = [{"public_key": spki(peer).hex(), "shared_secret": shared.hex()}]
    return pair(spec, key, scalar, signatures=signed, agreements=agreements if "NIST" in spec else [])


def ed25519_pair() -> Json:
    key = ed25519.Ed25519PrivateKey.generate()
    signed = [signature("ED25519_SHA_512", "RAW", MESSAGE, key.sign(MESSAGE))]
    return pair("ECC_NIST_EDWARDS25519", key, key.private_bytes_raw(), signatures=signed)


def ml_dsa_pair(size: int, kind: Any) -> Json:
    key = kind.generate()
    hasher = mldsa.MLDSAMuHasher(key.public_key())
    hasher.update(MESSAGE)
    mu = hasher.finalize()
    signed = [
        signature("ML_DSA_SHAKE_256", "RAW", MESSAGE, key.sign(MESSAGE)),
        signature("ML_DSA_SHAKE_256", "EXTERNAL_MU", mu, key.sign_mu(mu)),
    ]
    return pair(f"ML_DSA_{size}", key, key.private_bytes_raw(), signatures=signed)


def ml_kem_pair(size: int, kind: Any) -> Json:
    key = kind.generate()
    shared, ciphertext = key.public_key().encapsulate()
    encapsulations = [{"ciphertext": ciphertext.hex(), "shared_secret": shared.hex()}]
    return pair(f"ML_KEM_{size}", key, key.private_bytes_raw(), encapsulations=encapsulations)


def mac_key(bits: int) -> Json:
    material = hashlib.sha512(b"key of %d" % bits).digest()[: bits // 8]
    code = hmac.digest(material, MESSAGE, f"sha{bits}")
    macs = [{"algorithm": f"HMAC_SHA_{bits}", "message": MESSAGE.hex(), "mac": code.hex()}]
    return {"spec": f"HMAC_{bits}", "material": material.hex(), "macs": macs}


def sm2_pair() -> Json:
    with TemporaryDirectory() as folder:
        def openssl(*arguments: str) -> bytes:
            return subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder).stdout

        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2", "-out", "key")
        Path(folder, "message").write_bytes(MESSAGE)
        identity = ["-digest", "sm3", "-pkeyopt", "distid:1234567812345678"]
        signed = openssl("pkeyutl", "-sign", "-inkey", "key", "-rawin", "-in", "message", *identity)
        sealed = openssl("pkeyutl", "-encrypt", "-inkey", "key", "-in", "message")
        der = openssl("pkcs8", "-topk8", "-nocrypt", "-in", "key", "-outform", "DER")
        scalar = der[der.index(b"\x02\x01\x01\x04\x20") + 5 :][:32]
        public_key = openssl("pkey", "-in", "key", "-pubout", "-outform", "DER")
    return {
        "spec": "SM2", "material": scalar.hex(), "pkcs8": der.hex(), "public_key": public_key.hex(),
        "signatures": [signature("SM2DSA", "RAW", MESSAGE, signed)],
        "ciphertexts": [{"algorithm": "SM2PKE", "plaintext": MESSAGE.hex(), "ciphertext": sealed.hex()}],
    }


def keys() -> list[Json]:
    ml_dsa = {44: mldsa.MLDSA44PrivateKey, 65: mldsa.MLDSA65PrivateKey, 87: mldsa.MLDSA87PrivateKey}
    ml_kem = {768: mlkem.MLKEM768PrivateKey, 1024: mlkem.MLKEM1024PrivateKey}
    return [
        *(rsa_pair(size) for size in (2048, 3072, 4096)),
        *(ec_pair(spec) for spec in CURVES),
        ed25519_pair(),
        *(mac_key(bits) for bits in (224, 256, 384, 512)),
        sm2_pair(),
        *(ml_dsa_pair(size, kind) for size, kind in ml_dsa.items()),
        *(ml_kem_pair(size, kind) for size, kind in ml_kem.items()),
    ]


def main() -> None:
    (VECTORS / "keys.json").write_text(json.dumps(keys(), indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
