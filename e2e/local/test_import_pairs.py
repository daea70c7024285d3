"""Pairs and HMAC keys of a user's own: every wrapping, every encoding, and all that is no such key."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from key_vectors import CURVES, pkcs8, spki

from importing import (
    FOREVER, LONG, bring_long, imported, in_seconds, material_id, openssl_wrapped_long, parameters, request, stored,
    wrapped,
)
from judges import OpenSsl, loaded
from lattices import LatticePair, der, private_key_info, sequence
from support import Coffer, until

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "keys.json"
ED25519 = "ECC_NIST_EDWARDS25519"
RSA_SPECS, MAC_SPECS = ["RSA_2048", "RSA_3072", "RSA_4096"], ["HMAC_224", "HMAC_256", "HMAC_384", "HMAC_512"]
ML_DSA, ML_KEM = ["ML_DSA_44", "ML_DSA_65", "ML_DSA_87"], ["ML_KEM_512", "ML_KEM_768", "ML_KEM_1024"]
CURVE_NAMES = {
    "ECC_NIST_P256": bytes.fromhex("06082a8648ce3d030107"), "ECC_NIST_P384": bytes.fromhex("06052b81040022"),
    "ECC_NIST_P521": bytes.fromhex("06052b81040023"), "ECC_SECG_P256K1": bytes.fromhex("06052b8104000a"),
}
SPECS = [*RSA_SPECS, *CURVES, ED25519, *MAC_SPECS, *ML_DSA, *ML_KEM]


class Own(NamedTuple):
    """A key that a user made: what is wrapped, what Coffer stores of it, and its public half."""

    material: bytes
    kept: bytes
    public: bytes | None


def usage_of(spec: str) -> str:
    if spec in MAC_SPECS:
        return "GENERATE_VERIFY_MAC"
    return "ENCAPSULATE_DECAPSULATE" if spec in ML_KEM else "SIGN_VERIFY"


@cache
def own(spec: str, number: int = 1) -> Own:
    """The same key each time it is asked for; those of RSA are the one of the vectors and no other."""
    seed = hashlib.shake_256(f"{spec} {number}".encode()).digest(66)
    if spec in RSA_SPECS:
        pairs = {pair["spec"]: pair for pair in json.loads(VECTORS.read_text("ascii"))}
        material = bytes.fromhex(pairs[spec]["pkcs8"])
        return Own(material, material, bytes.fromhex(pairs[spec]["public_key"]))
    if spec in CURVES:
        key: Any = curve_key(spec, seed)
        length = (key.key_size + 7) // 8
        return Own(pkcs8(key), key.private_numbers().private_value.to_bytes(length, "big"), spki(key))
    if spec == ED25519:
        key = ed25519.Ed25519PrivateKey.from_private_bytes(seed[:32])
        return Own(pkcs8(key), seed[:32], spki(key))
    if spec in MAC_SPECS:
        material = seed[: int(spec.removeprefix("HMAC_")) // 8]
        return Own(material, material, None)
    pair = lattice(spec, number)
    return Own(pair.pkcs8(), pair.seed, pair.public_key())


def curve_key(spec: str, seed: bytes) -> ec.EllipticCurvePrivateKey:
    curve = CURVES[spec][0]
    return ec.derive_private_key(int.from_bytes(seed, "big") % (curve.group_order - 1) + 1, curve)


@cache
def lattice(spec: str, number: int = 1) -> LatticePair:
    return LatticePair(spec, hashlib.shake_256(f"{spec} {number}".encode()).digest(64 if spec in ML_KEM else 32))


def empty_key(server: Coffer, spec: str) -> str:
    return server.new_key(Origin="EXTERNAL", KeySpec=spec, KeyUsage=usage_of(spec))["KeyId"]


def public_of(server: Coffer, key: str) -> str:
    return server.good("GetPublicKey", KeyId=key)["PublicKey"]


def assert_holds(server: Coffer, key: str, kept: Own) -> None:
    """The key has this material, in the form and with the id that the formats say."""
    assert server.folder().material(key, 1) == kept.kept
    assert server.describe(key)["KeyState"] == "Enabled"
    if kept.public is not None:
        assert server.call("GetPublicKey", KeyId=key).json["PublicKey"] == encoded(kept.public)


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize("spec", SPECS)
def test_every_wrapping_that_is_long_enough_brings_a_key(server: Coffer, spec: str) -> None:
    mine = own(spec)
    wrappings = [(LONG, "RSA_2048")]
    if spec not in RSA_SPECS:
        # 190 bytes fit into the shortest wrapping key, which are not enough for one curve.
        wrappings.append(("RSAES_OAEP_SHA_256", "RSA_2048" if len(mine.material) <= 190 else "RSA_3072"))
    for algorithm, size in wrappings:
        key = empty_key(server, spec)
        given = parameters(server, key, size, algorithm)
        body = request(key, given, wrapped(given, mine.material, algorithm), **FOREVER)
        brought = server.good("ImportKeyMaterial", **body)["KeyMaterialId"]
        assert brought == material_id(key, mine.kept)
        assert_holds(server, key, mine)


OPENSSL_KEYS = {
    "RSA_2048": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "ECC_NIST_P256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ECC_SECG_P256K1": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
    ED25519: ["-algorithm", "ED25519"],
}


def openssl_key(openssl: OpenSsl, *options: str) -> bytes:
    """A new key in PKCS#8."""
    openssl.made("genpkey", *options, "-outform", "DER", "-out", "made.der")
    return openssl.made("pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-in", "made.der", "-outform", "DER")


@pytest.mark.parametrize("spec", OPENSSL_KEYS)
def test_the_command_line_of_openssl_makes_and_wraps_a_key(server: Coffer, tmp_path: Path, spec: str) -> None:
    openssl = OpenSsl(tmp_path)
    made = openssl_key(openssl, *OPENSSL_KEYS[spec])
    public = openssl.made("pkey", "-inform", "DER", "-in", "made.der", "-pubout", "-outform", "DER")
    key = empty_key(server, spec)
    given = parameters(server, key, algorithm=LONG)
    body = request(key, given, openssl_wrapped_long(tmp_path, given, made), **FOREVER)
    server.good("ImportKeyMaterial", **body)
    assert public_of(server, key) == encoded(public)


def encodings(spec: str) -> dict[str, bytes]:
    """One key in each encoding that is taken."""
    mine = own(spec)
    if spec in (*ML_DSA, *ML_KEM):
        return {form: lattice(spec).pkcs8(form) for form in ("seed", "both")}
    if spec == ED25519:
        identifier, seed = sequence(der(0x06, b"\x2b\x65\x70")), der(0x04, der(0x04, mine.kept))
        second = sequence(der(0x02, b"\1"), identifier, seed, der(0x81, b"\0" + (mine.public or b"")[-32:]))
        return {"version 1": mine.material, "version 2 with the public key": second}
    curve, point = der(0xA0, CURVE_NAMES[spec]), der(0xA1, der(0x03, b"\0" + point_of(spec)))
    return {
        "the scalar alone": pkcs8_of_curve(spec), "with the public key": pkcs8_of_curve(spec, point),
        "with the curve": pkcs8_of_curve(spec, curve), "with both": pkcs8_of_curve(spec, curve, point),
        "with a compressed point": pkcs8_of_curve(spec, der(0xA1, der(0x03, b"\0" + compressed(point_of(spec))))),
    }


def point_of(spec: str) -> bytes:
    return (own(spec).public or b"")[-(2 * len(own(spec).kept) + 1) :]


def compressed(point: bytes) -> bytes:
    return bytes([2 + (point[-1] & 1)]) + point[1 : 1 + len(point) // 2]


def pkcs8_of_curve(spec: str, *more: bytes) -> bytes:
    """SEC 1 (RFC 5915) in PKCS#8, which name the curve both."""
    identifier = sequence(der(0x06, bytes.fromhex("2a8648ce3d0201")), CURVE_NAMES[spec])
    return private_key_info(identifier, sequence(der(0x02, b"\1"), der(0x04, own(spec).kept), *more))


@pytest.mark.parametrize("spec", [*CURVES, ED25519, *ML_DSA, *ML_KEM])
def test_a_key_is_the_same_in_each_encoding(server: Coffer, spec: str) -> None:
    mine, forms = own(spec), encodings(spec)
    assert mine.material in forms.values()
    key = empty_key(server, spec)
    given = parameters(server, key, algorithm=LONG)
    for name, material in forms.items():
        body = request(key, given, wrapped(given, material, LONG), **FOREVER)
        assert server.good("ImportKeyMaterial", **body)["KeyMaterialId"] == material_id(key, mine.kept), name
        assert_holds(server, key, mine)
    assert stored(server) == [f"material-{key}-v1-t1"]


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", ED25519, "HMAC_256", "ML_DSA_44", "ML_KEM_512"])
def test_the_first_material_is_the_only_one(server: Coffer, spec: str) -> None:
    mine, other = own(spec), own(spec, 2)
    key = imported(server, spec, usage_of(spec), mine.material)
    for _ in range(2):
        given = parameters(server, key, algorithm=LONG)
        for members in ({}, {"ImportType": "EXISTING_KEY_MATERIAL"}, {"ImportType": "NEW_KEY_MATERIAL"}):
            body = request(key, given, wrapped(given, other.material, LONG), **FOREVER, **members)
            assert refused(server, body)[0] == "IncorrectKeyMaterialException"
        if mine.public is not None:
            assert server.folder().record(key)["public_key"] == mine.public
        # While the material is gone, too, no other takes its place, and it comes back as it was.
        server.good("DeleteImportedKeyMaterial", KeyId=key)
        assert server.describe(key)["KeyState"] == "PendingImport"
    assert bring_long(server, key, mine.material) == material_id(key, mine.kept)
    assert_holds(server, key, mine)


def refused(server: Coffer, body: dict[str, Any]) -> tuple[str, str | None]:
    answer = server.call("ImportKeyMaterial", **body)
    assert answer.status == 400, answer
    return answer.code, answer.message


def changed(material: bytes, at: int) -> bytes:
    altered = bytearray(material)
    altered[at] ^= 4
    return bytes(altered)


def sec1(spec: str) -> bytes:
    return loaded(own(spec).material).private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def damaged(spec: str) -> list[bytes]:
    """What nearly is a key of this spec."""
    mine = own(spec)
    cases = [mine.material[:-1], mine.material + b"\0", mine.material[1:], mine.kept + b"\0"]
    if spec in MAC_SPECS:
        return [*cases, mine.material[:16], bytes(64)]
    cases += [mine.public or b"", changed(mine.material, 1), mine.material.hex().encode()]
    if spec in (*ML_DSA, *ML_KEM):
        both = lattice(spec).pkcs8("both")
        return [*cases, lattice(spec).pkcs8("expanded"), changed(both, len(both) - 40), changed(both, len(both) // 2)]
    if spec == ED25519:
        return [*cases, changed(encodings(spec)["version 2 with the public key"], -1), mine.kept]
    pem = loaded(mine.material).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    cases += [sec1(spec), pem]
    if spec in RSA_SPECS:
        # The modulus, the private exponent, both primes, and what is computed of them.
        return [*cases, *(changed(mine.material, at) for at in (100, 400, 600, 750, 900, 1000, 1150))]
    start, order = mine.material.index(mine.kept), CURVES[spec][0].group_order
    scalars = [bytes(len(mine.kept)), order.to_bytes(len(mine.kept), "big"), own(spec, 2).kept]
    replaced = [mine.material[:start] + scalar + mine.material[start + len(scalar) :] for scalar in scalars]
    # One curve outside and another inside.
    another = CURVE_NAMES["ECC_NIST_P384" if spec != "ECC_NIST_P384" else "ECC_NIST_P256"]
    return [*cases, *replaced, changed(mine.material, -1), pkcs8_of_curve(spec, der(0xA0, another))]


@pytest.mark.parametrize("spec", ["RSA_2048", *CURVES, ED25519, "HMAC_256", "ML_DSA_44", "ML_KEM_512"])
def test_what_is_no_such_key_is_refused_and_all_of_it_alike(server: Coffer, spec: str) -> None:
    key = empty_key(server, spec)
    given = parameters(server, key, algorithm=LONG)
    others = [own(other).material for other in SPECS if other != spec]
    garbage = [b"x", bytes(32 if spec not in MAC_SPECS else 33), hashlib.shake_256(b"garbage").digest(1218)]
    cases = [*damaged(spec), *others, *garbage]
    for number, material in enumerate(cases):
        body = request(key, given, wrapped(given, material, LONG), **FOREVER)
        assert refused(server, body) == ("InvalidCiphertextException", None), (number, len(material))
    assert server.describe(key)["KeyState"] == "PendingImport" and stored(server) == []
    mine = own(spec)
    server.good("ImportKeyMaterial", **request(key, given, wrapped(given, mine.material, LONG), **FOREVER))
    assert_holds(server, key, mine)


@pytest.mark.parametrize("bits", [2040, 2047, 2056])
def test_an_rsa_key_has_as_many_bits_as_its_spec_says(server: Coffer, tmp_path: Path, bits: int) -> None:
    made = openssl_key(OpenSsl(tmp_path), "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}")
    assert loaded(made).key_size == bits
    key = empty_key(server, "RSA_2048")
    given = parameters(server, key, algorithm=LONG)
    body = request(key, given, wrapped(given, made, LONG), **FOREVER)
    assert refused(server, body) == ("InvalidCiphertextException", None)


def test_a_pair_whose_material_expires_keeps_its_public_key(server: Coffer) -> None:
    pairs = {spec: empty_key(server, spec) for spec in ("ECC_NIST_P384", "ML_DSA_65")}
    ends = in_seconds(4)
    for spec, key in pairs.items():
        bring_long(server, key, own(spec).material, ValidTo=ends)
        assert public_of(server, key) == encoded(own(spec).public or b"")
    for spec, key in pairs.items():
        until(lambda key=key: server.describe(key)["KeyState"] == "PendingImport", "the material to expire")
        assert server.call("Sign", KeyId=key, **message_of(spec)).code == "KMSInvalidStateException"
    server.restart()
    for spec, key in pairs.items():
        assert server.folder().record(key)["public_key"] == own(spec).public
        assert bring_long(server, key, own(spec).material) == material_id(key, own(spec).kept)
        assert_holds(server, key, own(spec))
        server.good("Sign", KeyId=key, **message_of(spec))


def message_of(spec: str) -> dict[str, Any]:
    algorithm = "ML_DSA_SHAKE_256" if spec in ML_DSA else f"ECDSA_SHA_{CURVES[spec][1]}"
    return {"Message": b"signed", "SigningAlgorithm": algorithm}
