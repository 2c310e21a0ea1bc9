"""An admin client for as long as one question takes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from gateway.kafka import refusal
from gateway.kafka.log import BrokerTrouble


@asynccontextmanager
async def administrator(
    connection: Mapping[str, Any], timeout_seconds: float
) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started client; `connection` are aiokafka's arguments. What breaks, also in the block, is BrokerTrouble.

    `timeout_seconds` bounds the block as a whole: aiokafka tries some requests again without end.
    """
    client = AIOKafkaAdminClient(request_timeout_ms=round(timeout_seconds * 1000), **connection)
    try:
        async with asyncio.timeout(timeout_seconds):
            await client.start()
            yield client
    except KafkaConnectionError as fault:
        raise BrokerTrouble(await refusal.reason(connection, timeout_seconds)) from fault
    except (KafkaError, OSError, TimeoutError) as fault:
        raise BrokerTrouble(told(fault)) from fault
    finally:
        await client.close()


def told(fault: BaseException) -> str:
    """One line for people about a fault of the broker or of the way to it."""
    if type(fault) in refusal.NOT_ALLOWED:
        return refusal.NOT_ALLOWED[type(fault)]
    if isinstance(fault, KafkaConnectionError):
        return refusal.NO_CONNECTION
    if isinstance(fault, TimeoutError):
        return "no answer"
    if isinstance(fault, KafkaError):
        # Some of aiokafka's texts name their class already, some are empty.
        return (str(fault) or type(fault).__name__).splitlines()[0]
    return f"{type(fault).__name__}: {fault}".splitlines()[0]
