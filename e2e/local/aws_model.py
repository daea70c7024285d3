"""What botocore's model says of the requests and answers of AWS KMS.

Run it to write `e2e/vectors/model_inputs.json` again after a new version of botocore.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from botocore.loaders import Loader

Json = dict[str, Any]
INPUTS = Path(__file__).resolve().parent.parent / "vectors" / "model_inputs.json"
CONSTRAINTS = ("min", "max", "pattern", "sensitive")


@cache
def model() -> Json:
    return Loader().load_service_model("kms", "service-2", "2014-11-01")


def shape_of(name: str) -> Json:
    """A shape with the shapes in it, without texts for people; enum words are sorted."""
    told = model()["shapes"][name]
    shape: Json = {"type": told["type"], **{key: told[key] for key in CONSTRAINTS if key in told}}
    if "enum" in told:
        shape["enum"] = sorted(told["enum"])
    for part in ("member", "key", "value"):
        if part in told:
            shape[part] = shape_of(told[part]["shape"])
    if told["type"] == "structure":
        shape["members"] = members_of(name)
    return shape


def members_of(name: str) -> list[Json]:
    told = model()["shapes"][name]
    required = told.get("required", [])
    return [
        {"name": member, "required": member in required, "shape": shape_of(there["shape"])}
        for member, there in told["members"].items()
    ]


def inputs() -> dict[str, list[Json]]:
    """The members of every operation's request in the model's order."""
    return {name: members_of(told["input"]["shape"]) for name, told in sorted(model()["operations"].items())}


def outputs() -> dict[str, list[Json]]:
    """The same of the answers; an operation without an answer has no members."""
    operations = sorted(model()["operations"].items())
    return {name: members_of(told["output"]["shape"]) if "output" in told else [] for name, told in operations}


def written() -> str:
    lines = [f" {json.dumps(name)}: {json.dumps(members)}" for name, members in inputs().items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    INPUTS.write_text(written(), "utf-8")
