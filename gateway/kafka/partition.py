"""One partition: one owner, one state map, one transactional producer, one changelog partition.

Crash-only: whatever fails drops the producer, and the one way on is to fence anew, restore from the
changelog and seek to the checkpoint; a crash, a rebalance, a fencing and an ambiguous commit all go this
way. What is undecodable, too large, or written by a later version stops this partition alone and says so:
to try again would only stop again.

Chosen: intent and lease are kept here, so that no handler can forget them. Refused: offsets as the measure
of progress (a payment takes minutes; what is accepted stands in the state instead). What would make us
revisit: a client whose transactional offsets carry the group's generation (KIP-447), and fencing by the
broker alone (KIP-890).
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Generic

from gateway.kafka.changelog import Checkpoint, Restored, Unreadable, checkpoint_entry
from gateway.kafka.clock import Clock
from gateway.kafka.handler import Addressed, Arrived, E, Handler, M, O, Refused
from gateway.kafka.health import PartitionHealth, Phase
from gateway.kafka.intake import Intake
from gateway.kafka.lease import Lease
from gateway.kafka.limits import Limits
from gateway.kafka.log import BrokerTrouble, Fenced, Log, Producer, Staged
from gateway.kafka.opening import Mismatch, PartitionConfig, bounded, find_position, waits
from gateway.kafka.records import Record
from gateway.kafka.turns import TooLarge, Turns
from gateway.observability import metrics
from gateway.observability.logs import get_logger

logger = get_logger(__name__)

RESTORE_BATCH = 500
DRAIN_STEP_SECONDS = 0.02


class Partition(Generic[M, E, O]):
    def __init__(
        self,
        number: int,
        handler: Handler[M, E, O],
        log: Log,
        clock: Clock,
        limits: Limits,
        config: PartitionConfig,
        draws: random.Random,
        mismatched: Callable[[str], None],
    ) -> None:
        self.number = number
        self._handler = handler
        self._log = log
        self._clock = clock
        self._limits = limits
        self._config = config
        self._draws = draws
        self._mismatched = mismatched
        self.phase = Phase.OPENING
        self._reason: str | None = None
        self._undecodable: int | None = None
        self._work = asyncio.Event()
        self._failure: BaseException | None = None
        self._turns: Turns[M, E, O] = Turns(handler, clock, limits, self._work.set, self._fail)
        self._producer: Producer | None = None
        self._intake = Intake(number, log, limits)
        self._written = -1
        self._told_group = -1
        self._told_group_at = float("-inf")
        self._releasing = False
        self._progress_at = clock.steady()
        self._arrived_at = clock.steady()
        self._driver = asyncio.get_running_loop().create_task(self._drive(), name=f"partition-{number}")

    # The porch.

    def deliver(self, records: Sequence[Record]) -> None:
        """Accept a fetched batch. Never raises; what cannot be taken now is fetched again from the
        checkpoint.
        """
        if self.phase is not Phase.OPEN or not records or self._failure is not None:
            return
        new = self._intake.new(records)
        if not new:
            return
        self._arrived_at = self._clock.steady()
        try:
            for record in new:
                self._accept(record)
                self._intake.expected = record.offset + 1
        # Nothing may raise into the client's loop, which would pass the record; the partition restores instead.
        except Exception as fault:
            self._fail(fault)
        self._work.set()
        self._balance()

    def _accept(self, record: Record) -> None:
        match self._handler.accept(record):
            case Addressed(key, message):
                self._turns.prompt(key, Arrived(message, record))
            case Refused(dead_letter):
                self._turns.publish(dead_letter)

    def _balance(self) -> None:
        if self.phase is Phase.OPEN and self._undecodable is None:
            self._intake.balance(self._turns.waiting, self._turns.uncommitted)

    # Failing and stopping.

    def _fail(self, fault: BaseException) -> None:
        if self._failure is None:
            self._failure = fault
        self._turns.close()
        self._work.set()

    def _stop(self, reason: str, offset: int | None = None) -> None:
        """Stop this partition alone, until an operator has acted and it is opened anew."""
        self.phase, self._reason, self._undecodable = Phase.STOPPED, reason, offset
        self._intake.close()
        self._turns.close()
        self._work.set()
        metrics.PARTITIONS_STOPPED.labels(partition=str(self.number)).set(1)
        logger.error("partition stopped", partition=self.number, offset=offset, reason=reason)

    def undecodable(self, offset: int, error: str) -> None:
        """A batch at `offset` cannot be decoded by the client; what was accepted before it goes on."""
        if self.phase is Phase.OPEN and self._undecodable is None:
            self._undecodable = offset
            self._reason = f"the batch at offset {offset} cannot be decoded: {error}"
            self._intake.close()
            metrics.PARTITIONS_STOPPED.labels(partition=str(self.number)).set(1)
            logger.error("undecodable batch", partition=self.number, offset=offset, error=error)

    # The driver.

    async def _drive(self) -> None:
        attempt = 0
        while not self._releasing and self.phase is not Phase.STOPPED:
            opened = False
            try:
                await self._open()
                opened = True
                await self._serve()
            except Mismatch as fault:
                self._stop(str(fault))
                self._mismatched(str(fault))
            except (Unreadable, TooLarge) as fault:
                self._stop(str(fault))
            except Fenced:
                logger.warning("fenced by another owner", partition=self.number)
                metrics.PARTITION_REOPENS.labels(cause="fenced").inc()
                await self._drop()
                # A revocation, if that is what it was, arrives with a heartbeat.
                await self._pause_before_reopen(self._limits.fenced_wait_seconds)
            except BrokerTrouble as fault:
                logger.warning("broker trouble", partition=self.number, reason=str(fault))
                metrics.PARTITION_REOPENS.labels(cause="broker").inc()
                await self._drop()
                attempt = 1 if opened else attempt + 1
                await self._pause_before_reopen(self._back_off_seconds(attempt))
            # A fault of ours: close, restore, go on; health and metric tell of it.
            except Exception as fault:
                logger.exception("partition failed", partition=self.number, error=type(fault).__name__)
                metrics.PARTITION_REOPENS.labels(cause="fault").inc()
                await self._drop(reason=f"failed: {type(fault).__name__}")
                attempt = 1 if opened else attempt + 1
                await self._pause_before_reopen(self._back_off_seconds(attempt))

    def _back_off_seconds(self, attempt: int) -> float:
        limits = self._limits
        doubled: float = limits.reopen_first_seconds * 2.0 ** min(attempt - 1, 10)
        longest = min(limits.reopen_most_seconds, doubled)
        return longest * (0.5 + self._draws.random() / 2)

    async def _pause_before_reopen(self, seconds: float) -> None:
        deadline = self._clock.steady() + seconds
        while not self._releasing and self._clock.steady() < deadline:
            self._work.clear()
            try:
                await asyncio.wait_for(self._work.wait(), deadline - self._clock.steady())
            except TimeoutError:
                return

    async def _drop(self, reason: str | None = None) -> None:
        """Let go of the producer and of all that is not committed; running calls are heard after the restore."""
        self.phase, self._reason = Phase.OPENING, reason
        self._intake.close()
        self._turns.drop()
        self._failure = None
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.close()

    async def _open(self) -> None:
        limits = self._limits
        self.phase = Phase.OPENING
        self._progress_at = self._clock.steady()
        self._intake.close()
        self._producer = await bounded(self._log.fence(self.number), limits.fence_timeout_seconds)
        fenced_at = self._clock.boottime()
        restored = Restored()
        async for entries in self._log.changelog(self.number):
            restored.take(entries, self._handler.state_version)
            self._progress_at = self._clock.steady()
        position = await bounded(
            find_position(self._log, self.number, restored.checkpoint, self._config),
            limits.broker_timeout_seconds,
        )
        not_before, held_back = waits(restored.checkpoint, fenced_at, limits)
        wait_seconds = max(0.0, not_before - self._clock.boottime())
        for count, (key, state) in enumerate(restored.states.items()):
            self._turns.restore(key, state, self._clock.steady() + wait_seconds)
            if count % RESTORE_BATCH == RESTORE_BATCH - 1:
                self._progress_at = self._clock.steady()
                await asyncio.sleep(0)
        self._turns.leasehold.begin(
            Lease(limits.lease_seconds, limits.write_timeout_seconds, not_before), held_back
        )
        self._written = -1
        self._undecodable, self._reason = None, None
        metrics.PARTITIONS_STOPPED.labels(partition=str(self.number)).set(0)
        self.phase = Phase.OPEN
        self._turns.opened()
        self._intake.open_at(position)
        self._balance()
        self._progress_at = self._arrived_at = self._clock.steady()
        # The first transaction clears the release mark and gives the lease.
        self._work.set()
        logger.info("partition open", partition=self.number, position=position, aggregates=self._turns.keys)

    async def _serve(self) -> None:
        """Commit what is staged, one transaction after the other, until released or broken."""
        last_end = float("-inf")
        while True:
            await self._wait_for_work()
            gap = last_end + self._limits.commit_gap_seconds - self._clock.steady()
            if gap > 0 and not self._releasing:
                await asyncio.sleep(gap)
            self._work.clear()
            if self._failure is not None:
                raise self._failure
            if self.phase is Phase.STOPPED:
                return
            last = self._releasing
            await self._commit(mark=last)
            if last:
                return
            last_end = self._clock.steady()
            self._balance()

    async def _wait_for_work(self) -> None:
        behind = self._intake.expected != self._told_group
        if self._work.is_set() or self._written < 0:
            return
        if not behind:
            await self._work.wait()
            return
        wait = self._told_group_at + self._limits.group_offset_interval_seconds - self._clock.steady()
        try:
            await asyncio.wait_for(self._work.wait(), max(wait, 0.0))
        except TimeoutError:
            return

    async def _commit(self, mark: bool) -> None:
        turns, now = self._turns, self._clock.steady()
        wants_lease = turns.lease_wanted
        if mark:
            turns.close()
        tells_group = (
            mark or now >= self._told_group_at + self._limits.group_offset_interval_seconds
        ) and self._intake.expected != self._told_group
        number, entries, records = turns.cut(self._handler.state_version)
        passes = self._intake.expected != self._written
        if not (entries or records or passes or tells_group or mark or wants_lease):
            return
        position = self._intake.expected
        if passes or mark or not (entries or records):
            released = turns.changing_keys() if mark else None
            checkpoint = Checkpoint(position, self._config.partition_count, self._config.group_id, released)
            entries = (*entries, checkpoint_entry(checkpoint))
        staged = Staged(entries, records, position if tells_group else None)
        producer = self._producer
        assert producer is not None
        # The lease counts from here: the commit request leaves later than this.
        requested_at = self._clock.boottime()
        await bounded(producer.commit(staged), self._limits.commit_timeout_seconds)
        self._written = position
        if tells_group:
            self._told_group, self._told_group_at = position, now
        self._progress_at = self._clock.steady()
        metrics.TRANSACTIONS.inc()
        if not mark:
            turns.acknowledged(number, requested_at)

    # Letting go.

    async def drain(self, timeout_seconds: float) -> None:
        """Accept nothing more and begin nothing, let what runs end within the time, then release."""
        if self.phase is Phase.OPEN:
            self.phase = Phase.CLOSING
            self._intake.close()
            self._turns.start_nothing()
            deadline = self._clock.steady() + timeout_seconds
            while self._turns.running and self._clock.steady() < deadline and self._failure is None:
                await asyncio.sleep(DRAIN_STEP_SECONDS)
        await self.release()

    async def release(self) -> None:
        """Commit what is settled and leave the release mark, without waiting for calls; then close for good."""
        self._releasing = True
        opened = self.phase in (Phase.OPEN, Phase.CLOSING)
        if self.phase is not Phase.STOPPED:
            self.phase = Phase.CLOSING
        self._turns.leasehold.end()
        self._work.set()
        if not opened:
            self._driver.cancel()
        await asyncio.wait({self._driver}, timeout=self._limits.release_timeout_seconds)
        if not self._driver.done():
            self._driver.cancel()
            await asyncio.wait({self._driver}, timeout=self._limits.release_timeout_seconds)
        self._turns.abandon()
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.close()
        self.phase = Phase.CLOSED

    # What others see.

    def state(self, key: str) -> bytes | None:
        return self._turns.state(key) if self.phase is Phase.OPEN else None

    def health(self) -> PartitionHealth:
        now = self._clock.steady()
        lag = self._log.lag(self.number) if self.phase is Phase.OPEN else None
        progress_at = max(self._progress_at, self._turns.last_performed)
        due = (
            self.phase is Phase.OPENING or self._turns.uncommitted > 0 or self._turns.overdue_seconds(now) > 1
        )
        stalled = now - progress_at if due else 0.0
        if lag and not self._intake.paused:
            stalled = max(stalled, now - max(self._arrived_at, self._progress_at))
        stopped = self._undecodable is not None and self.phase is Phase.OPEN
        return PartitionHealth(
            Phase.STOPPED if stopped else self.phase,
            self._reason,
            self._undecodable,
            stalled,
            lag,
            self._turns.waiting,
            self._turns.running,
        )
