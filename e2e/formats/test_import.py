"""Checks the vectors of key import and the bytes of the import token."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap

import coffer_content as content
import coffer_formats as formats
import import_vectors
from coffer_content import Refused
from import_vectors import ALGORITHMS, KEY_ID, KEY_SIZES, ROOT

WRAPPED = json.loads((import_vectors.VECTORS / "import.json").read_text("ascii"))
TOKENS = import_vectors.import_tokens()["cases"]


def private_key(spec: str) -> rsa.RSAPrivateKey:
    key = serialization.load_der_private_key(bytes.fromhex(WRAPPED["keys"][spec]["private_key"]), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def stage_of(reader: Callable[..., Any], *inputs: Any) -> str:
    with pytest.raises(Refused) as refused:
        reader(*inputs)
    return refused.value.stage


def test_the_wrapped_materials_hold_every_choice() -> None:
    choices = [(case["spec"], case["algorithm"]) for case in WRAPPED["cases"]]
    assert choices == [(spec, algorithm) for spec in KEY_SIZES for algorithm in ALGORITHMS for _ in range(3)]
    for spec, size in KEY_SIZES.items():
        key = private_key(spec)
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        assert (key.key_size, public.hex()) == (size, WRAPPED["keys"][spec]["public_key"])


@pytest.mark.parametrize("spec", KEY_SIZES)
def test_wrapped_materials_unwrap_and_changed_ones_do_not(spec: str) -> None:
    key = private_key(spec)
    for case in (case for case in WRAPPED["cases"] if case["spec"] == spec):
        wrapped = bytes.fromhex(case["wrapped"])
        assert import_vectors.unwrap(key, case["algorithm"], wrapped).hex() == case["material"]
        changed = wrapped[:-1] + bytes([wrapped[-1] ^ 1])
        with pytest.raises((ValueError, InvalidUnwrap)):
            import_vectors.unwrap(key, case["algorithm"], changed)


@pytest.mark.parametrize("case", TOKENS, ids=lambda case: case["name"])
def test_tokens_open_as_they_say(case: dict[str, Any]) -> None:
    token = bytes.fromhex(case["token"])
    number, encoded = formats.open_token(ROOT, "import", KEY_ID, token)
    value = content.decode_content(content.IMPORT_TOKEN, encoded)
    assert (number, encoded.hex()) == (case["number"], case["cbor"])
    assert {key: inner.hex() if isinstance(inner, bytes) else inner for key, inner in value.items()} == case["value"]


def test_the_longest_token_fits_into_a_request() -> None:
    assert max(len(case["token"]) // 2 for case in TOKENS) <= 6144


def test_every_flipped_bit_and_every_truncation_of_a_token_is_refused() -> None:
    token = bytes.fromhex(TOKENS[2]["token"])
    for bit in range(len(token) * 8):
        flipped = bytearray(token)
        flipped[bit // 8] ^= 0x80 >> bit % 8
        stage = stage_of(formats.open_token, ROOT, "import", KEY_ID, bytes(flipped))
        assert stage == ("parse" if 64 <= bit < 224 else "tag")
    for length in range(len(token)):
        assert stage_of(formats.open_token, ROOT, "import", KEY_ID, token[:length]) in ("parse", "tag")


def test_a_token_of_another_key_is_refused_like_a_broken_one() -> None:
    token = bytes.fromhex(TOKENS[0]["token"])
    assert stage_of(formats.open_token, ROOT, "import", bytes(16), token) == "tag"
    assert stage_of(formats.open_token, ROOT, "import", KEY_ID, token[:-1] + b"\x00") == "tag"


def test_an_object_is_no_token_and_a_token_is_no_object() -> None:
    token = bytes.fromhex(TOKENS[0]["token"])
    stored = formats.seal_object(ROOT, "state", KEY_ID, 1, b"content")
    assert stage_of(formats.open_object, ROOT, "state", KEY_ID, token) == "tag"
    assert stage_of(formats.open_token, ROOT, "import", KEY_ID, stored) == "tag"


@pytest.mark.parametrize("change", [
    {"algorithm": "RSAES_PKCS1_V1_5"}, {"principal": "p" * 1025}, {"import_epoch": 2**32}, {"schema": 2},
], ids=["algorithm", "principal", "epoch", "schema"])  # fmt: skip
def test_tokens_with_a_wrong_value_are_not_written(change: dict[str, Any]) -> None:
    _, _, usual = next(import_vectors.token_values())
    assert stage_of(content.encode_content, content.IMPORT_TOKEN, usual | change) == "parse"
