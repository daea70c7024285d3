"""Bad input that is generated from the model: for every operation each constraint broken singly and in pairs, each
member with each wrong type, and each bit of what is short enough turned."""

from __future__ import annotations

import base64
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from aws_model import Json, inputs
from bad_values import Broken, broken_members, composed, good, least, same_order
from support import Coffer
from wire import Answer, operation_headers

INPUTS = inputs()
CONNECTIONS = 6

Request = tuple[str, Any]


def ask(server: Coffer, requests: list[Request]) -> list[Answer]:
    """The answers to many requests over a few connections, in their order."""

    def some(part: int) -> list[Answer]:
        with server.connect() as connection:
            return [
                connection.send(json.dumps(body).encode(), operation_headers(name))
                for name, body in requests[part::CONNECTIONS]
            ]

    answers: list[Answer] = [None] * len(requests)  # type: ignore[list-item]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for part, told in enumerate(pool.map(some, range(CONNECTIONS))):
            answers[part::CONNECTIONS] = told
    return answers


def request(members: list[Json], changes: dict[str, Any]) -> Json:
    """The least request with some members changed, or left out where the change is `None`."""
    return {name: value for name, value in {**least(members), **changes}.items() if value is not None}


def check_refusals(server: Coffer, operation: str, cases: dict[str, tuple[Json, str]]) -> None:
    """Each request must be refused with its message; all that differ are told at once."""
    answers = ask(server, [(operation, body) for body, _ in cases.values()])
    wrong = {}
    for (what, (_, expected)), answer in zip(cases.items(), answers, strict=True):
        told = (answer.status, answer.code, same_order(answer.message)) if answer.body else answer
        if told != (400, "ValidationException", same_order(expected)):
            wrong[what] = (told, expected)
    assert wrong == {}


def broken_ways(operation: str) -> dict[str, list[Broken]]:
    return {member["name"]: list(broken_members(member)) for member in INPUTS[operation]}


@pytest.mark.parametrize("operation", INPUTS)
def test_each_constraint_broken_alone(shared: Coffer, operation: str) -> None:
    members, cases = INPUTS[operation], {}
    for name, ways in broken_ways(operation).items():
        for way in ways:
            # What nobody knows is passed over, whatever it is.
            body = request(members, {name: way.value, "NotOfThisModel": {"a": [None]}})
            cases[f"{name} {way.what}"] = (body, composed(way.texts))
    check_refusals(shared, operation, cases)
    assert cases


@pytest.mark.parametrize("operation", INPUTS)
def test_constraints_broken_in_pairs(shared: Coffer, operation: str) -> None:
    """The message has all of them, in the order of the model and not of the request."""
    members, cases = INPUTS[operation], {}
    broken = [(name, ways) for name, ways in broken_ways(operation).items() if ways]
    for number, ((one, ones), (two, twos)) in enumerate(itertools.combinations(broken, 2)):
        first, second = ones[number % len(ones)], twos[number % len(twos)]
        body = request(members, {two: second.value, one: first.value})
        cases[f"{one} {first.what}, {two} {second.what}"] = (body, composed(first.texts + second.texts))
    check_refusals(shared, operation, cases)


@pytest.mark.parametrize("operation", INPUTS)
def test_nothing_at_all(shared: Coffer, operation: str) -> None:
    """A null is as good as nothing, and everything that is missing is told."""
    members = INPUTS[operation]
    nulls = {member["name"]: None for member in members}
    empty, null = ask(shared, [(operation, {}), (operation, nulls)])
    missing = [way.texts[0] for member in members for way in broken_members(member) if way.what == "absent"]
    if missing:
        assert empty.refused() == (400, "ValidationException", composed(missing))
    if empty.status == 400:
        assert null.refused() == empty.refused()
    assert null.status == empty.status


WORDS = {
    "string": "a String", "integer": "an Integer", "timestamp": "milliseconds since epoch", "boolean": "a Boolean",
    "blob": "a Blob", "map": "a Map", "list": "a List", "structure": "a Structure",
}
VALUES: list[tuple[str, Any]] = [
    ("string", "x"), ("number", 5), ("fraction", 1.5), ("true", True), ("false", False), ("list", [[]]),
    ("object", {"a": {}}),
]
RIGHT = {
    "string": {"string"}, "integer": {"number"}, "timestamp": {"number", "fraction"}, "boolean": {"true", "false"},
    "blob": {"string"}, "map": {"object"}, "list": {"list"}, "structure": {"object"},
}


def type_message(value: Any, kind: str) -> str:
    if isinstance(value, list):
        return "Start of list found where not expected"
    if isinstance(value, dict):
        return "Start of structure or map found where not expected."
    found = {True: "TRUE_VALUE", False: "FALSE_VALUE"}[value] if isinstance(value, bool) else None
    found = found or ("STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE")
    return f"{found} can not be converted to {WORDS[kind]}"


def wrong_types(shape: Json) -> list[tuple[Any, str | None]]:
    """Values of a wrong type with the message; none comes with base64 that is not."""
    kind = shape["type"]
    wrong: list[tuple[Any, str | None]] = [
        (value, type_message(value, kind)) for name, value in VALUES if name not in RIGHT[kind]
    ]
    if kind == "blob":
        wrong += [(value, None) for value in ("!", "AAA", "AA=", "A AA", "AB==", "====", "AAAA\n", "AA-_")]
    if kind == "list":
        wrong += [([good(shape["member"]), value], text) for value, text in wrong_types(shape["member"])]
    if kind == "map":
        wrong += [({"a": value}, text) for value, text in wrong_types(shape["value"])]
    if kind == "structure":
        wrong += [
            ({**good(shape), member["name"]: value}, text)
            for member in shape["members"] for value, text in wrong_types(member["shape"])
        ]
    return wrong


@pytest.mark.parametrize("operation", INPUTS)
def test_each_member_of_each_wrong_type(shared: Coffer, operation: str) -> None:
    """Types come before constraints: the rest of the request is missing."""
    cases = [
        ({member["name"]: value}, text) for member in INPUTS[operation] for value, text in wrong_types(member["shape"])
    ]
    answers = ask(shared, [(operation, body) for body, _ in cases])
    told = [(body, answer.code, answer.message) for (body, _), answer in zip(cases, answers, strict=True)]
    assert told == [(body, "SerializationException", text) for body, text in cases]


def turned(data: bytes) -> list[str]:
    """The bytes with each single bit turned, in base64."""
    number = int.from_bytes(data)
    changed = (number ^ (1 << bit) for bit in range(8 * len(data)))
    return [base64.b64encode(value.to_bytes(len(data))).decode() for value in changed]


def codes(server: Coffer, operation: str, member: str, original: str, others: Json) -> set[str]:
    requests = [(operation, {**others, member: value}) for value in turned(base64.b64decode(original))]
    answers = ask(server, requests)
    assert {answer.status for answer in answers} == {400}
    assert not [answer for answer in answers if answer.code != "AccessDeniedException" and answer.message], "no message"
    return {answer.code for answer in answers}


def test_no_bit_of_a_blob_can_be_turned(shared: Coffer) -> None:
    key = shared.new_key()["KeyId"]
    blob = shared.encrypt(key, b"x")
    told = codes(shared, "Decrypt", "CiphertextBlob", blob, {})
    assert told <= {"InvalidCiphertextException", "AccessDeniedException"}


def test_no_bit_of_a_signature_or_a_mac_can_be_turned(shared: Coffer) -> None:
    message = base64.b64encode(b"message").decode()
    pair = shared.new_key(KeySpec="ECC_NIST_EDWARDS25519", KeyUsage="SIGN_VERIFY")["KeyId"]
    asked = {"KeyId": pair, "Message": message, "SigningAlgorithm": "ED25519_SHA_512"}
    signature = shared.good("Sign", **asked)["Signature"]
    assert codes(shared, "Verify", "Signature", signature, asked) == {"KMSInvalidSignatureException"}
    hmac = shared.new_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyId"]
    asked = {"KeyId": hmac, "Message": message, "MacAlgorithm": "HMAC_SHA_256"}
    mac = shared.good("GenerateMac", **asked)["Mac"]
    assert codes(shared, "VerifyMac", "Mac", mac, asked) == {"KMSInvalidMacException"}
