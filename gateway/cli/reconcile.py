"""`reconcile`: commands x events x dead letters x the provider's own answer."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, assert_never

import typer
from aiokafka import TopicPartition

from gateway.cli.configuration import quiet, service_settings
from gateway.cli.kafka_door import reaching
from gateway.cli.outcome import ExitCode, Failed
from gateway.cli.reading import Reading, reading
from gateway.cli.reconciliation.asking import ask
from gateway.cli.reconciliation.books import Books
from gateway.cli.reconciliation.records import asked, letter, told
from gateway.cli.reconciliation.rules import differences, wanted
from gateway.cli.reconciliation.terms import Asking, Difference, Kind, Question, Scope
from gateway.cli.shown import json_line, printable
from gateway.cli.since import Since
from gateway.cli.table import show_table
from gateway.domain.operations import FindRefunds, Operation, Purpose, ReadPayment, ReadRefund
from gateway.settings import Settings

_SETTLING_ROUNDS: Final = 4
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
    commands = 0
    async with reaching(settings):
        async with reading(settings, (names.commands, names.events, names.dead_letters)) as reader:
            async for record in reader.records(names.commands):
                commands += 1
                found = asked(record, settings.command_limits)
                if found is not None:
                    books.add_command(found)
            for where, passed in reader.passed_over:
                books.undecodable.append(((where.partition, passed.offset), passed.next_offset))
            events = await _read_answers(settings, reader, books)
            ends, whole = reader.ends, _whole(reader, names.commands)
        scope = Scope(_now_ms(), since_ms, whole)
        readings = await ask(settings.pos, _questions(books, scope, books.accounts))
        left = before = differences(books, readings, scope)
        for _ in range(_SETTLING_ROUNDS):
            if not any(one.moving for one in left):
                break
            # The provider was read after the events were: what it was ahead with may have been told since.
            await asyncio.sleep(_SETTLING_SECONDS)
            sequences = {key: account.sequence for key, account in books.accounts.items()}
            async with reading(settings, (names.events, names.dead_letters), ends) as reader:
                events += await _read_answers(settings, reader, books)
                ends = reader.ends
            touched = {key for key, one in books.accounts.items() if one.sequence != sequences.get(key)}
            touched |= {one.key for one in left if one.moving}
            readings |= await ask(settings.pos, _questions(books, scope, touched))
            before, left = left, differences(books, readings, scope)
        # What differs otherwise than a moment ago is on its way.
        left = [one for one in left if not one.moving or one in before]
    asked_for = Counter(asking for _, (asking, _) in wanted(books, scope))
    return _Outcome(left, commands, events, asked_for[Asking.PAYMENT], asked_for[Asking.REFUND])


async def _read_answers(settings: Settings, reader: Reading, books: Books) -> int:
    """Dead letters and events; how many events."""
    names, count = settings.topics, 0
    async for record in reader.records(names.dead_letters):
        dead = letter(record, names.commands)
        if dead is not None:
            books.add_letter(dead)
    async for record in reader.records(names.events):
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


def _questions(books: Books, scope: Scope, keys: Collection[str]) -> dict[Question, Operation]:
    """What is to be asked of the payments under `keys`."""
    return {
        question: _operation(question, books.accounts[key].merchant)
        for key, question in wanted(books, scope)
        if key in keys
    }


def _operation(question: Question, merchant: str | None) -> Operation:
    match question:
        case Asking.PAYMENT, provider_id:
            return ReadPayment(merchant, provider_id, Purpose.CANDIDATE)
        case Asking.REFUND, provider_id:
            return ReadRefund(merchant, provider_id, Purpose.CANDIDATE)
        case Asking.REFUNDS, provider_id:
            return FindRefunds(merchant, provider_id, Purpose.CANDIDATE)
        case _:
            assert_never(question[0])


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
