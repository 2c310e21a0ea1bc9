"""No rule changes by accident: see recorded_turns.py."""

from pathlib import Path

import pytest

from tests.unit.domain.recorded_turns import TILL_GROUPS, digest, till_digest
from tests.unit.domain.test_every_turn import STAGES

RECORDED = {
    stage: found
    for found, stage in (
        line.split("  ", 1)
        for line in Path(__file__).with_name("recorded_turns.txt").read_text(encoding="utf-8").splitlines()
    )
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_goes_on_as_it_was_recorded(stage: str) -> None:
    assert digest(stage) == RECORDED[stage], "if the rules changed on purpose: `make generated`"


@pytest.mark.parametrize("group", range(TILL_GROUPS))
def test_points_of_sale_go_on_as_they_were_recorded(group: int) -> None:
    assert till_digest(group) == RECORDED[f"points of sale {group}"], "as above"


def test_every_stage_is_recorded() -> None:
    assert len(RECORDED) == len(STAGES) + TILL_GROUPS
