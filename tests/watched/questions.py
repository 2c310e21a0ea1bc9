"""What the dashboards and rules that are shipped ask Prometheus, read from their files."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.grafana.board import Board, Query
from deploy.grafana.dashboards import BOARDS
from gateway.observability.metrics import declared

ROOT = Path(__file__).resolve().parents[2]
ALERTS = ROOT / "deploy" / "alerts"
GRAFANA = ROOT / "deploy" / "grafana"

_SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
SERIES = {one.name + suffix: one for one in declared() for suffix in _SUFFIXES[one.kind]}
"""Names as queries say them."""

_NAME = re.compile(r"(?<![\w:\"])(?:gateway_|slo:|sloth_slo_info|gateway:)[a-zA-Z0-9_:]*")
_SELECTOR = re.compile(r"(?<![\w:\"])(?:gateway_|slo:|gateway:)[a-zA-Z0-9_:]*(?:\{[^}]*\})?")


@dataclass(frozen=True)
class Question:
    """`declared` is what the source says of the query; `seconds` is what a range in it becomes."""

    board: str
    panel: str
    expr: str
    declared: Query

    def __str__(self) -> str:
        return f"{self.board}: {self.panel}: {self.declared.legend or self.expr[:40]}"

    def asked(self, rate_seconds: int = 10) -> str:
        """As Grafana sends it."""
        return self.expr.replace("$__rate_interval", f"{rate_seconds}s")


def panels_of(board: Board) -> list[dict[str, Any]]:
    """The panels of the committed JSON."""
    path = GRAFANA / f"{board.uid.removeprefix('pos-gateway-')}.json"
    every: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["panels"]
    return [panel for panel in every if panel["type"] != "row"]


def of_dashboards() -> Iterator[Question]:
    for board in BOARDS:
        for shipped, panel in zip(panels_of(board), board.panels, strict=True):
            for target, query in zip(shipped["targets"], panel.queries, strict=True):
                yield Question(board.title, shipped["title"], target["expr"], query)


def rules() -> list[dict[str, Any]]:
    return [
        rule
        for path in sorted(ALERTS.glob("*.yaml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    ]


def names_in(expr: str) -> set[str]:
    return set(_NAME.findall(expr))


def selectors_in(expr: str) -> set[str]:
    return set(_SELECTOR.findall(expr))
