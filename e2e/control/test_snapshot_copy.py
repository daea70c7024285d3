"""The sample that hands a snapshot on, with the AWS CLI through the sidecar: it takes both rights, on keys of the caller's
own namespace."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from cluster import Said, run
from installation import REGION, Caller, Tenant
from support import ROOT, until

SAMPLE = ROOT / "config" / "samples" / "snapshot-copy.sh"
BOUND = {"purpose": "snapshot"}
COPIED = {**BOUND, "copied": "true"}
# The verb and the key that it is needed on.
RIGHTS = {"from": ("reencryptfrom", "disks"), "to": ("reencryptto", "archive")}


class Copy:
    """A namespace with two keys, and a snapshot whose data key is under the one."""

    def __init__(self, tenant: Tenant, folder: Path) -> None:
        self.tenant, self.folder = tenant, folder
        self.disks, self.archive = tenant.make_key("disks"), tenant.make_key("archive")
        self.owner = tenant.caller().kms()
        data_key = self.owner.generate_data_key(KeyId=self.disks, KeySpec="AES_256", EncryptionContext=BOUND)
        self.plaintext = data_key["Plaintext"]
        (folder / "snapshot.key").write_bytes(data_key["CiphertextBlob"])

    def who_may(self, *sides: str) -> Caller:
        """Somebody with these rights and no others."""
        caller = self.tenant.caller("-".join(("may", *sides)), "view")
        rules = [
            {"apiGroups": ["kms.coffer.dev"], "resources": ["kmskeys"], "verbs": [verb], "resourceNames": [key]}
            for verb, key in (RIGHTS[side] for side in sides)
        ]
        self.tenant.api.post(self.tenant.rbac("roles"), {"metadata": {"name": caller.name}, "rules": rules})
        caller.bind_role(caller.name, "Role")
        return caller

    def run(self, url: str, destination: str) -> Said:
        """As somebody does in a pod with the sidecar."""
        env = {
            "AWS_ENDPOINT_URL_KMS": url, "AWS_DEFAULT_REGION": REGION, "AWS_MAX_ATTEMPTS": "1",
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "any",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        return run([str(SAMPLE), self.disks, destination, str(self.folder)], env=env)

    def lacks(self, caller: Caller, destination: str, right: str) -> None:
        """It is refused for this right, once those that the caller has act."""
        url = caller.sidecar().url
        until(lambda: right in self.run(url, destination).refused("AccessDeniedException"), f"{right} to lack", 30)

    @property
    def copied(self) -> Path:
        return self.folder / "snapshot.copied.key"


@pytest.fixture
def copy(tenant: Tenant, tmp_path: Path) -> Copy:
    return Copy(tenant, tmp_path)


def test_who_has_both_rights_hands_a_snapshot_on_and_nobody_else(copy: Copy) -> None:
    url = copy.who_may("from", "to").sidecar().url
    until(lambda: copy.run(url, copy.archive).code == 0, "both rights to act", 30)
    blob = copy.copied.read_bytes()
    opened = copy.owner.decrypt(CiphertextBlob=blob, EncryptionContext=COPIED)
    assert (opened["Plaintext"], opened["KeyId"].split("/")[-1]) == (copy.plaintext, copy.archive)
    for side, lacking in (("from", "kms:ReEncryptTo"), ("to", "kms:ReEncryptFrom")):
        copy.lacks(copy.who_may(side), copy.archive, lacking)
    assert copy.copied.read_bytes() == blob


def test_a_role_in_another_namespace_reaches_none_of_its_keys(copy: Copy) -> None:
    other = copy.tenant.installation.tenant()
    other.make_key("archive")
    caller = copy.who_may("from")
    subject = {"kind": "ServiceAccount", "name": caller.name, "namespace": copy.tenant.namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "coffer-user"}
    binding = {"metadata": {"name": "foreign"}, "roleRef": role, "subjects": [subject]}
    other.api.post(other.rbac("rolebindings"), binding)
    may = ["auth", "can-i", "reencryptto", "kmskeys.kms.coffer.dev/archive", "--as", caller.username]
    until(lambda: other.kubectl(*may).code == 0, "RBAC to say yes")
    copy.lacks(caller, other.status("archive")["arn"], "kms:ReEncryptTo")
    assert not copy.copied.exists()
