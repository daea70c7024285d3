"""Files that the tests look at."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
ARGO = ROOT / "config" / "argocd"
FLUX = ROOT / "config" / "flux"
CUSTOMIZATIONS = ARGO / "resource_customizations"
MANUAL = ROOT / "src" / "manual" / "gitops.md"
GROUP = "kms.coffer.dev"


def documents(path: Path) -> list[Json]:
    return [document for document in yaml.safe_load_all(path.read_text("utf-8")) if document]


def document(path: Path) -> Json:
    [only] = documents(path)
    return only


def table(page: Path, *heading: str) -> list[dict[str, str]]:
    """The rows of the one table of a page of the manual with this heading."""
    lines = page.read_text("utf-8").splitlines()
    [begin] = [number for number, line in enumerate(lines) if cells(line) == list(heading)]
    rows = []
    for line in lines[begin + 2:]:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(heading, cells(line), strict=True)))
    return rows


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []


def code(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)
