"""The samples for GitOps tools say what the manual says of them. Their schemas are not here to ask."""

from __future__ import annotations

import pytest

from support import ARGO, FLUX, GROUP, ROOT, Json, document, documents


def fields(of: Json, *path: str) -> object:
    found: object = of
    for name in path:
        assert isinstance(found, dict) and name in found, f"{'.'.join(path)} is missing"
        found = found[name]
    return found


@pytest.mark.parametrize("path", sorted([*ARGO.rglob("*.yaml"), *FLUX.rglob("*.yaml")]), ids=lambda path: path.name)
def test_every_file_is_yaml(path) -> None:
    assert documents(path)


def test_the_kustomization_waits_prunes_and_never_forces() -> None:
    sample = document(FLUX / "keys.yaml")
    assert (sample["apiVersion"], sample["kind"]) == ("kustomize.toolkit.fluxcd.io/v1", "Kustomization")
    spec = sample["spec"]
    assert (spec["wait"], spec["prune"], spec["force"], spec["deletionPolicy"]) == (True, True, False, "Orphan")
    assert fields(spec, "sourceRef", "kind") == "GitRepository" and spec["interval"] and spec["timeout"]


def test_the_kustomization_checks_every_kind_that_stands_in_git() -> None:
    checked = {check["kind"] for check in document(FLUX / "keys.yaml")["spec"]["healthCheckExprs"]}
    kinds = {document(path)["spec"]["names"]["kind"] for path in (ROOT / "crds").glob("*.yaml")
             if path.stem != "kustomization"}
    assert checked == kinds - {"Installation"}


def test_the_application_applies_on_the_server_and_never_replaces() -> None:
    sample = document(ARGO / "application.yaml")
    assert (sample["apiVersion"], sample["kind"]) == ("argoproj.io/v1alpha1", "Application")
    options = fields(sample, "spec", "syncPolicy", "syncOptions")
    assert options == ["ServerSideApply=true"]


def test_keys_say_who_must_be_asked() -> None:
    argo, flux = document(ARGO / "kms-key.yaml"), document(FLUX / "kms-key.yaml")
    for key in (argo, flux):
        assert (key["apiVersion"], key["kind"]) == (f"{GROUP}/v1alpha1", "KmsKey")
    options = fields(argo, "metadata", "annotations", "argocd.argoproj.io/sync-options")
    assert options == "Prune=confirm,Delete=confirm"
    assert fields(flux, "metadata", "labels", "kustomize.toolkit.fluxcd.io/prune") == "disabled"
    assert fields(flux, "spec", "deletion", "protection") is True
