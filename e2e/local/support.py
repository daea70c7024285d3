"""What every test of `coffer local` needs: the process under test, and waiting for conditions."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from coffer_formats import Folder

from wire import Answer, SocketConnection, TcpConnection, send_operation

T = TypeVar("T")
Json = dict[str, Any]

ACCOUNT = "000000000000"
REGION = "us-east-1"
START_SECONDS = 20.0


def binary() -> str:
    """The built program; a missing variable must fail loudly, or nothing at all would be proved."""
    path = os.environ.get("COFFER_BIN")
    assert path, "COFFER_BIN must hold the path of the coffer binary"
    return path


def until(condition: Callable[[], T], what: str, seconds: float = 15.0) -> T:
    """The first truthy value of `condition`; a test never sleeps for a guessed time instead."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.01)
    return found


class Coffer:
    """One `coffer local` with a data folder of its own, which can be stopped and started again."""

    def __init__(
        self, home: Path, *options: str, data: Path | None = None,
        prefix: Sequence[str] = (), env: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home
        self.data = data or home / "data"
        self.options = list(options)
        self.prefix = list(prefix)
        self.env = dict(env or {})
        self.runs = 0
        self.process: subprocess.Popen[bytes] | None = None
        home.mkdir(parents=True, exist_ok=True)

    # Life of the process

    def command(self) -> list[str]:
        addresses = [] if "--http" in self.options else ["--http", "127.0.0.1:0"]
        folder = ["--data", str(self.data)]
        return [*self.prefix, binary(), "local", *addresses, *folder, *self.options]

    def spawn(self) -> subprocess.Popen[bytes]:
        """Starts without waiting. Each run has its own log files, so that the logs of one are not lost."""
        self.runs += 1
        environment = {**os.environ, **self.env}
        with open(self.log("stdout"), "wb") as out, open(self.log("stderr"), "wb") as err:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment
            )
        return self.process

    def start(self) -> Coffer:
        process = self.spawn()

        def ready() -> bool:
            assert process.poll() is None, f"exit {process.returncode}: {self.stderr()}"
            return re.search("^ready", self.stdout(), re.MULTILINE) is not None

        until(ready, "the ready line", START_SECONDS)
        return self

    def refuse_to_start(self) -> str:
        """The one error line of a start that must fail."""
        process = self.spawn()
        assert process.wait(START_SECONDS) == 1, self.stdout() + self.stderr()
        assert not re.search("^ready", self.stdout(), re.MULTILINE)
        errors = [line for line in self.stderr().splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, self.stderr()
        return errors[0]

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(START_SECONDS)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(START_SECONDS)

    def restart(self) -> Coffer:
        assert self.stop() == 0, self.stderr()
        return self.start()

    def end(self) -> None:
        """The clean-up after a test, which may have stopped the process already."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait(START_SECONDS)

    # What it says

    def log(self, name: str) -> Path:
        return self.home / f"{name}-{self.runs}.log"

    def stdout(self) -> str:
        return self.log("stdout").read_text("utf-8")

    def stderr(self) -> str:
        return self.log("stderr").read_text("utf-8")

    def printed(self, name: str) -> str:
        found = re.search(rf"^{name}\s+(\S+)$", self.stdout(), re.MULTILINE)
        assert found, self.stdout()
        return found[1]

    @property
    def url(self) -> str:
        return self.printed("http")

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    @property
    def socket(self) -> str:
        return self.printed("socket")

    # Calls

    def connect(self) -> TcpConnection:
        return TcpConnection(self.port)

    def connect_socket(self) -> SocketConnection:
        return SocketConnection(self.socket)

    def call(self, operation: str, /, region: str | None = None, **members: Any) -> Answer:
        """One operation on a connection of its own, without an SDK that would hide the bytes."""
        with self.connect() as connection:
            return send_operation(connection, operation, members, region)

    def good(self, operation: str, /, region: str | None = None, **members: Any) -> Json:
        answer = self.call(operation, region, **members)
        assert answer.status == 200, answer
        return answer.json

    def new_key(self, region: str | None = None, **members: Any) -> Json:
        """The metadata of a key that `CreateKey` made."""
        return self.good("CreateKey", region, **members)["KeyMetadata"]

    def describe(self, key: str, region: str | None = None) -> Json:
        return self.good("DescribeKey", region, KeyId=key)["KeyMetadata"]

    def encrypt(self, key: str, plaintext: bytes, **members: Any) -> str:
        return self.good("Encrypt", KeyId=key, Plaintext=plaintext, **members)["CiphertextBlob"]

    def list_keys(self) -> list[str]:
        keys: list[str] = []
        page: Json = {"NextMarker": None}
        while "NextMarker" in page:
            page = self.good("ListKeys", Marker=page["NextMarker"], Limit=1000)
            keys += [entry["KeyId"] for entry in page["Keys"]]
        return keys

    # What it stores

    def folder(self, region: str = REGION) -> Folder:
        return Folder(self.data, region)

    def audit(self) -> list[Json]:
        """The trail. Only a line feed ends a line; Python's `splitlines` knows other separators too."""
        text = (self.data / "audit.jsonl").read_text("utf-8")
        return [json.loads(line) for line in text.split("\n") if line]


Launch = Callable[..., Coffer]  # What the fixtures `prepare` and `launch` give to a test.


class Inspection:
    """What `coffer inspect` said about a data folder."""

    def __init__(self, data: Path, root: Path | None = None) -> None:
        command = [binary(), "inspect", str(data), "--root", str(root or data / "root.key"), "-o", "json"]
        done = subprocess.run(command, capture_output=True, timeout=60)
        self.code = done.returncode
        self.said = done.stdout.decode() + done.stderr.decode()
        self.report: Json = json.loads(done.stdout) if done.stdout else {}

    @property
    def keys(self) -> dict[str, Json]:
        return {key["keyId"]: key for region in self.report["regions"] for key in region["keys"]}

    def shut(self) -> set[str]:
        """The keys that have a material which does not open, or none at all."""
        return {name for name, key in self.keys.items() if not opens(key)}


def opens(key: Json) -> bool:
    return bool(key["materials"]) and all(material["opens"] for material in key["materials"])


def arn(key: str, region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:kms:{region}:{account}:key/{key}"
