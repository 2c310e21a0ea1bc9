"""`events`: watch what the gateway publishes."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final

import typer
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from gateway.cli.configuration import broker_settings
from gateway.cli.kafka_door import partition_count, reaching
from gateway.settings import BrokerSettings

_POLL_MS: Final = 250


class Start(StrEnum):
    BEGINNING = "beginning"
    END = "end"


def register(application: typer.Typer) -> None:
    application.command("events", epilog="Example: pos-gateway events --payment p-1 --follow --json")(events)


def events(
    payment: Annotated[
        str | None, typer.Option(metavar="ID", help="Only events of this paymentId or merchantPosId.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    start: Annotated[Start, typer.Option("--from", help="Where to begin.")] = Start.BEGINNING,
    as_json: Annotated[
        bool, typer.Option("--json", help="One object a line: partition, offset, key, headers, data.")
    ] = False,
) -> None:
    """Show events as a reader with read_committed sees them; without --follow, those published up to now."""
    settings = broker_settings()
    try:
        asyncio.run(_watch(settings, payment, follow, start, as_json))
    except BrokenPipeError:
        # The reader has gone, as in `events | head`; what is still buffered must not raise again at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _watch(
    settings: BrokerSettings, payment: str | None, follow: bool, start: Start, as_json: bool
) -> None:
    async for record in _records(settings, follow, start):
        if payment is None or record.key == payment.encode():
            typer.echo(_as_json(record) if as_json else _as_text(record))


async def _records(settings: BrokerSettings, follow: bool, start: Start) -> AsyncIterator[ConsumerRecord]:
    async with reaching(settings):
        count = await partition_count(settings, settings.topics.events)
        consumer = AIOKafkaConsumer(
            **settings.kafka.connection(),
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            partitions = [TopicPartition(settings.topics.events, number) for number in range(count)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            begins = await consumer.beginning_offsets(partitions)
            for partition in partitions:
                consumer.seek(partition, (begins if start is Start.BEGINNING else ends)[partition])
            while follow or await _unread(consumer, ends):
                for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                    for record in records:
                        if follow or record.offset < ends[TopicPartition(record.topic, record.partition)]:
                            yield record
        finally:
            await consumer.stop()


async def _unread(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
    for partition, end in ends.items():
        if await consumer.position(partition) < end:
            return True
    return False


def _as_json(record: ConsumerRecord) -> str:
    line = {
        "partition": record.partition,
        "offset": record.offset,
        "key": _text(record.key),
        "headers": {name: _text(value) for name, value in record.headers},
        "data": _data(record.value),
    }
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def _as_text(record: ConsumerRecord) -> str:
    """Time, key, sequence, type and what it says, in columns."""
    headers = {name: _text(value) or "" for name, value in record.headers}
    data = _data(record.value)
    fields = data if isinstance(data, dict) else {}
    when = headers.get("ce_time") or datetime.fromtimestamp(record.timestamp / 1000, UTC).isoformat()
    told = [
        str(fields[name]) for name in ("status", "reason", "message") if isinstance(fields.get(name), str)
    ]
    if isinstance(amounts := fields.get("amounts"), dict):
        told.append(_amounts(amounts))
    if answered := fields.get("commandId"):
        told.append(f"answers {answered}")
    columns = (
        when,
        f"{_text(record.key) or '-':<36}",
        f"{fields.get('sequence', '-')!s:>3}",
        f"{headers.get('ce_type', '-'):<18}",
        ", ".join(told),
    )
    # What others wrote must not steer the terminal.
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in "  ".join(columns).rstrip())


def _amounts(amounts: dict[str, Any]) -> str:
    parts = [f"{name} {value}" for name, value in amounts.items() if isinstance(value, int) and value]
    return f"{' '.join(parts)} {amounts.get('currency', '')}".strip()


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode("utf-8", "backslashreplace")


def _data(raw: bytes | None) -> Any:
    try:
        return None if raw is None else json.loads(raw)
    except ValueError:
        return _text(raw)
