"""What every case of the create flow has in common: one key, one fault, and what must come of it."""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass, field

from fault_layer import FaultLayer
from faults import Fault, RequestAction
from seen import Request
from support import CONVERGES_SECONDS, Caller, Cluster, Json, Keys, Server, until

REQUESTS_MAX = 60
QUIET_SECONDS = 0.2
# A server that has just begun looks at every key that is there.
BEGUN_SECONDS = 1.0

# Everything that making one key writes, in this order.
WRITES = (
    "create owner", "create key", "create material", "update key", "update owner", "patch kmskeys/status",
    "create events",
)
# Everything that it reads, and how often.
READS = {"get owner": 4, "get key": 5, "get material": 2}


def name_of(*parts: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower())


@dataclass
class Flow:
    """Makes keys one after another and remembers what they were like."""

    cluster: Cluster
    layer: FaultLayer
    keys: Keys
    caller: Caller
    made: dict[str, Json] = field(default_factory=dict)

    def make(
        self, name: str, action: RequestAction | None = None, label: str = "", nth: int = 1,
        seconds: float = CONVERGES_SECONDS,
    ) -> list[Request]:
        """Makes a key, where one request of it fails, and gives all requests that it took."""
        self.settle(self.layer.mark())
        before, mark = self.cluster.sealed(), self.layer.mark()
        fault = self.plant(name, action, label, nth) if action else None
        self.keys.make(name)
        status = self.keys.wait_ready(name, seconds)
        if fault is not None:
            until(lambda: fault.met, f"{label} to meet the fault")
        requests = self.settle(mark)
        self.layer.clear()
        self.check(name, self.keys.wait_ready(name), status, self.cluster.sealed() - before)
        # What is asked for other keys meanwhile is not this one's.
        counted = Counter(request.label for request in requests if request.name not in before)
        assert counted.total() <= REQUESTS_MAX, f"{counted.total()} requests for one key: {counted}"
        return requests

    def plant(self, name: str, action: RequestAction, label: str, nth: int) -> Fault:
        names_resource = label.endswith(("events", "kmskeys/status"))

        def matches(request: Request) -> bool:
            return request.label == label and (not names_resource or request.name.split(".")[0] == name)

        return self.layer.plant(action, matches, nth)

    def begin_again(self, server: Server) -> None:
        """Starts the server again, and waits until it has nothing to do."""
        server.restart()
        self.settle(self.layer.mark(), BEGUN_SECONDS)

    def settle(self, mark: int, seconds: float = QUIET_SECONDS) -> list[Request]:
        """What was asked for keys since a moment, once no more is."""

        def quiet() -> bool:
            latest = next((one.at for one in reversed(self.layer.since(0)) if not one.is_background), 0.0)
            return time.monotonic() - latest > seconds

        until(quiet, "the server to have done")
        return [request for request in self.layer.since(mark) if not request.is_background]

    def check(self, name: str, now: Json, first: Json, new: set[str]) -> None:
        """One record, one material and one claim; and the status names that material and no other."""
        key_id, material = now["keyId"], now["currentKeyMaterialId"]
        owners = {sealed for sealed in new if sealed.startswith("owner-")}
        assert len(owners) == 1, new
        assert new - owners == {f"key-{key_id}", f"material-{key_id}-v1-t1"}
        assert (first["keyId"], first["currentKeyMaterialId"]) == (key_id, material)
        assert [made["keyMaterialId"] for made in now["materials"]] == [material]
        self.made[name] = now
        self.check_usable(name)

    def check_usable(self, name: str) -> None:
        """The server serves it, with the material that the status named first."""
        status = self.made[name]
        until(lambda: self.caller.state(status["keyId"]) == "Enabled", f"{name} to be served", 5)
        described = self.caller.call("DescribeKey", KeyId=status["keyId"])[1]["KeyMetadata"]
        assert described["CurrentKeyMaterialId"] == status["currentKeyMaterialId"]
        assert self.caller.problem_with(status["keyId"]) == ""
