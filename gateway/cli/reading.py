"""Topics read from their beginning to where they end at the start, as a reader with `read_committed` sees them.

The ends are taken first, so that a topic which grows while it is read has an end. They are last stable offsets:
what an open transaction holds is not waited for. A batch that cannot be decoded is passed over and told.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from aiokafka import ConsumerRecord, TopicPartition

from gateway.cli.kafka_door import partition_count
from gateway.cli.outcome import ExitCode, Failed
from gateway.codec.records import RecordParts
from gateway.kafka.batches import Undecodable, find_undecodable
from gateway.kafka.consumer import TolerantConsumer
from gateway.settings import BrokerSettings

_POLL_MS: Final = 250
_AT_ONCE: Final = 500


@dataclass(slots=True)
class Reading:
    """A consumer, and how far it is to read. `passed_over` grows while records are read."""

    connection: dict[str, object]
    consumer: TolerantConsumer
    begins: dict[TopicPartition, int]
    ends: dict[TopicPartition, int]
    undecodable: list[tuple[int, int, str]]
    passed_over: list[tuple[TopicPartition, Undecodable]] = field(default_factory=list)

    async def records(self, topic: str, partition: int | None = None) -> AsyncIterator[ConsumerRecord]:
        """All of one topic, the partitions side by side, each in its order. May be called again."""
        wanted = {
            where: end
            for where, end in self.ends.items()
            if where.topic == topic and partition in (None, where.partition)
        }
        self.consumer.assign(sorted(wanted))
        for where in wanted:
            self.consumer.seek(where, self.begins[where])
        while await self._unread(wanted):
            batches = await self.consumer.getmany(timeout_ms=_POLL_MS, max_records=_AT_ONCE)
            for where, records in batches.items():
                for record in records:
                    if record.offset < wanted[where]:
                        yield record
            await self._pass_over(topic)

    async def _unread(self, wanted: dict[TopicPartition, int]) -> bool:
        left = [where for where, end in wanted.items() if await self.consumer.position(where) < end]
        # What is read to its end would otherwise go on growing for as long as the others are behind.
        self.consumer.pause(*(where for where in wanted if where not in left))
        return bool(left)

    async def _pass_over(self, topic: str) -> None:
        told, self.undecodable[:] = list(self.undecodable), []
        for partition, offset, _ in told:
            where = TopicPartition(topic, partition)
            found = await find_undecodable(self.connection, where, offset)
            if found is not None:
                self.passed_over.append((where, found))
            self.consumer.seek(where, offset if found is None else found.next_offset)
            self.consumer.resume(where)


@asynccontextmanager
async def reading(
    settings: BrokerSettings, topics: Collection[str], begins: Mapping[TopicPartition, int] | None = None
) -> AsyncIterator[Reading]:
    """`begins`: where to begin instead, such as where an earlier reading ended. Ends the command with 2 where a
    topic does not exist.
    """
    found: list[tuple[int, int, str]] = []
    connection = settings.kafka.connection()
    consumer = TolerantConsumer(
        undecodable=lambda *told: found.append(told),
        **connection,
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    partitions = [
        TopicPartition(topic, number)
        for topic in topics
        for number in range(await partition_count(settings, topic))
    ]
    await consumer.start()
    try:
        ends = await consumer.end_offsets(partitions)
        first = await consumer.beginning_offsets(partitions)
        yield Reading(connection, consumer, {**first, **(begins or {})}, ends, found)
    finally:
        await consumer.stop()


def parts(record: ConsumerRecord) -> RecordParts:
    return RecordParts(record.key, record.value, tuple(record.headers), record.timestamp)


def within(count: int, partition: int | None) -> Sequence[int]:
    """The partitions that are meant; ends the command with 2 where the one named does not exist."""
    if partition is None:
        return range(count)
    if partition >= count:
        raise Failed(
            ExitCode.WRONG_USAGE, f"there is no partition {partition}: the topic has 0 to {count - 1}"
        )
    return (partition,)
