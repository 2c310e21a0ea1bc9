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
from typing import Generic, assert_never

from gateway.kafka.changelog import Restored, Unreadable
from gateway.kafka.clock import Clock
from gateway.kafka.committing import Committer
from gateway.kafka.handler import Addressed, Arrived, E, Handler, M, O, Refused
from gateway.kafka.health import PartitionHealth, Phase
from gateway.kafka.intake import Intake
from gateway.kafka.lease import Lease
from gateway.kafka.limits import Limits
from gateway.kafka.log import BrokerTrouble, Fenced, Log, Producer
from gateway.kafka.opening import Mismatch, PartitionConfig, bounded, find_position, waits
from gateway.kafka.records import Record
from gateway.kafka.staging import TooLarge
from gateway.kafka.turns import Turns
from gateway.observability import metrics
from gateway.observability.logs import get_logger

logger = get_logger(__name__)

RESTORE_BATCH = 500


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
        self._committer: Committer[M, E, O] = Committer(self._turns, config, limits, clock)
        self._releasing = False
        self._progress_at = self._arrived_at = clock.steady()
        self._driver = asyncio.get_running_loop().create_task(self._drive(), name=f"partition-{number}")

    # The porch.

    def deliver(self, records: Sequence[Record]) -> None:
        """Accept a fetched batch. Never raises; what cannot be taken now is fetched again."""
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
            case _:
                assert_never(self._handler.accept(record))

    def _balance(self) -> None:
        if self.phase is Phase.OPEN and self._undecodable is None:
            self._intake.balance(self._turns.waiting, self._turns.uncommitted)

    # Failing and stopping.

    def _fail(self, fault: BaseException) -> None:
        if self._failure is None:
            self._failure = fault
        self._turns.close()
        self._work.set()

    def _stop(self, reason: str) -> None:
        """Stop this partition alone, until an operator has acted and it is opened anew."""
        self.phase, self._reason = Phase.STOPPED, reason
        self._intake.close()
        self._turns.close()
        self._work.set()
        metrics.PARTITIONS_STOPPED.labels(partition=str(self.number)).set(1)
        logger.error("partition stopped", partition=self.number, reason=reason)

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
                # A revocation, if that is what it was, arrives with a heartbeat.
                await self._let_go("fenced", "fenced by another owner", self._limits.fenced_wait_seconds)
            except BrokerTrouble as fault:
                attempt = 1 if opened else attempt + 1
                await self._let_go("broker", str(fault), self._back_off_seconds(attempt))
            # A fault of ours: close, restore, go on; log, health and metric tell of it.
            except Exception as fault:
                logger.exception("partition failed", partition=self.number, error=type(fault).__name__)
                attempt = 1 if opened else attempt + 1
                reason = f"failed: {type(fault).__name__}"
                await self._let_go("fault", reason, self._back_off_seconds(attempt))

    def _back_off_seconds(self, attempt: int) -> float:
        limits = self._limits
        doubled: float = limits.reopen_first_seconds * 2.0 ** min(attempt - 1, 10)
        longest = min(limits.reopen_most_seconds, doubled)
        return longest * (0.5 + self._draws.random() / 2)

    async def _let_go(self, cause: str, reason: str, pause_seconds: float) -> None:
        """Drop the producer and what is not committed, and pause; running calls are heard after the restore."""
        self.phase, self._reason = Phase.OPENING, reason
        self._intake.close()
        self._turns.drop()
        self._failure = None
        logger.warning("partition closed", partition=self.number, cause=cause, reason=reason)
        metrics.PARTITION_REOPENS.labels(cause=cause).inc()
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.close()
        deadline = self._clock.steady() + pause_seconds
        while not self._releasing and self._clock.steady() < deadline:
            self._work.clear()
            try:
                await asyncio.wait_for(self._work.wait(), deadline - self._clock.steady())
            except TimeoutError:
                return

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
        self._committer.written = None
        self._undecodable, self._reason = None, None
        metrics.PARTITIONS_STOPPED.labels(partition=str(self.number)).set(0)
        self.phase = Phase.OPEN
        self._turns.opened()
        self._intake.open_at(position)
        self._balance()
        self._progress_at = self._arrived_at = self._clock.steady()
        # The first transaction clears the release mark and gives the lease.
        self._work.set()
        logger.info("partition open", partition=self.number, position=position, aggregates=len(self._turns))

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
            assert self._producer is not None
            position, version = self._intake.expected, self._handler.state_version
            if await self._committer.commit(self._producer, position, version, mark=last):
                self._progress_at = self._clock.steady()
            if last:
                return
            last_end = self._clock.steady()
            self._balance()

    async def _wait_for_work(self) -> None:
        if self._work.is_set() or self._committer.written is None:
            return
        try:
            await asyncio.wait_for(self._work.wait(), self._committer.tell_in_seconds(self._intake.expected))
        except TimeoutError:
            return

    # Letting go.

    async def drain(self, timeout_seconds: float) -> None:
        """Accept nothing more and begin nothing, let what runs end within the time, then release."""
        if self.phase is Phase.OPEN:
            self.phase = Phase.CLOSING
            self._intake.close()
            self._turns.start_nothing()
            await self._turns.ended(timeout_seconds)
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
        now, turns = self._clock.steady(), self._turns
        lag = self._log.lag(self.number) if self.phase is Phase.OPEN else None
        progress_at = max(self._progress_at, turns.last_performed)
        due = self.phase is Phase.OPENING or turns.uncommitted > 0 or turns.overdue_seconds(now) > 1
        stalled = now - progress_at if due else 0.0
        if lag and not self._intake.paused:
            stalled = max(stalled, now - max(self._arrived_at, self._progress_at))
        stopped = self._undecodable is not None and self.phase is Phase.OPEN
        phase = Phase.STOPPED if stopped else self.phase
        return PartitionHealth(
            phase, self._reason, self._undecodable, stalled, lag, turns.waiting, turns.running
        )
