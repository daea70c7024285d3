"""JSON web tokens that KMS signs and PyJWT checks, with the public key as GetPublicKey gives it."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import boto3
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from harness import Checks, equal, refused

checks = Checks("pyjwt")
kms: Any = boto3.client("kms")

SUBJECT = "system:serviceaccount:orders:default"
# JOSE's name, KMS's name, the key, and the length of one half of an ECDSA signature.
KINDS = {
    "RS256": ("RSASSA_PKCS1_V1_5_SHA_256", "RSA_2048", 0),
    "PS256": ("RSASSA_PSS_SHA_256", "RSA_2048", 0),
    "ES256": ("ECDSA_SHA_256", "ECC_NIST_P256", 32),
    "EdDSA": ("ED25519_SHA_512", "ECC_NIST_EDWARDS25519", 0),
}


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def signed_token(name: str, lifetime: int = 300) -> tuple[str, Any]:
    algorithm, spec, half = KINDS[name]
    key = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    claims = {"sub": SUBJECT, "exp": int(time.time()) + lifetime}
    parts = [encoded(json.dumps(part).encode()) for part in ({"alg": name, "typ": "JWT", "kid": key}, claims)]
    message = ".".join(parts).encode()
    answer = kms.sign(KeyId=key, Message=message, MessageType="RAW", SigningAlgorithm=algorithm)
    signature = joined(answer["Signature"], half) if half else answer["Signature"]
    public = serialization.load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    return ".".join([*parts, encoded(signature)]), public


def joined(signature: bytes, half: int) -> bytes:
    """JOSE has both numbers beside each other, where KMS answers with DER."""
    return b"".join(number.to_bytes(half, "big") for number in decode_dss_signature(signature))


def verifies(name: str) -> None:
    token, public = signed_token(name)
    equal(jwt.decode(token, public, algorithms=[name])["sub"], SUBJECT)


for each in KINDS:
    checks.add("Sign", f"{each} verifies")(lambda name=each: verifies(name))


@checks.add("Sign", "changed claims do not verify")
def changed_claims() -> None:
    token, public = signed_token("ES256")
    header, _, signature = token.split(".")
    forged = ".".join([header, encoded(b'{"sub": "admin"}'), signature])
    refused(jwt.InvalidSignatureError, jwt.decode, forged, public, algorithms=["ES256"])


@checks.add("Sign", "a token of another key does not verify")
def other_key() -> None:
    (token, _), (_, other) = signed_token("RS256"), signed_token("RS256")
    refused(jwt.InvalidSignatureError, jwt.decode, token, other, algorithms=["RS256"])


@checks.add("Sign", "a token that expired is refused")
def expired() -> None:
    token, public = signed_token("ES256", -60)
    refused(jwt.ExpiredSignatureError, jwt.decode, token, public, algorithms=["ES256"])


if __name__ == "__main__":
    checks.run()
