"""The demo's own producer and reader: commands in, events and dead letters out, as any upstream service
would.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from gateway.demo.evidence import Command, DeadLetter, Event, Evidence, unanswered
from gateway.demo.messages import RECORD_HEADER, Message

POLL_MS = 100


class Wire:
    """`sent` grows with `send`, `events` and `dead_letters` as `read` is called; only what is committed is
    seen.
    """

    def __init__(
        self, topics: Mapping[str, str], producer: AIOKafkaProducer, reader: AIOKafkaConsumer
    ) -> None:
        self._topics = topics
        self._producer = producer
        self._reader = reader
        self.events: list[Event] = []
        self.sent: list[Command] = []
        self.dead_letters: list[DeadLetter] = []

    async def send(self, message: Message) -> None:
        self.sent.append(message.command)
        await self._producer.send(
            self._topics["commands"], message.value, key=message.key, headers=list(message.headers)
        )

    async def flush(self) -> None:
        await self._producer.flush()

    async def read(self) -> list[Event]:
        """What has come since the last call; waits a moment for the first of it."""
        new = []
        for where, records in (await self._reader.getmany(timeout_ms=POLL_MS)).items():
            for record in records:
                headers = {name: (value or b"").decode() for name, value in record.headers}
                if where.topic == self._topics["dlq"]:
                    record_name, reason = headers.get(RECORD_HEADER, ""), headers.get("dlq.reason", "")
                    self.dead_letters.append(DeadLetter(record_name, reason, record.value))
                else:
                    new.append(Event(headers["ce_id"], headers["ce_type"], json.loads(record.value)))
        self.events += new
        return new

    @property
    def unanswered(self) -> int:
        """Messages that still wait for their event or dead letter."""
        return unanswered(self.sent, self.events, self.dead_letters)

    def evidence(self, ledger: list[dict[str, Any]], violations: list[dict[str, Any]]) -> Evidence:
        """What the auditor needs: our side of it, beside the provider's."""
        return Evidence(self.sent, self.events, self.dead_letters, ledger, violations)


@asynccontextmanager
async def connected(bootstrap: str, topics: Mapping[str, str]) -> AsyncIterator[Wire]:
    """`topics` by the names commands, events, dlq."""
    connection: dict[str, Any] = {"bootstrap_servers": bootstrap}
    producer = AIOKafkaProducer(**connection, linger_ms=2, acks="all", enable_idempotence=True)
    reader = AIOKafkaConsumer(
        topics["events"],
        topics["dlq"],
        **connection,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    try:
        await producer.start()
        await reader.start()
        yield Wire(topics, producer, reader)
    finally:
        await producer.stop()
        await reader.stop()
