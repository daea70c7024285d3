"""Material of a customer's own in a cluster: asked for at one replica, brought to another, of use at both."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives import serialization
from import_vectors import wrap

from installation import Tenant, condition
from support import Json, outcome, refusal

MATERIAL = bytes(range(32))
ALGORITHM = "RSA_AES_KEY_WRAP_SHA_256"


def parameters(kms: Any, key_id: str, spec: str = "RSA_4096") -> Json:
    return kms.get_parameters_for_import(KeyId=key_id, WrappingKeySpec=spec, WrappingAlgorithm=ALGORITHM)


def bring(kms: Any, key_id: str, given: Json, material: bytes = MATERIAL) -> Json:
    public = serialization.load_der_public_key(given["PublicKey"])
    return kms.import_key_material(
        KeyId=key_id, ImportToken=given["ImportToken"], EncryptedKeyMaterial=wrap(public, ALGORITHM, material),
        ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
    )


def test_material_of_a_customers_own_comes_goes_and_comes_back_over_two_replicas(tenant: Tenant) -> None:
    tenant.apply("orders", origin="Imported")
    waiting = tenant.shows("orders", lambda key: "keyId" in (key.get("status") or {}), "a key id")
    until_waiting(tenant)
    key_id = waiting["status"]["keyId"]
    caller = tenant.caller()
    one, two = (caller.kms(server) for server in tenant.installation.replicas.values())
    material_id = bring(two, key_id, parameters(one, key_id))["KeyMaterialId"]
    assert tenant.ready("orders")["currentKeyMaterialId"] == material_id
    blob = one.encrypt(KeyId=key_id, Plaintext=b"hello")["CiphertextBlob"]
    assert two.decrypt(CiphertextBlob=blob)["Plaintext"] == b"hello"
    one.delete_imported_key_material(KeyId=key_id)
    assert outcome(one.decrypt, CiphertextBlob=blob) == "KMSInvalidStateException"
    until_waiting(tenant)
    assert tenant.installation.sealed("material", key_id) == []
    other = parameters(one, key_id)
    assert refusal(two.import_key_material, **wrong(key_id, other)).code == "IncorrectKeyMaterialException"
    assert bring(two, key_id, parameters(two, key_id))["KeyMaterialId"] == material_id
    tenant.ready("orders")
    assert one.decrypt(CiphertextBlob=blob)["Plaintext"] == b"hello"


def wrong(key_id: str, given: Json) -> Json:
    public = serialization.load_der_public_key(given["PublicKey"])
    return {
        "KeyId": key_id, "ImportToken": given["ImportToken"], "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
        "EncryptedKeyMaterial": wrap(public, ALGORITHM, MATERIAL[::-1]),
    }


def until_waiting(tenant: Tenant) -> None:
    said = tenant.shows(
        "orders", lambda key: (key.get("status") or {}).get("keyState") == "PendingImport", "PendingImport"
    )
    assert condition(said, "Ready")["status"] == "False"


def test_a_token_of_one_callers_is_of_no_use_to_another(tenant: Tenant) -> None:
    tenant.apply("orders", origin="Imported")
    until_waiting(tenant)
    key_id = tenant.status("orders")["keyId"]
    given = parameters(tenant.caller("app").kms(), key_id)
    stranger = tenant.caller("stranger").kms()
    assert refusal(bring, kms=stranger, key_id=key_id, given=given).code == "InvalidImportTokenException"
    assert tenant.status("orders")["keyState"] == "PendingImport"
