"""A partition that stands before an undecodable batch: it goes on with what it has, and hears when it was
moved.
"""

import asyncio
from dataclasses import replace

from gateway.kafka.changelog import CHECKPOINT_KEY, checkpoint_entry
from gateway.kafka.health import Phase
from gateway.kafka.log import Staged
from tests.contract.runtime.instance import LIMITS, Instance, answered, audit, checkpoint, quiet
from tests.fakes.counter import World
from tests.fakes.memory_log import MemoryBroker, MemoryLog
from tests.fakes.virtual_time import run


async def move(broker: MemoryBroker, position: int) -> None:
    """As an operator does, whoever owns the partition."""
    producer = await MemoryLog(broker, "operator").fence(0)
    was = checkpoint(broker)
    assert was is not None
    await producer.commit(Staged((checkpoint_entry(replace(was, position=position)),), (), None))


async def stopped_at(broker: MemoryBroker, world: World, offset: int) -> Instance:
    one = await Instance(broker, world, "a").start()
    await one.opened()
    await asyncio.sleep(5)
    one.partitions.undecodable(0, offset, "UnicodeDecodeError")
    return one


def test_moved_while_idle_it_goes_on_by_itself() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        broker.produce(0, "c:1", b"a:1")
        one = await stopped_at(broker, world, 1)
        broker.produce(0, "c:1", b"bad:1")
        broker.produce(0, "c:1", b"b:1")
        await asyncio.sleep(600)
        health = one.partitions.health()[0]
        assert (health.phase, health.offset) == (Phase.STOPPED, 1)
        assert answered(broker) == 1
        await move(broker, 2)
        most = LIMITS.stopped_look_seconds + LIMITS.fenced_wait_seconds + LIMITS.lease_seconds + 1
        await asyncio.sleep(most)
        assert one.partitions.health()[0].phase is Phase.OPEN
        await quiet(broker, 2, timeout_seconds=60)
        audit(broker, world, {"c:1": ["a", "b"]})
        await one.stop()

    run(story())


def test_while_it_looks_it_writes_no_more_than_a_checkpoint_now_and_then() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        broker.produce(0, "c:1", b"a:1")
        one = await stopped_at(broker, world, 1)
        await asyncio.sleep(1)
        before = len(broker.changelog(0))
        await asyncio.sleep(100 * LIMITS.stopped_look_seconds)
        written = broker.changelog(0)[before:]
        assert 95 <= len(written) <= 101
        assert {entry.key for entry in written} == {CHECKPOINT_KEY}
        assert one.partitions.health()[0].stalled_seconds == 0
        # An open one that has nothing to do writes nothing.
        await move(broker, 1)
        await asyncio.sleep(60)
        idle = len(broker.changelog(0))
        await asyncio.sleep(600)
        assert len(broker.changelog(0)) == idle
        await one.stop()

    run(story())
