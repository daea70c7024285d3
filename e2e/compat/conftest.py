"""Fixtures of the compatibility suite: unmodified clients of AWS KMS against one endpoint.

    pytest e2e/compat            what each client found, one test for each of its checks
    pytest e2e/compat --write    writes the checks and the report of the manual instead

The endpoint is a `coffer local` of COFFER_BIN, or where COFFER_COMPAT_ENDPOINT names another one, that one with the
credentials of the usual variables of AWS.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]
sys.path += [str(HERE.parent), str(HERE.parent / "local"), str(HERE.parent / "formats")]

import programs
from programs import Outcome
from support import REGION, Coffer

ENDPOINT = "COFFER_COMPAT_ENDPOINT"
SETTINGS = {
    "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_PAGER": "", "NO_PROXY": "*",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write", action="store_true", help="write the checks and the report of the manual")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What was written before is no judge of what is written now."""
    if config.getoption("--write"):
        others = [item for item in items if item.name != "test_the_report_of_the_manual"]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables that tell a client where KMS is and who it is; a client is told in no other way."""
    given = os.environ.get(ENDPOINT)
    if given:
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or REGION
        yield {**os.environ, **SETTINGS, **located(given, region)}
        return
    server = Coffer(tmp_path_factory.mktemp("compat") / "coffer").start()
    try:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
        yield {**clean, **SETTINGS, **keys, **located(server.url, REGION)}
    finally:
        server.end()


def located(endpoint: str, region: str) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL_KMS": endpoint, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}


@pytest.fixture(scope="session")
def outcomes(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    """What every check of every client ended with. All programs run at once."""
    return programs.run_all(environment, tmp_path_factory.mktemp("programs"))
