"""Installation manifests on a real API server. There is one name and so one object: what is accepted is tried
in one test, and what is refused is never stored."""

from __future__ import annotations

from typing import Any

import pytest

from support import Case, Json, Kubectl, changed, ids, manifest

ID = "00112233445566778899aabbccddeeff"


def installation(**changes: Any) -> Json:
    return changed({"installationId": ID, "region": "us-east-1"}, **changes)


ACCEPTED = [
    Case("plain", installation()),
    Case("Region with three words", installation(region="us-gov-west-1")),
    Case("Region of one's own", installation(region="rack-south-12")),
]

REJECTED = [
    Case("empty", {}, "spec.installationId: Required value"),
    Case("no Region", installation(region=...), "spec.region: Required value"),
    Case("id too short", installation(installationId=ID[1:]), "spec.installationId in body should match"),
    Case("id too long", installation(installationId=ID + "0"), "may not be more than 32"),
    Case("id in upper case", installation(installationId=ID.upper()), "spec.installationId in body should match"),
    Case("id as uuid", installation(installationId="00112233-4455-6677-8899-aabbccddeeff"), "may not be more than 32"),
    Case("Region empty", installation(region=""), "spec.region in body should match"),
    Case("Region in upper case", installation(region="US-EAST-1"), "spec.region in body should match"),
    Case("Region too long", installation(region="a" * 30 + "-b-1"), "may not be more than 32"),
]


@pytest.mark.parametrize("case", ACCEPTED, ids=ids(ACCEPTED))
def test_accepted(kubectl: Kubectl, case: Case) -> None:
    written = manifest("Installation", case.spec, name="coffer")
    kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", manifest=written).ok()


@pytest.mark.parametrize("case", REJECTED, ids=ids(REJECTED))
def test_rejected(kubectl: Kubectl, case: Case) -> None:
    kubectl.create(manifest("Installation", case.spec, name="coffer")).refused(case.says)


@pytest.mark.parametrize("name", ["coffer-2", "default"])
def test_there_is_one_name(kubectl: Kubectl, name: str) -> None:
    says = "metadata.name must be `coffer`; a cluster has one Installation"
    kubectl.create(manifest("Installation", installation(), name=name)).refused(says)
