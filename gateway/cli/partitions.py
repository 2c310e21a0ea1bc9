"""`partitions list|skip|rebuild`: how each partition stands, and the way past a batch that cannot be decoded."""

import asyncio
import getpass
import socket
import time
from typing import Annotated, Any, Final

import typer
from aiokafka import TopicPartition

from gateway import __version__
from gateway.cli.configuration import broker_settings
from gateway.cli.kafka_door import partition_count, reaching
from gateway.cli.outcome import ExitCode, Failed
from gateway.cli.reading import within
from gateway.cli.rebuilding import rebuild_
from gateway.cli.shown import json_line
from gateway.cli.table import show_table
from gateway.codec.dead_letters import Origin, Skip, write_skip
from gateway.kafka.batches import Undecodable
from gateway.kafka.limits import Limits
from gateway.kafka.opening import PartitionConfig
from gateway.kafka.records import Channel, Outgoing
from gateway.kafka.skipping import CannotSkip, skip
from gateway.kafka.survey import Standing, survey
from gateway.settings import BrokerSettings

SURVEY_TIMEOUT_SECONDS: Final = 60.0

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


def register(application: typer.Typer) -> None:
    group = typer.Typer(
        help="See how partitions stand, and move a stopped one on.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.command("list", epilog="Example: pos-gateway partitions list")(list_)
    group.command("skip", epilog="Example: pos-gateway partitions skip --partition 3 --offset 1742")(skip_)
    group.command("rebuild", epilog="Example: pos-gateway partitions rebuild --dry-run")(rebuild_)
    application.add_typer(group, name="partitions", epilog="Example: pos-gateway partitions list")


def list_(as_json: AsJson = False) -> None:
    """List the partitions: where the commands end, what is accepted, who owns them, what stops them."""
    found = asyncio.run(_survey(broker_settings()))
    if as_json:
        for standing in found:
            typer.echo(json_line(_fields(standing)))
    else:
        columns = (
            "partition",
            "stands at",
            "commands end",
            "lag",
            "group offset",
            "state end",
            "owner",
            "stopped",
        )
        show_table(columns, (_row(standing) for standing in found))


def skip_(
    partition: Annotated[int, typer.Option(min=0, help="The partition that is stopped.")],
    offset: Annotated[
        int, typer.Option(min=0, help="Where it stands, as readiness and `partitions list` say.")
    ],
    as_json: AsJson = False,
) -> None:
    """Pass over a batch that cannot be decoded. What is in it is lost: it can be neither answered nor kept.

    A record in the dead letters tells who did it, when, and which offsets. A gateway that owns the partition
    goes on by itself within half a minute. Exit code 1, and nothing is changed, where the partition does not
    stand at this offset, or what lies there can be decoded.
    """
    settings = broker_settings()
    found = asyncio.run(_skip(settings, partition, offset))
    if as_json:
        typer.echo(json_line({"partition": partition, "error": found.error, **_range(found)}))
    else:
        last = found.next_offset - 1
        what = f"offset {found.offset}" if last == found.offset else f"offsets {found.offset} to {last}"
        typer.echo(
            f"partition {partition}: {what} skipped ({found.error}), it goes on at {found.next_offset}"
        )


async def _survey(settings: BrokerSettings) -> list[Standing]:
    async with reaching(settings):
        count = await partition_count(settings, settings.topics.commands)
        await _require_same(settings, count)
        return await survey(settings.broker_config(), count, SURVEY_TIMEOUT_SECONDS)


async def _require_same(settings: BrokerSettings, count: int) -> None:
    of_state = await partition_count(settings, settings.topics.state)
    if of_state != count:
        told = f"{settings.topics.commands} has {count} partitions, {settings.topics.state} has {of_state}"
        raise Failed(ExitCode.WRONG_USAGE, told)


async def _skip(settings: BrokerSettings, partition: int, offset: int) -> Undecodable:
    names = settings.topics
    async with reaching(settings):
        count = await partition_count(settings, names.commands)
        await _require_same(settings, count)
        await partition_count(settings, names.dead_letters)
        within(count, partition)

        def record(found: Undecodable) -> Outgoing:
            origin = Origin(names.commands, partition, found.offset)
            act = Skip(origin, found.next_offset, found.error, _operator(), time.time_ns() // 1_000_000)
            wire = write_skip(act, __version__)
            return Outgoing(Channel.DEAD_LETTERS, wire.key, wire.value, wire.headers)

        try:
            return await skip(
                settings.broker_config(),
                PartitionConfig(settings.kafka.group_id, count),
                Limits(),
                TopicPartition(names.commands, partition),
                offset,
                record,
            )
        except CannotSkip as refused:
            raise Failed(ExitCode.DOES_NOT_HOLD, f"nothing was skipped: {refused}") from None


def _operator() -> str:
    """Who acts: the user and the machine, as the system has them."""
    try:
        user = getpass.getuser()
    # In a container a user may have no name at all.
    except (KeyError, OSError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def _range(found: Undecodable) -> dict[str, int]:
    return {"offset": found.offset, "nextOffset": found.next_offset}


def _fields(one: Standing) -> dict[str, Any]:
    released = None if one.checkpoint is None else one.checkpoint.released is not None
    stopped = None if one.undecodable is None else {**_range(one.undecodable), "error": one.undecodable.error}
    return {
        "partition": one.partition,
        "position": one.position,
        "beginning": one.beginning,
        "end": one.end,
        "lag": one.lag,
        "groupOffset": one.group_offset,
        "stateEnd": one.state_end,
        "released": released,
        "owner": None if one.owner is None else {"member": one.owner.member, "host": one.owner.host},
        "stopped": stopped,
        "unreadable": one.unreadable,
    }


def _row(one: Standing) -> tuple[str, ...]:
    numbers = (one.position, one.end, one.lag, one.group_offset, one.state_end)
    stopped = one.undecodable
    return (
        str(one.partition),
        *("-" if number is None else str(number) for number in numbers),
        "-" if one.owner is None else f"{one.owner.member} at {one.owner.host}",
        one.unreadable or "-"
        if stopped is None
        else f"at {stopped.offset}: cannot be decoded ({stopped.error})",
    )
