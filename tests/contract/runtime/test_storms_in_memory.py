"""The runtime's promises under storms by seed: intent, lease, one owner at a time, one answer each, rest after it;
and that a runtime which broke one of them would be found out.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from gateway.kafka.changelog import Checkpoint
from gateway.kafka.intake import Intake
from gateway.kafka.lease import Lease
from gateway.kafka.permit import Leasehold
from gateway.kafka.records import Record
from gateway.kafka.turns import Turns
from tests.contract.runtime.storm import Storm
from tests.fakes.virtual_time import run

SEEDS = range(12)


async def weathered(seed: int, seconds: float = 90.0) -> Storm:
    storm = Storm(seed)
    await storm.rage(seconds)
    await storm.calm()
    return storm


@pytest.mark.parametrize("seed", SEEDS)
def test_no_storm_breaks_a_promise(seed: int) -> None:
    async def story() -> None:
        storm = await weathered(seed)
        assert storm.verdict() == []
        assert await storm.end() == set()
        assert len(storm.happened) >= 6, f"hardly a storm: {dict(storm.happened)}"
        owners = {r.owner for requests in storm.world.requests.values() for r in requests}
        assert len(owners) >= 2

    run(story())


def test_i12_the_same_seed_gives_the_same_history() -> None:
    async def story() -> tuple[Any, ...]:
        storm = await weathered(3)
        entries = [storm.broker.changelog(number) for number in range(len(storm.broker.partitions))]
        await storm.end()
        return dict(storm.world.requests), entries, dict(storm.happened)

    assert run(story()) == run(story())


def no_wait_for_the_last_owner(patch: pytest.MonkeyPatch) -> None:
    init = Lease.__init__
    patch.setattr(Lease, "__init__", lambda self, lease, write, _: init(self, lease, write, float("-inf")))


def lease_from_the_answer(patch: pytest.MonkeyPatch) -> None:
    acknowledged = Leasehold.acknowledged
    patch.setattr(Leasehold, "acknowledged", lambda self, _: acknowledged(self, self._clock.boottime()))


def lease_to_its_very_end(patch: pytest.MonkeyPatch) -> None:
    init = Lease.__init__
    patch.setattr(Lease, "__init__", lambda self, lease, _, before: init(self, lease, 0.0, before))


def effect_before_its_intent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Turns, "_begin_when_committed", lambda self, slot, running: self._submit(running))


def mark_that_names_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Turns, "release_mark", lambda self: ())


def permit_that_outlives_the_release(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Leasehold, "end", lambda self: None)


def gap_that_is_believed(patch: pytest.MonkeyPatch) -> None:
    def new(self: Intake, records: Sequence[Record]) -> Sequence[Record]:
        return [record for record in records if record.offset >= self.expected]

    patch.setattr(Intake, "new", new)


def checkpoint_one_too_high(patch: pytest.MonkeyPatch) -> None:
    def checkpoint(position: int, *rest: Any) -> Checkpoint:
        return Checkpoint(position + 1, *rest)

    patch.setattr("gateway.kafka.committing.Checkpoint", checkpoint)


BUGS: tuple[Callable[[pytest.MonkeyPatch], None], ...] = (
    no_wait_for_the_last_owner,
    lease_from_the_answer,
    lease_to_its_very_end,
    effect_before_its_intent,
    mark_that_names_nothing,
    permit_that_outlives_the_release,
    gap_that_is_believed,
    checkpoint_one_too_high,
)


@pytest.mark.parametrize("bug", BUGS)
def test_i12_a_planted_bug_is_found(
    bug: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    bug(monkeypatch)

    async def found(seed: int) -> bool:
        storm = Storm(seed)
        await storm.rage(90.0)
        try:
            await storm.calm(60.0)
        except AssertionError:
            return True
        return storm.verdict() != []

    assert any(run(found(seed)) for seed in SEEDS)
