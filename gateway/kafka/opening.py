"""Opening a partition: its state is read back, where it goes on is found, and how long the last owner may act."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from gateway.kafka.changelog import Checkpoint, Restored, Unreadable
from gateway.kafka.clock import Clock
from gateway.kafka.handler import E, M, O
from gateway.kafka.limits import Limits
from gateway.kafka.log import BrokerTrouble, Log
from gateway.kafka.turns import Turns
from gateway.kafka.watchdog import Watchdog
from gateway.observability import metrics
from gateway.observability.logs import get_logger

logger = get_logger(__name__)

T = TypeVar("T")

TURNS_AT_ONCE = 500
"""Restored aggregates that are handed back before the event loop turns again."""


class Mismatch(Exception):
    """The state was written under another partition count or group id: nothing may be started on it."""


@dataclass(frozen=True, slots=True)
class PartitionConfig:
    """What a partition's checkpoint must agree with."""

    group_id: str
    partition_count: int


@dataclass(frozen=True, slots=True)
class Waits:
    """Until when the last owner may still act, in boottime seconds: everywhere, and longer on single keys.

    Counted from our fence: a lease that the last owner holds was given by a commit before it.
    """

    not_before: float
    held_back: dict[str, float]

    def free_at(self, key: str) -> float:
        return max(self.not_before, self.held_back.get(key, self.not_before))


async def read_back(log: Log, number: int, state_version: int, watchdog: Watchdog) -> Restored:
    """The committed state. Raises Unreadable, BrokerTrouble."""
    restored = Restored()
    async for entries in log.changelog(number):
        restored.take(entries, state_version)
        watchdog.restored(restored.count)
    restored.require_readable(state_version)
    return restored


async def hand_back(
    turns: Turns[M, E, O], restored: Restored, waits: Waits, clock: Clock, watchdog: Watchdog
) -> None:
    """Give each aggregate back to the handler."""
    for count, (key, state) in enumerate(restored.states.items(), 1):
        wait_seconds = max(0.0, waits.free_at(key) - clock.boottime())
        turns.restore(key, state, clock.steady() + wait_seconds)
        if count % TURNS_AT_ONCE == 0:
            watchdog.restored(restored.count + count)
            await asyncio.sleep(0)


async def find_position(log: Log, number: int, checkpoint: Checkpoint | None, config: PartitionConfig) -> int:
    """The next command to accept: the checkpoint's, never the group's offset where there is a checkpoint.

    Brokers may show the group's offset of a transaction late (KAFKA-17507), and nobody is fenced by it. Raises
    Mismatch, Unreadable, BrokerTrouble.
    """
    beginning, end = await log.beginning(number), await log.end(number)
    if checkpoint is None:
        committed = await log.committed(number)
        return (
            beginning if committed is None else _within(number, "group's offset", committed, beginning, end)
        )
    if checkpoint.partition_count != config.partition_count:
        raise Mismatch(
            f"the state was written with {checkpoint.partition_count} partitions, "
            f"the topics have {config.partition_count}"
        )
    if checkpoint.group_id != config.group_id:
        raise Mismatch(
            f"the state was written by group {checkpoint.group_id!r}, this is group {config.group_id!r}"
        )
    return _within(number, "checkpoint", checkpoint.position, beginning, end)


def _within(number: int, whose: str, position: int, beginning: int, end: int) -> int:
    """Above the end nothing is known of what waits: to go on there would pass commands that nobody accepted."""
    if position > end:
        raise Unreadable(
            f"the {whose} of partition {number} is {position}, "
            f"the commands end at {end}: they were truncated or replaced"
        )
    if position < beginning:
        metrics.COMMANDS_LOST_TO_RETENTION.inc(beginning - position)
        logger.error(
            "commands were deleted before they were accepted",
            partition=number,
            position=position,
            beginning=beginning,
        )
    return max(position, beginning)


def waits(checkpoint: Checkpoint | None, fenced_at: float, limits: Limits) -> Waits:
    """By the release mark, where the last owner left one. Without a checkpoint nobody has ever held a lease."""
    if checkpoint is None:
        return Waits(fenced_at, {})
    if checkpoint.released is None:
        return Waits(fenced_at + limits.lease_seconds, {})
    return Waits(fenced_at, dict.fromkeys(checkpoint.released, fenced_at + limits.write_timeout_seconds))


async def bounded(work: Awaitable[T], timeout_seconds: float) -> T:
    """aiokafka's transactional calls retry without limit; a time-out is trouble like any other."""
    try:
        return await asyncio.wait_for(work, timeout_seconds)
    except TimeoutError as late:
        raise BrokerTrouble(f"no answer within {timeout_seconds:g} s") from late
