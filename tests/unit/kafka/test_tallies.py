"""How a partition's aggregates stand adds up at each owner: after a restart, a move, and work that goes on."""

import asyncio

from gateway.observability.standing import Tally
from tests.contract.runtime.instance import Instance, quiet
from tests.fakes.counter import World
from tests.fakes.memory_log import MemoryBroker
from tests.fakes.virtual_time import run

KEYS = 120
"""More than are handed back before the loop turns."""


def sums(one: Instance) -> tuple[int, int, int]:
    """Idle, busy, and what is open."""
    tally: Tally = one.partitions.health()[0].tally
    return tally.counted["counter", "idle"], tally.counted["counter", "busy"], len(tally.opened())


def test_each_aggregate_counts_once_at_whoever_owns_it() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        for number in range(KEYS):
            broker.produce(0, f"c:{number}", b"m:1")
        one = await Instance(broker, world, "a").start()
        await quiet(broker, KEYS)
        assert sums(one) == (KEYS, 0, 0)
        world.gate = asyncio.Event()
        for number in range(5):
            broker.produce(0, f"c:{number}", b"n:1")
        await asyncio.sleep(1)
        assert sums(one) == (KEYS - 5, 5, 5)
        one.kill()
        world.seconds = 5.0
        two = await Instance(broker, world, "b").start()
        await two.opened()
        await asyncio.sleep(1)
        assert sums(two) == (KEYS - 5, 5, 5), "as it was read back"
        world.gate.set()
        await quiet(broker, KEYS + 5)
        assert sums(two) == (KEYS, 0, 0)
        await two.partitions.revoked([0])
        assert two.partitions.health() == {}

    run(story())


def test_a_partition_that_is_opened_anew_counts_nothing_twice() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        for number in range(7):
            broker.produce(0, f"c:{number}", b"m:1")
        one = await Instance(broker, world, "a").start()
        await quiet(broker, 7)
        one.partitions._owned[0]._fail(RuntimeError("of the test"))
        await asyncio.sleep(0.1)
        assert sum(sums(one)) == 0, "what is dropped stands nowhere"
        await one.opened()
        await asyncio.sleep(1)
        assert sums(one) == (7, 0, 0)

    run(story())
