"""Opening a partition: its state is read back, where it goes on is found, and how long the last owner may act."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gateway.kafka.changelog import Checkpoint, Restored, Unreadable
from gateway.kafka.clock import Clock
from gateway.kafka.handler import E, M, O
from gateway.kafka.limits import Limits
from gateway.kafka.log import BrokerTrouble, Log
from gateway.kafka.records import Outgoing
from gateway.kafka.turns import Turns
from gateway.kafka.watchdog import Watchdog
from gateway.observability import metrics
from gateway.observability.logs import get_logger

logger = get_logger(__name__)

T = TypeVar("T")

TURNS_AT_ONCE = 50
"""Restored aggregates that are handed back before the event loop turns again."""


class Mismatch(Exception):
    """The state was written under another partition count or group id: nothing may be started on it."""


def _unheard(records: Sequence[Outgoing]) -> None:
    """Nobody wants to hear of what is committed."""


@dataclass(frozen=True, slots=True)
class PartitionConfig:
    """What a partition's checkpoint must agree with. `committed` hears of the records of each transaction, if only
    that there are none; it never raises.
    """

    group_id: str
    partition_count: int
    committed: Callable[[Sequence[Outgoing]], None] = _unheard


@dataclass(frozen=True, slots=True)
class Waits:
    """Until when the last owner may still act, in boottime seconds: everywhere, and longer on single keys.

    Counted from our fence: a lease that the last owner holds was given by a commit before it.
    """

    not_before: float
    held_back: dict[str, float]

    def free_at(self, key: str) -> float:
        return max(self.not_before, self.held_back.get(key, self.not_before))

    def write_after(self, key: str, clock: Clock) -> float:
        """The same in steady seconds."""
        return clock.steady() + max(0.0, self.free_at(key) - clock.boottime())


async def read_back(log: Log, number: int, state_version: int, watchdog: Watchdog) -> Restored:
    """The committed state. Raises Unreadable, BrokerTrouble."""
    restored = Restored()
    async for entries in log.changelog(number):
        restored.take(entries, state_version)
        watchdog.restored(restored.count)
    return restored


async def hand_back(turns: Turns[M, E, O], failed: Callable[[BaseException], None]) -> None:
    """Give the handler back what nothing has asked for yet, beside the work of an open partition."""
    try:
        any_left = True
        while any_left:
            any_left = turns.hand_back(TURNS_AT_ONCE)
            await asyncio.sleep(0)
    # As with any turn: whatever the handler raises closes the partition.
    except Exception as fault:
        failed(fault)


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
