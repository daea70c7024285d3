"""Keys that are not symmetric, in a cluster: their public half in the status, their life, and who may use them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from judges import Cryptography, Task, judges_of
from key_vectors import pkcs8

from installation import Tenant
from support import outcome, refusal
from test_imports import bring, parameters
from test_keys import until_deleted

MESSAGE = b"what is agreed upon"


class Pair(NamedTuple):
    """A spec, and an algorithm that its keys sign with."""

    spec: str
    algorithm: str


PAIRS = [
    Pair("ECC_NIST_P256", "ECDSA_SHA_256"), Pair("RSA_2048", "RSASSA_PSS_SHA_256"),
    Pair("ML_DSA_65", "ML_DSA_SHAKE_256"),
]


def make(tenant: Tenant, pair: Pair) -> str:
    return tenant.make_key("signs", keySpec=pair.spec, keyUsage="SIGN_VERIFY")


def published(tenant: Tenant) -> bytes:
    """The public key as kubectl prints it."""
    printed = tenant.kubectl("get", "kmskey", "signs", "-o", "jsonpath={.status.publicKey}").ok()
    return load_pem_public_key(printed.encode()).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def sign(kms: Any, key_id: str, pair: Pair) -> bytes:
    return kms.sign(KeyId=key_id, Message=MESSAGE, SigningAlgorithm=pair.algorithm)["Signature"]


def assert_signs(tenant: Tenant, kms: Any, key_id: str, pair: Pair, folder: Path) -> bytes:
    """Others verify with nothing but what kubectl prints; the public key is given back."""
    public, signature = published(tenant), sign(kms, key_id, pair)
    for judge in judges_of(pair.algorithm, folder):
        assert judge.verifies(public, Task(pair.algorithm, "RAW", MESSAGE), signature)
        assert not judge.verifies(public, Task(pair.algorithm, "RAW", b"another"), signature)
    assert kms.get_public_key(KeyId=key_id)["PublicKey"] == public
    return public


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.spec)
def test_others_verify_with_the_public_key_of_the_status(tenant: Tenant, tmp_path: Path, pair: Pair) -> None:
    key_id = make(tenant, pair)
    clients = both(tenant)
    public = assert_signs(tenant, clients[0], key_id, pair, tmp_path)
    # Both replicas have the same key.
    assert clients[1].get_public_key(KeyId=key_id)["PublicKey"] == public
    members = {"KeyId": key_id, "Message": MESSAGE, "SigningAlgorithm": pair.algorithm}
    assert clients[1].verify(**members, Signature=sign(clients[0], key_id, pair))["SignatureValid"] is True
    wrong = {**members, "Message": b"another", "Signature": sign(clients[0], key_id, pair)}
    assert refusal(clients[1].verify, **wrong).code == "KMSInvalidSignatureException"


def both(tenant: Tenant) -> list[Any]:
    """A client for each replica, with all rights to use keys and to keep them."""
    caller = tenant.caller("all", "coffer-user", "coffer-key-admin", "coffer-signer")
    return [caller.kms(server) for server in tenant.installation.replicas.values()]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.spec)
def test_a_pair_that_was_deleted_comes_back_as_it_was(tenant: Tenant, tmp_path: Path, pair: Pair) -> None:
    key_id = make(tenant, pair)
    kms = both(tenant)[0]
    public = assert_signs(tenant, kms, key_id, pair, tmp_path)
    signature = sign(kms, key_id, pair)
    tenant.kubectl("delete", "kmskey", "signs", "--timeout=5s").ok()
    until_deleted(kms, key_id)
    assert refusal(sign, kms=kms, key_id=key_id, pair=pair).code == "KMSInvalidStateException"
    assert make(tenant, pair) == key_id
    assert assert_signs(tenant, kms, key_id, pair, tmp_path) == public
    members = {"KeyId": key_id, "Message": MESSAGE, "SigningAlgorithm": pair.algorithm}
    assert kms.verify(**members, Signature=signature)["SignatureValid"] is True


def test_a_new_process_has_the_same_keys(tenant: Tenant, tmp_path: Path) -> None:
    """A replica that was not there when they were made reads them from what is stored."""
    pair = PAIRS[0]
    key_id = make(tenant, pair)
    code_id = tenant.make_key("codes", keySpec="HMAC_256", keyUsage="GENERATE_VERIFY_MAC")
    caller = tenant.caller("all", "coffer-user", "coffer-signer")
    kms = caller.kms()
    public = assert_signs(tenant, kms, key_id, pair, tmp_path)
    code = kms.generate_mac(KeyId=code_id, Message=MESSAGE, MacAlgorithm="HMAC_SHA_256")["Mac"]
    later = tenant.installation.prepare("coffer-later", "--reconcile", "never").start()
    try:
        restarted(later)
        kms = caller.kms(later)
        assert assert_signs(tenant, kms, key_id, pair, tmp_path) == public
        members = {"KeyId": code_id, "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256"}
        assert kms.verify_mac(**members, Mac=code)["MacValid"] is True
    finally:
        del tenant.installation.replicas["coffer-later"]
        later.end()


def restarted(server: Any) -> None:
    assert server.stop() == 0
    server.start()


def test_an_imported_pair_comes_goes_and_comes_back(tenant: Tenant) -> None:
    """It is asked for at one replica and brought to the other, and its public key outlives its material."""
    private = pkcs8(ec.generate_private_key(ec.SECP256R1()))
    tenant.apply("signs", keySpec="ECC_NIST_P256", keyUsage="SIGN_VERIFY", origin="Imported")
    tenant.shows("signs", lambda key: (key.get("status") or {}).get("keyState") == "PendingImport", "PendingImport")
    assert "publicKey" not in tenant.status("signs")
    key_id = tenant.status("signs")["keyId"]
    one, two = both(tenant)
    bring(two, key_id, parameters(one, key_id, "RSA_2048"), private)
    tenant.ready("signs")
    public = published(tenant)
    signature = sign(one, key_id, PAIRS[0])
    assert Cryptography().verifies(public, Task("ECDSA_SHA_256", "RAW", MESSAGE), signature)
    one.delete_imported_key_material(KeyId=key_id)
    tenant.shows("signs", lambda key: key["status"]["keyState"] == "PendingImport", "PendingImport")
    assert published(tenant) == public
    other = pkcs8(ec.generate_private_key(ec.SECP256R1()))
    members = {"kms": one, "key_id": key_id, "given": parameters(two, key_id, "RSA_2048"), "material": other}
    assert refusal(bring, **members).code == "IncorrectKeyMaterialException"
    bring(one, key_id, parameters(two, key_id, "RSA_2048"), private)
    tenant.ready("signs")
    verified = {"KeyId": key_id, "Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256", "Signature": signature}
    assert two.verify(**verified)["SignatureValid"] is True
    assert published(tenant) == public == two.get_public_key(KeyId=key_id)["PublicKey"]


def test_an_hmac_key_shows_no_public_key_and_no_secret_one(tenant: Tenant) -> None:
    key_id = tenant.make_key("codes", keySpec="HMAC_256", keyUsage="GENERATE_VERIFY_MAC")
    one, two = both(tenant)
    members = {"KeyId": key_id, "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256"}
    code = one.generate_mac(**members)["Mac"]
    assert two.generate_mac(**members)["Mac"] == code and len(code) == 32
    assert two.verify_mac(**members, Mac=code)["MacValid"] is True
    assert refusal(two.verify_mac, **members, Mac=code[::-1]).code == "KMSInvalidMacException"
    assert "publicKey" not in tenant.status("codes")
    assert outcome(one.get_public_key, KeyId=key_id) == "UnsupportedOperationException"


def test_a_signer_signs_and_neither_encrypts_nor_agrees(tenant: Tenant) -> None:
    pairs = {"signs": ("ECC_NIST_P256", "SIGN_VERIFY"), "codes": ("HMAC_256", "GENERATE_VERIFY_MAC"),
             "seals": ("RSA_2048", "ENCRYPT_DECRYPT"), "agrees": ("ECC_NIST_P256", "KEY_AGREEMENT")}
    ids = {name: tenant.make_key(name, keySpec=spec, keyUsage=usage) for name, (spec, usage) in pairs.items()}
    signer, user = tenant.caller("signer", "coffer-signer").kms(), tenant.caller("user", "coffer-user").kms()
    signed = {"KeyId": ids["signs"], "Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256"}
    authenticated = {"KeyId": ids["codes"], "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256"}
    sealed = {"KeyId": ids["seals"], "Plaintext": b"x", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    public = user.get_public_key(KeyId=ids["agrees"])["PublicKey"]
    agreed = {"KeyId": ids["agrees"], "KeyAgreementAlgorithm": "ECDH", "PublicKey": public}
    blob = user.encrypt(**sealed)["CiphertextBlob"]
    opened = {"KeyId": ids["seals"], "CiphertextBlob": blob, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    rights = {
        "sign": (signed, "signer"), "generate_mac": (authenticated, "signer"), "encrypt": (sealed, "user"),
        "decrypt": (opened, "user"), "derive_shared_secret": (agreed, "user"),
        "get_public_key": ({"KeyId": ids["signs"]}, "both"),
    }
    for operation, (members, who) in rights.items():
        for name, kms in (("signer", signer), ("user", user)):
            expected = "ok" if who in (name, "both") else "AccessDeniedException"
            assert outcome(getattr(kms, operation), **members) == expected, (operation, name)
