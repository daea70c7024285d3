"""Bringing a key of one's own, as a user does it: parameters, a wrap, an import."""

from __future__ import annotations

import base64
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import coffer_formats as formats
from cryptography.hazmat.primitives import serialization
from import_vectors import wrap

from support import Coffer, Json

ONE, TWO = bytes(range(32)), bytes(range(100, 132))
FOREVER: Json = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
LONG = "RSA_AES_KEY_WRAP_SHA_256"
NEW: Json = {**FOREVER, "ImportType": "NEW_KEY_MATERIAL"}


def external_key(server: Coffer) -> str:
    return server.new_key(Origin="EXTERNAL")["KeyId"]


def parameters(server: Coffer, key: str, spec: str = "RSA_2048", algorithm: str = "RSAES_OAEP_SHA_256") -> Json:
    return server.good("GetParametersForImport", KeyId=key, WrappingKeySpec=spec, WrappingAlgorithm=algorithm)


def wrapped(given: Json, material: bytes, algorithm: str = "RSAES_OAEP_SHA_256") -> bytes:
    public = serialization.load_der_public_key(base64.b64decode(given["PublicKey"]))
    return wrap(public, algorithm, material)  # type: ignore[arg-type]


def openssl_wrapped(folder: Path, given: Json, material: bytes, digest: str) -> bytes:
    """The same by another program: the command line that AWS's documentation has for it."""
    (folder / "public.der").write_bytes(base64.b64decode(given["PublicKey"]))
    (folder / "material").write_bytes(material)
    options = ["rsa_padding_mode:oaep", f"rsa_oaep_md:{digest}", f"rsa_mgf1_md:{digest}"]
    command = ["openssl", "pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", "public.der", "-in", "material"]
    command += [word for option in options for word in ("-pkeyopt", option)]
    return subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=60).stdout


def openssl_wrapped_long(folder: Path, given: Json, material: bytes) -> bytes:
    """The same for a material that is too long for RSA alone: under a key of its own, which RSA wraps."""
    ephemeral = os.urandom(32)
    outer = openssl_wrapped(folder, given, ephemeral, "sha256")
    (folder / "material").write_bytes(material)
    how = ["-e", "-id-aes256-wrap-pad", "-iv", "A65959A6", "-K", ephemeral.hex()]
    command = ["openssl", "enc", *how, "-in", "material"]
    return outer + subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=60).stdout


def request(key: str, given: Json, bytes_: bytes, **members: Any) -> Json:
    return {"KeyId": key, "ImportToken": given["ImportToken"], "EncryptedKeyMaterial": bytes_, **members}


def bring(server: Coffer, key: str, material: bytes, **members: Any) -> str:
    """Imports a material, for ever unless the members say otherwise, and gives its id."""
    given = parameters(server, key)
    members = members if "ValidTo" in members else {**FOREVER, **members}
    return server.good("ImportKeyMaterial", **request(key, given, wrapped(given, material), **members))["KeyMaterialId"]


def imported(server: Coffer, spec: str, usage: str, material: bytes) -> str:
    """The id of a new key with this material, which is PKCS#8 for pairs."""
    key = server.new_key(Origin="EXTERNAL", KeySpec=spec, KeyUsage=usage)["KeyId"]
    bring_long(server, key, material)
    return key


def bring_long(server: Coffer, key: str, material: bytes, **members: Any) -> str:
    """Imports a material that is too long for RSA alone, and gives its id."""
    given = parameters(server, key, algorithm=LONG)
    members = members if "ValidTo" in members else {**FOREVER, **members}
    body = request(key, given, wrapped(given, material, LONG), **members)
    return server.good("ImportKeyMaterial", **body)["KeyMaterialId"]


def material_id(key: str, material: bytes) -> str:
    return formats.material_id(material, formats.parse_key_id(key)[0]).hex()


def sealed_by_hand(key: str, material: bytes, plaintext: bytes, version: int = 1) -> bytes:
    """A blob that a second implementation makes of the material alone, without a look at any server's state."""
    return formats.seal_blob(material, formats.parse_key_id(key)[0], version, plaintext, None)


def opened_by_hand(blob: str, material: bytes) -> bytes:
    return formats.open_blob(base64.b64decode(blob), lambda *_: formats.Found(material), None)


def listed(server: Coffer, key: str) -> list[tuple[str, str, str]]:
    """Id, place and presence of each material."""
    answer = server.good("ListKeyRotations", KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")
    members = ("KeyMaterialId", "KeyMaterialState", "ImportState")
    return [tuple(row[member] for member in members) for row in answer["Rotations"]]


def in_seconds(seconds: float) -> float:
    return round(time.time() + seconds, 3)


def stored(server: Coffer) -> list[str]:
    return sorted(path.name for path in (server.folder().state / "material").glob("material-*"))
