"""Each planted bug still fits the code that it would spoil; `make planted` shows that each is caught."""

import ast
import re
from pathlib import Path

import pytest

from tests.planted.bugs import BUGS, SUITES, Bug

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: str(bug.name))
def test_it_can_be_planted(bug: Bug) -> None:
    texts: dict[str, str] = {}
    for edit in bug.edits:
        text = texts.get(edit.path) or (ROOT / edit.path).read_text(encoding="utf-8")
        assert text.count(edit.before) == 1
        texts[edit.path] = text.replace(edit.before, edit.after)
        assert texts[edit.path] != text
    for text in texts.values():
        ast.parse(text)


def test_there_are_enough_and_each_breaks_something() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 28
    assert all(re.fullmatch(r"I\d+", bug.breaks) for bug in BUGS)
    assert {suite for bug in BUGS for suite in bug.suites} <= set(SUITES)
