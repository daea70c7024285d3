"""A folder of manifests, and ways to see what the server made of it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from support import Coffer, Json, until

FIRST = "11111111-1111-4111-8111-111111111111"
SECOND = "22222222-2222-4222-8222-222222222222"


def manifest(name: str, namespace: str | None = None, **spec: Any) -> Json:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": "kms.coffer.dev/v1alpha1", "kind": "KmsKey", "metadata": metadata, "spec": spec}


def yaml(*documents: Json) -> str:
    """JSON is YAML too, so that no test depends on how a library would write it."""
    return "---\n".join(json.dumps(document, indent=2) + "\n" for document in documents)


class Manifests:
    """The folder that a process watches. Files are written the way an editor does, not atomically."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.barriers = 0
        path.mkdir()

    def put(self, file: str, *documents: Json) -> None:
        (self.path / file).write_text(yaml(*documents), "utf-8")

    def replace(self, file: str, *documents: Json) -> None:
        """Renames a finished file over the old one, as many editors do."""
        temporary = self.path / f".{file}.swp"
        temporary.write_text(yaml(*documents), "utf-8")
        os.replace(temporary, self.path / file)

    def write(self, file: str, text: str | bytes) -> None:
        (self.path / file).write_bytes(text if isinstance(text, bytes) else text.encode())

    def remove(self, file: str) -> None:
        (self.path / file).unlink()

    def options(self) -> tuple[str, str]:
        return "--manifests", str(self.path)


def error_line(server: Coffer, *words: str) -> str:
    """The first line of the log that is an error and has all the words."""

    def found() -> str | None:
        lines = [line for line in server.stderr().splitlines() if re.search("error", line, re.IGNORECASE)]
        return next((line for line in lines if all(word in line for word in words)), None)

    try:
        return until(found, "an error line") or ""
    except AssertionError:
        raise AssertionError(f"no error line with {words} in: {server.stderr()}") from None


def known(server: Coffer, key: str) -> bool:
    return server.call("DescribeKey", KeyId=key).status == 200


def finished(server: Coffer, key: str) -> bool:
    """A key can be seen while it is being made."""
    return known(server, key) and server.describe(key)["KeyState"] != "Creating"


def until_known(server: Coffer, key: str) -> Json:
    until(lambda: finished(server, key), f"key {key}")
    return server.describe(key)


def until_member(server: Coffer, key: str, name: str, value: Any) -> Json:
    until(lambda: server.describe(key).get(name) == value, f"{name} to be {value!r}")
    return server.describe(key)


def until_keys(server: Coffer, count: int) -> list[str]:
    """The ids of all keys, once so many are there and finished."""

    def there() -> list[str] | None:
        keys = server.list_keys()
        return keys if len(keys) == count and all(finished(server, key) for key in keys) else None

    return until(there, f"{count} keys", 30) or []


def until_one_key(server: Coffer) -> str:
    """The id of the only key, for a manifest that leaves the choice of the id to the server."""
    return until_keys(server, 1)[0]


def everything(server: Coffer) -> list[Json]:
    return [server.describe(key) for key in server.list_keys()]


def seen_while_invalid(server: Coffer, folder: Manifests) -> None:
    """Returns once the server has read the folder again. The new broken file keeps it as invalid as it was."""
    folder.barriers += 1
    name = f"barrier-{folder.barriers}.yaml"
    folder.write(name, "{ broken")
    error_line(server, name)


def seen_while_valid(server: Coffer, folder: Manifests) -> str:
    """Returns once the server has read a valid folder again, which the key of a new manifest shows."""
    folder.barriers += 1
    key = f"bbbbbbbb-0000-4000-8000-{folder.barriers:012d}"
    folder.put(f"barrier-{folder.barriers}.yaml", manifest(f"barrier-{folder.barriers}", keyId=key))
    until_known(server, key)
    return key
