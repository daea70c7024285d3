"""Unmodified clients of AWS KMS find in Coffer what they look for."""

from __future__ import annotations

import re

import pytest

import report
from programs import Check, Outcome


def name_of(check: Check) -> str:
    return re.sub(r"[^\w.#]+", "-", f"{check.client}-{check.operation}-{check.name}")


@pytest.mark.parametrize("check", report.expected(), ids=name_of)
def test_check(check: Check, outcomes: list[Outcome]) -> None:
    """`later` is no way to pass: Coffer must have said by itself that this version does not implement it."""
    [found] = [outcome for outcome in outcomes if outcome.check == check] or [Outcome(check, "not told of", "")]
    assert found.result == report.expected()[check], found.detail or "run `pytest e2e/compat --write` and look at it"


def test_every_check_is_known(outcomes: list[Outcome]) -> None:
    assert sorted(outcome.check for outcome in outcomes) == sorted(report.expected())


def test_every_client_and_every_operation_is_checked() -> None:
    """There is no operation of the model that nobody asks for."""
    wanted = report.expected()
    assert {check.client for check in wanted} == set(report.CLIENTS)
    assert {check.operation for check in wanted} == set(report.operations())


def test_the_report_of_the_manual(outcomes: list[Outcome], pytestconfig: pytest.Config) -> None:
    """What stands in the manual is what the suite would write; with `--write`, it writes it."""
    results = {outcome.check: outcome.result for outcome in outcomes}
    if pytestconfig.getoption("--write"):
        failed = [outcome for outcome in outcomes if outcome.result == "fail"]
        assert not failed, "\n".join(str(outcome) for outcome in failed)
        report.CHECKS.write_text(report.checks_text(outcomes), "utf-8")
        report.PAGE.write_text(report.page_text(results), "utf-8")
    assert report.checks_text(outcomes) == report.CHECKS.read_text("utf-8")
    assert report.page_text(results) == report.PAGE.read_text("utf-8")
