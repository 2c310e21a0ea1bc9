"""`make pictures`: each panel's answers of a real Prometheus, drawn, so that people can judge the dashboards.

No Grafana is here to draw them: the layout, units and thresholds are those of the dashboards, the drawing is ours.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from deploy.grafana.board import BYTES, COLUMNS, PERCENT, SECONDS, Board, Kind, Panel
from deploy.grafana.dashboards import BOARDS
from gateway.demo.broker import EmbeddedKafka
from tests.watched.prometheus import Series
from tests.watched.recording import Drawn, Recording, kept, read, recorded
from tests.watched.scene import played

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "deploy" / "docs"
CACHE = ROOT / ".cache" / "watched.json"
INK, PAPER, PANEL, GRID, GOOD, BAD = "#ccccdc", "#111217", "#181b1f", "#2c3235", "#73bf69", "#f2495c"
COLOURS = (
    *("#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff", "#ffb357"),
    *("#96d98d", "#ca95e5", "#fade2a", "#ff7383", "#37872d", "#1f60c4", "#c4162a", "#8f3bb8"),
)
MOST_NAMED = 8
UNIT_INCHES = 0.7


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--again", action="store_true", help="draw the last recording, play nothing")
    if not arguments.parse_args().again:
        with (
            tempfile.TemporaryDirectory() as folder,
            EmbeddedKafka() as kafka,
            played(kafka.bootstrap_servers, Path(folder)) as scene,
        ):
            kept(recorded(scene), CACHE)
    recording = read(CACHE)
    for board in BOARDS:
        name = board.uid.removeprefix("pos-gateway-")
        draw(board, recording, DOCS / f"watched-{name}.png")


def rows_of(board: Board) -> list[tuple[str, list[list[Panel]]]]:
    """Each row's title, and its panels as they wrap."""
    found = []
    for row in board.rows:
        lines: list[list[Panel]] = [[]]
        for panel in row.panels:
            if sum(one.width for one in lines[-1]) + panel.width > COLUMNS:
                lines.append([])
            lines[-1].append(panel)
        found.append((row.title, lines))
    return found


def draw(board: Board, recording: Recording, path: Path) -> None:
    rows = rows_of(board)
    heights = [0.5] + [height for _, lines in rows for height in (0.4, *map(_height, lines))]
    figure = pyplot.figure(figsize=(COLUMNS * UNIT_INCHES, sum(heights)), facecolor=PAPER)
    grid = figure.add_gridspec(
        len(heights),
        COLUMNS,
        height_ratios=heights,
        left=0.005,
        right=0.995,
        top=0.998,
        bottom=0.004,
        hspace=0,
    )
    title = figure.add_subplot(grid[0, :])
    _text(title, f"{board.title}", 16, weight="bold")
    at = 1
    answers = {one.panel: one for one in recording.panels if one.board == board.uid}
    by_panel = iter([one for one in recording.panels if one.board == board.uid])
    assert len(answers) > 0
    for name, lines in rows:
        _text(figure.add_subplot(grid[at, :]), f"⌄ {name}", 11)
        at += 1
        for line in lines:
            column = 0
            for panel in line:
                cell = figure.add_subplot(grid[at, column : column + panel.width])
                _frame(cell, panel)
                _panel(cell, panel, next(by_panel), recording)
                column += panel.width
            at += 1
    figure.savefig(path, dpi=60, facecolor=PAPER, metadata={"Software": ""})
    pyplot.close(figure)


def _height(line: Sequence[Panel]) -> float:
    return 1.8 if all(panel.kind is Kind.STAT for panel in line) else 4.3


def _text(axes: Axes, text: str, size: int, weight: str = "normal") -> None:
    axes.axis("off")
    axes.text(
        0.004, 0.5, text, color=INK, fontsize=size, weight=weight, va="center", transform=axes.transAxes
    )


def _frame(axes: Axes, panel: Panel) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_facecolor(PANEL)
    for spine in axes.spines.values():
        spine.set_color(PAPER)
        spine.set_linewidth(6)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    if panel.kind is not Kind.STAT:
        axes.text(0.03, 0.94, panel.title, color=INK, fontsize=11, weight="bold", va="center")
    else:
        axes.text(0.05, 0.84, panel.title, color=INK, fontsize=10, weight="bold", va="center")


def _panel(cell: Axes, panel: Panel, drawn: Drawn, recording: Recording) -> None:
    named = [
        (_legend(legend, one, len(answer) > 1), one) for legend, answer in drawn.answers for one in answer
    ]
    if panel.kind is Kind.STAT:
        _stat(cell, panel, named)
        return
    inner = cell.inset_axes((0.11, 0.38, 0.86, 0.5))
    inner.set_facecolor(PANEL)
    for spine in inner.spines.values():
        spine.set_color(GRID)
    inner.tick_params(colors=INK, labelsize=8, length=0)
    inner.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, panel.unit)))
    inner.grid(color=GRID, linewidth=0.6)
    if panel.kind is Kind.STATES:
        _states(inner, named, recording)
    elif panel.kind is Kind.HEAT:
        _heat(inner, named, recording)
    elif panel.kind is Kind.STACK:
        _stack(inner, named, recording)
    else:
        for (_, one), colour in zip(named, _colours(len(named)), strict=True):
            inner.plot([at - recording.began for at in one.times], one.values, color=colour, linewidth=1.3)
    if panel.kind in (Kind.LINES, Kind.STACK):
        inner.set_ylim(bottom=0)
        most = inner.get_ylim()[1]
        if panel.warns_at is not None and most > panel.warns_at / 3:
            inner.axhline(panel.warns_at, color=BAD, linewidth=1, linestyle="--")
        _named(cell, named, panel.unit)
    inner.set_xlim(
        0, max((one.times[-1] for _, one in named), default=recording.began + 60) - recording.began
    )
    for name, at in recording.spells:
        if name == "provider away":
            end = next(later for _, later in recording.spells if later > at)
            inner.axvspan(at - recording.began, end - recording.began, color=BAD, alpha=0.12, linewidth=0)
    inner.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f} s"))
    if not named:
        cell.text(0.5, 0.6, "nothing of the kind", color=INK, fontsize=10, ha="center")


def _stat(cell: Axes, panel: Panel, named: list[tuple[str, Series]]) -> None:
    for number, (name, one) in enumerate(named):
        value, left, share = one.values[-1], number / len(named), 1 / len(named)
        bad = panel.warns_at is not None and value >= panel.warns_at
        bad = bad or (panel.bad_below is not None and value < panel.bad_below)
        colour = BAD if bad else GOOD
        spark = cell.inset_axes((left + 0.02, 0.06, share - 0.04, 0.3))
        spark.axis("off")
        spark.fill_between(one.times, one.values, color=colour, alpha=0.25, linewidth=0)
        spark.plot(one.times, one.values, color=colour, linewidth=1)
        cell.text(
            left + share / 2,
            0.55,
            shown(value, panel.unit),
            color=colour,
            fontsize=19,
            ha="center",
            va="center",
        )
        if len(named) > 1:
            cell.text(left + share / 2, 0.3, name, color=INK, fontsize=8, ha="center", va="center")


def _stack(axes: Axes, named: list[tuple[str, Series]], recording: Recording) -> None:
    times = sorted({at for _, one in named for at in one.times})
    below = dict.fromkeys(times, 0.0)
    for (_, one), colour in zip(named, _colours(len(named)), strict=True):
        known = dict(zip(one.times, one.values, strict=True))
        above = {at: below[at] + known.get(at, 0.0) for at in times}
        seconds = [at - recording.began for at in times]
        low, high = [below[at] for at in times], [above[at] for at in times]
        axes.fill_between(seconds, low, high, color=colour, alpha=0.45, linewidth=0)
        axes.plot(seconds, high, color=colour, linewidth=0.8)
        below = above


def _states(axes: Axes, named: list[tuple[str, Series]], recording: Recording) -> None:
    for row, (_, one) in enumerate(reversed(named)):
        for at, value in zip(one.times, one.values, strict=True):
            colour = BAD if value >= 1 else GOOD
            axes.broken_barh(
                [(at - recording.began, 1)], (row + 0.1, 0.8), color=colour, alpha=0.8, linewidth=0
            )
    axes.set_yticks([row + 0.5 for row in range(len(named))])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: named[::-1][int(value)][0]))
    axes.set_ylim(0, len(named))
    axes.set_position((0.2, 0.1, 0.78, 0.78))
    axes.grid(False)


def _heat(axes: Axes, named: list[tuple[str, Series]], recording: Recording) -> None:
    """Of cumulative buckets what lies in each, as Grafana shows them."""
    ordered = sorted(named, key=lambda one: float(one[0].replace("+Inf", "inf")))
    before: dict[float, float] = {}
    for row, (_, one) in enumerate(ordered):
        known = dict(zip(one.times, one.values, strict=True))
        for at, value in known.items():
            inside = max(0.0, value - before.get(at, 0.0))
            if inside > 0:
                axes.broken_barh(
                    [(at - recording.began, 1)],
                    (row, 1),
                    color="#ff9830",
                    alpha=min(1.0, 0.08 + inside / 12),
                    linewidth=0,
                )
        before = known
    axes.set_yticks(range(1, len(ordered) + 1))
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: ordered[int(value) - 1][0] if 1 <= value <= len(ordered) else "")
    )
    axes.set_ylim(0, len(ordered))


def _named(cell: Axes, named: list[tuple[str, Series]], unit: str) -> None:
    """The legend as a table of two columns, with the last value and the most."""
    for number, ((name, one), colour) in enumerate(zip(named, _colours(len(named)), strict=True)):
        if number >= MOST_NAMED:
            cell.text(0.04, 0.015, f"and {len(named) - MOST_NAMED} more", color=INK, fontsize=8, va="center")
            break
        x, y = 0.04 + 0.49 * (number % 2), 0.26 - 0.06 * (number // 2)
        told = f"{name}   {shown(one.values[-1], unit)}, most {shown(max(one.values), unit)}"
        cell.plot([x - 0.02, x - 0.008], [y, y], color=colour, linewidth=3)
        cell.text(x, y, told, color=INK, fontsize=8.5, va="center")


def _colours(count: int) -> list[str]:
    return [COLOURS[number % len(COLOURS)] for number in range(count)]


def _legend(legend: str, one: Series, several: bool) -> str:
    for name, value in one.labels.items():
        legend = legend.replace("{{" + name + "}}", value)
    return legend or (next(iter(one.labels.values()), "") if several else "value")


def shown(value: float, unit: str) -> str:
    if unit == PERCENT:
        return f"{value * 100:.3g} %"
    if unit == SECONDS:
        return f"{value:.3g} s" if value >= 1 or value == 0 else f"{value * 1000:.3g} ms"
    if unit == BYTES:
        return f"{value / 2**20:.3g} MiB"
    return f"{value:,.0f}" if value == int(value) else f"{value:.3g}"


if __name__ == "__main__":
    main()
