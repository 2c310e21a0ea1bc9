"""`send`: publish commands from JSON lines."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from gateway.cli.command_lines import DEFAULT_SOURCE, CommandLine, read_command_lines
from gateway.cli.configuration import broker_settings
from gateway.cli.kafka_door import partition_count, reaching
from gateway.cli.outcome import ExitCode, Failed
from gateway.kafka.admin import told
from gateway.settings import BrokerSettings

MAX_RECORD_BYTES: Final = 1_048_588
"""`max.message.bytes` of the commands topic as `topics create` makes it."""

_AT_ONCE: Final = 1000
_SHOWN_PROBLEMS: Final = 50


def register(application: typer.Typer) -> None:
    application.command(
        "send",
        epilog="""Example: echo '{"type":"payment.cancel","data":{"paymentId":"p1"}}' | pos-gateway send -""",
    )(send)


def send(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="JSON lines; - reads them from stdin.")],
    source: Annotated[
        str, typer.Option(help="ce_source of lines that name none; part of each message's identity.")
    ] = DEFAULT_SOURCE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge the lines and send nothing.")] = False,
) -> None:
    """Publish commands: one JSON object a line, {"type", "id"?, "source"?, "time"?, "expirytime"?, "data"}.

    A line without an id gets one that follows from its content, so that sending a file twice charges nobody
    twice. All lines are judged first: if one is wrong, each wrong one is named and nothing is sent.
    """
    commands, problems = read_command_lines(_lines(file), source)
    if problems:
        lines = [str(problem) for problem in problems[:_SHOWN_PROBLEMS]]
        if len(problems) > len(lines):
            lines.append(f"and {len(problems) - len(lines)} more")
        lines.append("nothing was sent")
        raise Failed(ExitCode.WRONG_USAGE, "\n".join(lines))
    repeats = len(commands) - len({(command.id, dict(command.headers)["ce_source"]) for command in commands})
    if repeats:
        typer.echo(f"{repeats} lines repeat the id of another; only the first of each counts", err=True)
    if dry_run:
        typer.echo(f"{len(commands)} commands would be sent")
        return
    settings = broker_settings()
    sent = asyncio.run(_publish(settings, commands))
    if sent.faults:
        lines = [f"line {line}: {fault}" for line, fault in sent.faults[:_SHOWN_PROBLEMS]]
        sent_well = len(commands) - len(sent.faults)
        lines.append(f"{sent_well} of {len(commands)} commands sent to {settings.topics.commands}")
        raise Failed(sent.code, "\n".join(lines))
    typer.echo(f"{len(commands)} commands sent to {settings.topics.commands}")


def _lines(file: str) -> list[bytes]:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as fault:
        raise Failed(ExitCode.WRONG_USAGE, f"{file}: {fault.strerror}") from None
    return raw.removeprefix(b"\xef\xbb\xbf").split(b"\n")


@dataclass(slots=True)
class _Sent:
    faults: list[tuple[int, str]]
    code: ExitCode = ExitCode.OUT_OF_REACH


async def _publish(settings: BrokerSettings, commands: Sequence[CommandLine]) -> _Sent:
    """In the order of the file; a key's commands keep it: an idempotent producer keeps a partition's."""
    sent = _Sent([])
    async with reaching(settings):
        await partition_count(settings, settings.topics.commands)
        # The default partitioner is murmur2, as that of every other producer of this topic must be.
        producer = AIOKafkaProducer(
            **settings.kafka.connection(),
            acks="all",
            enable_idempotence=True,
            max_request_size=MAX_RECORD_BYTES,
        )
        await producer.start()
        try:
            for start in range(0, len(commands), _AT_ONCE):
                await _publish_some(producer, settings, commands[start : start + _AT_ONCE], sent)
        finally:
            await producer.stop()
    return sent


async def _publish_some(
    producer: AIOKafkaProducer, settings: BrokerSettings, commands: Sequence[CommandLine], sent: _Sent
) -> None:
    under_way = []
    for command in commands:
        try:
            future = await producer.send(
                settings.topics.commands, key=command.key, value=command.value, headers=list(command.headers)
            )
        except MessageSizeTooLargeError:
            sent.faults.append((command.line, f"the record is larger than {MAX_RECORD_BYTES} bytes"))
            sent.code = ExitCode.WRONG_USAGE
        else:
            under_way.append((command, future))
    outcomes = await asyncio.gather(*(future for _, future in under_way), return_exceptions=True)
    for (command, _), outcome in zip(under_way, outcomes, strict=True):
        if isinstance(outcome, KafkaError):
            sent.faults.append((command.line, told(outcome)))
        elif isinstance(outcome, BaseException):
            raise outcome
