"""`reconcile`: commands x events x dead letters x the provider's own answer."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer
from aiokafka import TopicPartition

from gateway.cli.asking import ask
from gateway.cli.configuration import quiet, service_settings
from gateway.cli.kafka_door import reaching
from gateway.cli.outcome import ExitCode, Failed
from gateway.cli.reading import Reading, reading
from gateway.cli.reconcile_books import Books
from gateway.cli.reconcile_records import asked, letter, told
from gateway.cli.reconcile_rules import Difference, Kind, Scope, differences, wanted
from gateway.cli.shown import json_line, printable
from gateway.cli.since import Since
from gateway.cli.table import show_table
from gateway.domain.operations import Operation, Purpose, ReadPayment, ReadRefund
from gateway.settings import Settings

_SETTLING_ROUNDS: Final = 3
_SETTLING_SECONDS: Final = 2.0


def register(application: typer.Typer) -> None:
    application.command("reconcile", epilog="Example: pos-gateway reconcile --since 24h --json")(reconcile)


def reconcile(
    since: Since = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line: each difference, then the summary.")
    ] = False,
) -> None:
    """Compare what was asked, what was told and what the provider has; exit code 1 if they differ.

    Missing: a command without an answer for five minutes, an effect that no event tells. Extra: a second
    answer, an effect that the provider does not have. Mismatch: status, amount or actor disagree. Unresolved:
    cannot be known now.
    """
    settings = service_settings()
    quiet(settings)
    outcome = asyncio.run(_reconcile(settings, since))
    if as_json:
        for one in outcome.differences:
            typer.echo(json_line(_fields(one)))
        typer.echo(json_line({"kind": "summary", **outcome.counts()}))
    else:
        if outcome.differences:
            show_table(_COLUMNS, (_row(one) for one in outcome.differences))
        typer.echo(outcome.summary())
    if outcome.differences:
        raise Failed(ExitCode.DOES_NOT_HOLD, f"{len(outcome.differences)} differences")


@dataclass(frozen=True, slots=True)
class _Outcome:
    differences: list[Difference]
    commands: int
    events: int
    payments: int
    refunds: int

    def counts(self) -> dict[str, int]:
        kinds = Counter(one.kind for one in self.differences)
        looked_at = {
            "commands": self.commands,
            "events": self.events,
            "payments": self.payments,
            "refunds": self.refunds,
        }
        return looked_at | {kind.value: kinds[kind] for kind in Kind}

    def summary(self) -> str:
        return ", ".join(f"{count} {name}" for name, count in self.counts().items())


async def _reconcile(settings: Settings, since_ms: int | None) -> _Outcome:
    names, books = settings.topics, Books()
    commands = events = 0
    async with reaching(settings):
        async with reading(settings, (names.commands, names.events, names.dead_letters)) as reader:
            async for record in reader.records(names.commands):
                commands += 1
                found = asked(record, settings.command_limits)
                if found is not None:
                    books.add_command(found)
            for where, passed in reader.passed_over:
                books.undecodable.append(((where.partition, passed.offset), passed.next_offset))
            async for record in reader.records(names.dead_letters):
                dead = letter(record, names.commands)
                if dead is not None:
                    books.add_letter(dead)
            events = await _read_events(settings, reader, books)
            ends, whole = reader.ends, _whole(reader, names.commands)
        scope = Scope(_now_ms(), since_ms, whole)
        readings = await ask(settings.pos, _questions(books, scope))
        left = differences(books, readings, scope)
        for _ in range(_SETTLING_ROUNDS):
            if not any(one.moving for one in left):
                break
            # The provider was read after the events were: what it was ahead with may have been told since.
            await asyncio.sleep(_SETTLING_SECONDS)
            async with reading(settings, (names.events,), ends) as reader:
                events += await _read_events(settings, reader, books)
                ends = reader.ends
            left = differences(books, readings, scope)
    refunds = sum(is_refund for _, _, is_refund in wanted(books, scope))
    payments = sum(not is_refund for _, _, is_refund in wanted(books, scope))
    return _Outcome(left, commands, events, payments, refunds)


async def _read_events(settings: Settings, reader: Reading, books: Books) -> int:
    count = 0
    async for record in reader.records(settings.topics.events):
        count += 1
        event = told(record)
        if event is not None:
            books.add_event(event)
    return count


def _whole(reader: Reading, topic: str) -> frozenset[int]:
    begins: Mapping[TopicPartition, int] = reader.begins
    return frozenset(
        where.partition for where, begin in begins.items() if where.topic == topic and begin == 0
    )


def _questions(books: Books, scope: Scope) -> dict[str, Operation]:
    questions: dict[str, Operation] = {}
    for key, provider_id, is_refund in wanted(books, scope):
        merchant = books.accounts[key].merchant
        read = ReadRefund if is_refund else ReadPayment
        questions[provider_id] = read(merchant, provider_id, Purpose.LOOK)
    return questions


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


_COLUMNS: Final = ("kind", "payment", "refund", "command", "told", "provider", "what")


def _fields(one: Difference) -> dict[str, Any]:
    command = one.command
    fields = {
        "kind": one.kind.value,
        "paymentId": one.key or None,
        "refundId": one.refund_id,
        "commandId": None if command is None else command.id,
        "commandSource": None if command is None else command.source,
        "told": one.told,
        "provider": one.provider,
        "message": one.message,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _row(one: Difference) -> tuple[str, ...]:
    command = None if one.command is None else one.command.id
    cells = (one.kind.value, one.key, one.refund_id, command, one.told, one.provider, one.message)
    return tuple(printable(cell or "-") for cell in cells)
