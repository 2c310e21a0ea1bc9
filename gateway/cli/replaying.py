"""`dlq replay`: dead letters go back to the commands topic, under the key and the identity that they had."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from gateway.cli.dead_letters import DeadLetter, Filter
from gateway.cli.reading import Reading, parts, reading, within
from gateway.cli.send import MAX_RECORD_BYTES
from gateway.codec.replays import Lineages, Obstacle, Replay, replay
from gateway.kafka.admin import told
from gateway.kafka.transactions import send_any
from gateway.settings import BrokerSettings


class Outcome(StrEnum):
    REPLAYED = "replayed"
    WOULD_REPLAY = "would_replay"
    SUPERSEDED = "superseded"
    REFUSED = "refused"
    FAILED = "failed"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one dead letter; `why` where it was not sent."""

    letter: DeadLetter
    outcome: Outcome
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """Which dead letters to send again and how. `most`: how many at the most, the others are left."""

    filter: Filter
    partition: int | None
    place: tuple[int, int] | None
    most: int
    dry_run: bool
    renew_time: bool


async def dead_letters(reader: Reading, topic: str, partition: int | None) -> AsyncIterator[DeadLetter]:
    async for record in reader.records(topic, partition):
        yield DeadLetter(record.partition, record.offset, parts(record))


async def replayed(settings: BrokerSettings, wish: Wish) -> AsyncIterator[Result]:
    """In the order of each partition. What comes back while this runs is not read, so nothing goes round twice."""
    topic = settings.topics.dead_letters
    async with reading(settings, (topic, settings.topics.commands)) as reader:
        within(len([where for where in reader.ends if where.topic == topic]), wish.partition)
        lineages = Lineages()
        async for letter in dead_letters(reader, topic, None):
            lineages.add(letter.record)
        async with _producing(settings, wish.dry_run) as producer:
            sent = 0
            async for letter in dead_letters(reader, topic, wish.partition):
                if not wish.filter.takes(letter) or wish.place not in (
                    None,
                    (letter.partition, letter.offset),
                ):
                    continue
                result, record = _judge(letter, lineages, settings.topics.commands, wish)
                if record is None:
                    yield result
                elif sent >= wish.most:
                    yield Result(letter, Outcome.LEFT, f"beyond the {wish.most} of this run")
                else:
                    sent += 1
                    yield result if producer is None else await _send(producer, settings, letter, record)


def _judge(letter: DeadLetter, lineages: Lineages, commands: str, wish: Wish) -> tuple[Result, Replay | None]:
    """What is to be sent, or why nothing is."""
    origin = letter.note.topic
    if lineages.superseded(letter.record):
        return Result(letter, Outcome.SUPERSEDED, "its replay came back as a later dead letter"), None
    if origin is not None and origin != commands:
        return Result(letter, Outcome.REFUSED, f"it came from topic {origin}, not from {commands}"), None
    judged = replay(letter.record, time.time_ns() // 1_000_000, wish.renew_time)
    if isinstance(judged, Obstacle):
        return Result(letter, Outcome.REFUSED, judged.value), None
    return Result(letter, Outcome.WOULD_REPLAY), judged


@asynccontextmanager
async def _producing(settings: BrokerSettings, dry_run: bool) -> AsyncIterator[AIOKafkaProducer | None]:
    if dry_run:
        yield None
        return
    producer = AIOKafkaProducer(
        **settings.kafka.connection(), acks="all", enable_idempotence=True, max_request_size=MAX_RECORD_BYTES
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def _send(
    producer: AIOKafkaProducer, settings: BrokerSettings, letter: DeadLetter, record: Replay
) -> Result:
    """One after the other and each to its end: a replay is rare, and its result is worth knowing.

    The default partitioner is murmur2, so what has a key goes where its payment is; what has none, back where
    it lay.
    """
    topic = settings.topics.commands
    try:
        future = await send_any(
            producer,
            topic,
            record.key,
            record.value,
            record.headers,
            letter.note.partition or 0,
            record.timestamp_ms,
        )
        await future
    except KafkaError as fault:
        return Result(letter, Outcome.FAILED, told(fault))
    return Result(letter, Outcome.REPLAYED)
