"""`check`: would the service start here, and would it be ready?"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Final

import typer
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from gateway.cli.configuration import quiet
from gateway.cli.kafka_door import REACH_TIMEOUT_SECONDS, look
from gateway.cli.outcome import ExitCode, Failed
from gateway.cli.table import show_table
from gateway.kafka import topics
from gateway.kafka.admin import told
from gateway.kafka.log import BrokerTrouble
from gateway.mobilepay.client import MobilePay
from gateway.settings import Settings, SettingsProblems, load, variable

_TOKEN_SLACK_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Line:
    """One thing looked at; `reason` None: it holds. `remark`: what is worth knowing although it holds."""

    name: str
    reason: str | None = None
    remark: str = ""

    @property
    def verdict(self) -> str:
        if self.reason is not None:
            return self.reason
        return f"ok: {self.remark}" if self.remark else "ok"


def register(application: typer.Typer) -> None:
    application.command("check", epilog="Example: pos-gateway check && pos-gateway run")(check)


def check() -> None:
    """Look at settings, broker, topics, rights and token; exit code 1 if one does not hold.

    Rights are tried where trying changes nothing: reading the topics, reading the group's offsets, taking a
    transactional id. The right to write to the topics cannot be tried without writing, and is not.
    """
    lines = asyncio.run(_look_at_all())
    show_table(("what", "verdict"), [(line.name, line.verdict) for line in lines])
    wrong = sum(line.reason is not None for line in lines)
    if wrong:
        raise Failed(ExitCode.DOES_NOT_HOLD, f"{wrong} of {len(lines)} do not hold")


async def _look_at_all() -> list[Line]:
    try:
        settings = load()
    except SettingsProblems as wrong:
        return [Line("settings", str(problem)) for problem in wrong.problems]
    quiet(settings)
    lines = [_settings_line(settings)]
    lines += [line async for line in _kafka_lines(settings)]
    lines.append(await _token_line(settings))
    return lines


def _settings_line(settings: Settings) -> Line:
    if settings.pos.base_url.startswith("http://"):
        return Line("settings", remark=f"{variable('pos', 'base_url')} is http://, nothing is encrypted")
    return Line("settings")


async def _kafka_lines(settings: Settings) -> AsyncIterator[Line]:
    try:
        found = await look(settings)
    except BrokerTrouble as trouble:
        yield Line("broker", f"{settings.kafka.bootstrap_servers} is out of reach: {trouble}")
        return
    yield Line("broker", remark=settings.kafka.bootstrap_servers)
    findings = topics.compare(topics.plans(settings.topics), found)
    for finding in findings:
        differs = not finding.ok and not finding.blocks
        name = f"topics: {finding.topic}"
        yield Line(name, finding.text if finding.blocks else None, finding.text if differs else "")
    if any(finding.blocks for finding in findings):
        return
    yield await _tried("rights: read the topics", _read_topics(settings))
    yield await _tried("rights: the group's offsets", _read_group(settings))
    yield await _tried("rights: transactional ids", _take_transactional_id(settings))


async def _tried(name: str, attempt: Coroutine[None, None, None]) -> Line:
    try:
        await asyncio.wait_for(attempt, REACH_TIMEOUT_SECONDS)
    except (KafkaError, OSError, TimeoutError) as fault:
        return Line(name, f"{type(fault).__name__}: {told(fault)}")
    return Line(name)


async def _read_topics(settings: Settings) -> None:
    names = settings.topics
    consumer = AIOKafkaConsumer(**settings.kafka.connection(), isolation_level="read_committed")
    try:
        await consumer.start()
        for name in (names.commands, names.events, names.state, names.dead_letters):
            await consumer.end_offsets([TopicPartition(name, 0)])
    finally:
        await consumer.stop()


async def _read_group(settings: Settings) -> None:
    consumer = AIOKafkaConsumer(
        **settings.kafka.connection(), group_id=settings.kafka.group_id, enable_auto_commit=False
    )
    where = TopicPartition(settings.topics.commands, 0)
    try:
        await consumer.start()
        consumer.assign([where])
        await consumer.committed(where)
    finally:
        await consumer.stop()


async def _take_transactional_id(settings: Settings) -> None:
    # An id of its own under the same prefix: that of a partition would fence its owner.
    producer = AIOKafkaProducer(
        **settings.kafka.connection(),
        transactional_id=f"{settings.kafka.group_id}-{settings.topics.commands}-check",
    )
    try:
        await producer.start()
    finally:
        await producer.stop()


async def _token_line(settings: Settings) -> Line:
    provider = MobilePay(settings.pos)
    provider.start()
    try:
        async with asyncio.timeout(settings.pos.token_timeout_seconds + _TOKEN_SLACK_SECONDS):
            while not (standing := provider.standing()).token_held and standing.fault is None:  # noqa: ASYNC110
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        return Line("token", f"none: {settings.pos.token_endpoint} is out of reach")
    finally:
        await provider.close()
    return Line("token", standing.fault)
