"""Sees when keys become ready, in one thread and by one watch."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import suppress

from .api import GROUP, Access, Client, Json
from .output import Failure, tell

PATH = f"{GROUP}/kmskeys"
Name = tuple[str, str]


def is_ready(key: Json) -> bool:
    conditions = key.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


class ReadyWatch:
    """When each key was seen ready first, by the clock of this process."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.ready: dict[Name, float] = {}
        self.changed = threading.Condition()
        self.failure: str | None = None
        self.stopped = False
        listed = Client(access).call("GET", f"{PATH}?limit=1")
        self.revision = str(listed["metadata"]["resourceVersion"])
        self.connection = access.connect(None)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while not self.stopped:
            try:
                self.follow()
            except (OSError, ValueError) as error:
                if not self.stopped:
                    self.fail(f"the watch of KmsKeys broke: {error}")

    def follow(self) -> None:
        path = f"{PATH}?watch=true&allowWatchBookmarks=true&timeoutSeconds=7200&resourceVersion={self.revision}"
        self.connection.request("GET", path)
        response = self.connection.getresponse()
        while line := response.readline():
            event = json.loads(line)
            if event["type"] == "ERROR":
                self.fail(f"the watch of KmsKeys ended: {event['object'].get('message')}")
                return
            self.see(event["object"])

    def see(self, key: Json) -> None:
        metadata = key["metadata"]
        self.revision = metadata["resourceVersion"]
        name = metadata.get("namespace", ""), metadata.get("name", "")
        if name not in self.ready and is_ready(key):
            now = time.monotonic()
            with self.changed:
                self.ready[name] = now
                self.changed.notify_all()

    def fail(self, why: str) -> None:
        with self.changed:
            self.failure, self.stopped = why, True
            self.changed.notify_all()

    def wait(self, name: Name, seconds: float) -> float:
        """When this key was ready."""
        with self.changed:
            if not self.changed.wait_for(lambda: name in self.ready or self.failure, seconds):
                raise Failure(f"the key {'/'.join(name)} was not ready after {seconds:.0f} s")
            if self.failure:
                raise Failure(self.failure)
            return self.ready[name]

    def wait_all(self, names: list[Name], patience: float) -> float:
        """When the last of these was ready. Gives up where for some time none becomes so."""
        told = time.monotonic()
        missing, last_change = set(names), time.monotonic()
        while missing:
            time.sleep(0.25)
            before = len(missing)
            missing = {name for name in missing if name not in self.ready}
            now = time.monotonic()
            if self.failure:
                raise Failure(self.failure)
            if len(missing) < before:
                last_change = now
            elif now - last_change > patience:
                example = "/".join(min(missing))
                raise Failure(f"{len(missing)} of {len(names)} keys did not become ready, such as {example}")
            if now - told > 10:
                told = now
                tell(f"{len(names) - len(missing):,} of {len(names):,} keys are ready")
        return max(self.ready[name] for name in names)

    def stop(self) -> None:
        self.stopped = True
        with suppress(OSError):
            if self.connection.sock:
                # Not only closed: the thread that reads still holds it.
                self.connection.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
