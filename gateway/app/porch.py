"""The porch: FastStream's consumer, which feeds the partitions and does nothing else.

Its broker owns the consumer's life and the consume loop, and hands each fetched batch over raw. Nothing of its
message handling is used: what it does with a message that it cannot read (log it, go on, commit past it) would
break the promise that each command is answered. So the parser keeps the records as they are, the decoder hands
them on, the handler only delivers, the acknowledgement policy is MANUAL and the consumer commits nothing.

FastStream 0.7.8 builds an `AIOKafkaConsumer` by name and has no option for another class, so its builder is
replaced once it is connected, and start-up asserts that the replacement took: the tolerant consumer survives a
batch that cannot be decoded in one partition without losing the others' records.

Partitions are assigned round robin. The sticky assignor was refused: rebalances are eager, each partition is
opened anew from its changelog whoever owned it before, so stickiness saves nothing, while its state stands on the
class and not on the consumer. FastStream's documentation pages are never mounted: they bring an unauthenticated
way to publish to any topic.
"""

import asyncio
import contextlib
import logging
from typing import Any, Final

from faststream.kafka import KafkaBroker, KafkaMessage, Topic
from faststream.kafka.message import FAKE_CONSUMER
from faststream.message import StreamMessage
from faststream.middlewares import AckPolicy

from gateway.kafka.admin import told
from gateway.kafka.consumer import RebalanceListener, TolerantConsumer, record_of
from gateway.kafka.log import BrokerTrouble
from gateway.kafka.partitions import Partitions
from gateway.kafka.transactions import AioKafkaLog
from gateway.observability.logs import get_logger
from gateway.settings import Settings

log = get_logger(__name__)

START_TIMEOUT_SECONDS: Final = 30.0
STOP_TIMEOUT_SECONDS: Final = 5.0
REBALANCE_TIMEOUT_SECONDS: Final = 40.0
"""Above the time that a drain may take."""

BATCH_TIMEOUT_MS: Final = 5
"""FastStream sleeps as long again after each fetch that was empty."""

MAX_FETCHED_RECORDS: Final = 200
"""Accepted in a row: some 20 ms, in which nothing else of the process moves."""


class Porch:
    """FastStream's broker with the one subscriber that feeds the partitions."""

    def __init__(
        self, settings: Settings, partitions: Partitions[Any, Any, Any], feeding: AioKafkaLog
    ) -> None:
        kafka = settings.kafka
        self._connection = kafka.connection()
        self._partitions = partitions
        self._feeding = feeding
        # No producer and no admin client of FastStream's: each partition has a producer of its own.
        self._broker = KafkaBroker(
            kafka.bootstrap_servers.split(","),
            consumer_only=True,
            allow_auto_create_topics=False,
            apply_types=False,
            logger=_Errors(),
            log_level=logging.DEBUG,
            parser=_as_fetched,
            decoder=_undecoded,
            graceful_timeout=STOP_TIMEOUT_SECONDS,
        )
        self._subscriber = self._broker.subscriber(
            Topic(settings.topics.commands, declare=False),
            batch=True,
            batch_timeout_ms=BATCH_TIMEOUT_MS,
            max_records=MAX_FETCHED_RECORDS,
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
            group_id=kafka.group_id,
            group_instance_id=kafka.group_instance_id,
            session_timeout_ms=round(kafka.session_timeout_seconds * 1000),
            heartbeat_interval_ms=round(kafka.heartbeat_seconds * 1000),
            rebalance_timeout_ms=round(REBALANCE_TIMEOUT_SECONDS * 1000),
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            listener=RebalanceListener(partitions),
            include_in_schema=False,
        )
        self._subscriber(self._on_commands)

    async def open(self) -> None:
        """Raises `BrokerTrouble`, with nothing left behind."""
        try:
            async with asyncio.timeout(START_TIMEOUT_SECONDS):
                await self._broker.connect()
                self._broker.config.broker_config.builder = self._consumer
                await self._broker.start()
        # aiokafka's errors are RuntimeErrors, and this room does not know that library.
        except (RuntimeError, OSError, TimeoutError) as fault:
            await self.close()
            raise BrokerTrouble(told(fault)) from fault
        assert isinstance(self._subscriber.consumer, TolerantConsumer), "FastStream builds its own consumer"

    async def close(self) -> None:
        """Leave the group; whatever a broken consumer says at its end is of no interest."""
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._broker.stop(), STOP_TIMEOUT_SECONDS)

    def _consumer(self, **options: Any) -> TolerantConsumer:
        given = {**options, **self._connection, "enable_auto_commit": False}
        consumer = TolerantConsumer(undecodable=self._partitions.undecodable, **given)
        self._feeding.attach(consumer)
        return consumer

    async def _on_commands(self, batch: tuple[Any, ...]) -> None:
        self._partitions.deliver([record_of(message) for message in batch])
        # Neither aiokafka nor FastStream awaits anything while more is at hand.
        await asyncio.sleep(0)


class _Errors:
    """What FastStream says of errors in its own loop, in one line; of the rest the service speaks itself."""

    def log(self, level: int, msg: object, /, *, exc_info: object = None, **_: object) -> None:
        if level >= logging.ERROR:
            fault = told(exc_info) if isinstance(exc_info, BaseException) else None
            log.error("the consumer failed and goes on", said=str(msg), fault=fault)


async def _as_fetched(batch: tuple[Any, ...]) -> KafkaMessage:
    """Parser: no record is looked at, so that nothing in one can raise."""
    return KafkaMessage(batch, batch, message_id="batch", correlation_id="batch", consumer=FAKE_CONSUMER)


async def _undecoded(message: StreamMessage[Any]) -> Any:
    return message.raw_message
