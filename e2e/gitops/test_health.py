"""The tables of states in the manual are what Argo CD, kstatus and Flux make of the same resources by their own code."""

from __future__ import annotations

import re

import pytest

from support import ARGO, CUSTOMIZATIONS, GROUP, MANUAL, ROOT, Json, code, document, table

HEADINGS = {
    "KmsKey": "state of a KmsKey",
    "_": "state of a KeyAlias, KeyPolicy or Grant",
}
COLUMNS = ("conditions", "kstatus", "Argo CD", "seen in")
NO_STATUS = {"progressing_noStatus", "progressing_aliasNoStatus"}


def rows(folder: str) -> list[dict[str, str]]:
    return table(MANUAL, HEADINGS[folder], *COLUMNS)


CASES = [
    pytest.param(folder, name, row, id=name)
    for folder in HEADINGS for row in rows(folder) for name in code(row["seen in"])
]


def path_of(folder: str, name: str) -> str:
    return f"{GROUP}/{folder}/testdata/{name}.yaml"


def resource(folder: str, name: str) -> Json:
    return document(CUSTOMIZATIONS / path_of(folder, name))


@pytest.mark.parametrize(("folder", "name", "row"), CASES)
def test_the_table_says_what_the_tools_say(verdicts: Json, folder: str, name: str, row: dict[str, str]) -> None:
    verdict = verdicts[path_of(folder, name)]
    assert [verdict["kstatus"]["status"]] == code(row["kstatus"])
    assert [verdict["argo"]["status"]] == code(row["Argo CD"])


@pytest.mark.parametrize(("folder", "name", "row"), CASES)
def test_the_resource_is_in_the_state_that_the_row_names(folder: str, name: str, row: dict[str, str]) -> None:
    found = resource(folder, name)
    status = found.get("status", {})
    if row["conditions"] == "none":
        assert not status
        return
    shown = {f"{one['type']}={one['status']}" for one in status["conditions"]}
    stale = status["observedGeneration"] < found["metadata"]["generation"]
    assert stale == (row["conditions"] == "of the earlier generation")
    if not stale:
        assert shown - {"Accepted=True", "Accepted=False"} == set(code(row["conditions"]))


@pytest.mark.parametrize(("folder", "name", "row"), CASES)
def test_flux_agrees_with_kstatus_where_there_is_a_status(
    verdicts: Json, folder: str, name: str, row: dict[str, str]
) -> None:
    """And waits where there is none."""
    verdict = verdicts[path_of(folder, name)]
    if name in NO_STATUS:
        assert verdict["flux"]["status"] == "Unknown" and "status" in verdict["flux"]["message"]
    else:
        assert verdict["flux"]["status"] == verdict["kstatus"]["status"]


@pytest.mark.parametrize("folder", HEADINGS)
def test_no_resource_is_left_out(folder: str) -> None:
    """Each is in one row, and in the list that Argo CD's own tests read."""
    here = sorted(path.stem for path in (CUSTOMIZATIONS / GROUP / folder / "testdata").iterdir())
    assert sorted(name for row in rows(folder) for name in code(row["seen in"])) == here
    listed = document(CUSTOMIZATIONS / GROUP / folder / "health_test.yaml")["tests"]
    assert sorted(test["inputPath"] for test in listed) == [f"testdata/{name}.yaml" for name in here]


@pytest.mark.parametrize("folder", HEADINGS)
def test_the_script_says_what_its_tests_want(verdicts: Json, folder: str) -> None:
    """As Argo CD's own tests compare it, message and all."""
    for test in document(CUSTOMIZATIONS / GROUP / folder / "health_test.yaml")["tests"]:
        found = verdicts[f"{GROUP}/{folder}/{test['inputPath']}"]["script"]
        assert found == test["healthStatus"], test["inputPath"]


def test_every_key_state_has_a_row() -> None:
    source = (ROOT / "src" / "types" / "state.rs").read_text("utf-8")
    states = re.findall(r'^ {8}\w+ = "(\w+)",$', source, re.MULTILINE)
    assert len(states) == 8
    seen = {resource(folder, name).get("status", {}).get("keyState") for folder, name, _ in values("KmsKey")}
    assert set(states) <= seen


def values(folder: str) -> list[tuple]:
    return [case.values for case in CASES if case.values[0] == folder]


def test_the_configuration_of_argo_holds_the_scripts() -> None:
    data = document(ARGO / "argocd-cm.yaml")["data"]
    scripts = {kind: CUSTOMIZATIONS / GROUP / folder / "health.lua"
               for kind, folder in [("KmsKey", "KmsKey"), ("KeyAlias", "_"), ("KeyPolicy", "_"), ("Grant", "_")]}
    wanted = {f"resource.customizations.health.{GROUP}_{kind}": path.read_text("utf-8")
              for kind, path in scripts.items()}
    assert data == wanted
