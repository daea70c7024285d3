"""The secrets of pairs and codes are looked for, byte by byte, in all that a busy server prints, stores and answers."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from key_vectors import pkcs8, spki

from importing import FOREVER, LONG, parameters, request, wrapped
from judges import loaded
from scanner import found_in, scan
from support import Coffer, Inspection, Launch
from test_canary import LOUD, b64
from wire import operation_headers

MESSAGE = b"canary: a message that is signed \xf0\x9f\x94\x91"
REFUSED = b"canary: a message that is never signed"
KEYS = {
    "signs": ("ECC_NIST_P256", "SIGN_VERIFY"), "rsa": ("RSA_2048", "SIGN_VERIFY"),
    "edwards": ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY"), "lattice": ("ML_DSA_44", "SIGN_VERIFY"),
    "codes": ("HMAC_256", "GENERATE_VERIFY_MAC"), "agrees": ("ECC_NIST_P384", "KEY_AGREEMENT"),
    "encapsulates": ("ML_KEM_768", "ENCAPSULATE_DECAPSULATE"), "seals": ("RSA_2048", "ENCRYPT_DECRYPT"),
}
SIGNING = {
    "signs": "ECDSA_SHA_256", "rsa": "RSASSA_PSS_SHA_256", "edwards": "ED25519_SHA_512", "lattice": "ML_DSA_SHAKE_256",
}
OAEP = "RSAES_OAEP_SHA_256"


class PairCanaries:
    """A server whose pairs were used in every way, and the secrets that went through it."""

    def __init__(self, server: Coffer) -> None:
        self.server = server
        self.secrets = {"message": MESSAGE, "refused": REFUSED}
        made = {name: server.new_key(KeySpec=spec, KeyUsage=usage) for name, (spec, usage) in KEYS.items()}
        self.keys = {name: metadata["KeyId"] for name, metadata in made.items()}
        self.symmetric = server.new_key()["KeyId"]
        self.refusals: list[bytes] = []

    def use(self) -> PairCanaries:
        self.import_own()
        self.use_well()
        self.use_badly()
        self.server.restart()
        self.use_well()
        assert self.server.stop() == 0
        self.read_keys()
        return self

    def remember(self, name: str, encoded: str) -> bytes:
        self.secrets[f"{name} {self.server.runs}"] = base64.b64decode(encoded)
        return self.secrets[f"{name} {self.server.runs}"]

    def remember_private(self, name: str, private_key: bytes) -> None:
        """What is secret in PKCS#8, each part by itself, because a leak may show one alone."""
        key = loaded(private_key)
        numbers = key.private_numbers() if isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)) else None
        if isinstance(numbers, rsa.RSAPrivateNumbers):
            parts = {"p": numbers.p, "q": numbers.q, "d": numbers.d, "dmp1": numbers.dmp1, "iqmp": numbers.iqmp}
        else:
            parts = {"scalar": numbers.private_value} if numbers else {}
        for part, number in parts.items():
            self.secrets[f"{part} of {name}"] = number.to_bytes((number.bit_length() + 7) // 8, "big")
        if not parts:
            self.secrets[f"seed of {name}"] = key.private_bytes_raw()

    def use_well(self) -> None:
        server, keys = self.server, self.keys
        for name, algorithm in SIGNING.items():
            members = {"KeyId": keys[name], "Message": MESSAGE, "SigningAlgorithm": algorithm}
            signature = base64.b64decode(server.good("Sign", **members)["Signature"])
            server.good("Verify", **members, Signature=signature)
        members = {"KeyId": keys["codes"], "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256"}
        code = self.remember("code", server.good("GenerateMac", **members)["Mac"])
        server.good("VerifyMac", **members, Mac=code)
        self.share()
        blob = base64.b64decode(server.encrypt(keys["seals"], MESSAGE, EncryptionAlgorithm=OAEP))
        server.good("Decrypt", KeyId=keys["seals"], CiphertextBlob=blob, EncryptionAlgorithm=OAEP)
        for spec in ("RSA_2048", "ECC_NIST_P256", "ECC_NIST_EDWARDS25519", "ML_KEM_768"):
            pair = server.good("GenerateDataKeyPair", KeyId=self.symmetric, KeyPairSpec=spec)
            self.remember_private(f"data pair {spec} {server.runs}", base64.b64decode(pair["PrivateKeyPlaintext"]))

    def share(self) -> None:
        server, keys = self.server, self.keys
        peer = ec.generate_private_key(ec.SECP384R1())
        agreed = {"KeyId": keys["agrees"], "KeyAgreementAlgorithm": "ECDH", "PublicKey": spki(peer)}
        self.remember("agreed", server.good("DeriveSharedSecret", **agreed)["SharedSecret"])
        members = {"KeyId": keys["encapsulates"], "EncapsulationAlgorithm": "ML_KEM"}
        made = server.good("Encapsulate", **members)
        secret = self.remember("encapsulated", made["SharedSecret"])
        sealed = base64.b64decode(made["SharedSecretCiphertextBlob"])
        opened = server.good("Decapsulate", **members, SharedSecretCiphertextBlob=sealed)
        assert base64.b64decode(opened["SharedSecret"]) == secret
        wrong = server.good("Decapsulate", **members, SharedSecretCiphertextBlob=bytes(len(sealed)))
        self.remember("implicitly rejected", wrong["SharedSecret"])

    def import_own(self) -> None:
        """A key that comes as it should, after the same one came where it does not fit."""
        private = pkcs8(ec.generate_private_key(ec.SECP256R1()))
        self.remember_private("imported pair", private)
        for spec in ("ECC_NIST_P384", "ECC_NIST_P256"):
            key = self.server.new_key(Origin="EXTERNAL", KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyId"]
            given = parameters(self.server, key, algorithm=LONG)
            body = request(key, given, wrapped(given, private, LONG), **FOREVER)
            if spec == "ECC_NIST_P384":
                self.refused("ImportKeyMaterial", **body)
            else:
                self.server.good("ImportKeyMaterial", **body)
                signed = {"Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256"}
                self.server.good("Sign", KeyId=key, **signed)

    def refused(self, operation: str, **members: Any) -> None:
        answer = self.server.call(operation, **members)
        assert answer.status == 400, (operation, answer)
        self.refusals.append(answer.body)

    def use_badly(self) -> None:
        """Error paths echo values in their messages, which must never be a secret."""
        keys, code = self.keys, self.secrets["code 1"]
        signed = {"KeyId": keys["signs"], "Message": REFUSED, "SigningAlgorithm": "ECDSA_SHA_256"}
        wrong: list[dict[str, Any]] = [
            {"MessageType": "DIGEST"}, {"MessageType": "EXTERNAL_MU"}, {"MessageType": "none"}, {"MessageType": 5},
            {"SigningAlgorithm": "RSASSA_PSS_SHA_256"}, {"Message": (REFUSED * 200)[:4097]}, {"KeyId": keys["codes"]},
            {"KeyId": "none"}, {"Message": [b64(REFUSED).decode()]}, {"SigningAlgorithm": "none"}, {"DryRun": True},
        ]
        for members in wrong:
            self.refused("Sign", **{**signed, **members})
        self.refused("Verify", **signed, Signature=b"none")
        authenticated = {"KeyId": keys["codes"], "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256", "Mac": code}
        for members in ({"Message": REFUSED}, {"MacAlgorithm": "HMAC_SHA_512"}, {"Mac": code * 200}, {"KeyId": "none"}):
            self.refused("VerifyMac", **{**authenticated, **members})
        self.refused("GenerateMac", KeyId=keys["codes"], Message=REFUSED, MacAlgorithm="none")
        agreed = {"KeyId": keys["agrees"], "KeyAgreementAlgorithm": "ECDH"}
        self.refused("DeriveSharedSecret", **agreed, PublicKey=spki(ec.generate_private_key(ec.SECP256R1())))
        sealed = {"KeyId": keys["encapsulates"], "EncapsulationAlgorithm": "ML_KEM"}
        self.refused("Decapsulate", **sealed, SharedSecretCiphertextBlob=b"none")
        self.refused("Encrypt", KeyId=keys["seals"], Plaintext=REFUSED * 8, EncryptionAlgorithm=OAEP)
        self.refused("Decrypt", KeyId=keys["seals"], CiphertextBlob=bytes(256), EncryptionAlgorithm=OAEP)
        with self.server.connect() as connection:
            for operation, body in (("Sign", b'{"Message": "%s'), ("GenerateMac", b'{"Message": "%s", "Message": ""}')):
                answer = connection.send(body % b64(REFUSED), operation_headers(operation))
                assert answer.status == 400
                self.refusals.append(answer.body)

    def read_keys(self) -> None:
        """Private keys are read from the state the way an attacker with all of it would."""
        for name, key in self.keys.items():
            material = self.server.folder().material(key, 1)
            if name in ("rsa", "seals"):
                self.remember_private(name, material)
            else:
                self.secrets[f"material {name}"] = material

    def found(self) -> set[tuple[str, ...]]:
        files = [path for path in self.server.data.rglob("*") if path.is_file() and path.name != "root.key"]
        found: set[tuple[str, ...]] = {*scan([*files, *self.server.home.glob("std*.log")], self.secrets)}
        return found | {*found_in(b"\n".join(self.refusals), self.secrets)}


@pytest.fixture
def canaries(launch: Launch) -> PairCanaries:
    return PairCanaries(launch(env=LOUD)).use()


def test_no_secret_of_pairs_and_codes_is_found_anywhere(canaries: PairCanaries) -> None:
    # Two messages, twelve of each of two runs, an imported one, six materials, two keys of RSA in five parts each.
    assert len(canaries.secrets) == 2 + 2 * 12 + 1 + 6 + 10
    assert len(canaries.refusals) == 24
    assert canaries.found() == set()
    inspection = Inspection(canaries.server.data)
    assert inspection.code == 0
    assert found_in(inspection.said.encode(), canaries.secrets) == set()
    # A scanner that finds nothing proves nothing until it has found something.
    for name, secret in canaries.secrets.items():
        assert (name, "base64+2") in found_in(b"before " + b64(b"in" + secret) + b" after", canaries.secrets)
