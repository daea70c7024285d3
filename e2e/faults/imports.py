"""Keys whose material a customer brings, and bringing it as a customer does."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import serialization

from cuts import Subject
from import_vectors import wrap
from place import Key, Place
from support import API_VERSION, Json, until

ALGORITHM = "RSAES_OAEP_SHA_256"
ONE, TWO = bytes([0x11]) * 32, bytes([0x22]) * 32
NEVER: Json = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
NEW: Json = {**NEVER, "ImportType": "NEW_KEY_MATERIAL"}
CALLS_MAX = 8


@dataclass
class Imported(Subject):
    """A key without material of Coffer's, and what its customer has brought so far."""

    brought: dict[bytes, str] = field(default_factory=dict)
    """The id of each material."""
    blobs: dict[bytes, str] = field(default_factory=dict)
    """What each material sealed."""
    given: Json | None = None
    """Parameters for imports: a token holds for a day, unless a deletion ends it."""
    calls: int = 0
    """How many calls the last operation took."""

    @property
    def id(self) -> str:
        return self.sealed

    @property
    def key(self) -> Key:
        return Key(self.name, self.id, list(self.brought.values()), "")


def make(place: Place, names: list[str]) -> list[Imported]:
    """Keys that wait for their material."""
    for name in names:
        manifest = {
            "apiVersion": API_VERSION, "kind": "KmsKey", "metadata": {"name": name}, "spec": {"origin": "Imported"},
        }
        place.cluster.good("POST", place.keys.path, manifest)
    for name in names:
        is_waiting = "PendingImport"
        until(lambda name=name: place.keys.status(name).get("keyState") == is_waiting, f"{name} to be {is_waiting}")
    made = [Imported(name, place.keys.status(name)["keyId"]) for name in names]
    for key in made:
        until(lambda key=key: place.caller.state(key.id) == "PendingImport", f"{key.name} to be known")
    return made


def bring(place: Place, key: Imported, material: bytes, members: Json = NEVER) -> None:
    """Imports a material, again where a call fails, as a customer's script does. What came as new is not new again."""
    for key.calls in range(1, CALLS_MAX + 1):
        code, answer = place.caller.call("ImportKeyMaterial", **request(place, key, material, members))
        came = answer.get("__type") == "IncorrectKeyMaterialException" and key.calls > 1
        if code == 200 or came:
            key.brought.setdefault(material, answer.get("KeyMaterialId", ""))
            return
        if answer["__type"] == "InvalidImportTokenException":
            key.given = None
        else:
            assert answer["__type"] == "KMSInternalException", answer
    raise AssertionError(f"{key.name}: {answer}")


def request(place: Place, key: Imported, material: bytes, members: Json) -> Json:
    if key.given is None:
        key.given = until(lambda: parameters(place, key), f"the parameters for {key.name}")
    public = serialization.load_der_public_key(base64.b64decode(key.given["PublicKey"]))
    wrapped = base64.b64encode(wrap(public, ALGORITHM, material)).decode()
    return {"KeyId": key.id, "ImportToken": key.given["ImportToken"], "EncryptedKeyMaterial": wrapped, **members}


def parameters(place: Place, key: Imported) -> Json | None:
    """None where the server makes as many wrapping keys as it may."""
    code, answer = place.caller.call(
        "GetParametersForImport", KeyId=key.id, WrappingAlgorithm=ALGORITHM, WrappingKeySpec="RSA_2048"
    )
    assert code == 200 or answer["__type"] == "ThrottlingException", answer
    return answer if code == 200 else None


def delete(place: Place, key: Imported, material: bytes) -> None:
    """Deletes a material, again where a call fails."""
    for key.calls in range(1, CALLS_MAX + 1):
        code, answer = place.caller.call(
            "DeleteImportedKeyMaterial", KeyId=key.id, KeyMaterialId=key.brought[material]
        )
        if code == 200:
            return
        assert answer["__type"] == "KMSInternalException", answer
    raise AssertionError(f"{key.name}: {answer}")


def rotate(place: Place, key: Imported) -> None:
    """Rotates to what waits, again where a call fails; a call that did it may find it in progress."""
    for key.calls in range(1, CALLS_MAX + 1):
        code, answer = place.caller.call("RotateKeyOnDemand", KeyId=key.id)
        began = answer.get("__type") in ("ConflictException", "KMSInvalidStateException") and key.calls > 1
        if code == 200 or began:
            return
        assert answer["__type"] == "KMSInternalException", answer
    raise AssertionError(f"{key.name}: {answer}")


def seal(place: Place, key: Imported, material: bytes) -> None:
    """Encrypts something under the material that is the current one."""
    until(lambda: is_current(place, key, material), f"{key.name} to be of use")
    key.blobs[material] = place.encrypt(key.id)


def is_current(place: Place, key: Imported, material: bytes) -> bool:
    described = place.ok("DescribeKey", KeyId=key.id)["KeyMetadata"]
    return described["KeyState"] == "Enabled" and described.get("CurrentKeyMaterialId") == key.brought[material]


def is_usable(place: Place, key: Imported) -> bool:
    return place.states(key.key) == ("Enabled", "Enabled")


def waits(place: Place, key: Imported) -> bool:
    return place.states(key.key) == ("PendingImport", "PendingImport")


def shown(place: Place, key: Imported) -> int:
    return int(place.keys.status(key.name).get("materialCount", 0))


def expiry(place: Place, key: Imported) -> float | None:
    listed = place.ok("ListKeyRotations", KeyId=key.id, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    found = [entry for entry in listed if entry["KeyMaterialId"] == key.brought[TWO]]
    return found[0].get("ValidTo")


def is_removed(place: Place, key: Imported, version: int) -> bool:
    return not any(f"-v{version}-" in name for name in place.sealed_of(key.key))


def opens(place: Place, key: Imported, material: bytes) -> bool:
    code, answer = place.caller.call("Decrypt", CiphertextBlob=key.blobs[material])
    return code == 200 and answer["Plaintext"] == "AAAA"


def check_opens(place: Place, key: Imported, versions: int) -> None:
    """All that was brought is there, once, and opens what it sealed."""
    place.check_whole(key.key, range(1, versions + 1))
    assert len(key.brought) == versions
    assert place.caller.problem_with(key.id) == "", key.name
    for material in key.blobs:
        assert opens(place, key, material), key.name


def check_gone(place: Place, key: Imported, versions: tuple[int, ...]) -> None:
    """These versions are stored and no others; nothing opens until the rest is back."""
    expected = [f"key-{key.id}", *(f"material-{key.id}-v{version}-t1" for version in versions)]
    until(lambda: place.sealed_of(key.key) == expected, f"{key.name}: {place.sealed_of(key.key)}, not {expected}")
    for material in key.blobs:
        assert not opens(place, key, material), key.name
