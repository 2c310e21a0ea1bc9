"""All partitions that this process owns: opened and released as the group assigns them, fed by the porch."""

import asyncio
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from aiokafka.partitioner import murmur2

from gateway.kafka.clock import Clock
from gateway.kafka.handler import E, Handler, M, O
from gateway.kafka.health import PartitionHealth, Phase
from gateway.kafka.limits import Limits
from gateway.kafka.log import Log
from gateway.kafka.opening import PartitionConfig
from gateway.kafka.partition import Partition
from gateway.kafka.records import Record
from gateway.observability import metrics


@dataclass(frozen=True, slots=True)
class Held:
    """`phase` None: the partition is not owned here. `state` None: nothing is known of the aggregate, or the
    partition is not open; else it may be a transaction ahead of what is durable.
    """

    partition: int
    phase: Phase | None
    state: bytes | None = None
    memo: Any = None


class Partitions(Generic[M, E, O]):
    """`mismatched` is told once a checkpoint forbids the start (another partition count or group id)."""

    def __init__(
        self,
        handler: Handler[M, E, O],
        log: Log,
        clock: Clock,
        limits: Limits,
        config: PartitionConfig,
        draws: random.Random,
        mismatched: Callable[[str], None],
    ) -> None:
        self._handler = handler
        self._log = log
        self._clock = clock
        self._limits = limits
        self._config = config
        self._draws = draws
        self._mismatched = mismatched
        self._owned: dict[int, Partition[M, E, O]] = {}
        self._draining = False

    def assigned(self, partitions: Collection[int]) -> None:
        """Pause what was assigned, open it in the background, and return at once: no heartbeat leaves
        meanwhile.
        """
        for number in partitions:
            self._log.pause(number)
        if self._draining:
            return
        for number in sorted(partitions):
            if number not in self._owned:
                self._owned[number] = Partition(
                    number,
                    self._handler,
                    self._log,
                    self._clock,
                    self._limits,
                    self._config,
                    self._draws,
                    self._mismatched,
                )
            else:
                self._owned[number].assigned_again()

    async def revoked(self, partitions: Collection[int]) -> None:
        """Release what was revoked, all at once, within the release time-out."""
        gone = [self._owned.pop(number) for number in partitions if number in self._owned]
        await asyncio.gather(*(partition.release() for partition in gone))

    def deliver(self, records: Sequence[Record]) -> None:
        """Hand a fetched batch over, of one or several partitions; never raises."""
        by_partition: dict[int, list[Record]] = {}
        for record in records:
            by_partition.setdefault(record.partition, []).append(record)
        for number, batch in by_partition.items():
            partition = self._owned.get(number)
            if partition is not None:
                self._warn_of_misplaced(batch[0])
                partition.deliver(batch)

    def _warn_of_misplaced(self, record: Record) -> None:
        """A producer with another partitioner scatters a payment's commands; one record of a batch tells of it."""
        if record.key is not None and self._number(record.key) != record.partition:
            metrics.RECORDS_MISPLACED.inc()

    def undecodable(self, partition: int, offset: int, error: str) -> None:
        owned = self._owned.get(partition)
        if owned is not None:
            owned.undecodable(offset, error)

    async def drain(self, timeout_seconds: float) -> None:
        """Let running calls end within the time, commit, release everything."""
        self._draining = True
        owned, self._owned = list(self._owned.values()), self._owned
        await asyncio.gather(*(partition.drain(timeout_seconds) for partition in owned))
        self._owned = {}

    def health(self) -> Mapping[int, PartitionHealth]:
        return {number: partition.health() for number, partition in sorted(self._owned.items())}

    def state(self, key: str) -> bytes | None:
        """The state of an aggregate, where an open partition of this process holds it."""
        return self.held(key, key.encode()).state

    def held(self, key: str, record_key: bytes) -> Held:
        """What this process holds of an aggregate whose commands bear `record_key`, and where they would lie."""
        for number, partition in self._owned.items():
            found = partition.held(key)
            if found is not None:
                return Held(number, partition.phase, *found)
        number = self._number(record_key)
        home = self._owned.get(number)
        return Held(number, None if home is None else home.phase)

    def _number(self, record_key: bytes) -> int:
        """As the murmur2 partitioner has it, which all producers of the commands must use."""
        number: int = (murmur2(record_key) & 0x7FFFFFFF) % self._config.partition_count
        return number
