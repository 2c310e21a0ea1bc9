"""A dashboard as its source says it: rows of panels, each with what it means, its unit and its queries.

`board(...)` makes the JSON that Grafana takes. What a query may do against expectation (answer nothing, or the
same for ever) is declared beside it with the reason; a test runs all the others on a live Prometheus.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import count
from typing import Any

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.builders import heatmap, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common, dashboard, units
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
COLUMNS, ROW_HEIGHT, STAT_HEIGHT = 24, 8, 4


class Kind(Enum):
    LINES = "lines"
    STACK = "stack"
    STAT = "stat"
    STATES = "states"
    HEAT = "heat"


@dataclass(frozen=True, slots=True)
class Query:
    """`steady`: why it may stay the same while payments run; `empty`: why it may answer nothing."""

    expr: str
    legend: str = ""
    steady: str = ""
    empty: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """`means` is the description that Grafana shows. `warns_at`: from there on the value is coloured as bad; with
    `bad_below` below it.
    """

    title: str
    means: str
    unit: str
    queries: tuple[Query, ...]
    kind: Kind = Kind.LINES
    width: int = 8
    warns_at: float | None = None
    bad_below: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    uid: str
    title: str
    means: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> Sequence[Panel]:
        return [panel for row in self.rows for panel in row.panels]


def written(board: Board, others: Sequence[Board]) -> str:
    """The dashboard's JSON, with links to the others."""
    built = (
        dashboards.Dashboard(board.title)
        .uid(board.uid)
        .description(board.means)
        .tags(["pos-gateway"])
        .readonly()
        .refresh("30s")
        .time("now-1h", "now")
        .timezone("browser")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboards.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    for other in others:
        if other.uid != board.uid:
            link = dashboards.DashboardLink(other.title).type(dashboard.DashboardLinkType.LINK)
            built.link(link.url(f"/d/{other.uid}").keep_time(True))
    ids = count(1)
    for row in board.rows:
        built.with_row(dashboards.Row(row.title).id(next(ids)))
        for panel in row.panels:
            built.with_panel(_panel(panel).id(next(ids)))
    return json.dumps(built.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _panel(panel: Panel) -> Any:
    made: Any
    match panel.kind:
        case Kind.LINES | Kind.STACK:
            made = _lines(panel)
        case Kind.STAT:
            made = stat.Panel().graph_mode(common.BigValueGraphMode.AREA)
            made.reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        case Kind.STATES:
            made = statetimeline.Panel().show_value(common.VisibilityMode.NEVER).mappings(_yes_and_no())
        case Kind.HEAT:
            made = heatmap.Panel().calculate(False)
    height = STAT_HEIGHT if panel.kind is Kind.STAT else ROW_HEIGHT
    made.title(panel.title).description(panel.means).unit(panel.unit)
    made.datasource(SOURCE).height(height).span(panel.width)
    if panel.kind is not Kind.HEAT:
        made.thresholds(_thresholds(panel))
    for query, letter in zip(panel.queries, "ABCDEFGH", strict=False):
        made.with_target(_target(panel, query, letter))
    return made


def _lines(panel: Panel) -> timeseries.Panel:
    legend = common_builders.VizLegendOptions().display_mode(common.LegendDisplayMode.TABLE)
    legend.placement(common.LegendPlacement.BOTTOM).show_legend(True).calcs(["lastNotNull", "max"])
    made = timeseries.Panel().legend(legend).line_width(1).min(0)
    made.tooltip(
        common_builders.VizTooltipOptions()
        .mode(common.TooltipDisplayMode.MULTI)
        .sort(common.SortOrder.DESCENDING)
    )
    if panel.kind is Kind.STACK:
        made.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL)).fill_opacity(40)
    if panel.warns_at is not None:
        style = common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.LINE)
        made.thresholds_style(style)
    return made


def _thresholds(panel: Panel) -> Any:
    steps = [dashboard.Threshold(value=None, color="green")]
    if panel.warns_at is not None:
        steps.append(dashboard.Threshold(value=panel.warns_at, color="red"))
    if panel.bad_below is not None:
        steps = [
            dashboard.Threshold(value=None, color="red"),
            dashboard.Threshold(value=panel.bad_below, color="green"),
        ]
    return dashboards.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)


def _yes_and_no() -> list[Any]:
    words = {"0": ("no", 0), "1": ("yes", 1)}
    options = {
        value: dashboard.ValueMappingResult(text=text, index=index) for value, (text, index) in words.items()
    }
    return [dashboard.ValueMap(options=options)]


def _target(panel: Panel, query: Query, letter: str) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend or "__auto").ref_id(letter)
    target.datasource(SOURCE)
    if panel.kind is Kind.STAT:
        return target.range()
    if panel.kind is Kind.HEAT:
        target.format(PromQueryFormat.HEATMAP)
    return target.range().exemplar("gateway_command_seconds" in query.expr)


SHORT, SECONDS, PERCENT, PER_SECOND, BYTES = (
    units.Short,
    units.Seconds,
    units.PercentUnit,
    units.CountsPerSecond,
    units.BytesIEC,
)
