"""The tools of the chart's tests. Where one is missing its tests are not run, and the summary says so; in CI they
fail.
"""

from pathlib import Path
from typing import TypeVar

import pytest

from tests.chart import tools
from tests.not_run import not_run

T = TypeVar("T")

HOW = "python -m tests.chart.tools"


def _needed(found: T | None, what: str) -> T:
    if not found:
        not_run(f"no {what} ({HOW})", f"it ({HOW})")
    assert found is not None
    return found


@pytest.fixture(scope="session")
def helm() -> Path:
    return _needed(tools.helm4(), "Helm 4")


@pytest.fixture(scope="session")
def helm3() -> Path:
    return _needed(tools.helm3(), "Helm 3")


@pytest.fixture(scope="session")
def tools_python() -> Path:
    return _needed(tools.python(), "checkov and kubernetes-validate")


@pytest.fixture(scope="session")
def crds() -> list[Path]:
    return _needed(tools.crds(), "schemas of the operators' resources")
