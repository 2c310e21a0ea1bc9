"""What of the chart is made: copies of rules and dashboards, since a chart reads no file outside itself; the
schema of its values; the tables of its README.
"""

from collections.abc import Callable
from pathlib import Path

from tests.chart import values_schema
from tests.chart.values_table import CHART, readme

DEPLOY = CHART.parents[1] / "deploy"
COPIED = ((DEPLOY / "alerts", "*.yaml", "alerts"), (DEPLOY / "grafana", "*.json", "dashboards"))


def documents() -> dict[Path, Callable[[], str]]:
    return {CHART / "values.schema.json": values_schema.text, CHART / "README.md": readme}


def copies() -> dict[Path, Path]:
    """What each file below `files` is a copy of."""
    return {
        CHART / "files" / name / path.name: path
        for folder, pattern, name in COPIED
        for path in sorted(folder.glob(pattern))
    }


def strays() -> list[Path]:
    """Files below `files` whose original is gone."""
    kept = copies()
    return [path for path in sorted((CHART / "files").rglob("*")) if path.is_file() and path not in kept]


def copy() -> None:
    """After all else is made, since some of the originals are."""
    for path in strays():
        path.unlink()
    for path, original in copies().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(original.read_bytes())
