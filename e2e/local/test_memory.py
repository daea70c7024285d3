"""What a process holds in its memory of a key that it must not use any more: nothing."""

from __future__ import annotations

import os
import re
from pathlib import Path

from importing import bring, external_key
from support import Coffer, until

# What may be written to, a line of /proc/PID/maps each.
WRITABLE = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) rw")


def times_in_memory(server: Coffer, secret: bytes) -> int:
    """How often these bytes are in the memory of the server."""
    assert server.process is not None
    folder, count = Path("/proc") / str(server.process.pid), 0
    with (folder / "mem").open("rb", buffering=0) as memory:
        for line in (folder / "maps").read_text("ascii").splitlines():
            if found := WRITABLE.match(line):
                first, end = (int(place, 16) for place in found.groups())
                try:
                    count += os.pread(memory.fileno(), end - first, first).count(secret)
                except OSError:
                    # A mapping that went meanwhile, or one that is not the process's own.
                    continue
    return count


def test_imported_material_is_wiped_when_it_is_deleted(server: Coffer) -> None:
    key, material = external_key(server), os.urandom(32)
    bring(server, key, material)
    blob = server.encrypt(key, b"x")
    assert server.good("Decrypt", CiphertextBlob=blob)["KeyId"].endswith(key)
    assert times_in_memory(server, material) > 0, "what is in use is found, or the search finds nothing"
    server.good("DeleteImportedKeyMaterial", KeyId=key)
    until(lambda: times_in_memory(server, material) == 0, "the material to be wiped")
    bring(server, key, material)
    assert server.good("Decrypt", CiphertextBlob=blob)["KeyId"].endswith(key), "the same bytes bring it back"
