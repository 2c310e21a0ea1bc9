"""How the commands reach Kafka, and how a broker out of reach or a missing topic is told."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiokafka.errors import KafkaError

from gateway.cli.outcome import ExitCode, Failed
from gateway.kafka import topics
from gateway.kafka.admin import administrator, told
from gateway.kafka.log import BrokerTrouble
from gateway.settings import BrokerSettings

REACH_TIMEOUT_SECONDS: Final = 10.0


@asynccontextmanager
async def reaching(settings: BrokerSettings) -> AsyncIterator[None]:
    """In the block, whatever Kafka refuses or a lost connection ends the command with 3, in one line."""
    try:
        yield
    except (BrokerTrouble, KafkaError, OSError, TimeoutError) as fault:
        if isinstance(fault, BrokenPipeError):
            raise
        brokers = settings.kafka.bootstrap_servers
        reason = str(fault) if isinstance(fault, BrokerTrouble) else told(fault)
        raise Failed(ExitCode.OUT_OF_REACH, f"the broker at {brokers} is out of reach: {reason}") from None


async def look(settings: BrokerSettings) -> Mapping[str, topics.Found]:
    """The four topics as the broker has them. Raises `BrokerTrouble`."""
    async with administrator(settings.kafka.connection(), REACH_TIMEOUT_SECONDS) as admin:
        return await topics.look(admin, topics.plans(settings.topics))


async def partition_count(settings: BrokerSettings, topic: str) -> int:
    """How many partitions one of the four has; ends the command with 2 where it does not exist or is hidden."""
    found = (await look(settings))[topic]
    if found.hidden:
        raise Failed(ExitCode.WRONG_USAGE, f"topic {topic} may not be seen: the rights to it are missing")
    count = found.partitions
    if count is None:
        raise Failed(
            ExitCode.WRONG_USAGE, f"topic {topic} does not exist: pos-gateway topics create makes it"
        )
    return count
