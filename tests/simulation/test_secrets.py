"""I9: no credential, token or phone number in a log, even before redaction, nor in what any object or exception
says of itself while a history is under way.
"""

import gc
from typing import Any

import pytest

from tests.fakes.virtual_time import run
from tests.simulation.judge import secrets_of
from tests.simulation.town import Plan, Town

SEEDS = (3, 5)
OURS = (
    "gateway.domain",
    "gateway.codec",
    "gateway.flow",
    "gateway.kafka",
    "gateway.mobilepay",
    "gateway.observability",
)


def words() -> list[str]:
    """What all objects of the gateway's own classes, and all exceptions alive, say of themselves."""
    said = []
    for one in gc.get_objects():
        if isinstance(one, type):
            continue
        if type(one).__module__.startswith(OURS):
            said.append(repr(one))
        elif isinstance(one, BaseException):
            said += [repr(one), str(one)]
    return said


@pytest.mark.parametrize("seed", SEEDS)
def test_i9_nothing_says_what_it_must_not(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[str] = []

    class Listening(Town):
        def left(self, *told: Any) -> None:
            super().left(*told)
            if len(self.changes) % 40 == 5:
                heard.extend(words())

    async def live() -> Town:
        town = Listening(Plan(seed))
        await town.live()
        return town

    town = run(live())
    heard += [*words(), *capsys.readouterr()]
    canaries = secrets_of(town)
    assert len(heard) > 1_000 and len(canaries) > 10
    shown = [number for number, canary in enumerate(canaries) if any(canary in text for text in heard)]
    assert not shown, f"canaries {shown} of {len(canaries)} were said"
