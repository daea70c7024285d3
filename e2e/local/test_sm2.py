"""SM2, which a build has only where it was asked for: OpenSSL judges it there, and elsewhere its absence is told."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from importing import imported
from judges import OpenSsl
from lattices import der, private_key_info, sequence
from support import Coffer
from test_pairs import MESSAGE, decoded, derived, made, public_of

IDENTITY = ["-digest", "sm3", "-pkeyopt", "distid:1234567812345678"]
CURVE = sequence(der(0x06, bytes.fromhex("2a8648ce3d0201")), der(0x06, bytes.fromhex("2a811ccf5501822d")))
ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
# The message, or what is computed of it and of the signer's key, which for a signature is any 32 bytes.
MESSAGES = {"RAW": MESSAGE, "DIGEST": hashlib.sha256(MESSAGE).digest()}


def test_sm2_is_judged_by_openssl_or_is_not_offered(server: Coffer, tmp_path: Path) -> None:
    answer = server.call("CreateKey", KeySpec="SM2", KeyUsage="SIGN_VERIFY")
    if answer.status != 200:
        assert answer.code == "UnsupportedOperationException" and "SM2" in (answer.message or "")
        refused = server.call("GenerateDataKeyPair", KeyId=server.new_key()["KeyId"], KeyPairSpec="SM2")
        assert refused.code == "UnsupportedOperationException" and "SM2" in (refused.message or "")
        return
    openssl = OpenSsl(tmp_path)
    check_signatures(server, openssl)
    check_encryption(server, openssl)
    check_agreement(server, openssl)
    check_data_pair(server, openssl)


def pkcs8(scalar: int) -> bytes:
    key = sequence(der(0x02, b"\1"), der(0x04, scalar.to_bytes(32, "big")))
    return private_key_info(CURVE, key)


def scalar_of(number: int) -> int:
    return int.from_bytes(hashlib.sha512(b"%d" % number).digest(), "big") % (ORDER - 1) + 1


def public_half(openssl: OpenSsl, private: bytes) -> bytes:
    key = openssl.put("private.der", private)
    return openssl.made("pkey", "-inform", "DER", "-in", key, "-pubout", "-outform", "DER")


def pkeyutl(openssl: OpenSsl, what: str, key: bytes, content: bytes, *more: str) -> list[str]:
    words = ["pkeyutl", what, "-keyform", "DER", "-inkey", openssl.put("key", key)]
    return [*words, "-in", openssl.put("content", content), *more]


def check_signatures(server: Coffer, openssl: OpenSsl) -> None:
    private = pkcs8(scalar_of(1))
    ours, theirs = made(server, "SM2", "SIGN_VERIFY"), imported(server, "SM2", "SIGN_VERIFY", private)
    assert public_of(server, theirs) == public_half(openssl, private)
    for kind, message in MESSAGES.items():
        how = ["-rawin", *IDENTITY] if kind == "RAW" else []
        members: dict[str, Any] = {"Message": message, "MessageType": kind, "SigningAlgorithm": "SM2DSA"}
        signature = decoded(server.good("Sign", KeyId=ours, **members)["Signature"])
        verify = [*how, "-pubin", "-sigfile", openssl.put("signature", signature)]
        public = public_of(server, ours)
        assert openssl.run(*pkeyutl(openssl, "-verify", public, message, *verify)).returncode == 0, kind
        assert openssl.run(*pkeyutl(openssl, "-verify", public, message[::-1], *verify)).returncode != 0, kind
        signature = openssl.made(*pkeyutl(openssl, "-sign", private, message, *how))
        assert server.good("Verify", KeyId=theirs, Signature=signature, **members)["SignatureValid"] is True
        members["Message"] = message[::-1]
        refused = server.call("Verify", KeyId=theirs, Signature=signature, **members)
        assert refused.code == "KMSInvalidSignatureException"


def check_encryption(server: Coffer, openssl: OpenSsl) -> None:
    private = pkcs8(scalar_of(2))
    ours, theirs = made(server, "SM2", "ENCRYPT_DECRYPT"), imported(server, "SM2", "ENCRYPT_DECRYPT", private)
    for plaintext in (b"p", bytes(1024)):
        sealed = decoded(server.encrypt(theirs, plaintext, EncryptionAlgorithm="SM2PKE"))
        assert openssl.made(*pkeyutl(openssl, "-decrypt", private, sealed)) == plaintext
        sealed = openssl.made(*pkeyutl(openssl, "-encrypt", public_of(server, ours), plaintext, "-pubin"))
        members = {"KeyId": ours, "CiphertextBlob": sealed, "EncryptionAlgorithm": "SM2PKE"}
        assert decoded(server.good("Decrypt", **members)["Plaintext"]) == plaintext


def check_agreement(server: Coffer, openssl: OpenSsl) -> None:
    """OpenSSL does not agree with such keys, but it knows the point that belongs to the product of both scalars."""
    key = imported(server, "SM2", "KEY_AGREEMENT", pkcs8(scalar_of(3)))
    peer = public_half(openssl, pkcs8(scalar_of(4)))
    point = public_half(openssl, pkcs8(scalar_of(3) * scalar_of(4) % ORDER))[-64:]
    assert derived(server, key, peer) == point[:32]


def check_data_pair(server: Coffer, openssl: OpenSsl) -> None:
    pair = server.good("GenerateDataKeyPair", KeyId=server.new_key()["KeyId"], KeyPairSpec="SM2")
    assert public_half(openssl, decoded(pair["PrivateKeyPlaintext"])) == decoded(pair["PublicKey"])
