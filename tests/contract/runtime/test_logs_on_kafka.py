"""The partition runtime over logs of a real Kafka that are not as one would wish: compacted, cut short, replaced,
undecodable.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic, RecordsToDelete

from gateway.kafka.admin import administrator
from gateway.kafka.changelog import CHECKPOINT_KEY, Checkpoint, checkpoint_entry, read_checkpoint
from gateway.kafka.health import Phase
from gateway.kafka.limits import Limits
from gateway.kafka.log import Entry, Staged
from gateway.kafka.transactions import AioKafkaLog, BrokerConfig
from gateway.observability import metrics
from tests.contract.clusters import consuming
from tests.contract.runtime.bad_batches import break_checksum, break_codec, produce_header_that_is_no_text
from tests.contract.runtime.town import Town, TownKafka, town
from tests.contract.runtime.worker import Part, Worker, working
from tests.fakes.counter import read_state

SHORT_SEGMENTS = {
    "segment_ms": "100",
    "min_cleanable_dirty_ratio": "0.01",
    "delete_retention_ms": "100",
}


@pytest.fixture(scope="module")
def broker() -> Iterator[TownKafka]:
    with TownKafka() as running:
        yield running


@asynccontextmanager
async def sending(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def send(here: Town, partition: int, *values: str, key: str = "") -> None:
    """Each in a batch of its own, to a partition of one's choice; the key is the partition's unless told."""
    async with sending(here.bootstrap) as producer:
        for value in values:
            name = (key or f"c:{partition}").encode()
            await producer.send_and_wait(
                here.part.topics.commands, value.encode(), key=name, partition=partition
            )


async def answered(here: Town, partition: int, at_least: int) -> list[str]:
    """The ids answered on a partition, once there are as many, and after a while in which more might come."""
    async with consuming(here.bootstrap) as consumer:
        where = TopicPartition(here.part.topics.events, partition)
        consumer.assign([where])
        await consumer.seek_to_beginning(where)
        found: list[str] = []
        async with asyncio.timeout(25):
            while len(found) < at_least:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found += [json.loads(record.value)["id"] for record in records]
        for records in (await consumer.getmany(timeout_ms=500)).values():
            found += [json.loads(record.value)["id"] for record in records]
        return found


async def changelog(here: Town, partition: int, isolation: str = "read_committed") -> list[Any]:
    """The raw records of the state topic."""
    where = TopicPartition(here.part.topics.state, partition)
    async with consuming(here.bootstrap) as consumer:
        consumer.assign([where])
        end = (await consumer.end_offsets([where]))[where]
        await consumer.seek_to_beginning(where)
        found: list[Any] = []
        while await consumer.position(where) < end:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                found += records
        return found


async def checkpoint(here: Town, partition: int) -> Checkpoint:
    found = [r for r in await changelog(here, partition) if r.key == CHECKPOINT_KEY]
    return read_checkpoint(Entry(found[-1].key, found[-1].value, tuple(found[-1].headers)))


async def move_checkpoint(here: Town, partition: int, position: int) -> None:
    """As an operator would, with all workers down: by a fenced transaction."""
    log = AioKafkaLog(
        BrokerConfig(here.part.group_id, here.part.topics, {"bootstrap_servers": here.bootstrap}), Limits()
    )
    producer = await log.fence(partition)
    moved = Checkpoint(position, here.part.partitions, here.part.group_id, ())
    await producer.commit(Staged((checkpoint_entry(moved),), (), None))
    await producer.close()


def named(here: Town, name: str) -> Part:
    return replace(here.part, name=name)


async def stopped(worker: Worker, number: int) -> Any:
    async with asyncio.timeout(20):
        while worker.phase(number) is not Phase.STOPPED:
            await asyncio.sleep(0.02)
    return worker.partitions.health()[number]


async def test_restore_over_a_log_that_was_really_compacted(broker: TownKafka, tmp_path: Path) -> None:
    async with town(broker.bootstrap_servers, tmp_path, partitions=1, **SHORT_SEGMENTS) as here:
        async with working(named(here, "a")) as one:
            await one.opened([0])
            for turn in range(6):
                for key in range(10):
                    await send(here, 0, f"{key}-{turn}:1", key=f"c:{key}")
            await answered(here, 0, 60)
            # The even ones are forgotten: tombstones, written by the very producer that has the partition.
            partition = one.partitions._owned[0]
            for key in range(0, 10, 2):
                partition._turns.staging.state(f"c:{key}", None)
            await asyncio.sleep(0.5)
        written = (await changelog(here, 0))[-1].offset
        deadline = asyncio.get_running_loop().time() + 25
        while True:
            # A segment is rolled, and then cleaned, once something is written after its time.
            await move_checkpoint(here, 0, 60)
            await asyncio.sleep(0.7)
            kept = await changelog(here, 0)
            tombstones = [r.key for r in kept if r.value is None]
            if len(kept) < 20 and not tombstones:
                break
            assert asyncio.get_running_loop().time() < deadline, f"{len(kept)} kept, {tombstones}"
        offsets = [record.offset for record in kept]
        assert offsets != list(range(offsets[0], offsets[0] + len(offsets))), "no holes"
        assert offsets[0] > 0 or offsets[-1] > written
        async with working(named(here, "b")) as two:
            await two.opened([0])
            for key in range(10):
                state = two.partitions.state(f"c:{key}")
                assert (None if state is None else read_state(state)["sum"]) == (6 if key % 2 else None)
            await send(here, 0, "again:1", key="c:1")
            await send(here, 0, "anew:1", key="c:2")
            assert sorted((await answered(here, 0, 62))[60:]) == ["again", "anew"]
            assert read_state(two.partitions.state("c:1"))["sequence"] == 7
            assert read_state(two.partitions.state("c:2"))["sequence"] == 1


async def test_commands_deleted_before_they_were_accepted(broker: TownKafka, tmp_path: Path) -> None:
    async with town(broker.bootstrap_servers, tmp_path, partitions=2) as here:
        async with working(named(here, "a")) as one:
            await one.opened([0, 1])
            await send(here, 0, *(f"{n}:1" for n in range(4)))
            await answered(here, 0, 4)
        assert (await checkpoint(here, 0)).position == 4
        await send(here, 0, *(f"{n}:1" for n in range(4, 10)))
        await send(here, 1, "other:1")
        lost = metrics.COMMANDS_LOST_TO_RETENTION._value.get()
        async with administrator({"bootstrap_servers": here.bootstrap}, 10) as admin:
            where = TopicPartition(here.part.topics.commands, 0)
            await admin.delete_records({where: RecordsToDelete(before_offset=7)})
        async with working(named(here, "b")):
            assert await answered(here, 0, 7) == ["0", "1", "2", "3", "7", "8", "9"]
            assert await answered(here, 1, 1) == ["other"]
        assert metrics.COMMANDS_LOST_TO_RETENTION._value.get() - lost == 3


async def test_commands_replaced_by_a_shorter_topic_stay_closed(broker: TownKafka, tmp_path: Path) -> None:
    async with town(broker.bootstrap_servers, tmp_path, partitions=2) as here:
        async with working(named(here, "a")) as one:
            await one.opened([0, 1])
            await send(here, 0, *(f"{n}:1" for n in range(4)))
            await answered(here, 0, 4)
        name = here.part.topics.commands
        async with administrator({"bootstrap_servers": here.bootstrap}, 20) as admin:
            await admin.delete_topics([name])
            await asyncio.sleep(1)
            assert all(e[1] == 0 for e in (await admin.create_topics([NewTopic(name, 2, 1)])).topic_errors)
        await send(here, 0, "new:1")
        await send(here, 1, "other:1")
        async with working(named(here, "b")) as two:
            health = await stopped(two, 0)
            assert "4" in health.reason
            assert "end at 1" in health.reason
            assert await answered(here, 1, 1) == ["other"]
            assert two.phase(1) is Phase.OPEN
            assert await answered(here, 0, 4) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("cause", ["header", "checksum", "codec"])
async def test_an_undecodable_batch_beside_good_ones(broker: TownKafka, tmp_path: Path, cause: str) -> None:
    async with town(broker.bootstrap_servers, tmp_path, partitions=3) as here:
        bad = TopicPartition(here.part.topics.commands, 1)
        async with working(named(here, "a")) as one:
            await one.opened([0, 1, 2])
            await send(here, 1, "first:1")
            await answered(here, 1, 1)
        await send(here, 1, "x:1", "y:1")
        if cause == "header":
            await produce_header_that_is_no_text(here.bootstrap, bad, [(b"c:1", b"bad:1", [])])
        else:
            await send(here, 1, "bad:1")
        await send(here, 1, "after:1")
        for number in (0, 2):
            await send(here, number, *(f"{number}-{n}:1" for n in range(20)))
        if cause != "header":
            await asyncio.to_thread(broker.stop)
            broken = break_checksum if cause == "checksum" else break_codec
            broken(broker.folder / "data", bad, 3)
            await asyncio.to_thread(broker.start)
        async with working(replace(named(here, "b"), resumes_together=True)) as two:
            for number in (0, 2):
                assert await answered(here, number, 20) == [f"{number}-{n}" for n in range(20)]
            assert await answered(here, 1, 3) == ["first", "x", "y"]
            health = await stopped(two, 1)
            assert health.offset == 3
            assert "offset 3" in health.reason
            assert health.phase is Phase.STOPPED
            # The others go on, in this process and beside the bad batch.
            await send(here, 0, "later:1")
            assert (await answered(here, 0, 21))[20:] == ["later"]
            assert await answered(here, 1, 3) == ["first", "x", "y"]
        assert (await checkpoint(here, 1)).position == 3
        await move_checkpoint(here, 1, 4)
        async with working(named(here, "c")) as three:
            assert await answered(here, 1, 4) == ["first", "x", "y", "after"]
            assert three.phase(1) is Phase.OPEN


async def test_a_command_with_neither_key_nor_value_is_a_dead_letter_beside_good_ones(
    broker: TownKafka, tmp_path: Path
) -> None:
    async with town(broker.bootstrap_servers, tmp_path, partitions=1) as here:
        await send(here, 0, "x:1")
        where = TopicPartition(here.part.topics.commands, 0)
        async with sending(here.bootstrap) as producer:
            batch = producer.create_batch()
            batch.append(key=None, value=None, timestamp=None, headers=[("h", b"1")])
            await (await producer.send_batch(batch, where.topic, partition=0))
        await send(here, 0, "y:1")
        reopens = metrics.PARTITION_REOPENS.labels(cause="fault")._value.get()
        async with working(named(here, "a")):
            assert await answered(here, 0, 2) == ["x", "y"]
        assert metrics.PARTITION_REOPENS.labels(cause="fault")._value.get() == reopens
        async with consuming(here.bootstrap) as consumer:
            dead = TopicPartition(here.part.topics.dead_letters, 0)
            consumer.assign([dead])
            await consumer.seek_to_beginning(dead)
            [letter] = (await consumer.getmany(timeout_ms=3_000))[dead]
        assert (letter.key, letter.value, letter.headers) == (None, None, (("h", b"1"),))
