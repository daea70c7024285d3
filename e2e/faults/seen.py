"""What the fault layer sees: requests to a Kubernetes API server, named by verb and kind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qs, urlsplit

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
WRITES = frozenset(VERBS.values())

# What a server asks and tells at rest, whatever keys there are.
BACKGROUND = frozenset({
    "get leases", "create leases", "update leases", "get replica", "update replica", "create replica",
    "get installations", "patch installations/status", "patch configmaps", "get readyz", "get .well-known",
    "get openid", "get ca", "get root", "list namespaces",
    # What the leader tells of the installation, every thirty seconds.
    "list replica", "list validatingadmissionpolicybindings",
})
SEALED_TYPE = "type=kms.coffer.dev/"


@dataclass(frozen=True)
class Request:
    """One request. Sealed objects are Secrets; their kind is the first part of their name, or what a list selects."""

    number: int
    at: float
    method: str
    target: str
    body: bytes = b""

    def __str__(self) -> str:
        return f"{self.label} ({self.name})" if self.name else self.label

    @cached_property
    def label(self) -> str:
        """Such as `create material`, `watch secrets` or `patch kmskeys/status`."""
        return f"{self.verb} {self.kind}"

    @property
    def is_watch(self) -> bool:
        return self.query.get("watch") in (["true"], ["1"])

    @property
    def is_write(self) -> bool:
        return self.verb in WRITES

    @property
    def is_background(self) -> bool:
        return self.label in BACKGROUND or self.is_watch

    @cached_property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    @cached_property
    def parts(self) -> list[str]:
        """Plural, name and subresource, or the path of what is no resource."""
        path = urlsplit(self.target).path.strip("/").split("/")
        prefix = {"api": 2, "apis": 3}.get(path[0])
        if prefix is None:
            return path[:1]
        rest = path[prefix:]
        return rest[2:] if rest[0] == "namespaces" and len(rest) > 2 else rest

    @cached_property
    def name(self) -> str:
        if len(self.parts) > 1:
            return self.parts[1]
        if self.method != "POST":
            return ""
        try:
            return json.loads(self.body)["metadata"].get("name", "")
        except (ValueError, KeyError):
            return ""

    @cached_property
    def kind(self) -> str:
        plural, subresource = self.parts[0], "/".join(self.parts[2:])
        if plural == "secrets" and self.name:
            return self.name.split("-")[0]
        [selector] = self.query.get("fieldSelector", [""])
        if plural == "secrets" and selector.startswith(SEALED_TYPE):
            return selector.removeprefix(SEALED_TYPE)
        return f"{plural}/{subresource}" if subresource else plural

    @cached_property
    def verb(self) -> str:
        if self.method != "GET":
            return VERBS.get(self.method, self.method.lower())
        if self.is_watch:
            return "watch"
        is_resource = self.target.startswith(("/api/", "/apis/"))
        return "list" if is_resource and not self.name else "get"
