"""The place of the cluster's server: ends TLS, checks the bearer token, and hands on to `coffer local`."""

from __future__ import annotations

import datetime
import http.client
import socket
import ssl
import tempfile
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

REFUSED = b'{"__type":"UnrecognizedClientException","message":"The security token included in the request is invalid."}'
ANSWERED = ("content-type", "x-amzn-requestid", "x-coffer-revision")


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the authority of a test")])
        ca = x509.BasicConstraints(ca=True, path_length=0)
        builder = self._begin(self.name, self.key).add_extension(ca, critical=True)
        self.certificate = builder.sign(self.key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def context(self, host: str) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        leaf = self._begin(x509.Name([]), key).add_extension(names, critical=True).sign(self.key, hashes.SHA256())
        pem = leaf.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            Path(file.name).write_bytes(pem)
            context.load_cert_chain(file.name)
        return context

    def _begin(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        return builder.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(
            now + datetime.timedelta(days=1)
        )


class TlsServer:
    """Listens on one port from start to stop, and again after that."""

    def __init__(self, authority: Authority, engine_port: int, tokens: set[str], host: str = "localhost") -> None:
        self.engine_port = engine_port
        self.tokens = tokens
        self.host = host
        self.context = authority.context(host)
        self.requests: list[dict[str, str]] = []
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}"

    def start(self) -> None:
        self.http = _Listener(("127.0.0.1", self.port), _Handler, self)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """As a killed process ends: open connections break."""
        self.http.shutdown()
        self.http.server_close()
        for connection in self.http.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], owner: TlsServer) -> None:
        super().__init__(address, handler)
        self.owner = owner
        self.connections: list[socket.socket] = []

    def get_request(self) -> tuple[socket.socket, object]:
        stream, peer = self.socket.accept()
        # The handshake happens with the first byte that the handler reads, in a thread of its own.
        stream = self.owner.context.wrap_socket(stream, server_side=True, do_handshake_on_connect=False)
        self.connections.append(stream)
        return stream, peer

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that do not believe the certificate are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Listener

    def do_POST(self) -> None:
        owner = self.server.owner
        headers = {name.lower(): value for name, value in self.headers.items()}
        owner.requests.append(headers)
        body = self.rfile.read(int(headers["content-length"]))
        scheme, _, token = headers.pop("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in owner.tokens:
            return self.answer(400, {"content-type": "application/x-amz-json-1.1"}, REFUSED)
        engine = http.client.HTTPConnection("127.0.0.1", owner.engine_port, timeout=30)
        engine.request("POST", "/", body, {**headers, "host": "localhost"})
        response = engine.getresponse()
        answered = {name.lower(): value for name, value in response.getheaders()}
        self.answer(response.status, {name: answered[name] for name in ANSWERED if name in answered}, response.read())
        engine.close()

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""
