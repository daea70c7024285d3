"""Requests that are signed with botocore's own signer and may be changed afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support import Coffer
from wire import Answer, operation_body, operation_headers


class User(NamedTuple):
    access_key: str
    secret: str
    account: str
    name: str

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:user/{self.name}"

    def entry(self) -> dict[str, str]:
        return {
            "accessKeyId": self.access_key, "secretAccessKey": self.secret,
            "account": self.account, "user": self.name,
        }


ALICE = User("AKIAALICEALICEALICE1", "alice/secret+0123456789abcdefghijklmnopq", "111122223333", "alice")
CAROL = User("AKIACAROLCAROLCAROL1", "carol/secret+0123456789abcdefghijklmnopq", "111122223333", "carol")
MALLORY = User("AKIAMALLORYMALLORY11", "mallory/secret+0123456789abcdefghijklmno", "444455556666", "mallory")


def credentials_file(path: Path, *users: User) -> Path:
    path.write_text(json.dumps({"credentials": [user.entry() for user in users]}, indent=2))
    path.chmod(0o600)
    return path


def signed(
    server: Coffer, user: User, operation: str, body: bytes, region: str = "us-east-1", service: str = "kms"
) -> dict[str, str]:
    """The headers of a request as botocore signs it."""
    request = AWSRequest("POST", f"{server.url}/", operation_headers(operation), body)
    SigV4Auth(Credentials(user.access_key, user.secret), service, region).add_auth(request)
    return dict(request.headers)


def send_signed(server: Coffer, user: User, operation: str, members: Mapping[str, Any], **scope: str) -> Answer:
    body = operation_body(members)
    with server.connect() as connection:
        return connection.send(body, signed(server, user, operation, body, **scope))
