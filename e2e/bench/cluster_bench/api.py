"""Talking to HTTP servers over connections that are kept open."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .output import Failure

Json = dict[str, Any]
GROUP = "/apis/kms.coffer.dev/v1alpha1"
APPLY = "application/apply-patch+yaml"
PAGE_ITEMS = 500
# The API server closes connections that nobody used for three minutes.
IDLE_SECONDS = 60


@dataclass(frozen=True)
class Access:
    """Where the API server is, and the administrator's way in."""

    host: str
    port: int
    tls: ssl.SSLContext
    authority: Path

    @staticmethod
    def of(kubeconfig: Path, folder: Path) -> Access:
        """The rig writes its kubeconfigs as JSON, with certificates and keys inside."""
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        parts = {
            "admin.crt": user["client-certificate-data"], "admin.key": user["client-key-data"],
            "cluster-ca.crt": cluster["certificate-authority-data"],
        }
        for name, data in parts.items():
            path = folder / name
            path.touch(mode=0o600)
            path.write_bytes(base64.b64decode(data))
        tls = ssl.create_default_context(cafile=str(folder / "cluster-ca.crt"))
        tls.load_cert_chain(folder / "admin.crt", folder / "admin.key")
        url = urlsplit(cluster["server"])
        return Access(str(url.hostname), int(url.port or 443), tls, folder / "cluster-ca.crt")

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}"

    def connect(self, seconds: float | None = 60.0) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self.host, self.port, context=self.tls, timeout=seconds)


class Client:
    """One connection to the API server. Each thread has one of its own."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.connection = access.connect()
        self.used = time.monotonic()

    def send(self, method: str, path: str, body: Json | None, kind: str) -> tuple[int, bytes]:
        if time.monotonic() - self.used > IDLE_SECONDS:
            self.connection.close()
        given = None if body is None else json.dumps(body).encode()
        self.connection.request(method, path, given, {"Content-Type": kind})
        response = self.connection.getresponse()
        answer = response.read()
        self.used = time.monotonic()
        return response.status, answer

    def raw(self, method: str, path: str, body: Json | None = None, kind: str = "application/json") -> bytes:
        status, answer = self.send(method, path, body, kind)
        if status >= 300:
            raise Failure(f"{method} {path}: {status} {answer[:500].decode(errors='replace')}")
        return answer

    def call(self, method: str, path: str, body: Json | None = None, kind: str = "application/json") -> Json:
        return json.loads(self.raw(method, path, body, kind))

    def apply(self, path: str, body: Json) -> Json:
        """Server-side apply, as `kubectl apply --server-side` does it."""
        return self.call("PATCH", f"{path}?fieldManager=benchmark&force=true", body, APPLY)

    def found(self, path: str) -> Json | None:
        status, answer = self.send("GET", path, None, "application/json")
        return json.loads(answer) if status == 200 else None

    def list_all(self, path: str) -> int:
        """Reads a whole list in pages, as Coffer does, and only counts its bytes."""
        size, token = 0, ""
        while True:
            page = self.raw("GET", f"{path}?limit={PAGE_ITEMS}{'&continue=' + token if token else ''}")
            size += len(page)
            # Before the items, or, for kinds of our own, after them.
            edges = (page[:1000] + page[-1000:]).decode(errors="replace")
            token = edges.partition('"continue":"')[2].partition('"')[0]
            if not token:
                return size


def kms(
    connection: http.client.HTTPConnection, operation: str, body: Json, token: str | None = None,
) -> Json:
    """One call of the AWS KMS API."""
    connection.request("POST", "/", json.dumps(body).encode(), headers(operation, token))
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        raise Failure(f"{operation}: {response.status} {answer[:500].decode(errors='replace')}")
    return json.loads(answer)


def headers(operation: str, token: str | None) -> dict[str, str]:
    """What an AWS SDK sends. To the server itself there is a token in place of the signature."""
    signature = (
        "AWS4-HMAC-SHA256 Credential=local/20261122/us-east-1/kms/aws4_request, "
        f"SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={'0123456789abcdef' * 4}"
    )
    return {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"TrentService.{operation}",
        "User-Agent": "aws-sdk-benchmark/1.0 os/linux",
        "X-Amz-Date": "20261122T120000Z",
        "amz-sdk-request": "attempt=1; max=3",
        "Authorization": f"Bearer {token}" if token else signature,
    }
