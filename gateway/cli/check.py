"""`check`: would the service start here, and would it be ready?"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import typer
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, TransactionalIdAuthorizationFailed

from gateway.cli.configuration import quiet
from gateway.cli.kafka_door import REACH_TIMEOUT_SECONDS, look
from gateway.cli.outcome import ExitCode, Failed
from gateway.cli.table import show_table
from gateway.kafka import rights, topics
from gateway.kafka.admin import administrator, told
from gateway.kafka.log import BrokerTrouble
from gateway.mobilepay.client import MobilePay
from gateway.settings import Settings, SettingsProblems, load, variable

_TOKEN_SLACK_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 0.05
_TRANSACTIONS: Final = "rights: transactional ids"


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

    Of rights to topics and to the group the broker is asked; that to transactional ids is tried, under one that is
    no partition's.
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
    yield await _rights_line(settings)
    yield await _transactional_id_line(settings)


async def _rights_line(settings: Settings) -> Line:
    """What the broker says of them; one that has no authorizer allows everything."""
    needed = rights.of_gateway(settings.topics, settings.kafka.group_id)
    if settings.notifications_port is not None:
        needed += rights.of_notifications(settings.topics)
    try:
        async with administrator(settings.kafka.connection(), REACH_TIMEOUT_SECONDS) as admin:
            lacking = await rights.missing(admin, needed)
    except BrokerTrouble as trouble:
        return Line("rights", f"cannot be known: {trouble}")
    # That of settings is told with the topic, which can be used without.
    told = [f"{r.act} on {r.resource} {r.name}" for r in lacking if r.act is not rights.Act.DESCRIBE_CONFIGS]
    return Line("rights", f"missing: {', '.join(told)}" if told else None)


async def _transactional_id_line(settings: Settings) -> Line:
    try:
        await asyncio.wait_for(_take_transactional_id(settings), REACH_TIMEOUT_SECONDS)
    except TransactionalIdAuthorizationFailed:
        prefix = f"{settings.kafka.group_id}-{settings.topics.commands}-"
        return Line(_TRANSACTIONS, f"missing: Write on transactional-id {prefix}*")
    except (KafkaError, OSError, TimeoutError) as fault:
        return Line(_TRANSACTIONS, f"{type(fault).__name__}: {told(fault)}")
    return Line(_TRANSACTIONS)


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
