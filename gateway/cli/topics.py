"""`topics create|check`: the gateway itself never creates a topic."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import typer

from gateway.cli.configuration import broker_settings
from gateway.cli.kafka_door import look, reaching
from gateway.cli.outcome import ExitCode, Failed
from gateway.cli.table import show_table
from gateway.kafka import topics
from gateway.kafka.admin import administrator
from gateway.settings import BrokerSettings

_CREATE_TIMEOUT_SECONDS: Final = 60.0


def register(application: typer.Typer) -> None:
    group = typer.Typer(
        help="Make or compare the gateway's topics.", no_args_is_help=True, rich_markup_mode=None
    )
    group.command(
        "create", epilog="Example: pos-gateway topics create --partitions 12 --replication-factor 3"
    )(create)
    group.command("check", epilog="Example: pos-gateway topics check")(check)
    application.add_typer(group, name="topics", epilog="Example: pos-gateway topics create")


def create(
    partitions: Annotated[
        int, typer.Option(min=1, max=10_000, help="Of commands, events, state and dead letters each.")
    ] = topics.DEFAULT_PARTITIONS,
    replication_factor: Annotated[
        int | None, typer.Option(min=1, max=100, help="Default: the broker's own.", show_default=False)
    ] = None,
) -> None:
    """Create the topics that do not exist, then compare all of them; what exists is left as it is."""
    settings = broker_settings()
    factor = topics.BROKER_DEFAULT_FACTOR if replication_factor is None else replication_factor
    findings = asyncio.run(_create(settings, partitions, factor))
    _tell(findings)


def check() -> None:
    """Compare the topics with what the gateway needs; exit code 2 if it would not start on them."""
    settings = broker_settings()
    _tell(asyncio.run(_check(settings)))


async def _create(settings: BrokerSettings, partitions: int, factor: int) -> list[topics.Finding]:
    plan = topics.plans(settings.topics)
    async with reaching(settings):
        async with administrator(settings.kafka.connection(), _CREATE_TIMEOUT_SECONDS) as admin:
            made = await topics.create(admin, plan, partitions, factor)
            if all(finding.ok for finding in made):
                # The broker that is asked next may not have heard of them at once; nothing tells when it has.
                while not _all_known(await topics.look(admin, plan)):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        return [*made, *(finding for finding in await _check(settings) if not finding.ok)]


def _all_known(found: Mapping[str, topics.Found]) -> bool:
    return all(one.partitions is not None for one in found.values())


async def _check(settings: BrokerSettings) -> list[topics.Finding]:
    async with reaching(settings):
        return topics.compare(topics.plans(settings.topics), await look(settings))


def _tell(findings: Sequence[topics.Finding]) -> None:
    show_table(
        ("topic", "verdict", "what"),
        [(finding.topic, _verdict(finding), finding.text) for finding in findings],
    )
    blocking = [finding for finding in findings if finding.blocks]
    if blocking:
        told = "; ".join(f"{finding.topic}: {finding.text}" for finding in blocking)
        raise Failed(ExitCode.WRONG_USAGE, f"the gateway would not start: {told}")


def _verdict(finding: topics.Finding) -> str:
    if finding.ok:
        return "ok"
    return "wrong" if finding.blocks else "differs"
