"""The resources by which the health scripts are tested are such as the API server would store."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from support import ROOT, Json, Kubectl

CUSTOMIZATIONS = ROOT / "config" / "argocd" / "resource_customizations" / "kms.coffer.dev"


def resource(path: Path) -> Json:
    """In the namespace that the test has; what only the API server gives is left to it."""
    read = yaml.safe_load(path.read_text("utf-8"))
    return {**read, "metadata": {"name": read["metadata"]["name"]}}


@pytest.mark.parametrize("path", sorted(CUSTOMIZATIONS.glob("*/testdata/*.yaml")), ids=lambda path: path.stem)
def test_a_resource_has_no_field_that_the_schema_does_not_know(fresh: Kubectl, path: Path) -> None:
    """Neither in its spec nor in its status, which is written as Coffer writes it."""
    written = resource(path)
    status = written.pop("status", None)
    fresh("create", "--validate=strict", manifest=written).ok()
    if status is not None:
        words = ["apply", "--server-side", "--validate=strict", "--field-manager=coffer", "--subresource=status"]
        fresh(*words, manifest={**written, "status": status}).ok()
        assert fresh.json(written["kind"], written["metadata"]["name"])["status"] == status


@pytest.mark.parametrize("path", sorted(ROOT.glob("config/[af]*/kms-key.yaml")), ids=lambda path: path.parent.name)
def test_a_sample_for_a_tool_is_accepted(fresh: Kubectl, path: Path) -> None:
    fresh("create", "--validate=strict", "-f", str(path)).ok()
