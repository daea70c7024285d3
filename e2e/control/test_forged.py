"""What somebody writes into a status or into labels decides nothing: names and sealed content are believed."""

from __future__ import annotations

from installation import Tenant
from support import GROUP


def test_a_status_that_somebody_forged_decides_nothing_and_is_mended(tenant: Tenant) -> None:
    key_id, other = tenant.make_key("orders"), tenant.make_key("others")
    kms = tenant.caller().kms()
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"hello")["CiphertextBlob"]
    forged = tenant.manifest("orders") | {"status": {"keyId": other, "keyState": "PendingDeletion"}}
    del forged["spec"]
    tenant.kubectl("apply", "--server-side", "--subresource=status", "--force-conflicts", manifest=forged).ok()
    mended = tenant.shows("orders", lambda key: key["status"]["keyId"] == key_id, "the true status")
    assert mended["status"]["keyState"] == "Enabled"
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"hello"
    assert kms.describe_key(KeyId=other)["KeyMetadata"]["KeyState"] == "Enabled"


def test_labels_that_somebody_edited_on_a_record_decide_nothing(tenant: Tenant) -> None:
    key_id, other = tenant.make_key("orders"), tenant.make_key("others")
    kms = tenant.caller().kms()
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"hello")["CiphertextBlob"]
    for secret in (f"secret/key-{key_id}", f"secret/material-{key_id}-v1-t1"):
        labels = [f"{GROUP}/key-id={other}", f"{GROUP}/record-", f"{GROUP}/material-"]
        tenant.cluster.kubectl("--namespace", "coffer-keys", "label", "--overwrite", secret, *labels).ok()
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"hello"
    tenant.kubectl("delete", "kmskey", "orders").ok()
    tenant.apply("orders")
    assert tenant.ready("orders")["keyId"] == key_id
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"hello"
    assert kms.describe_key(KeyId=other)["KeyMetadata"]["KeyState"] == "Enabled"
