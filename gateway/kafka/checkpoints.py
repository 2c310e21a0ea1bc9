"""The last checkpoint of a partition, for those who look from outside: found from the changelog's end
backwards, since each transaction that passes commands writes one, while the states before it may be many.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from gateway.kafka.admin import told
from gateway.kafka.changelog import CHECKPOINT_KEY, Checkpoint, read_checkpoint
from gateway.kafka.log import BrokerTrouble, Entry

FIRST_STEP_RECORDS = 500
STEP_GROWTH = 10
POLL_MS = 200
CLOSE_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """`checkpoint` None: no gateway has ever opened the partition. `end`: of the state topic's partition."""

    checkpoint: Checkpoint | None
    end: int


@asynccontextmanager
async def looking(connection: Mapping[str, Any], timeout_seconds: float) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of no group that sees what is committed; the time bounds the block. Raises BrokerTrouble."""
    consumer = AIOKafkaConsumer(
        **connection, enable_auto_commit=False, isolation_level="read_committed", auto_offset_reset="none"
    )
    try:
        async with asyncio.timeout(timeout_seconds):
            await consumer.start()
            yield consumer
    except (KafkaError, OSError, TimeoutError) as trouble:
        raise BrokerTrouble(told(trouble)) from trouble
    finally:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(consumer.stop(), CLOSE_TIMEOUT_SECONDS)


async def last_checkpoint(consumer: AIOKafkaConsumer, where: TopicPartition) -> Recorded:
    """Raises Unreadable for one of a later version, and what aiokafka raises."""
    consumer.assign([where])
    beginning = int((await consumer.beginning_offsets([where]))[where])
    end = int((await consumer.end_offsets([where]))[where])
    start, step = end, FIRST_STEP_RECORDS
    while start > beginning:
        before, start, step = start, max(beginning, start - step), step * STEP_GROWTH
        found = await _last_between(consumer, where, start, before)
        if found is not None:
            return Recorded(read_checkpoint(found), end)
    return Recorded(None, end)


async def _last_between(
    consumer: AIOKafkaConsumer, where: TopicPartition, start: int, end: int
) -> Entry | None:
    consumer.seek(where, start)
    found = None
    while await consumer.position(where) < end:
        for records in (await consumer.getmany(where, timeout_ms=POLL_MS)).values():
            for record in records:
                if record.key == CHECKPOINT_KEY and record.offset < end:
                    found = Entry(record.key, record.value, tuple(record.headers))
    return found
