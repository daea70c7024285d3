"""boto3: asymmetric keys and MACs. What they make is checked with Python's `cryptography`, and theirs by KMS."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from boto3_base import CONTEXT, checks, errors, kms, new_key
from boto3_crypto import bring
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from harness import equal, is_recent, refused

MESSAGE = b"attack at dawn"
SHA256 = hashes.SHA256()
PSS = padding.PSS(padding.MGF1(SHA256), padding.PSS.DIGEST_LENGTH)
OAEP = padding.OAEP(padding.MGF1(SHA256), SHA256, None)
# What the check is called: KMS's algorithm, the key, and what `verify` of the public key takes besides.
SIGNATURES: dict[str, tuple[str, str, tuple[Any, ...]]] = {
    "RSA PSS": ("RSASSA_PSS_SHA_256", "RSA_2048", (PSS, SHA256)),
    "RSA PKCS #1 v1.5": ("RSASSA_PKCS1_V1_5_SHA_256", "RSA_2048", (padding.PKCS1v15(), SHA256)),
    "ECDSA on P-256": ("ECDSA_SHA_256", "ECC_NIST_P256", (ec.ECDSA(SHA256),)),
    "ECDSA on secp256k1": ("ECDSA_SHA_256", "ECC_SECG_P256K1", (ec.ECDSA(SHA256),)),
    "Ed25519": ("ED25519_SHA_512", "ECC_NIST_EDWARDS25519", ()),
    "ML-DSA-65": ("ML_DSA_SHAKE_256", "ML_DSA_65", ()),
}


def key_of(spec: str, usage: str = "SIGN_VERIFY", **members: Any) -> str:
    return new_key(KeySpec=spec, KeyUsage=usage, **members)


def public_key(key: str) -> Any:
    return serialization.load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])


def sign(key: str, algorithm: str, message: bytes = MESSAGE) -> bytes:
    return kms.sign(KeyId=key, Message=message, SigningAlgorithm=algorithm)["Signature"]


def outside(name: str) -> None:
    algorithm, spec, rest = SIGNATURES[name]
    key = key_of(spec)
    public_key(key).verify(sign(key, algorithm), MESSAGE, *rest)


def inside(name: str) -> None:
    algorithm, spec, _ = SIGNATURES[name]
    key = key_of(spec)
    members = {"KeyId": key, "Message": MESSAGE, "SigningAlgorithm": algorithm, "Signature": sign(key, algorithm)}
    equal(kms.verify(**members)["SignatureValid"], True)


for each in SIGNATURES:
    checks.add("Sign", f"{each}, checked by cryptography")(lambda name=each: outside(name))
    checks.add("Verify", each)(lambda name=each: inside(name))


@checks.add("Sign", "a digest instead of the message")
def digest() -> None:
    key = key_of("ECC_NIST_P256")
    members = {"Message": hashlib.sha256(MESSAGE).digest(), "MessageType": "DIGEST"}
    signature = kms.sign(KeyId=key, SigningAlgorithm="ECDSA_SHA_256", **members)["Signature"]
    public_key(key).verify(signature, MESSAGE, ec.ECDSA(SHA256))


@checks.add("GetPublicKey", "names what the key can do")
def get_public_key() -> None:
    answer = kms.get_public_key(KeyId=key_of("RSA_3072"))
    equal((answer["KeySpec"], answer["KeyUsage"], len(answer["SigningAlgorithms"])), ("RSA_3072", "SIGN_VERIFY", 6))
    equal(serialization.load_der_public_key(answer["PublicKey"]).key_size, 3072)  # type: ignore[union-attr]


@checks.add("Decrypt", "RSA-OAEP, sealed by cryptography")
def decrypt_oaep() -> None:
    key = key_of("RSA_2048", "ENCRYPT_DECRYPT")
    equal(open_oaep(key, public_key(key).encrypt(MESSAGE, OAEP)), MESSAGE)


@checks.add("Encrypt", "RSA-OAEP")
def encrypt_oaep() -> None:
    key = key_of("RSA_2048", "ENCRYPT_DECRYPT")
    answer = kms.encrypt(KeyId=key, Plaintext=MESSAGE, EncryptionAlgorithm="RSAES_OAEP_SHA_256")
    equal(open_oaep(key, answer["CiphertextBlob"]), MESSAGE)


def open_oaep(key: str, sealed: bytes) -> bytes:
    members = {"KeyId": key, "CiphertextBlob": sealed, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    return kms.decrypt(**members)["Plaintext"]


def mac(key: str) -> bytes:
    return kms.generate_mac(KeyId=key, Message=MESSAGE, MacAlgorithm="HMAC_SHA_256")["Mac"]


def verify_mac(key: str, tag: bytes) -> bool:
    members = {"KeyId": key, "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256", "Mac": tag}
    return kms.verify_mac(**members)["MacValid"]


@checks.add("GenerateMac", "of an imported key, the same as Python's hmac")
def generate_mac() -> None:
    key, secret = key_of("HMAC_256", "GENERATE_VERIFY_MAC", Origin="EXTERNAL"), bytes(range(32))
    bring(key, secret)
    equal(mac(key), hmac.digest(secret, MESSAGE, "sha256"))


@checks.add("VerifyMac", "the MAC is valid")
def valid_mac() -> None:
    key = key_of("HMAC_256", "GENERATE_VERIFY_MAC")
    equal(verify_mac(key, mac(key)), True)


@checks.add("VerifyMac", "KMSInvalidMacException")
def invalid_mac() -> None:
    key = key_of("HMAC_256", "GENERATE_VERIFY_MAC")
    refused(errors.KMSInvalidMacException, verify_mac, key, mac(key)[::-1])


@checks.add("GenerateDataKeyPair", "the halves fit and the private one is sealed")
def data_key_pair() -> None:
    made = kms.generate_data_key_pair(KeyId=new_key(), KeyPairSpec="ECC_NIST_P256", EncryptionContext=CONTEXT)
    opened = kms.decrypt(CiphertextBlob=made["PrivateKeyCiphertextBlob"], EncryptionContext=CONTEXT)["Plaintext"]
    equal(opened, made["PrivateKeyPlaintext"])
    halves_fit(opened, made["PublicKey"])


@checks.add("GenerateDataKeyPairWithoutPlaintext", "the private key opens")
def data_key_pair_without_plaintext() -> None:
    made = kms.generate_data_key_pair_without_plaintext(KeyId=new_key(), KeyPairSpec="RSA_2048")
    assert "PrivateKeyPlaintext" not in made
    halves_fit(kms.decrypt(CiphertextBlob=made["PrivateKeyCiphertextBlob"])["Plaintext"], made["PublicKey"])


def halves_fit(private: bytes, public: bytes) -> None:
    derived = serialization.load_der_private_key(private, None).public_key()
    equal(derived, serialization.load_der_public_key(public))


@checks.add("DeriveSharedSecret", "the same as cryptography")
def derive_shared_secret() -> None:
    key, mine = key_of("ECC_NIST_P256", "KEY_AGREEMENT"), ec.generate_private_key(ec.SECP256R1())
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    public = mine.public_key().public_bytes(encoding, form)
    answer = kms.derive_shared_secret(KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=public)
    equal(answer["SharedSecret"], mine.exchange(ec.ECDH(), public_key(key)))


@checks.add("Encapsulate", "Decapsulate gives the same secret")
def encapsulate() -> None:
    key = key_of("ML_KEM_768", "ENCAPSULATE_DECAPSULATE")
    made = kms.encapsulate(KeyId=key, EncapsulationAlgorithm="ML_KEM")
    equal(decapsulated(key, made["SharedSecretCiphertextBlob"]), made["SharedSecret"])


@checks.add("Decapsulate", "encapsulated by cryptography")
def decapsulate() -> None:
    key = key_of("ML_KEM_768", "ENCAPSULATE_DECAPSULATE")
    secret, blob = public_key(key).encapsulate()
    equal(decapsulated(key, blob), secret)


def decapsulated(key: str, blob: bytes) -> bytes:
    members = {"EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": blob}
    return kms.decapsulate(KeyId=key, **members)["SharedSecret"]


@checks.add("GetKeyLastUsage", "tells the last operation")
def get_key_last_usage() -> None:
    key = new_key()
    kms.encrypt(KeyId=key, Plaintext=b"x")
    used = kms.get_key_last_usage(KeyId=key)["KeyLastUsage"]
    equal(used["Operation"], "Encrypt")
    is_recent(used["Timestamp"])


@checks.add("Encrypt", "DryRunOperationException")
def dry_run() -> None:
    refused(errors.DryRunOperationException, kms.encrypt, KeyId=new_key(), Plaintext=b"x", DryRun=True)


@checks.add("Encrypt", "InvalidKeyUsageException")
def invalid_key_usage() -> None:
    members = {"Plaintext": b"x", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    refused(errors.InvalidKeyUsageException, kms.encrypt, KeyId=key_of("RSA_2048"), **members)


@checks.add("Verify", "KMSInvalidSignatureException")
def invalid_signature() -> None:
    key = key_of("ECC_NIST_P256")
    members = {"SigningAlgorithm": "ECDSA_SHA_256", "Signature": sign(key, "ECDSA_SHA_256")}
    error = refused(errors.KMSInvalidSignatureException, kms.verify, KeyId=key, Message=b"another", **members)
    equal(error.response["Error"]["Message"], "")  # type: ignore[attr-defined]
