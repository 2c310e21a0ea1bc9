"""The real broker, by aiokafka: fenced producers, the changelog's restore, the feeding consumer's controls.

The transactional id is group + commands topic + partition and holds nothing that differs between instances:
aiokafka sends offsets without the group's generation (no KIP-447), so only the id itself fences a stale
owner (KIP-98).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    IllegalOperation,
    IllegalStateError,
    InvalidProducerEpoch,
    KafkaError,
    ProducerFenced,
)

from gateway.kafka.limits import Limits
from gateway.kafka.log import BrokerTrouble, Entry, Fenced, Producer, Staged
from gateway.kafka.records import Channel, Outgoing
from gateway.kafka.refusal import NOT_ALLOWED

MAX_REQUEST_BYTES = 4_194_304
MAX_BATCH_BYTES = 262_144
RESTORE_FETCH_BYTES = 4_194_304
RESTORE_POLL_MS = 200
CLOSE_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class TopicNames:
    commands: str
    events: str
    state: str
    dead_letters: str


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """`connection` are aiokafka's connection arguments (bootstrap servers, security), the same for all
    clients.
    """

    group_id: str
    topics: TopicNames
    connection: Mapping[str, Any] = field(repr=False)


class TransactionalProducer:
    """One partition's producer, already fenced. After anything raised it is only closed."""

    def __init__(self, partition: int, producer: AIOKafkaProducer, config: BrokerConfig) -> None:
        self._partition = partition
        self._producer = producer
        self._config = config

    async def commit(self, staged: Staged) -> None:
        try:
            await self._commit(staged)
        # What comes after the fencing fails with an IllegalOperation or an assertion of aiokafka's, which are no
        # KafkaErrors and say only that there is no transaction; the reason is elsewhere.
        except Exception as trouble:
            for fault in (trouble, self._end_of_transaction()):
                if isinstance(fault, ProducerFenced | InvalidProducerEpoch):
                    raise Fenced(type(fault).__name__) from trouble
            if isinstance(trouble, KafkaError | IllegalOperation | OSError):
                raise BrokerTrouble(f"the transaction failed: {_told(trouble)}") from trouble
            raise

    def _end_of_transaction(self) -> BaseException | None:
        """What aiokafka ended the transaction with, where it did: it tells only those who await the end."""
        end = self._producer._txn_manager._transaction_waiter
        if end is None or not end.done() or end.cancelled():
            return None
        fault: BaseException | None = end.exception()
        return fault

    async def _commit(self, staged: Staged) -> None:
        producer, topics, partition = self._producer, self._config.topics, self._partition
        await producer.begin_transaction()
        sent: list[asyncio.Future[Any]] = []
        try:
            await self._send_all(staged, sent)
        finally:
            # Once one has failed nobody asks for the others any more.
            for one in sent:
                one.add_done_callback(_heard)
        if staged.position is not None:
            offsets = {TopicPartition(topics.commands, partition): staged.position}
            await producer.send_offsets_to_transaction(offsets, self._config.group_id)
        await producer.commit_transaction()

    async def _send_all(self, staged: Staged, sent: "list[asyncio.Future[Any]]") -> None:
        topics = self._config.topics
        await self._send_batches(topics.state, staged.entries, sent)
        events = [record for record in staged.records if record.channel is Channel.EVENTS]
        await self._send_batches(topics.events, events, sent)
        for record in staged.records:
            if record.channel is Channel.DEAD_LETTERS:
                # They keep their key, but their topic may have another number of partitions.
                letter = record.key, record.value, record.headers
                sent.append(await send_any(self._producer, topics.dead_letters, *letter, self._partition))
        # Without this a refused batch would leave a transaction that commits the rest.
        await asyncio.gather(*sent)

    async def _send_batches(
        self, topic: str, records: Sequence[Entry | Outgoing], sent: "list[asyncio.Future[Any]]"
    ) -> None:
        """Whole batches, as few as they fit in: aiokafka's work on a record of its own is several times that on
        one more in a batch.
        """
        producer, batch = self._producer, self._producer.create_batch()
        for record in records:
            fields = {"key": record.key, "value": record.value, "headers": list(record.headers)}
            if batch.append(timestamp=None, **fields) is None:
                sent.append(await producer.send_batch(batch, topic, partition=self._partition))
                batch = producer.create_batch()
                batch.append(timestamp=None, **fields)
        if batch.record_count():
            sent.append(await producer.send_batch(batch, topic, partition=self._partition))

    async def close(self) -> None:
        # aiokafka asks neither for the end of a failed transaction nor for batches that were never sent.
        unsent = [batch for queue in self._producer._message_accumulator._batches.values() for batch in queue]
        for answer in (self._producer._txn_manager._transaction_waiter, *(b._drain_waiter for b in unsent)):
            if answer is not None:
                answer.add_done_callback(_heard)
        # Whatever a broken producer says at its end is of no interest, and it must not hold up the next one.
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._producer.stop(), CLOSE_TIMEOUT_SECONDS)


async def send_any(
    producer: AIOKafkaProducer,
    topic: str,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]],
    keyless_partition: int,
    timestamp_ms: int | None = None,
) -> Any:
    """The future of the delivery of a record that may be anything. Without a key it goes to
    `keyless_partition`, or where that number wraps to in a topic with fewer.
    """
    if key is not None:
        return await producer.send(topic, value, key=key, headers=list(headers), timestamp_ms=timestamp_ms)
    numbers = sorted(await producer.partitions_for(topic))
    partition = numbers[keyless_partition % len(numbers)]
    if value is not None:
        return await producer.send(
            topic, value, partition=partition, headers=list(headers), timestamp_ms=timestamp_ms
        )
    # What came with neither key nor value must be kept too, but `send` refuses it; a batch takes it.
    batch = producer.create_batch()
    batch.append(key=None, value=None, timestamp=timestamp_ms, headers=list(headers))
    return await producer.send_batch(batch, topic, partition=partition)


class AioKafkaLog:
    """`Log` over aiokafka. The feeding consumer is attached once the porch has built it."""

    def __init__(self, config: BrokerConfig, limits: Limits) -> None:
        self._config = config
        self._limits = limits
        self._consumer: AIOKafkaConsumer | None = None

    def attach(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def fence(self, partition: int) -> Producer:
        config = self._config
        producer = AIOKafkaProducer(
            transactional_id=f"{config.group_id}-{config.topics.commands}-{partition}",
            transaction_timeout_ms=round(self._limits.transaction_timeout_seconds * 1000),
            request_timeout_ms=round(self._limits.broker_timeout_seconds * 1000),
            max_request_size=MAX_REQUEST_BYTES,
            max_batch_size=MAX_BATCH_BYTES,
            **config.connection,
        )
        try:
            await asyncio.wait_for(producer.start(), self._limits.fence_timeout_seconds)
        except (KafkaError, TimeoutError, OSError) as trouble:
            await TransactionalProducer(partition, producer, config).close()
            raise BrokerTrouble(f"the producer cannot be fenced: {_told(trouble)}") from trouble
        except BaseException:
            await TransactionalProducer(partition, producer, config).close()
            raise
        return TransactionalProducer(partition, producer, config)

    async def changelog(self, partition: int) -> AsyncIterator[Sequence[Entry]]:
        """Reads with `auto_offset_reset="none"`: with another reset a seek out of range would restore an
        empty state.
        """
        where = TopicPartition(self._config.topics.state, partition)
        consumer = AIOKafkaConsumer(
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="none",
            max_partition_fetch_bytes=RESTORE_FETCH_BYTES,
            request_timeout_ms=round(self._limits.broker_timeout_seconds * 1000),
            **self._config.connection,
        )
        try:
            await asyncio.wait_for(consumer.start(), self._limits.broker_timeout_seconds)
            consumer.assign([where])
            beginning = (await consumer.beginning_offsets([where]))[where]
            end = (await consumer.end_offsets([where]))[where]
            consumer.seek(where, beginning)
            while await consumer.position(where) < end:
                batches = await consumer.getmany(where, timeout_ms=RESTORE_POLL_MS)
                for records in batches.values():
                    yield [Entry(r.key or b"", r.value, tuple(r.headers)) for r in records if r.offset < end]
        except (KafkaError, TimeoutError, OSError) as trouble:
            raise BrokerTrouble(f"the state cannot be restored: {_told(trouble)}") from trouble
        finally:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(consumer.stop(), CLOSE_TIMEOUT_SECONDS)

    async def beginning(self, partition: int) -> int:
        where = self._where(partition)
        return int((await self._asked(self._feeding.beginning_offsets([where])))[where])

    async def end(self, partition: int) -> int:
        where = self._where(partition)
        return int((await self._asked(self._feeding.end_offsets([where])))[where])

    async def committed(self, partition: int) -> int | None:
        offset = await self._asked(self._feeding.committed(self._where(partition)))
        return None if offset is None else int(offset)

    def lag(self, partition: int) -> int | None:
        """Between the high watermark of the last fetch and the fetched position (markers are passed, so it
        is 0 at rest).
        """
        where = self._where(partition)
        if self._consumer is None or where not in self._consumer.assignment():
            return None
        # aiokafka tells the position only to those who await it; the state it is read from is the same.
        state = self._consumer._subscription.subscription.assignment.state_value(where)
        if state.highwater is None or not state.has_valid_position:
            return None
        return max(0, int(state.highwater) - int(state.position))

    def pause(self, partition: int) -> None:
        self._control("pause", partition)

    def resume(self, partition: int) -> None:
        self._control("resume", partition)

    def seek(self, partition: int, offset: int) -> None:
        where = self._where(partition)
        with contextlib.suppress(IllegalStateError):
            if self._consumer is not None and where in self._consumer.assignment():
                self._consumer.seek(where, offset)

    def _control(self, verb: str, partition: int) -> None:
        where = self._where(partition)
        # A partition that has just been taken away needs no control any more.
        with contextlib.suppress(IllegalStateError):
            if self._consumer is not None and where in self._consumer.assignment():
                getattr(self._consumer, verb)(where)

    @property
    def _feeding(self) -> AIOKafkaConsumer:
        assert self._consumer is not None, "no consumer feeds this log yet"
        return self._consumer

    def _where(self, partition: int) -> TopicPartition:
        return TopicPartition(self._config.topics.commands, partition)

    async def _asked(self, answer: Any) -> Any:
        try:
            return await answer
        except (KafkaError, OSError) as trouble:
            raise BrokerTrouble(f"the broker did not answer: {_told(trouble)}") from trouble


def _heard(answer: "asyncio.Future[Any]") -> None:
    """An error that nobody asks for would be logged with its traceback once its future is forgotten."""
    if not answer.cancelled():
        answer.exception()


def _told(trouble: BaseException) -> str:
    if type(trouble) in NOT_ALLOWED:
        return NOT_ALLOWED[type(trouble)]
    text = str(trouble)
    return f"{type(trouble).__name__}: {text}" if text else type(trouble).__name__
