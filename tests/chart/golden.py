"""The chart's objects as they were when somebody last looked at the difference: `make generated` writes them anew.

Rules and dashboards are copies of files that have tests of their own, and are left out.
"""

from collections.abc import Callable
from pathlib import Path

import yaml

from tests.chart.rendering import Object, objects
from tests.chart.tools import helm4

FOLDER = Path(__file__).parent / "golden"
NAMES = ("everything", "minimal")


def golden(helm: Path, name: str) -> str:
    found = [one for one in objects(helm, name) if not _is_copy(one)]
    return yaml.safe_dump_all(found, sort_keys=False, width=110, allow_unicode=True)


def _is_copy(one: Object) -> bool:
    return one["kind"] == "PrometheusRule" or "grafana_dashboard" in one["metadata"]["labels"]


def records() -> dict[Path, Callable[[], str]]:
    """As they are on a machine without Helm."""

    def made(name: str) -> Callable[[], str]:
        helm, path = helm4(), FOLDER / f"{name}.yaml"
        return lambda: path.read_text(encoding="utf-8") if helm is None else golden(helm, name)

    return {FOLDER / f"{name}.yaml": made(name) for name in NAMES}
