"""The process in its pod: starting without anything, servers that come and go, stopping."""

from __future__ import annotations

import re
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from clients import refusal, run
from conftest import Launch
from pod import Pod, binary
from support import until
from tls_server import Authority, TlsServer
from wire import JSON_TYPE

RESIDENT_MIB_MAX = 15


def test_it_starts_without_token_bundle_and_server(
    prepare: Launch, authority: Authority, server: TlsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.stop()
    pod = prepare().start()
    assert pod.probe("--startup").returncode == 0
    assert pod.probe("--ready-without-server").returncode == 0

    def why() -> str:
        probed = pod.probe()
        assert probed.returncode == 1
        return probed.stderr

    assert why().startswith("error: not ready: the sidecar has no token")
    pod.put("token", b"first-token")
    assert why().startswith("error: not ready: the sidecar has no certificate authority")
    pod.put("ca.crt", authority.pem)
    assert why().startswith("error: not ready: the key management server cannot be reached")
    client = pod.kms(monkeypatch)
    refused = refusal(client.generate_random, NumberOfBytes=8)
    assert (refused.code, refused.status) == ("DependencyTimeoutException", 503)
    assert server.url in refused.message
    server.start()
    assert pod.probe().returncode == 0
    assert client.generate_random(NumberOfBytes=8)["Plaintext"]


def test_a_probe_without_a_sidecar_fails(prepare: Launch) -> None:
    probed = prepare().probe("--startup")
    assert probed.returncode == 1
    assert probed.stderr.startswith("error: the sidecar does not answer on the socket ")


def test_a_new_token_is_used_from_the_next_call_on(
    pod: Pod, server: TlsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = pod.kms(monkeypatch)
    client.generate_random(NumberOfBytes=8)
    server.tokens = {"second-token"}
    assert refusal(client.generate_random, NumberOfBytes=8).code == "UnrecognizedClientException"
    pod.put("token", b"second-token")
    client.generate_random(NumberOfBytes=8)


def test_a_restart_of_the_server_under_load_costs_no_call(
    pod: Pod, server: TlsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = pod.kms(monkeypatch, attempts=5)
    key = client.create_key()["KeyMetadata"]["KeyId"]
    done = threading.Event()

    def work() -> int:
        calls = 0
        while not done.is_set():
            assert client.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
            calls += 1
        return calls

    with ThreadPoolExecutor(8) as workers:
        counts = [workers.submit(work) for _ in range(8)]
        try:
            for _ in range(3):
                seen = len(server.requests)
                until(lambda: len(server.requests) > seen + 50, "calls between two restarts")
                server.stop()
                server.start()
            seen = len(server.requests)
            until(lambda: len(server.requests) > seen + 50, "calls after the last restart")
        finally:
            done.set()
        assert sum(count.result() for count in counts) > 100


def test_the_log_speaks_of_an_outage_once(pod: Pod, server: TlsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    until(lambda: "the server is reached" in pod.said(), "the first look")
    client = pod.kms(monkeypatch)
    server.stop()
    for _ in range(20):
        assert refusal(client.generate_random, NumberOfBytes=8).status == 503
    assert pod.said().count("calls cannot be forwarded") <= 1


def test_the_socket_serves_every_user_and_goes_with_the_process(pod: Pod) -> None:
    assert oct(pod.socket.stat().st_mode & 0o777) == "0o666"
    headers = ["-H", f"Content-Type: {JSON_TYPE}", "-H", "X-Amz-Target: TrentService.GenerateRandom"]
    curl = ["curl", "--silent", "--show-error", "--max-time", "20"]
    done = run([*curl, "--unix-socket", str(pod.socket), *headers, "-d", '{"NumberOfBytes":8}', "http://localhost/"])
    assert '"Plaintext"' in done.stdout, done.stderr
    assert pod.stop() == 0
    assert not pod.socket.exists()
    pod.start()
    assert pod.process is not None
    pod.process.kill()
    pod.process.wait()
    assert pod.socket.exists()
    pod.start()
    assert pod.probe().returncode == 0


def test_it_is_small(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    client = pod.kms(monkeypatch)
    for _ in range(50):
        client.generate_random(NumberOfBytes=8)
    assert pod.process is not None
    with open(f"/proc/{pod.process.pid}/status", encoding="ascii") as status:
        resident = re.search(r"^VmRSS:\s+(\d+) kB$", status.read(), re.MULTILINE)
    assert resident
    assert int(resident[1]) <= RESIDENT_MIB_MAX * 1024, resident[0]


@pytest.mark.parametrize("address", ["0.0.0.0:4599", "[::]:4599", "10.0.0.1:4599"])
def test_only_loopback_is_listened_on(address: str) -> None:
    done = run([binary(), "--http", address])
    assert done.returncode == 2
    assert "must be a loopback address" in done.stderr


def test_the_help_is_complete() -> None:
    done = subprocess.run([binary(), "serve", "--help"], capture_output=True, text=True, check=True)
    options = {
        "--socket", "--http", "--allow-host", "--server", "--ca-file", "--token-file", "--authorization-token-file",
        "--require-signature",
    }
    assert options <= set(re.findall(r"--[a-z-]+", done.stdout))
    done = subprocess.run([binary(), "probe", "--help"], capture_output=True, text=True, check=True)
    assert {"--socket", "--startup", "--ready-without-server"} <= set(re.findall(r"--[a-z-]+", done.stdout))
