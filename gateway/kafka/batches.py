"""A batch that the client cannot decode: where it begins, and where the next one does.

The client tells only that it failed. So the batches are fetched as bytes and given to the client's own decoder
one by one; where one ends stands in its header, which even the broker needs to be right (KIP-98, record batch
format).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords

from gateway.kafka.admin import told
from gateway.kafka.log import BrokerTrouble

FETCH_WAIT_MS = 500
FETCH_BYTES = 1_048_576
FETCH_TIMEOUT_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Undecodable:
    """`offset`: the first that cannot be read. `next_offset`: where the batch after it begins; what lies
    between can be reached by no reader with this client. `error`: the class of the decoder's fault, never its
    text.
    """

    offset: int
    next_offset: int
    error: str


async def find_undecodable(
    connection: Mapping[str, Any], where: TopicPartition, position: int
) -> Undecodable | None:
    """What stands in the way of a reader at `position`; None where a record, or the end, can be read next.

    Raises BrokerTrouble.
    """
    client = AIOKafkaClient(**connection)
    try:
        async with asyncio.timeout(FETCH_TIMEOUT_SECONDS):
            await client.bootstrap()
            await client._wait_on_metadata(where.topic)
            while True:
                raw, aborted, end = await _fetch(client, where, position)
                found, passed = _decode(where, raw, aborted, position)
                if found is not None or passed is None or passed >= end or passed == position:
                    return found
                position = passed
    except (KafkaError, OSError, TimeoutError) as trouble:
        raise BrokerTrouble(f"the batch cannot be looked at: {told(trouble)}") from trouble
    finally:
        await client.close()


async def _fetch(client: AIOKafkaClient, where: TopicPartition, position: int) -> tuple[bytes, Any, int]:
    """Batches as they lie in the log from the one that holds `position`, aborted transactions, last stable
    offset.
    """
    leader = client.cluster.leader_for_partition(where)
    request = FetchRequest(
        FETCH_WAIT_MS,
        1,
        FETCH_BYTES,
        READ_COMMITTED,
        [(where.topic, [(where.partition, position, FETCH_BYTES)])],
    )
    answer = await client.send(leader, request)
    [(_, [(_, code, _, last_stable, *_, raw)])] = answer.topics
    if code:
        raise for_code(code)
    [(_, [one])] = answer.topics
    # Behind the log's beginning, and from version 11 before the preferred replica, stands the list of the
    # aborted.
    aborted = one[5] if answer.API_VERSION >= 5 else one[4]
    return bytes(raw or b""), aborted, int(last_stable)


def _decode(
    where: TopicPartition, raw: bytes, aborted: Any, position: int
) -> tuple[Undecodable | None, int | None]:
    """What cannot be decoded first; else how far nothing but markers and aborted batches went, None at a
    record.
    """
    records = PartitionRecords(where, MemoryRecords(raw), aborted, position, None, None, True, READ_COMMITTED)
    try:
        if next(records, None) is not None:
            return None, None
    # A decoder raises whatever it likes (UnicodeDecodeError, struct errors, the codec's own).
    except Exception as fault:
        offset = int(records.next_fetch_offset)
        return Undecodable(offset, _end_of_batch(raw, offset), type(fault).__name__), None
    return None, int(records.next_fetch_offset)


def _end_of_batch(raw: bytes, offset: int) -> int:
    batches = MemoryRecords(raw)
    while batches.has_next():
        next_offset = int(batches.next_batch().next_offset)
        if next_offset > offset:
            return next_offset
    return offset + 1
