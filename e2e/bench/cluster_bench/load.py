"""The load and whom it asks, and Encrypt under it: through a sidecar, at the server itself, and at `coffer local` as
their peer."""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .api import Json, headers, kms
from .installation import Installation, Server
from .output import Failure, Report, Row, tell
from .process import Program, cpu_seconds, end_with_parent, free_port, until
from .rig import run

CONNECTIONS = (1, 16, 64)
WARM_SECONDS = 2
LOAD = "load"
SOCKET = "coffer.sock"
SIDECAR_LIMIT = 15.0
SOURCE = Path(__file__).resolve().parent / "load" / "main.go"


@dataclass(frozen=True)
class Target:
    """Whom to ask and how to get there, with which key, as which callers, and whose CPU time counts."""

    name: str
    reach: tuple[str, ...]
    key: str
    tokens: tuple[str | None, ...]
    programs: tuple[Program, ...]

    def requests(self, operation: str, members: Json) -> list[str]:
        """The whole request, of each caller."""
        body = json.dumps(members)

        def request(token: str | None) -> str:
            lines = [f"{name}: {value}" for name, value in headers(operation, token).items()]
            head = ["POST / HTTP/1.1", "Host: 127.0.0.1", *lines, f"Content-Length: {len(body)}"]
            return "\r\n".join([*head, "", body])

        return [request(token) for token in self.tokens]


@dataclass(frozen=True)
class Plan:
    """One run: as fast as answers come, or at a rate."""

    connections: int
    seconds: float
    warm_seconds: float = WARM_SECONDS
    rate: float = 0

    def arguments(self) -> list[str]:
        return [
            "-connections", str(self.connections), "-warm", f"{self.warm_seconds}s", "-time", f"{self.seconds}s",
            "-rate", str(self.rate),
        ]


@dataclass(frozen=True)
class Measured:
    """What one run showed."""

    rate: float
    p50: float
    p99: float
    errors: int
    first_error: str
    cpu: dict[str, float]

    def note(self) -> str:
        return f"p50 {self.p50:7.2f} ms, p99 {self.p99:7.2f} ms{self.failed()}"

    def failed(self) -> str:
        return f"; {self.errors} FAILED: {self.first_error[:200]}" if self.errors else ""

    @property
    def coffer_cpu(self) -> float:
        """Microseconds of a request in all processes of Coffer."""
        return sum(spent for name, spent in self.cpu.items() if name != LOAD)

    def cost(self) -> str:
        return ", ".join(f"{name} {spent:.0f}" for name, spent in self.cpu.items())


def loopback(port: int, authority: Path | None = None) -> tuple[str, ...]:
    """The arguments of the generator that lead to a port; with an authority by TLS."""
    return "-address", f"127.0.0.1:{port}", *(("-ca", str(authority)) if authority else ())


def encrypt_body(key: str) -> Json:
    plaintext = base64.b64encode(b"\x5a" * 32).decode()
    return {"KeyId": key, "Plaintext": plaintext, "EncryptionContext": {"purpose": "benchmark"}}


class Load:
    """Builds the generator, and runs it against targets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.generator = folder / "load"
        self.programs: list[Program] = []
        run("env", "GOTOOLCHAIN=local", "GO111MODULE=off", "go", "build", "-o", str(self.generator), str(SOURCE))

    def end(self) -> None:
        for program in self.programs:
            program.kill()

    def start(self, name: str, command: list[str]) -> Program:
        program = Program(name, command, self.folder / f"{name}.log")
        self.programs.append(program)
        return program

    def local(self, coffer: Path) -> Target:
        port, data = free_port(), self.folder / "local"
        command = [str(coffer), "local", "--http", f"127.0.0.1:{port}", "--data", str(data), "--socket", "local.sock"]
        program = self.start("local", command)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        made = wait_call(program, connection, "CreateKey", {})
        return Target("coffer local, HTTP", loopback(port), made["KeyMetadata"]["KeyId"], (None,), (program,))

    def sidecar(self, binary: Path, of: Installation, server: Server, key: str, report: Report) -> Target:
        port = free_port()
        program = self.start("sidecar", [
            str(binary), "serve", "--socket", SOCKET, "--http", f"127.0.0.1:{port}",
            "--server", f"https://127.0.0.1:{server.port}", "--token-file", str(of.folder / "token"),
            "--ca-file", str(of.authority), "--authorization-token-file", str(self.folder / "authorization"),
        ])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        time.sleep(2)
        rows = [Row("RSS at rest, before any call", program.memory()[0], "MiB", limit=SIDECAR_LIMIT)]
        wait_call(program, connection, "Encrypt", encrypt_body(key))
        connection.close()
        time.sleep(1)
        rows.append(Row("RSS at rest, after one call", program.memory()[0], "MiB", limit=SIDECAR_LIMIT))
        report.add("Memory of the sidecar", rows)
        return Target("sidecar, HTTP", loopback(port), key, (None,), (program, server))

    def run(self, target: Target, requests: list[str], plan: Plan) -> Measured:
        # In the folder, so that the socket has a short path.
        process = subprocess.Popen(
            [str(self.generator), *target.reach, *plan.arguments()], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            start_new_session=True, preexec_fn=end_with_parent, cwd=self.folder,
        )
        try:
            assert process.stdin and process.stdout
            process.stdin.write(json.dumps(requests).encode())
            process.stdin.close()
            pids = {LOAD: process.pid, **{program.name: program.pid for program in target.programs}}
            expect(process.stdout.readline(), b"begin\n")
            before = {name: cpu_seconds(pid) for name, pid in pids.items()}
            expect(process.stdout.readline(), b"end\n")
            spent = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
            found = json.loads(process.stdout.read())
        finally:
            process.kill()
            process.wait()
        requests = max(1, found["requests"])
        cpu = {name: seconds / requests * 1e6 for name, seconds in spent.items()}
        rate = found["requests"] / found["seconds"]
        return Measured(rate, found["p50_ms"], found["p99_ms"], found["errors"], found["first_error"], cpu)


def expect(line: bytes, wanted: bytes) -> None:
    if line != wanted:
        raise Failure("the load generator ended early")


def wait_call(program: Program, connection: http.client.HTTPConnection, operation: str, body: Json) -> Json:
    def call() -> Json | None:
        program.check()
        try:
            return kms(connection, operation, body)
        except OSError:
            connection.close()
            return None

    return until(call, f"{program.name} to answer {operation}", 30)


def measure(load: Load, targets: list[Target], seconds: int, report: Report) -> None:
    """In turn, so that whatever else goes on in the machine falls on all of them. The first one is the peer."""
    rows, lines = [], []
    for connections in CONNECTIONS:
        peer: Measured | None = None
        for target in targets:
            name = f"{target.name}, {connections} connection{'s' if connections > 1 else ''}"
            tell(f"Encrypt at {name}, {seconds} s")
            requests = target.requests("Encrypt", encrypt_body(target.key))
            measured = load.run(target, requests, Plan(connections, seconds))
            other = peer.rate if peer else None
            rows.append(Row(name, measured.rate, "/s", measured.note(), peer=other, peer_name="coffer local"))
            lines.append(f"CPU time of a request, us: {name}: {measured.cost()}")
            peer = peer or measured
    report.add(f"Encrypt of 32 bytes, {seconds} s each", rows, lines)


def memory_after(program: Program, report: Report) -> None:
    now, most = program.memory()
    rows = [Row("RSS after the load", now, "MiB"), Row("  at most since its start", most, "MiB")]
    report.add("Memory of the sidecar, after", rows)
