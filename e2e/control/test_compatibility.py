"""The compatibility suite in a pod: clients that find all in the variables of their container, and hold no secret."""

from __future__ import annotations

import os
from pathlib import Path

import programs
import report
from installation import REGION, Installation, Sidecar


def container(sidecar: Sidecar) -> dict[str, str]:
    """The environment of a container as the manual has it. What is set for all tests says nothing of credentials."""
    assert "AWS_ACCESS_KEY_ID" not in os.environ
    return {
        **os.environ,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{sidecar.url}/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(sidecar.home / "authorization"),
        "AWS_ENDPOINT_URL_KMS": sidecar.url, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_PAGER": "",
    }


def test_every_client_finds_in_a_pod_what_it_finds_on_one_machine(own: Installation, tmp_path: Path) -> None:
    own.serve()
    caller = own.tenant().caller("app", "coffer-user", "coffer-signer", "coffer-key-admin")
    outcomes = programs.run_all(container(caller.sidecar()), tmp_path)
    wanted = report.expected()
    others = [f"{each.check}: {each.detail}" for each in outcomes if each.result != wanted.get(each.check)]
    assert not others, "\n".join(others)
    assert {each.check for each in outcomes} == set(wanted)
