"""Every turn of the rules tells and keeps what is published: each prompt in each stage, and tills by chance."""

import random

import pytest

from gateway.codec import (
    STATE_VERSION,
    encode_point_of_sale,
    encode_state,
    write_event,
    write_point_of_sale_event,
)
from gateway.codec.records import Wire
from gateway.published.event_examples import EVENT_SOURCE
from tests.conformity import problems_of_event, problems_of_state
from tests.unit.domain.recorded_turns import till_prompts
from tests.unit.domain.test_every_turn import STAGES, fork, prompts
from tests.unit.domain.test_points_of_sale import Till

TILL_WALKS = 40
TILL_STEPS = 25


def problems(wires: list[Wire]) -> list[str]:
    return [each for wire in wires for each in problems_of_event(wire.key, dict(wire.headers), wire.value)]


@pytest.mark.parametrize("stage", STAGES)
def test_a_payment_tells_and_keeps_what_is_published(stage: str) -> None:
    origin, told, kept = STAGES[stage](), [], []
    told += [write_event(event, EVENT_SOURCE) for event in origin.events]
    for _, prompt in prompts(origin):
        play = fork(origin)
        prompt(play)
        told += [write_event(event, EVENT_SOURCE) for event in play.events[len(origin.events) :]]
        if play.state is not None:
            kept += problems_of_state(b"p:", encode_state(play.state), str(STATE_VERSION))
    assert problems(told) == []
    assert kept == []


def test_a_point_of_sale_tells_and_keeps_what_is_published() -> None:
    told: list[Wire] = []
    kept: list[str] = []
    for walk in range(TILL_WALKS):
        draws, till = random.Random(f"published {walk}"), Till()
        for step in range(TILL_STEPS):
            draws.choice(till_prompts(till, step))()
            if till.state is None and till.events:
                break
            if till.state is not None:
                kept += problems_of_state(b"s:", encode_point_of_sale(till.state), str(STATE_VERSION))
        told += [write_point_of_sale_event(event, EVENT_SOURCE) for event in till.events]
    assert len({dict(wire.headers)["ce_type"] for wire in told}) == 6
    assert problems(told) == []
    assert kept == []
