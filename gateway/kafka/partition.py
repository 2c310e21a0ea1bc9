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
from typing import Any, Generic, assert_never

from gateway.kafka.backoff import Backoff
from gateway.kafka.changelog import Unreadable
from gateway.kafka.clock import Clock
from gateway.kafka.committing import Committer
from gateway.kafka.handler import Addressed, Arrived, E, Handler, M, O, Refused
from gateway.kafka.health import PartitionHealth, Phase
from gateway.kafka.intake import Intake
from gateway.kafka.lease import Lease
from gateway.kafka.limits import Limits
from gateway.kafka.log import BrokerTrouble, Fenced, Log, Producer
from gateway.kafka.opening import (
    Mismatch,
    PartitionConfig,
    bounded,
    find_position,
    hand_back,
    read_back,
    waits,
)
from gateway.kafka.records import Record
from gateway.kafka.staging import TooLarge
from gateway.kafka.turns import Turns
from gateway.kafka.watchdog import Watchdog
from gateway.observability import metrics
from gateway.observability.logs import get_logger

logger = get_logger(__name__)


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
        self._mismatched = mismatched
        self.phase = Phase.OPENING
        self._reason: str | None = None
        self._undecodable: int | None = None
        self._work = asyncio.Event()
        self._failure: BaseException | None = None
        self._watchdog = Watchdog(clock)
        self._turns: Turns[M, E, O] = Turns(
            handler, clock, limits, self._to_commit, self._watchdog.tried, self._fail
        )
        self._producer: Producer | None = None
        self._intake = Intake(number, log, limits)
        self._committer: Committer[M, E, O] = Committer(self._turns, config, limits, clock)
        self._backoff = Backoff(limits, clock, draws)
        self._draining = self._releasing = False
        self._driver = asyncio.get_running_loop().create_task(self._drive(), name=f"partition-{number}")

    # The porch.

    def deliver(self, records: Sequence[Record]) -> None:
        """Accept a fetched batch. Never raises; what cannot be taken now is fetched again."""
        if self.phase is not Phase.OPEN or not records or self._failure is not None:
            return
        new = self._intake.new(records)
        if not new:
            return
        self._watchdog.arrived()
        try:
            for record in new:
                if self._turns.staging.bytes >= self._limits.max_staged_bytes:
                    self._intake.rewind()
                    break
                self._accept(record)
                self._intake.expected = record.offset + 1
        # Nothing may raise into the client's loop, which would pass the record; the partition restores instead.
        except Exception as fault:
            self._fail(fault)
        self._to_commit()
        self._balance()

    def _accept(self, record: Record) -> None:
        match self._handler.accept(record):
            case Addressed(key, message):
                self._turns.prompt(key, Arrived(message, record))
            case Refused(dead_letter):
                self._turns.staging.record(dead_letter, f"the dead letter of offset {record.offset}")
            case never:
                assert_never(never)

    def assigned_again(self) -> None:
        """Positions and pauses do not outlive an assignment; what is open goes on where it is."""
        if self.phase is Phase.OPEN and self._undecodable is None:
            self._intake.open_at(self._intake.expected)
            self._balance()

    def _balance(self) -> None:
        if self.phase is Phase.OPEN and self._undecodable is None:
            turns = self._turns
            self._intake.balance(turns.waiting, turns.staging.size, turns.staging.bytes)

    def _to_commit(self) -> None:
        self._watchdog.due()
        self._work.set()

    def _fail(self, fault: BaseException) -> None:
        if self._failure is None:
            self._failure = fault
        self._turns.close()
        self._work.set()

    def _stop(self, reason: str) -> None:
        """Stop this partition alone, until an operator has acted and it is opened anew."""
        self.phase, self._reason = Phase.STOPPED, reason
        self._intake.close()
        # Calls under way would else wait for a lease that never comes, and hold their places meanwhile.
        self._turns.drop()
        metrics.PARTITIONS_STOPPED.labels(partition=str(self.number)).set(1)
        logger.error("partition stopped", partition=self.number, reason=reason)

    def undecodable(self, offset: int, error: str) -> None:
        """A batch at `offset` cannot be decoded by the client; what was accepted before it goes on."""
        if self.phase is Phase.OPEN and self._undecodable is None:
            self._undecodable, self._committer.looking = offset, True
            self._reason = f"the batch at offset {offset} cannot be decoded: {error}"
            self._intake.close()
            metrics.PARTITIONS_STOPPED.labels(partition=str(self.number)).set(1)
            logger.error("undecodable batch", partition=self.number, offset=offset, error=error)
            self._work.set()

    # The driver.

    async def _drive(self) -> None:
        while not self._releasing and self.phase is not Phase.STOPPED:
            try:
                await self._open()
                self._backoff.opened()
                await self._serve()
            except Mismatch as fault:
                self._stop(str(fault))
                self._mismatched(str(fault))
            except (Unreadable, TooLarge) as fault:
                self._stop(str(fault))
            except Fenced:
                # A revocation, if that is what it was, arrives with a heartbeat.
                await self._let_go("fenced", "fenced by another owner", self._limits.fenced_wait_seconds)
            except BrokerTrouble as fault:
                await self._let_go("broker", str(fault), self._backoff.pause_seconds())
            # A fault of ours: close, restore, go on; log, health and metric tell of it.
            except Exception as fault:
                logger.exception("partition failed", partition=self.number, error=type(fault).__name__)
                reason = f"failed: {type(fault).__name__}"
                await self._let_go("fault", reason, self._backoff.pause_seconds())

    async def _let_go(self, cause: str, reason: str, pause_seconds: float) -> None:
        """Drop the producer and what is not committed, and pause; running calls are heard after the restore."""
        self.phase, self._reason = Phase.OPENING, reason
        self._watchdog.due()
        self._intake.close()
        self._turns.drop()
        self._failure = None
        logger.warning("partition closed", partition=self.number, cause=cause, reason=reason)
        metrics.PARTITION_REOPENS.labels(cause=cause).inc()
        await self._drop_producer()
        deadline = self._clock.steady() + pause_seconds
        while not self._releasing and self._clock.steady() < deadline:
            self._work.clear()
            try:
                await asyncio.wait_for(self._work.wait(), deadline - self._clock.steady())
            except TimeoutError:
                return

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.close()

    async def _open(self) -> None:
        limits = self._limits
        self.phase = Phase.OPENING
        self._watchdog.due()
        self._intake.close()
        self._producer = await bounded(self._log.fence(self.number), limits.fence_timeout_seconds)
        fenced_at = self._clock.boottime()
        restored = await read_back(self._log, self.number, self._handler.state_version, self._watchdog)
        position = await bounded(
            find_position(self._log, self.number, restored.checkpoint, self._config),
            limits.broker_timeout_seconds,
        )
        wait = waits(restored.checkpoint, fenced_at, limits)
        self._turns.restore(restored.states, lambda key: wait.write_after(key, self._clock))
        lease = Lease(limits.lease_seconds, limits.write_timeout_seconds, wait.not_before)
        self._turns.leasehold.begin(lease, wait.held_back)
        self._committer.begin()
        self._undecodable, self._reason = None, None
        metrics.PARTITIONS_STOPPED.labels(partition=str(self.number)).set(0)
        self.phase = Phase.CLOSING if self._draining else Phase.OPEN
        self._watchdog.opened()
        self._turns.opened()
        self._intake.open_at(position)
        if self._draining:
            self._intake.close()
        self._balance()
        # The first transaction clears the release mark and gives the lease.
        self._work.set()
        self._handing_back = asyncio.create_task(hand_back(self._turns, self._fail))
        logger.info("partition open", partition=self.number, position=position, aggregates=len(self._turns))

    async def _serve(self) -> None:
        """Commit what is staged, one transaction after the other, until released or broken."""
        last_end = float("-inf")
        while True:
            await self._committer.wait(self._work, self._intake.expected)
            gap = last_end + self._limits.commit_gap_seconds - self._clock.steady()
            if gap > 0 and not self._releasing:
                await asyncio.sleep(gap)
            self._work.clear()
            if self._failure is not None:
                raise self._failure
            last = self._releasing
            assert self._producer is not None
            position, version = self._intake.expected, self._handler.state_version
            await self._committer.commit(self._producer, position, version, mark=last)
            self._watchdog.progress(still_due=self._turns.staging.size > 0)
            if last:
                return
            last_end = self._clock.steady()
            self._balance()

    # Letting go.

    async def drain(self, timeout_seconds: float) -> None:
        """Accept nothing more and begin nothing, let what runs end within the time, then release."""
        self._draining = True
        self._turns.start_nothing()
        if self.phase is Phase.OPEN:
            self.phase = Phase.CLOSING
            self._intake.close()
            await self._turns.ended(timeout_seconds)
        await self.release()

    async def release(self) -> None:
        """Hear what is being read, commit what is settled and leave the release mark; then close for good."""
        self._turns.start_nothing()
        if self.phase is Phase.OPEN:
            self._intake.close()
            await self._turns.ended(self._limits.release_read_seconds, lambda effect: not effect.changes)
        self._releasing, opened = True, self.phase in (Phase.OPEN, Phase.CLOSING)
        self.phase = Phase.STOPPED if self.phase is Phase.STOPPED else Phase.CLOSING
        self._turns.leasehold.end()
        self._work.set()
        if not opened:
            self._driver.cancel()
        for _ in range(2):
            await asyncio.wait({self._driver}, timeout=self._limits.release_timeout_seconds)
            self._driver.cancel()
        self._turns.abandon()
        await self._drop_producer()
        self.phase = Phase.CLOSED
        metrics.PARTITIONS_STOPPED.labels(partition=str(self.number)).set(0)

    # What others see.

    def held(self, key: str) -> tuple[bytes, Any] | None:
        return self._turns.held(key) if self.phase is Phase.OPEN else None

    def health(self) -> PartitionHealth:
        turns = self._turns
        lag = self._log.lag(self.number) if self.phase is Phase.OPEN else None
        overdue = turns.overdue_seconds(self._clock.steady())
        stalled = self._watchdog.stalled_seconds(overdue, None if self._intake.paused else lag)
        stopped = self._undecodable is not None and self.phase is Phase.OPEN
        phase = Phase.STOPPED if stopped else self.phase
        return PartitionHealth(
            phase, self._reason, self._undecodable, stalled, lag, turns.waiting, turns.running
        )
