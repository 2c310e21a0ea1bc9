"""Take-overs that follow each other faster than a lease runs out (I11): a release mark vouches for all owners
before it.
"""

import asyncio
from typing import Any

from gateway.kafka.handler import Permit
from tests.contract.runtime.instance import LIMITS, Instance, at_its_effect, checkpoint
from tests.fakes.counter import Effect, World
from tests.fakes.memory_log import STEP_SECONDS, MemoryBroker
from tests.fakes.virtual_time import run


def test_i11_a_release_during_the_wait_for_a_stale_owner_does_not_end_that_wait() -> None:
    async def story() -> None:
        cut, silence = False, asyncio.Event()

        async def stepping(owner: str, name: str, partition: int) -> None:
            await asyncio.sleep(STEP_SECONDS)
            if owner == "stale" and cut:
                await silence.wait()

        broker, world = MemoryBroker(step=stepping), World()
        stale = Instance(broker, world, "stale")
        sent_at: list[float] = []

        async def repeating(key: str, effect: Effect, permit: Permit) -> bool:
            while permit.holds():
                sent_at.append(asyncio.get_running_loop().time())
                await asyncio.sleep(0.1)
            await asyncio.sleep(1000)
            return False

        stale.counter.perform = repeating  # type: ignore[method-assign]
        await stale.start()
        await stale.opened()
        broker.produce(0, "c:1", b"x:1")
        await asyncio.sleep(0.5)
        cut = True
        await taken_and_released(broker, "second")
        third = Instance(broker, world, "third")
        await third.start()
        broker.produce(0, "c:2", b"y:1")
        await asyncio.sleep(20)
        first_of_third = min(attempt.at for attempt in world.attempts if attempt.owner == "third")
        assert max(sent_at) > 2.0, "the stale owner went on while the third one opened"
        assert first_of_third >= max(sent_at) + LIMITS.write_timeout_seconds
        stale.kill()
        await third.stop()

    run(story())


def test_i11_a_call_of_the_owner_before_last_stays_in_the_mark_while_it_may_last() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        first = await at_its_effect(broker, world, "first", "c:slow")
        first.stop_feeding()
        await first.partitions.revoked([0])
        await taken_and_released(broker, "second")
        mark = checkpoint(broker)
        assert mark is not None
        assert mark.released == ("c:slow",)
        # Once it has waited them out, the second owner's mark names them no more.
        await taken_and_released(broker, "third", LIMITS.write_timeout_seconds + 0.5)
        mark = checkpoint(broker)
        assert mark is not None
        assert mark.released == ()

    run(story())


async def taken_and_released(broker: MemoryBroker, name: str, after_seconds: float = 0.2) -> None:
    """An owner that opens the partition, looks at what is pending, hears nothing, and has it taken away."""
    owner = Instance(broker, World(), name)

    async def unheard(key: str, effect: Any, permit: Permit) -> bool:
        await asyncio.sleep(1000)
        return False

    owner.counter.perform = unheard  # type: ignore[method-assign]
    await owner.start()
    await owner.opened()
    await asyncio.sleep(after_seconds)
    owner.stop_feeding()
    await owner.partitions.revoked([0])
