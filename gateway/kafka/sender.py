"""Sends single records that belong to no partition's transaction, and waits until the broker has them."""

import asyncio
from collections.abc import Sequence
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from gateway.kafka.admin import told
from gateway.kafka.log import BrokerTrouble
from gateway.kafka.transactions import BrokerConfig

SEND_TIMEOUT_SECONDS: Final = 5.0
_CLOSE_TIMEOUT_SECONDS: Final = 2.0


class CommandSender:
    """Writes to the commands topic. Its partitioner is murmur2, as that of every producer of this topic must be.

    The producer is made at the first record, and anew after one that failed: what it would still try to send
    behind our back is a repeat that nobody waits for.
    """

    def __init__(self, config: BrokerConfig) -> None:
        self._config = config
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def send(self, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes | None]]) -> None:
        """Returns once the record is durable. Raises `BrokerTrouble`."""
        try:
            async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                producer = await self._started()
                topic = self._config.topics.commands
                await producer.send_and_wait(topic, value, key=key, headers=list(headers))
        except (KafkaError, OSError, TimeoutError) as fault:
            await self.close()
            raise BrokerTrouble(told(fault)) from fault

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                await asyncio.wait_for(producer.stop(), _CLOSE_TIMEOUT_SECONDS)
            except (KafkaError, OSError, TimeoutError):
                # It is dropped either way; whoever waited for its record has been told.
                return

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **self._config.connection)
                self._producer = producer
                await producer.start()
            return self._producer
