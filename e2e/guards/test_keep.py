"""Deleting what holds every key is refused, and every guard is made the same way."""

from __future__ import annotations

import pytest
import yaml

from guarded import GROUP, GUARD, KEYS, ROOT, SYSTEM, Guarded, Namespace

PLURALS = sorted(path.stem for path in (ROOT / "crds").glob("*.yaml") if path.stem != "kustomization")
KEPT = [("namespace", KEYS), ("namespace", SYSTEM), *(("crd", f"{name}.{GROUP}") for name in PLURALS)]


@pytest.mark.parametrize(("kind", "name"), KEPT, ids=[name for _, name in KEPT])
def test_deleting_what_holds_every_key_is_refused(cluster: Guarded, kind: str, name: str) -> None:
    said = cluster.kubectl("delete", kind, name, "--dry-run=server")
    said.refused("coffer-keep", "would make every key of this cluster useless", "delete-all-keys=yes")


def test_deleting_the_installation_is_refused_until_it_is_meant(cluster: Guarded) -> None:
    manifest = (ROOT / "config" / "samples" / "installation.yaml").read_text("utf-8")
    cluster.kubectl("apply", "--server-side", manifest=manifest).ok()
    for words in (["coffer"], ["--all"]):
        said = cluster.kubectl("delete", "installation.kms.coffer.dev", *words, "--dry-run=server")
        said.refused("coffer-keep", "would take what was approved with it", "delete-all-keys=yes")
    cluster.kubectl("annotate", "installation.kms.coffer.dev", "coffer", f"{GROUP}/delete-all-keys=yes").ok()
    cluster.kubectl("delete", "installation.kms.coffer.dev", "coffer").ok()


def test_other_namespaces_are_nobodys_concern(cluster: Guarded, shop: Namespace) -> None:
    cluster.kubectl("delete", "namespace", shop.name).ok()
    cluster.until_gone("namespace", shop.name)


def test_every_guard_is_labelled_cheap_and_bound() -> None:
    objects = list(yaml.safe_load_all(GUARD.read_text("utf-8")))
    policies = {one["metadata"]["name"]: one for one in objects if one["kind"] == "ValidatingAdmissionPolicy"}
    bindings = {one["spec"]["policyName"]: one for one in objects if one["kind"] == "ValidatingAdmissionPolicyBinding"}
    assert len(policies) == 4 and policies.keys() == bindings.keys() and len(objects) == 8
    for one in objects:
        labels = one["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "coffer" and labels[f"{GROUP}/guard"] == "true"
    for name, policy in policies.items():
        assert policy["spec"]["matchConditions"] and bindings[name]["spec"]["validationActions"] == ["Deny"]


def test_the_api_server_has_nothing_to_say_against_the_expressions(cluster: Guarded) -> None:
    """It checks the types of expressions after a policy is made, and only tells."""
    for policy in cluster.read("validatingadmissionpolicies", "-l", f"{GROUP}/guard=true")["items"]:
        checking = policy.get("status", {}).get("typeChecking", {})
        assert not checking.get("expressionWarnings"), policy["metadata"]["name"]
