"""Values that break the constraints of the model, with what AWS KMS says of each."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from aws_model import Json, shape_of

ECHOED_MAX = 4096
# Longer values do not fit the body of a request.
LENGTH_MAX = 40_000
# AWS KMS refuses names of keys that are not ASCII, which its model does not tell.
KEY_NAME = {"type": "string", "min": 1, "max": 2048}
KEY_NAME_PATTERN = r"^\p{ASCII}+$"
# A wrong data key spec is answered with the words of key specs.
DATA_KEY_SPECS = ["AES_128", "AES_256"]
SAMPLES = [
    "a", "1" * 12, "0" * 64, "us-east-1", "cluster-abcdefghijk", "https://a.example", "/kms/xks/v1", "A" * 20,
    "com.amazonaws.vpce.us-east-1.vpce-svc-0a", "a" * 43, "a.b.c", "arn:aws:s3::111122223333:b", "a" * 10,
]


class Broken(NamedTuple):
    """A value of a member, and each constraint that it breaks in the words of the answer."""

    what: str
    value: Any
    texts: list[str]


def text(place: str, rule: str) -> str:
    return f"{place} failed to satisfy constraint: Member {rule}"


def lower(name: str) -> str:
    return name[0].lower() + name[1:]


def pattern_of(shape: Json) -> str | None:
    return KEY_NAME_PATTERN if shape == KEY_NAME else shape.get("pattern")


def matches(pattern: str | None, value: str) -> bool:
    """Whether the whole of a value is what a pattern asks for."""
    readable = (pattern or "(?s).*").replace(r"\p{ASCII}", r"[\x00-\x7f]")
    return re.fullmatch(readable, value, re.ASCII) is not None


def string_rules(shape: Json, value: str) -> list[str]:
    if "enum" in shape:
        return [] if value in shape["enum"] else [enum_rule(shape["enum"])]
    rules = []
    if len(value) < shape.get("min", 0):
        rules.append(f"must have length greater than or equal to {shape['min']}")
    if len(value) > shape.get("max", len(value)):
        rules.append(f"must have length less than or equal to {shape['max']}")
    pattern = pattern_of(shape)
    return rules if matches(pattern, value) else [*rules, f"must satisfy regular expression pattern: {pattern}"]


def enum_rule(words: Sequence[str]) -> str:
    printed = shape_of("KeySpec")["enum"] if list(words) == DATA_KEY_SPECS else sorted(words)
    return f"must satisfy enum value set: [{', '.join(printed)}]"


def good(shape: Json) -> Any:
    """A value that the model takes."""
    kind = shape["type"]
    if kind == "string" and "enum" in shape:
        return shape["enum"][0]
    if kind == "string":
        return next(sample for sample in SAMPLES if not string_rules(shape, sample))
    if kind == "list":
        return [good(shape["member"])] * max(1, shape.get("min", 1))
    if kind == "structure":
        return {member["name"]: good(member["shape"]) for member in shape["members"]}
    simple = {"integer": shape.get("min", 1), "boolean": False, "blob": "AAAA", "timestamp": 1, "map": {"a": "b"}}
    return simple[kind]


def least(members: list[Json]) -> Json:
    """A request with nothing but what it must have."""
    return {member["name"]: good(member["shape"]) for member in members if member["required"]}


def broken_strings(shape: Json, path: str) -> Iterator[Broken]:
    candidates = {"word": "NO_SUCH_WORD"} if "enum" in shape else {"empty": "", "odd": "\u20ac" * 64, "blank": " " * 64}
    most = shape.get("max", LENGTH_MAX)
    if most < LENGTH_MAX:
        # Of a sample's last character, so that the pattern is broken by nothing but the length, where it can be.
        sample = good(shape) if "enum" not in shape else ""
        candidates["long"] = sample + sample[-1:] * (most + 1 - len(sample))
    for what, value in candidates.items():
        if rules := string_rules(shape, value):
            place = f"Value at '{path}'" if shape.get("sensitive") else f"Value '{value[:ECHOED_MAX]}' at '{path}'"
            yield Broken(what, value, [text(place, rule) for rule in rules])


def broken_integers(shape: Json, path: str) -> Iterator[Broken]:
    least, most = shape["min"], shape["max"]
    bounds = {"low": (least - 1, f"greater than or equal to {least}"), "high": (most + 1, f"less than or equal to {most}")}
    for what, (value, bound) in bounds.items():
        yield Broken(what, value, [text(f"Value '{value}' at '{path}'", f"must have value {bound}")])


def broken_blobs(shape: Json, path: str) -> Iterator[Broken]:
    place, most = f"Value at '{path}'", shape["max"]
    yield Broken("empty", "", [text(place, f"must have length greater than or equal to {shape['min']}")])
    if most < LENGTH_MAX:
        long = base64.b64encode(bytes(most + 1)).decode()
        yield Broken("long", long, [text(place, f"must have length less than or equal to {most}")])


def broken_lists(shape: Json, path: str) -> Iterator[Broken]:
    item = shape["member"]

    def place(values: list[str]) -> str:
        return f"Value '[{', '.join(values)}]' at '{path}'"

    if shape.get("min", 0) > 0:
        yield Broken("none", [], [text(place([]), f"must have length greater than or equal to {shape['min']}")])
    if "max" in shape:
        many = [good(item)] * (shape["max"] + 1)
        yield Broken("many", many, [text(place(many), f"must have length less than or equal to {shape['max']}")])
    if item["type"] == "structure":
        for inner in broken_structures(item, f"{path}.2.member"):
            yield Broken(f"item {inner.what}", [good(item), inner.value], inner.texts)
        return
    values = [good(item), "" if "enum" not in item else "NO_SUCH_WORD"]
    if "enum" in item:
        rules = [enum_rule(item["enum"])]
    else:
        rules = [f"must have length less than or equal to {item['max']}"]
        rules.append(f"must have length greater than or equal to {item['min']}")
    all_rules = ", ".join(f"Member {rule}" for rule in rules)
    yield Broken("item", values, [text(place(values), f"must satisfy constraint: [{all_rules}]")])


def broken_structures(shape: Json, path: str) -> Iterator[Broken]:
    for member in shape["members"]:
        for inner in broken_members(member, f"{path}."):
            value = {**good(shape), member["name"]: inner.value}
            yield Broken(f"{member['name']} {inner.what}", value, inner.texts)


MAKERS = {
    "string": broken_strings, "integer": broken_integers, "blob": broken_blobs, "list": broken_lists,
    "structure": broken_structures,
}


def broken_members(member: Json, prefix: str = "") -> Iterator[Broken]:
    """Each way in which a member can break its constraints; a value of `None` stands for its absence."""
    shape, path = member["shape"], prefix + lower(member["name"])
    if member["required"]:
        place = f"Value at '{path}'" if shape.get("sensitive") else f"Value null at '{path}'"
        yield Broken("absent", None, [text(place, "must not be null")])
    if shape["type"] in MAKERS:
        yield from MAKERS[shape["type"]](shape, path)


def composed(texts: list[str]) -> str:
    """All that is broken in one message."""
    errors = "error" if len(texts) == 1 else "errors"
    return f"{len(texts)} validation {errors} detected: {'; '.join(texts)}"


def same_order(message: str | None) -> str:
    """A message with the words of each enum sorted, because AWS KMS prints them in an order of its own."""

    def ordered(found: re.Match[str]) -> str:
        return f"enum value set: [{', '.join(sorted(found[1].split(', ')))}]"

    return re.sub(r"enum value set: \[([^\]]*)\]", ordered, message or "")
