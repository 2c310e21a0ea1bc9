"""The runbook pages: which there are, and the commands that they tell people to run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

RUNBOOKS = Path(__file__).resolve().parents[2] / "deploy" / "docs" / "runbooks"

_FENCE = re.compile(r"^```sh(?: exits=([\d,]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """`exits`: the exit codes that the page expects."""

    command: str
    exits: frozenset[int]


def pages() -> set[str]:
    """Names of alerts."""
    return {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"}


def steps_of(text: str) -> Iterator[Step]:
    for exits, block in _FENCE.findall(text):
        for command in block.strip().splitlines():
            yield Step(command, frozenset(map(int, (exits or "0").split(","))))


def steps() -> dict[Step, str]:
    """Each command once, and a page that has it."""
    return {
        step: path.stem
        for path in sorted(RUNBOOKS.glob("*.md"), reverse=True)
        for step in steps_of(path.read_text(encoding="utf-8"))
    }
