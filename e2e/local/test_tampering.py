"""No bit of a blob can be changed: each change is refused, and none brings the server down."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor

from support import Coffer
from wire import send_operation

REFUSALS = {"InvalidCiphertextException", "AccessDeniedException"}
WORKERS = 4


def flipped(blob: bytes, bit: int) -> bytes:
    changed = bytearray(blob)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)


def test_every_flipped_bit_is_refused(server: Coffer) -> None:
    key = server.new_key()["KeyId"]
    made = server.good("GenerateDataKey", KeyId=key, KeySpec="AES_256", EncryptionContext={"a": "b"})
    blob = base64.b64decode(made["CiphertextBlob"])
    assert len(blob) * 8 == 1184

    def outcomes(first: int) -> dict[int, str]:
        with server.connect() as connection:
            answers = {
                bit: send_operation(
                    connection, "Decrypt", {"CiphertextBlob": flipped(blob, bit), "EncryptionContext": {"a": "b"}}
                )
                for bit in range(first, 1184, WORKERS)
            }
        return {bit: answer.code if answer.status == 400 else str(answer) for bit, answer in answers.items()}

    with ThreadPoolExecutor(WORKERS) as pool:
        told = {bit: code for part in pool.map(outcomes, range(WORKERS)) for bit, code in part.items()}
    assert len(told) == 1184
    assert {bit: code for bit, code in told.items() if code not in REFUSALS} == {}
    assert server.good("Decrypt", CiphertextBlob=blob, EncryptionContext={"a": "b"})["Plaintext"] == made["Plaintext"]


def test_parts_of_two_blobs_do_not_mix(server: Coffer) -> None:
    """Header, salt, commitment and sealed text belong together, even under one key and context."""
    key = server.new_key()["KeyId"]
    first, second = (base64.b64decode(server.encrypt(key, b"same length")) for _ in range(2))
    for start, end in [(36, 68), (68, 100), (100, len(first)), (36, 100), (68, len(first))]:
        mixed = first[:start] + second[start:end] + first[end:]
        assert server.call("Decrypt", CiphertextBlob=mixed).code in REFUSALS
