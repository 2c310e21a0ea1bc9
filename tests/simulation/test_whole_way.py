"""Histories of the whole gateway under faults: each keeps the guarantees."""

import os

import pytest

from tests.simulation.judge import judge
from tests.simulation.town import Plan, history, in_peace

SEEDS = int(os.environ.get("SEEDS", "40"))
FIRST_SEED = int(os.environ.get("FIRST_SEED", "1"))
PEACE = in_peace(7)


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS))
def test_a_history_keeps_the_guarantees(seed: int) -> None:
    judge(history(Plan(seed)))


def test_without_faults_all_is_plain() -> None:
    town = history(PEACE)
    judge(town)
    assert "payment.unknown" not in {event["type"] for event in town.events()}


def test_the_same_seed_gives_the_same_history() -> None:
    """I12."""
    assert history(Plan(11)).history_hash() == history(Plan(11)).history_hash()
