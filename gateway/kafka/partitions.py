"""All partitions that this process owns: opened and released as the group assigns them, fed by the porch."""

import asyncio
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Generic

from aiokafka.partitioner import murmur2

from gateway.kafka.clock import Clock
from gateway.kafka.handler import E, Handler, M, O
from gateway.kafka.health import PartitionHealth
from gateway.kafka.limits import Limits
from gateway.kafka.log import Log
from gateway.kafka.opening import PartitionConfig
from gateway.kafka.partition import Partition
from gateway.kafka.records import Record
from gateway.observability import metrics


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
        key, count = record.key, self._config.partition_count
        if key is not None and (murmur2(key) & 0x7FFFFFFF) % count != record.partition:
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
        for partition in self._owned.values():
            state = partition.state(key)
            if state is not None:
                return state
        return None
