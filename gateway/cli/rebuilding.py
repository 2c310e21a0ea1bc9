"""`partitions rebuild`: a lost state topic is made anew from events, and from the commands still there."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final

import typer

from gateway import codec
from gateway.cli.configuration import quiet, service_settings
from gateway.cli.kafka_door import partition_count, reaching
from gateway.cli.outcome import ExitCode, Failed
from gateway.cli.reading import parts, reading
from gateway.cli.reconciliation.records import letter
from gateway.cli.shown import json_line
from gateway.cli.table import show_table
from gateway.codec.told import NoEvent, read_told
from gateway.domain.commands import Message
from gateway.domain.identity import MessageId
from gateway.domain.points_of_sale import rebuilding as points_of_sale
from gateway.domain.rebuilding import Told, rebuilt
from gateway.domain.vocabulary import Reason
from gateway.flow import PAYMENT_PREFIX, POINT_OF_SALE_PREFIX
from gateway.kafka.changelog import state_entry
from gateway.kafka.log import Entry
from gateway.kafka.opening import PartitionConfig
from gateway.kafka.rebuilding import CannotRebuild, rebuild, require_lost
from gateway.settings import Settings

SURVEY_TIMEOUT_SECONDS: Final = 60.0


@dataclass(slots=True)
class _Found:
    """What one partition holds. `position`: the first command that nobody can have accepted, None for the end."""

    commands: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    payments: dict[str, list[Told]] = field(default_factory=lambda: defaultdict(list))
    tills: dict[str, list[points_of_sale.Told]] = field(default_factory=lambda: defaultdict(list))
    refused: Counter[tuple[str, MessageId]] = field(default_factory=Counter)
    dead: set[int] = field(default_factory=set)
    position: int | None = None
    end: int = 0
    foreign: int = 0


@dataclass(frozen=True, slots=True)
class _Made:
    entries: Sequence[Entry]
    position: int
    payments: int
    tills: int
    unanswered: int
    foreign: int


def rebuild_(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Make the state anew after the state topic was lost, from the events and the commands that are still there.

    Run with the service's own settings, all gateways stopped and the topics made. What cannot come back: searches
    for late effects of commands that were given up; `reconcile` finds what they would have. Exit code 1, and
    nothing is changed, where a gateway owns a partition or some state is there.
    """
    settings = service_settings()
    quiet(settings)
    made = asyncio.run(_rebuild(settings, dry_run))
    names = ("partition", "payments", "pointsOfSale", "unanswered", "position", "unreadEvents")
    rows = [
        (number, one.payments, one.tills, one.unanswered, one.position, one.foreign)
        for number, one in enumerate(made)
    ]
    if as_json:
        for row in rows:
            typer.echo(json_line(dict(zip(names, row, strict=True))))
    else:
        show_table(names, [tuple(map(str, row)) for row in rows])


async def _rebuild(settings: Settings, dry_run: bool) -> list[_Made]:
    broker = settings.broker_config()
    async with reaching(settings):
        count = await partition_count(settings, settings.topics.commands)
        if await partition_count(settings, settings.topics.state) != count:
            raise Failed(ExitCode.WRONG_USAGE, "commands and state need the same number of partitions")
        config = PartitionConfig(settings.kafka.group_id, count)
        try:
            await require_lost(broker, config, SURVEY_TIMEOUT_SECONDS)
            made = [_made(one, settings) for one in await _read(settings, count)]
            if not dry_run:
                for number, one in enumerate(made):
                    await rebuild(broker, config, settings.limits, number, one.entries, one.position)
        except CannotRebuild as refused:
            raise Failed(ExitCode.DOES_NOT_HOLD, f"nothing was rebuilt: {refused}") from None
    return made


async def _read(settings: Settings, count: int) -> list[_Found]:
    names = settings.topics
    found = [_Found() for _ in range(count)]
    async with reading(settings, (names.commands, names.events, names.dead_letters)) as reader:
        async for record in reader.records(names.dead_letters):
            dead = letter(record, names.commands)
            if dead is not None and dead.partition < count:
                found[dead.partition].dead.update(range(dead.offset, dead.next_offset))
        async for record in reader.records(names.events):
            _add_event(found[record.partition], parts(record))
        for where, end in reader.ends.items():
            if where.topic == names.commands:
                found[where.partition].end = end
        async for record in reader.records(names.commands):
            one = found[record.partition]
            before = one.position is None or record.offset < one.position
            if before and record.offset not in one.dead:
                _add_command(one, record.offset, parts(record), settings.command_limits)
        for where, passed in reader.passed_over:
            one = found[where.partition]
            if where.topic == names.commands and passed.offset not in one.dead:
                _stop_at(one, passed.offset)
    return found


def _add_event(found: _Found, record: codec.RecordParts) -> None:
    try:
        key, told = read_told(record)
    except NoEvent:
        found.foreign += 1
        return
    if isinstance(told, Told):
        found.payments[key].append(told)
        if told.answers is not None and told.reason == Reason.TOO_MANY_COMMANDS:
            found.refused[key, told.answers] += 1
    else:
        found.tills[key].append(told)


def _add_command(found: _Found, offset: int, record: codec.RecordParts, limits: codec.CommandLimits) -> None:
    message = codec.read_command(record, limits)
    if isinstance(message, codec.DeadLetter):
        # Whoever passes such a command writes its dead letter with it: nobody has come so far.
        _stop_at(found, offset)
        return
    assert record.key is not None
    key = record.key.decode()
    if found.refused[key, message.id] > 0:
        found.refused[key, message.id] -= 1
        return
    same = next((m for m in found.commands[key] if m.id == message.id), None)
    if same is None:
        found.commands[key].append(message)
    elif same.data_hash != message.data_hash:
        _stop_at(found, offset)


def _stop_at(found: _Found, offset: int) -> None:
    found.position = offset if found.position is None else min(offset, found.position)


def _made(found: _Found, settings: Settings) -> _Made:
    entries, payments, unanswered = [], 0, 0
    for key in found.commands.keys() | found.payments.keys() | found.tills.keys():
        messages = found.commands.get(key, [])
        of_till = [m for m in messages if m.type.startswith(("point-of-sale.", "checkin."))]
        of_payment = [m for m in messages if m not in of_till]
        state = rebuilt(key, found.payments.get(key, []), of_payment, settings.rules)
        if state is not None:
            payments, unanswered = payments + 1, unanswered + state.waiting
            entries.append(state_entry(PAYMENT_PREFIX + key, codec.encode_state(state), codec.STATE_VERSION))
        till = points_of_sale.rebuilt(key, found.tills.get(key, []), of_till)
        if till is not None:
            unanswered += till.waiting
            entries.append(
                state_entry(POINT_OF_SALE_PREFIX + key, codec.encode_point_of_sale(till), codec.STATE_VERSION)
            )
    position = found.end if found.position is None else found.position
    return _Made(entries, position, payments, len(entries) - payments, unanswered, found.foreign)
