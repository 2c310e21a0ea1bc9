"""Where a newly opened partition goes on, and how long the last owner may still act."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from gateway.kafka.changelog import Checkpoint, Unreadable
from gateway.kafka.limits import Limits
from gateway.kafka.log import BrokerTrouble, Log
from gateway.observability import metrics
from gateway.observability.logs import get_logger

logger = get_logger(__name__)

T = TypeVar("T")


class Mismatch(Exception):
    """The state was written under another partition count or group id: nothing may be started on it."""


@dataclass(frozen=True, slots=True)
class PartitionConfig:
    """What a partition's checkpoint must agree with."""

    group_id: str
    partition_count: int


async def find_position(log: Log, number: int, checkpoint: Checkpoint | None, config: PartitionConfig) -> int:
    """The next command to accept: the checkpoint's, never the group's offset where there is a checkpoint.

    Brokers may show the group's offset of a transaction late (KAFKA-17507), and nobody is fenced by it. Raises
    Mismatch, Unreadable, BrokerTrouble.
    """
    beginning, end = await log.beginning(number), await log.end(number)
    if checkpoint is None:
        committed = await log.committed(number)
        return beginning if committed is None else min(max(committed, beginning), end)
    if checkpoint.partition_count != config.partition_count:
        raise Mismatch(
            f"the state was written with {checkpoint.partition_count} partitions, "
            f"the topics have {config.partition_count}"
        )
    if checkpoint.group_id != config.group_id:
        raise Mismatch(
            f"the state was written by group {checkpoint.group_id!r}, this is group {config.group_id!r}"
        )
    if checkpoint.position > end:
        raise Unreadable(
            f"the checkpoint of partition {number} is {checkpoint.position}, "
            f"the commands end at {end}: they were truncated or replaced"
        )
    if checkpoint.position < beginning:
        metrics.COMMANDS_LOST_TO_RETENTION.inc(beginning - checkpoint.position)
        logger.error(
            "commands were deleted before they were accepted",
            partition=number,
            checkpoint=checkpoint.position,
            beginning=beginning,
        )
        return beginning
    return checkpoint.position


def waits(checkpoint: Checkpoint | None, fenced_at: float, limits: Limits) -> tuple[float, dict[str, float]]:
    """Until when the last owner may still act: everywhere, or only on the keys that its release mark names.

    Boottime seconds, counted from our fence: a lease that the last owner holds was given by a commit before it.
    """
    if checkpoint is None:
        return fenced_at, {}
    if checkpoint.released is None:
        return fenced_at + limits.lease_seconds, {}
    return fenced_at, dict.fromkeys(checkpoint.released, fenced_at + limits.write_timeout_seconds)


async def bounded(work: Awaitable[T], timeout_seconds: float) -> T:
    """aiokafka's transactional calls retry without limit; a time-out is trouble like any other."""
    try:
        return await asyncio.wait_for(work, timeout_seconds)
    except TimeoutError as late:
        raise BrokerTrouble(f"no answer within {timeout_seconds:g} s") from late
