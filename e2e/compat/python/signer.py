"""The AWS signer of securesystemslib, as The Update Framework and in-toto use it."""

from __future__ import annotations

from typing import Any

import boto3
from harness import Checks, refused
from securesystemslib.exceptions import UnsupportedAlgorithmError, UnverifiedSignatureError
from securesystemslib.signer import AWSSigner, SSlibKey

checks = Checks("securesystemslib")
kms: Any = boto3.client("kms")

PAYLOAD = b'{"_type": "root"}'


def new_key(spec: str, usage: str = "SIGN_VERIFY") -> str:
    return kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"]


def sign(key: str, scheme: str | None = None) -> tuple[SSlibKey, Any]:
    uri, public = AWSSigner.import_(key, scheme)
    return public, AWSSigner.from_priv_key_uri(uri, public).sign(PAYLOAD)


def round_trip(spec: str, scheme: str | None = None) -> SSlibKey:
    public, signature = sign(new_key(spec), scheme)
    public.verify_signature(signature, PAYLOAD)
    return public


@checks.add("GetPublicKey", "an RSA key is imported with its first scheme")
def first_scheme() -> None:
    assert round_trip("RSA_2048").scheme == "rsassa-pss-sha256"


@checks.add("Sign", "ECDSA on P-256, checked outside")
def ecdsa_256() -> None:
    round_trip("ECC_NIST_P256")


@checks.add("Sign", "ECDSA on P-384, checked outside")
def ecdsa_384() -> None:
    round_trip("ECC_NIST_P384")


@checks.add("Sign", "RSA PKCS #1 v1.5, checked outside")
def pkcs1() -> None:
    round_trip("RSA_2048", "rsa-pkcs1v15-sha256")


@checks.add("Sign", "another payload does not verify")
def other_payload() -> None:
    public, signature = sign(new_key("ECC_NIST_P256"))
    refused(UnverifiedSignatureError, public.verify_signature, signature, b"{}")


@checks.add("GetPublicKey", "a curve that the signer does not know is refused by it")
def unknown_curve() -> None:
    refused(UnsupportedAlgorithmError, AWSSigner.import_, new_key("ECC_NIST_P521"))


@checks.add("Sign", "DisabledException")
def disabled() -> None:
    key = new_key("ECC_NIST_P256")
    signer = AWSSigner.from_priv_key_uri(*AWSSigner.import_(key))
    kms.disable_key(KeyId=key)
    refused(kms.exceptions.DisabledException, signer.sign, PAYLOAD)


if __name__ == "__main__":
    checks.run()
