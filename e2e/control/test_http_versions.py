"""With TLS a client and the server agree on HTTP/2 or HTTP/1.1."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from installation import Installation


@pytest.mark.parametrize(("option", "version"), [("--http2", "2"), ("--http1.1", "1.1")])
def test_a_version_is_agreed_on(healthy: Installation, tmp_path: Path, option: str, version: str) -> None:
    (tmp_path / "ca.crt").write_text(healthy.authority())
    server = healthy.leader()
    headers = ["-H", "Content-Type: application/x-amz-json-1.1", "-H", "X-Amz-Target: TrentService.ListKeys"]
    authority = ["--cacert", str(tmp_path / "ca.crt")]
    command = ["curl", "--silent", "--show-error", "--max-time", "20", option, *authority, *headers, "-d", "{}"]
    command += ["-o", "/dev/null", "-w", "%{http_version} %{http_code}", f"{server.url}/"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{version} 400", "a call without credentials"
