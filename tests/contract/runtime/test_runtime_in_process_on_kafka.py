"""The same runtime on the real Kafka: real fencing, isolation, compaction and rebalances, the counter as
handler.
"""

import asyncio
import time

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from gateway.demo.broker import EmbeddedKafka
from gateway.kafka.health import Phase
from gateway.kafka.opening import PartitionConfig
from gateway.kafka.partitions import Partitions
from tests.contract.runtime.real_instance import LIMITS, PARTITIONS, Ground, RealInstance
from tests.fakes.counter import World, read_state


async def send_some(ground: Ground, begin: int, count: int, keys: int = 9) -> None:
    for number in range(begin, begin + count):
        await ground.send(f"c:{number % keys}", f"n{number}")


async def test_killed_and_taken_over(kafka: EmbeddedKafka) -> None:
    async with Ground(kafka.bootstrap_servers) as ground:
        world = World(seconds=0.05)
        one = await RealInstance(ground, world, "a").join()
        await one.opened()
        await send_some(ground, 0, 120)
        await one.kill()
        killed_at = time.monotonic()
        two = await RealInstance(ground, world, "b").join()
        await send_some(ground, 120, 30)
        await ground.answered()
        # Nothing was released, so the new owner waits out the lease.
        assert time.monotonic() - killed_at >= LIMITS.lease_seconds
        ground.audit(world)
        await two.leave()


async def test_rebalances_there_and_back_under_load(kafka: EmbeddedKafka) -> None:
    async with Ground(kafka.bootstrap_servers) as ground:
        world = World(seconds=0.02)
        one = await RealInstance(ground, world, "a").join()
        await one.opened()
        sending = asyncio.create_task(send_some(ground, 0, 600))
        for turn in range(2):
            await asyncio.sleep(0.5)
            two = await RealInstance(ground, world, f"b{turn}").join()
            await asyncio.sleep(2)
            await two.leave()
        await sending
        await ground.answered()
        ground.audit(world)
        await one.leave()


async def test_a_stale_owner_is_fenced_and_writes_nothing(kafka: EmbeddedKafka) -> None:
    async with Ground(kafka.bootstrap_servers) as ground:
        world = World(seconds=0.02)
        one = await RealInstance(ground, world, "a").join()
        await one.opened()
        await send_some(ground, 0, 30)
        await ground.answered()
        # Another owner appears beside it, without the group's knowledge, as after a lost session.
        two = RealInstance(ground, world, "b")
        await two.consumer.start()
        two.consumer.assign([TopicPartition(ground.names.commands, n) for n in range(PARTITIONS)])
        two._feeder = asyncio.create_task(two._feed())
        two.partitions.assigned(range(PARTITIONS))
        await two.opened()
        before = len(world.attempts)
        await send_some(ground, 30, 30)
        await asyncio.sleep(1)
        assert any(h.phase is not Phase.OPEN for h in one.partitions.health().values())
        await one.partitions.revoked(range(PARTITIONS))
        await ground.answered()
        ground.audit(world)
        assert {a.owner for a in world.attempts[before:]} == {"b"}
        await one.kill()
        await two.leave()


async def test_a_release_mark_spares_the_new_owner_the_wait(kafka: EmbeddedKafka) -> None:
    async with Ground(kafka.bootstrap_servers) as ground:
        world = World(seconds=0.02)
        one = await RealInstance(ground, world, "a").join()
        await one.opened()
        await send_some(ground, 0, 30)
        await ground.answered()
        await one.leave()
        left_at = time.monotonic()
        two = await RealInstance(ground, world, "b").join()
        await send_some(ground, 30, 30)
        await ground.answered()
        assert time.monotonic() - left_at < LIMITS.lease_seconds
        ground.audit(world)
        await two.leave()


async def test_restore_over_a_really_compacted_log(kafka: EmbeddedKafka) -> None:
    async with Ground(kafka.bootstrap_servers) as ground:
        world = World(seconds=0.001)
        one = await RealInstance(ground, world, "a").join()
        await one.opened()
        await send_some(ground, 0, 300, keys=3)
        await ground.answered()
        kept = await compacted(ground)
        # A few thousand positions were written; what is left has holes.
        assert kept["records"] < kept["positions"] / 4
        await one.kill()
        two = await RealInstance(ground, world, "b").join()
        await two.opened()
        assert [read_state(two.partitions.state(f"c:{k}"))["sequence"] for k in range(3)] == [100] * 3
        await send_some(ground, 300, 30, keys=3)
        await ground.answered()
        ground.audit(world)
        await two.leave()


async def compacted(ground: Ground) -> dict[str, int]:
    """Wait until the cleaner has passed; how many positions the state topic has, and how many records are
    left.
    """
    partitions = [TopicPartition(ground.names.state, n) for n in range(PARTITIONS)]
    found = {"positions": 0, "records": 1}
    for _ in range(60):
        reader = AIOKafkaConsumer(
            **ground.connection, isolation_level="read_committed", auto_offset_reset="earliest"
        )
        await reader.start()
        reader.assign(partitions)
        ends = await reader.end_offsets(partitions)
        await reader.seek_to_beginning(*partitions)
        records = 0
        while any([await reader.position(p) < ends[p] for p in partitions]):
            records += sum(len(batch) for batch in (await reader.getmany(timeout_ms=200)).values())
        await reader.stop()
        found = {"positions": sum(ends.values()), "records": records}
        if records < found["positions"] / 4:
            break
        await asyncio.sleep(0.5)
    return found


async def test_a_checkpoint_below_the_retention_goes_on_at_the_beginning(kafka: EmbeddedKafka) -> None:
    async with Ground(kafka.bootstrap_servers) as ground:
        world = World(seconds=0.001)
        one = await RealInstance(ground, world, "a").join()
        await one.opened()
        await send_some(ground, 0, 30)
        await ground.answered()
        await one.leave()
        lost = {f"x{i}" for i in range(9)}
        for id_ in sorted(lost):
            await ground.producer.send_and_wait(ground.names.commands, f"{id_}:1".encode(), key=b"c:1")
        admin = AIOKafkaAdminClient(**ground.connection)
        await admin.start()
        where = [TopicPartition(ground.names.commands, n) for n in range(PARTITIONS)]
        await admin.delete_records({w: RecordsToDelete(before_offset=-1) for w in where})
        await admin.close()
        two = await RealInstance(ground, world, "b").join()
        await two.opened()
        await send_some(ground, 30, 30)
        await ground.answered()
        ground.audit(world)
        assert not lost & set(world.added)
        await two.leave()


async def test_another_group_or_partition_count_keeps_the_state_closed(kafka: EmbeddedKafka) -> None:
    async with Ground(kafka.bootstrap_servers) as ground:
        world = World(seconds=0.001)
        one = await RealInstance(ground, world, "a").join()
        await one.opened()
        await send_some(ground, 0, 9)
        await ground.answered()
        await one.leave()
        two = RealInstance(ground, world, "b")
        wrong = PartitionConfig(ground.group_id, PARTITIONS + 1)
        two.partitions = Partitions(
            two.partitions._handler,
            two.log,
            two.partitions._clock,
            LIMITS,
            wrong,
            two.partitions._draws,
            two.mismatches.append,
        )
        await two.join()
        for _ in range(200):
            if two.mismatches:
                break
            await asyncio.sleep(0.05)
        assert "written with 3 partitions, the topics have 4" in two.mismatches[0]
        await two.leave()
