"""Somebody else's cluster: it is looked at before it is used, and never taken down."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

from . import kube
from .output import Failure, tell
from .paths import Json

# Tests create and delete as administrators. What is rented from a cloud or calls itself production is not for that,
# and no option overrides it: whoever means it can make a throw-away cluster in a minute.
SUSPECT_NAMES = re.compile(r"(^|[^a-z])(prod|production|prd|live)([^a-z]|$)", re.IGNORECASE)
SUSPECT_HOSTS = (
    ".eks.amazonaws.com", ".azmk8s.io", ".gke.goog", ".k8s.ondigitalocean.com", ".linodelke.net", ".openshift.com",
)
MOST_NODES = 5


def check(kubeconfig: Path) -> None:
    """Tells which cluster it is, and refuses one that does not answer or does not look like a toy."""
    if not kubeconfig.is_file():
        raise Failure(f"there is no kubeconfig {kubeconfig}")
    config = kube.read(kubeconfig, "config", "view", "--minify")
    names = context_names(config)
    server = config["clusters"][0]["cluster"]["server"]
    refuse_suspect(names, server)
    if not kube.answers(kubeconfig):
        raise Failure(f"the cluster of {kubeconfig} at {server} does not answer at /readyz")
    version = json.loads(kube.output(kubeconfig, "get", "--raw", "/version"))["gitVersion"]
    nodes = [one["metadata"]["name"] for one in kube.read(kubeconfig, "get", "nodes")["items"]]
    if len(nodes) > MOST_NODES:
        raise Failure(f"{server} has {len(nodes)} nodes; a throw-away cluster has at most {MOST_NODES}")
    tell(f"using the cluster '{names[0]}' at {server}, Kubernetes {version}, nodes: {', '.join(nodes) or 'none'}")


def context_names(config: Json) -> list[str]:
    context = config["contexts"][0]
    return [context["name"], context["context"]["cluster"], context["context"].get("user", "")]


def refuse_suspect(names: list[str], server: str) -> None:
    host = urlsplit(server).hostname or server
    for name in [*names, host]:
        if SUSPECT_NAMES.search(name):
            raise Failure(f"'{name}' looks like production; tests only use a throw-away cluster, such as kind")
    if host.endswith(SUSPECT_HOSTS):
        raise Failure(f"{host} is a rented cluster; tests only use a throw-away cluster, such as kind")
