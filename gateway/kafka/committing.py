"""Group commit: everything that changed since the last transaction goes into the next one, with the
checkpoint.

The group's offset is told once a second at most, since only lag tools read it: the checkpoint in the
changelog is what a new owner goes by.
"""

import asyncio
import contextlib
from typing import Generic

from gateway.kafka.changelog import Checkpoint, checkpoint_entry
from gateway.kafka.clock import Clock
from gateway.kafka.handler import E, M, O
from gateway.kafka.limits import Limits
from gateway.kafka.log import Producer, Staged
from gateway.kafka.opening import PartitionConfig, bounded
from gateway.kafka.turns import Turns
from gateway.observability import metrics


class Committer(Generic[M, E, O]):
    """What has been committed of one partition: `written` is the position of the last checkpoint, None
    before it.

    While `looking`, a checkpoint is written every `stopped_look_seconds` though nothing changes: an operator
    moves a stopped partition by a transaction of its own, and only who commits hears of that.
    """

    def __init__(self, turns: Turns[M, E, O], config: PartitionConfig, limits: Limits, clock: Clock) -> None:
        self._turns = turns
        self._config = config
        self._limits = limits
        self._clock = clock
        self.written: int | None = None
        self.looking = False
        self._told = -1
        self._told_at = float("-inf")

    def tell_in_seconds(self, position: int) -> float | None:
        """In how many seconds the group's offset is due; None: it is told."""
        if position == self._told:
            return None
        return max(0.0, self._told_at + self._limits.group_offset_interval_seconds - self._clock.steady())

    def begin(self) -> None:
        """The partition is opened anew."""
        self.written, self.looking = None, False

    async def wait(self, work: asyncio.Event, position: int) -> None:
        """Until there is work, or the group's offset or a look is due; a first checkpoint does not wait."""
        if work.is_set() or self.written is None:
            return
        seconds = self.tell_in_seconds(position)
        if self.looking:
            most = self._limits.stopped_look_seconds
            seconds = most if seconds is None else min(most, seconds)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(work.wait(), seconds)

    async def commit(self, producer: Producer, position: int, version: int, mark: bool) -> None:
        """One transaction, if there is anything to write. `mark`: the last one, which releases the partition.

        Raises Fenced or BrokerTrouble; what was cut is then lost and comes back from the changelog.
        """
        turns, now = self._turns, self._clock.steady()
        wants_lease = turns.lease_wanted or self.looking
        if mark:
            turns.close()
        due = self.tell_in_seconds(position)
        tells = due is not None and (mark or due == 0)
        number, entries, records = turns.cut(version)
        passes = position != self.written
        if not (entries or records or passes or tells or mark or wants_lease):
            return
        if passes or mark or not (entries or records):
            released = turns.release_mark() if mark else None
            checkpoint = Checkpoint(position, self._config.partition_count, self._config.group_id, released)
            entries = (*entries, checkpoint_entry(checkpoint))
        # The lease counts from here: the commit request leaves later than this.
        requested_at = self._clock.boottime()
        staged = Staged(entries, records, position if tells else None)
        await bounded(producer.commit(staged), self._limits.commit_timeout_seconds)
        self.written = position
        if tells:
            self._told, self._told_at = position, now
        metrics.TRANSACTIONS.inc()
        self._config.committed(records)
        if not mark:
            turns.acknowledged(number, requested_at)
