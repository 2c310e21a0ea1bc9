"""The feeding consumer: one that survives a batch it cannot decode, and the listener that ties it to the
partitions.

aiokafka's `getmany` drains one partition, then raises on the next and drops what it had: records are lost
without an error, and in the broken partition itself what lies before the bad batch is lost too. So after
such an error every partition goes back to where its last record was handed over, and the suspects are read
alone: the one that raises again is read record by record up to the bad batch, which is then told and its
partition paused. The others go on.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, UnsupportedCodecError

from gateway.kafka.partitions import Partitions
from gateway.kafka.records import Record

Undecodable = Callable[[int, int, str], None]

ALONE_TIMEOUT_MS = 100
EMPTY_READS_TO_CLEAR = 10
SINGLE_READS_TO_CLEAR = 500


def record_of(message: "ConsumerRecord[bytes | None, bytes | None]") -> Record:
    """A consumed record as the runtime knows it."""
    return Record(
        message.topic,
        message.partition,
        message.offset,
        message.timestamp,
        message.key,
        message.value,
        tuple(message.headers),
    )


class TolerantConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """An AIOKafkaConsumer whose `getmany` raises for no record's content. `undecodable` is told partition,
    offset, error.
    """

    def __init__(self, *topics: str, undecodable: Undecodable, **options: Any) -> None:
        super().__init__(*topics, **options)
        self._undecodable = undecodable
        self._next: dict[TopicPartition, int] = {}
        self._suspects: dict[TopicPartition, int] = {}
        self._single: dict[TopicPartition, int] = {}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        super().seek(partition, offset)
        self._next[partition] = offset

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[Any]]:
        if self._suspects or self._single:
            return await self._read_alone(max_records)
        try:
            return self._handed(
                await super().getmany(*partitions, timeout_ms=timeout_ms, max_records=max_records)
            )
        # A decoder raises whatever it likes (UnicodeDecodeError, struct errors, the codec's own).
        except Exception as fault:
            if not _is_undecodable(fault):
                raise
            self._go_back(self.assignment())
            self._suspects = dict.fromkeys(self._readable(self.assignment()), EMPTY_READS_TO_CLEAR)
            return {}

    async def _read_alone(self, max_records: int | None) -> dict[TopicPartition, list[Any]]:
        """Read each partition by itself, so that what one raises costs the others nothing."""
        assigned = self.assignment()
        for doubted in (self._suspects, self._single):
            for where in [w for w in doubted if w not in assigned]:
                del doubted[where]
        records: dict[TopicPartition, list[Any]] = {}
        for where in self._readable(assigned):
            single = where in self._single
            suspected = single or where in self._suspects
            try:
                read = await super().getmany(
                    where,
                    timeout_ms=ALONE_TIMEOUT_MS if suspected else 0,
                    max_records=1 if single else max_records,
                )
            # As above; here it is known which partition it was.
            except Exception as fault:
                if not _is_undecodable(fault):
                    raise
                self._found(where, single, fault)
                continue
            records.update(self._handed(read))
            self._clear(where, single, bool(read))
        return records

    def _found(self, where: TopicPartition, single: bool, fault: Exception) -> None:
        self._suspects.pop(where, None)
        offset = self._next.get(where)
        if single or offset is None:
            self._single.pop(where, None)
            self.pause(where)
            self._undecodable(where.partition, -1 if offset is None else offset, _told(fault))
        else:
            self._go_back([where])
            self._single[where] = SINGLE_READS_TO_CLEAR

    def _clear(self, where: TopicPartition, single: bool, got: bool) -> None:
        if single:
            self._single[where] -= 1 if got else 0
            if self._single[where] <= 0:
                del self._single[where]
        elif where in self._suspects:
            self._suspects[where] -= 1
            if got or self._suspects[where] <= 0:
                del self._suspects[where]

    def _readable(self, assigned: Iterable[TopicPartition]) -> list[TopicPartition]:
        paused = self.paused()
        return sorted(where for where in assigned if where not in paused)

    def _go_back(self, partitions: Iterable[TopicPartition]) -> None:
        for where in partitions:
            if where in self._next and self._subscription.is_assigned(where):
                super().seek(where, self._next[where])

    def _handed(self, records: dict[TopicPartition, list[Any]]) -> dict[TopicPartition, list[Any]]:
        for where, batch in records.items():
            if batch:
                self._next[where] = batch[-1].offset + 1
        return records


class RebalanceListener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells the partitions what the group assigns and revokes. aiokafka swallows what a listener raises:
    nothing may.
    """

    def __init__(self, partitions: "Partitions[Any, Any, Any]") -> None:
        self._partitions = partitions

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._partitions.assigned([where.partition for where in assigned])

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        await self._partitions.revoked([where.partition for where in revoked])


def _is_undecodable(fault: Exception) -> bool:
    """What Kafka itself says is no matter of a record, but for a bad checksum and a codec that is missing."""
    return not isinstance(fault, KafkaError) or isinstance(
        fault, CorruptRecordException | UnsupportedCodecError
    )


def _told(fault: Exception) -> str:
    # The text of a decoder's error may quote the record, which may hold anything.
    return type(fault).__name__
