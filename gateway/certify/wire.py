"""The shop's side of a certification: commands out, events and dead letters in, as any upstream service would."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from gateway.certify.findings import Unmet

SOURCE: Final = "/certify/shop"
ANSWER_SECONDS: Final = 25.0
POLL_MS: Final = 50
_OF_POINTS_OF_SALE: Final = ("point-of-sale.", "checkin.")


@dataclass(frozen=True, slots=True)
class Event:
    """`number` counts what was read."""

    number: int
    key: str
    type: str
    data: Mapping[str, Any]

    @property
    def reason(self) -> str:
        return str(self.data.get("reason", ""))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    message_id: str
    key: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Sent:
    """One command that was published."""

    id: str
    key: str
    type: str
    headers: tuple[tuple[str, bytes], ...]
    value: bytes


class Wire:
    """Publishes commands and keeps every event and dead letter of its topics."""

    def __init__(
        self, topics: Mapping[str, str], producer: AIOKafkaProducer, reader: AIOKafkaConsumer
    ) -> None:
        self._topics = topics
        self._producer = producer
        self._reader = reader
        self.events: list[Event] = []
        self.dead: list[DeadLetter] = []
        self.sent: list[Sent] = []
        self.read: list[bytes] = []
        """Values and header values of all that was read, for the search for secrets."""
        self._news = asyncio.Condition()

    async def command(self, type_: str, data: Mapping[str, Any]) -> Sent:
        key = str(data["merchantPosId" if type_.startswith(_OF_POINTS_OF_SALE) else "paymentId"])
        message_id = uuid.uuid4().hex
        attributes = {"ce_specversion": "1.0", "ce_id": message_id, "ce_source": SOURCE, "ce_type": type_}
        headers = tuple((name, text.encode()) for name, text in attributes.items())
        sent = Sent(message_id, key, type_, headers, json.dumps(data).encode())
        self.sent.append(sent)
        await self.again(sent)
        return sent

    async def again(self, sent: Sent) -> None:
        """The same record, byte for byte."""
        await self._producer.send_and_wait(
            self._topics["commands"], sent.value, key=sent.key.encode(), headers=list(sent.headers)
        )

    async def follow(self) -> None:
        """Reads until it is cancelled."""
        while True:
            for where, records in (await self._reader.getmany(timeout_ms=POLL_MS)).items():
                for record in records:
                    self._take(where.topic, record)
                async with self._news:
                    self._news.notify_all()

    def _take(self, topic: str, record: Any) -> None:
        headers = {name: (value or b"").decode() for name, value in record.headers}
        key = (record.key or b"").decode(errors="replace")
        self.read += [record.value or b"", *(value or b"" for _, value in record.headers)]
        if topic == self._topics["dlq"]:
            dead = DeadLetter(headers.get("ce_id", ""), key, headers["dlq.reason"], headers["dlq.message"])
            self.dead.append(dead)
        elif topic == self._topics["events"]:
            data = json.loads(record.value)
            event = Event(len(self.events), key, headers["ce_type"], data)
            self.events.append(event)

    def of(self, key: str, type_: str = "") -> list[Event]:
        return [event for event in self.events if event.key == key and type_ in ("", event.type)]

    def answer_to(self, sent: Sent) -> Event | DeadLetter | None:
        for event in self.events:
            if event.key == sent.key and event.data.get("commandId") == sent.id:
                return event
        return next((dead for dead in self.dead if dead.message_id == sent.id), None)

    async def answer(self, sent: Sent, seconds: float = ANSWER_SECONDS) -> Event:
        """The one event that answers; Unmet for a dead letter, or when none comes in time."""
        await self.until(lambda: self.answer_to(sent), f"an answer to {sent.type}", seconds)
        found = self.answer_to(sent)
        if not isinstance(found, Event):
            raise Unmet(f"{sent.type} became a dead letter: {found and found.message}")
        return found

    async def refused(
        self, type_: str, data: Mapping[str, Any], seconds: float = ANSWER_SECONDS
    ) -> DeadLetter:
        """A command that must become a dead letter."""
        sent = await self.command(type_, data)
        await self.until(lambda: self.answer_to(sent), f"a dead letter for {type_}", seconds)
        found = self.answer_to(sent)
        if not isinstance(found, DeadLetter):
            raise Unmet(f"{type_} was taken and answered {found and found.type}")
        return found

    async def event(self, key: str, *types: str, seconds: float = ANSWER_SECONDS) -> Event:
        def found() -> list[Event]:
            return [event for event in self.of(key) if event.type in types]

        await self.until(found, f"{' or '.join(types)} of {key}", seconds)
        return found()[0]

    async def until(self, holds: Any, what: str, seconds: float) -> None:
        async def news() -> None:
            async with self._news:
                await self._news.wait_for(lambda: bool(holds()))

        try:
            await asyncio.wait_for(news(), seconds)
        except TimeoutError:
            raise Unmet(f"{what}: not within {seconds:.0f} s") from None


@contextlib.asynccontextmanager
async def connected(bootstrap: str, topics: Mapping[str, str]) -> AsyncIterator[Wire]:
    """`topics` by the names commands, events, state, dlq; the state is read for the search for secrets alone."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=1, acks="all", enable_idempotence=True)
    reader = AIOKafkaConsumer(
        *(topics[name] for name in ("events", "dlq", "state")),
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        fetch_max_wait_ms=POLL_MS,
    )
    await producer.start()
    try:
        await reader.start()
        wire = Wire(topics, producer, reader)
        following = asyncio.create_task(wire.follow())
        try:
            yield wire
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
            await reader.stop()
    finally:
        await producer.stop()


class StateRecord(NamedTuple):
    """One record of the state topic; None is a tombstone."""

    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


async def read_state(bootstrap: str, topic: str) -> dict[tuple[int, bytes], StateRecord]:
    """The committed state as it lies in its topic, by partition and key."""
    reader = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await reader.start()
    try:
        found: dict[tuple[int, bytes], StateRecord] = {}
        idle = 0
        while idle < 3:
            batches = await reader.getmany(timeout_ms=200)
            idle = 0 if batches else idle + 1
            for where, records in batches.items():
                for record in records:
                    found[where.partition, record.key] = StateRecord(record.value, record.headers)
        return found
    finally:
        await reader.stop()


async def write_state(bootstrap: str, topic: str, rows: Mapping[tuple[int, bytes], StateRecord]) -> None:
    """Written over what lies there; the gateway must not run."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        for (partition, key), row in rows.items():
            headers = list(row.headers)
            await producer.send_and_wait(topic, row.value, key=key, partition=partition, headers=headers)
    finally:
        await producer.stop()
