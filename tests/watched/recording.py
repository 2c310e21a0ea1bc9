"""What every panel's queries answered over the scene, kept so that it can be drawn more than once."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.grafana.dashboards import BOARDS
from tests.watched.prometheus import Series
from tests.watched.questions import Question, panels_of
from tests.watched.scene import Scene

RATE_SECONDS = 5


@dataclass(frozen=True)
class Drawn:
    """One panel's answer: of each query its legend and its series."""

    board: str
    panel: str
    answers: list[tuple[str, list[Series]]]


@dataclass(frozen=True)
class Recording:
    """`spells`: when each began, seconds since 1970."""

    began: float
    spells: list[tuple[str, float]]
    panels: list[Drawn]


def recorded(scene: Scene) -> Recording:
    drawn = []
    for board in BOARDS:
        for shipped, panel in zip(panels_of(board), board.panels, strict=True):
            answers = []
            for target, query in zip(shipped["targets"], panel.queries, strict=True):
                asked = Question(board.title, shipped["title"], target["expr"], query).asked(RATE_SECONDS)
                answers.append((query.legend, scene.prometheus.series(asked)))
            drawn.append(Drawn(board.uid, shipped["title"], answers))
    return Recording(scene.prometheus.began, list(scene.spells), drawn)


def kept(recording: Recording, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(recording)), encoding="utf-8")


def read(path: Path) -> Recording:
    found = json.loads(path.read_text(encoding="utf-8"))
    panels = [
        Drawn(
            one["board"],
            one["panel"],
            [(legend, [Series(**series) for series in answer]) for legend, answer in one["answers"]],
        )
        for one in found["panels"]
    ]
    return Recording(found["began"], [(name, at) for name, at in found["spells"]], panels)
