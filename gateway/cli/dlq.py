"""`dlq list|show|replay`: what could not be understood, and sending it again once the reason is gone."""

import asyncio
from collections import Counter, defaultdict, deque
from typing import Annotated, Final

import typer

from gateway.cli.configuration import broker_settings
from gateway.cli.dead_letters import COLUMNS, DeadLetter, Filter, row, summary, whole
from gateway.cli.kafka_door import reaching
from gateway.cli.outcome import ExitCode, Failed
from gateway.cli.reading import reading, within
from gateway.cli.replaying import Outcome, Result, Wish, dead_letters, replayed
from gateway.cli.shown import as_text, json_line
from gateway.cli.since import Since
from gateway.cli.table import show_table
from gateway.settings import BrokerSettings

DEFAULT_MOST: Final = 1000

Reason = Annotated[
    list[str] | None, typer.Option("--reason", help="Only this dlq.reason; may be given several times.")
]
Key = Annotated[str | None, typer.Option("--key", help="Only records with this key.")]
Payment = Annotated[
    str | None,
    typer.Option("--payment", metavar="ID", help="Only records of this paymentId, by key or data."),
]
Partition = Annotated[int | None, typer.Option(min=0, help="Only this partition of the dead letters' topic.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


def register(application: typer.Typer) -> None:
    group = typer.Typer(
        help="Look at dead letters and send them again.", no_args_is_help=True, rich_markup_mode=None
    )
    group.command("list", epilog="Example: pos-gateway dlq list --reason unknown_type --since 24h")(list_)
    group.command("show", epilog="Example: pos-gateway dlq show 3:17 --json")(show)
    group.command("replay", epilog="Example: pos-gateway dlq replay --reason unknown_type --dry-run")(replay)
    application.add_typer(group, name="dlq", epilog="Example: pos-gateway dlq list")


def list_(
    reason: Reason = None,
    key: Key = None,
    payment: Payment = None,
    since: Since = None,
    partition: Partition = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the newest so many.", show_default="all")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the dead letters there are now, oldest first."""
    settings = broker_settings()
    wanted = Filter(reason or (), key, payment, since)
    found = asyncio.run(_found(settings, wanted, partition, limit))
    if as_json:
        for letter in found:
            typer.echo(json_line(summary(letter)))
    else:
        show_table(COLUMNS, (row(letter) for letter in found))


def show(
    place: Annotated[str, typer.Argument(metavar="PARTITION:OFFSET", help="As `dlq list` names it.")],
    as_json: AsJson = False,
) -> None:
    """Show one dead letter with its bytes: as text where they are UTF-8, else as hex (--json: base64)."""
    partition, offset = _place(place)
    letter = asyncio.run(_one(broker_settings(), partition, offset))
    if as_json:
        typer.echo(json_line(whole(letter)))
        return
    record = letter.record
    rows = list(zip(COLUMNS, row(letter), strict=True))
    rows += [(f"header {as_text(name.encode())}", as_text(value)) for name, value in record.headers]
    show_table(("what", "value"), [*rows, ("value", as_text(record.value))])


def replay(
    place: Annotated[
        str | None, typer.Argument(metavar="PARTITION:OFFSET", help="Only this one.", show_default=False)
    ] = None,
    reason: Reason = None,
    key: Key = None,
    payment: Payment = None,
    since: Since = None,
    partition: Partition = None,
    most: Annotated[int, typer.Option("--max", min=1, help="Send so many at the most.")] = DEFAULT_MOST,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")
    ] = False,
    renew_time: Annotated[
        bool, typer.Option("--renew-time", help="Set ce_time to now; ce_expirytime is never renewed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Send dead letters to the commands topic again, key, bytes and message id as they first came.

    One that came back after a replay is sent in the place of its earlier self, three times at most. A command
    keeps its age unless --renew-time is given. Exit code 1 if one was refused, or none was found at a place
    that was named.
    """
    settings = broker_settings()
    wanted = Filter(reason or (), key, payment, since)
    where = None if place is None else _place(place)
    wish = Wish(wanted, partition if where is None else where[0], where, most, dry_run, renew_time)
    counts = asyncio.run(_replay(settings, wish, as_json))
    if where is not None and not counts:
        raise Failed(ExitCode.DOES_NOT_HOLD, f"there is no dead letter {place}, or the filters leave it out")
    told = ", ".join(
        f"{count} {outcome.value.replace('_', ' ')}" for outcome, count in sorted(counts.items())
    )
    if counts[Outcome.FAILED]:
        raise Failed(ExitCode.OUT_OF_REACH, told)
    if counts[Outcome.REFUSED] or (where is not None and counts[Outcome.SUPERSEDED]):
        raise Failed(ExitCode.DOES_NOT_HOLD, told)
    typer.echo(told or "no dead letter matches", err=True)


async def _found(
    settings: BrokerSettings, wanted: Filter, partition: int | None, limit: int | None
) -> list[DeadLetter]:
    """Of each partition the newest `limit`, then of all of them: timestamps do not order a topic, offsets a
    partition.
    """
    found: defaultdict[int, deque[DeadLetter]] = defaultdict(lambda: deque(maxlen=limit))
    topic = settings.topics.dead_letters
    async with reaching(settings), reading(settings, (topic,)) as reader:
        within(len(reader.ends), partition)
        async for letter in dead_letters(reader, topic, partition):
            if wanted.takes(letter):
                found[letter.partition].append(letter)
    letters = [letter for newest in found.values() for letter in newest]
    ordered = sorted(
        letters, key=lambda letter: (letter.record.timestamp_ms, letter.partition, letter.offset)
    )
    return ordered if limit is None else ordered[-limit:]


async def _one(settings: BrokerSettings, partition: int, offset: int) -> DeadLetter:
    topic = settings.topics.dead_letters
    async with reaching(settings), reading(settings, (topic,)) as reader:
        within(len(reader.ends), partition)
        async for letter in dead_letters(reader, topic, partition):
            if letter.offset == offset:
                return letter
    raise Failed(ExitCode.DOES_NOT_HOLD, f"there is no dead letter {partition}:{offset}")


async def _replay(settings: BrokerSettings, wish: Wish, as_json: bool) -> Counter[Outcome]:
    counts: Counter[Outcome] = Counter()
    async with reaching(settings):
        async for result in replayed(settings, wish):
            counts[result.outcome] += 1
            typer.echo(_told(result, as_json))
    return counts


def _told(result: Result, as_json: bool) -> str:
    letter = result.letter
    if as_json:
        return json_line({**summary(letter), "outcome": result.outcome.value, "why": result.why})
    why = "" if result.why is None else f": {result.why}"
    return f"{letter.place}\t{as_text(letter.record.key)}\t{letter.note.reason}\t{result.outcome.value}{why}"


def _place(text: str) -> tuple[int, int]:
    partition, _, offset = text.partition(":")
    if not (partition.isdecimal() and offset.isdecimal()):
        raise Failed(ExitCode.WRONG_USAGE, f"{text}: must be PARTITION:OFFSET, such as 3:17")
    return int(partition), int(offset)
