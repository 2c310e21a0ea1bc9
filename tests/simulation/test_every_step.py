"""A crash at each step of one small history: whatever a process asks of the brokers or the provider, or hears of
them, may be the last that it does.
"""

from dataclasses import replace

from tests.simulation.judge import judge
from tests.simulation.town import history, in_peace

PLAN = in_peace(
    seed=13,
    partitions=1,
    payments=3,
    points_of_sale=2,
    old_payments=0,
    tills=1,
    seconds=8.0,
    poison=True,
)
TOLD = {"payment.captured", "refund.captured", "point-of-sale.created"}


def test_no_step_is_a_bad_one_to_crash_at() -> None:
    whole = history(PLAN)
    assert {event["type"] for event in whole.events()} >= TOLD
    assert len(whole.group.names) == 1
    for step in range(1, whole.steps_to_rest + 1):
        town = history(replace(PLAN, first_crash=step))
        assert len(town.group.names) == 2, f"nobody crashed at step {step}"
        judge(town)
