"""Certificates by openssl: one authority for a cluster, thrown away with it."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .output import Failure
from .paths import Folder

VALID_DAYS = "30"


def openssl(*arguments: str) -> None:
    result = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        raise Failure(f"openssl {arguments[0]} failed:\n{result.stderr}")


def certificate(folder: Folder, name: str, subject: str, extensions: Sequence[str], authority: bool = False) -> None:
    """Makes NAME.key and NAME.crt. The file of settings is ours, so that the machine's own one adds nothing."""
    pki = folder.pki
    settings = pki / f"{name}.cnf"
    settings.write_text("\n".join(["[req]", "distinguished_name=subject", "[subject]", "[extensions]", *extensions]))
    signer = [] if authority else ["-CA", str(pki / "ca.crt"), "-CAkey", str(pki / "ca.key")]
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256", "-days",
        VALID_DAYS, "-subj", subject, "-config", str(settings), "-extensions", "extensions", *signer,
        "-keyout", str(pki / f"{name}.key"), "-out", str(pki / f"{name}.crt"),
    )


def client(folder: Folder, name: str, user: str, group: str = "") -> None:
    subject = f"/O={group}/CN={user}" if group else f"/CN={user}"
    certificate(folder, name, subject, ["keyUsage=digitalSignature", "extendedKeyUsage=clientAuth"])


def server(folder: Folder, name: str, names: Sequence[str], addresses: Sequence[str]) -> None:
    alternatives = ",".join([f"DNS:{one}" for one in names] + [f"IP:{one}" for one in addresses])
    extensions = ["keyUsage=digitalSignature", "extendedKeyUsage=serverAuth", f"subjectAltName={alternatives}"]
    certificate(folder, name, f"/CN={names[0]}", extensions)


def authority(folder: Folder) -> None:
    extensions = [
        "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign", "subjectKeyIdentifier=hash",
    ]
    certificate(folder, "ca", "/CN=coffer-cluster", extensions, authority=True)


def token_keys(folder: Folder) -> None:
    """The pair that signs and checks the tokens of service accounts; RSA as most clusters have it."""
    key = str(folder.pki / "tokens.key")
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
    openssl("pkey", "-in", key, "-pubout", "-out", str(folder.pki / "tokens.pub"))


def write_kubeconfig(folder: Folder, path: Path, server_url: str, identity: str) -> None:
    """JSON is YAML too. Keys are inside, so that the file can be copied elsewhere and works."""

    def encoded(file: str) -> str:
        return base64.b64encode((folder.pki / file).read_bytes()).decode()

    name = f"coffer-cluster-{folder.name}"
    user = {"client-certificate-data": encoded(f"{identity}.crt"), "client-key-data": encoded(f"{identity}.key")}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": name, "cluster": {"server": server_url, "certificate-authority-data": encoded("ca.crt")}}
        ],
        "users": [{"name": identity, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": identity}}],
        "current-context": name,
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(config, indent=2) + "\n")
