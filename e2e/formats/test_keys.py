"""Checks that the vectors of keys hold every spec, and that private and public keys in them belong together."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

import key_vectors

KEYS = json.loads((key_vectors.VECTORS / "keys.json").read_text("ascii"))
# `cryptography` has no SM2.
PAIRS = [key for key in KEYS if "pkcs8" in key and key["spec"] != "SM2"]


def test_every_spec_of_the_libraries_is_there() -> None:
    made = {key["spec"] for key in KEYS}
    assert len(KEYS) == len(made) == 18
    assert {"RSA_4096", "ECC_SECG_P256K1", "HMAC_224", "SM2", "ML_DSA_87", "ML_KEM_1024"} <= made


@pytest.mark.parametrize("key", PAIRS, ids=lambda key: key["spec"])
def test_private_and_public_keys_belong_together(key: dict[str, Any]) -> None:
    private = serialization.load_der_private_key(bytes.fromhex(key["pkcs8"]), None)
    assert key_vectors.spki(private).hex() == key["public_key"]
    assert key_vectors.pkcs8(private).hex() == key["pkcs8"]
