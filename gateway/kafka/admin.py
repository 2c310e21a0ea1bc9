"""An admin client for as long as one question takes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

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
    except (KafkaError, OSError, TimeoutError) as fault:
        raise BrokerTrouble(str(fault) or type(fault).__name__) from fault
    finally:
        await client.close()
