"""A transactional log in memory: epochs, open and aborted transactions, the last stable offset, faults by
name.

One `MemoryBroker` is the cluster; each process has a `MemoryLog` of its own. Every step of a transaction
passes `broker.step`, where a test may delay it, fail it, or freeze the process that takes it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from gateway.kafka.log import BrokerTrouble, Entry, Fenced, Producer, Staged
from gateway.kafka.records import Channel, Outgoing, Record

COMMANDS = "commands"
STEP_SECONDS = 0.001
TRANSACTION_TIMEOUT_SECONDS = 20.0


class Fate(Enum):
    OPEN = "open"
    COMMITTED = "committed"
    ABORTED = "aborted"


@dataclass(slots=True)
class Transaction:
    epoch: int
    owner: str
    fate: Fate = Fate.OPEN
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """One appended record and the transaction that decides whether it is ever seen."""

    transaction: Transaction
    item: Entry | Outgoing


@dataclass(slots=True)
class PartitionLog:
    commands: list[Record] = field(default_factory=list)
    beginning: int = 0
    changelog: list[Written] = field(default_factory=list)
    published: list[Written] = field(default_factory=list)
    group_offset: int | None = None
    undecodable: set[int] = field(default_factory=set)
    """Offsets whose records no client can decode."""
    epoch: int = 0
    transaction: Transaction | None = None

    def time_out(self, transaction: Transaction) -> None:
        """Abort it if it is still open; its producer's epoch is over, as on the real broker."""
        if transaction.fate is Fate.OPEN and self.transaction is transaction:
            transaction.fate = Fate.ABORTED
            self.transaction = None
            self.epoch += 1


Step = Callable[[str, str, int], Awaitable[None]]


async def no_fault(owner: str, step: str, partition: int) -> None:
    """Every step takes a moment, so that others may come in between."""
    await asyncio.sleep(STEP_SECONDS)


class MemoryBroker:
    """`step(owner, name, partition)` is awaited at: fence, read, begin, send, offsets, commit, answer."""

    def __init__(
        self,
        partitions: int = 1,
        step: Step = no_fault,
        max_record_bytes: int = 2_097_164,
        transaction_timeout_seconds: float = TRANSACTION_TIMEOUT_SECONDS,
    ) -> None:
        self.partitions = [PartitionLog() for _ in range(partitions)]
        self.step = step
        self.max_record_bytes = max_record_bytes
        self.transaction_timeout_seconds = transaction_timeout_seconds

    def produce(self, partition: int, key: str, value: bytes | None) -> int:
        """Append one command; its offset."""
        log = self.partitions[partition]
        offset = log.beginning + len(log.commands)
        record = Record(COMMANDS, partition, offset, 1_790_000_000_000, key.encode(), value, ())
        log.commands.append(record)
        return offset

    def delete_before(self, partition: int, offset: int) -> None:
        """Retention."""
        log = self.partitions[partition]
        log.commands = [r for r in log.commands if r.offset >= offset]
        log.beginning = offset

    def compact(self, partition: int) -> None:
        """Keep the last committed entry of each key; tombstones go too."""
        log = self.partitions[partition]
        stable = self._stable(log.changelog)
        last = {w.item.key: w for w in stable if isinstance(w.item, Entry)}
        kept = [w for w in stable if last.get(w.item.key) is w and w.item.value is not None]
        log.changelog = kept + [w for w in log.changelog if w.transaction.fate is Fate.OPEN]

    def changelog(self, partition: int) -> list[Entry]:
        """What `read_committed` shows, up to the last stable offset."""
        stable = self._stable(self.partitions[partition].changelog)
        return [w.item for w in stable if isinstance(w.item, Entry)]

    def published(self, partition: int, channel: Channel) -> list[Outgoing]:
        stable = self._stable(self.partitions[partition].published)
        return [w.item for w in stable if isinstance(w.item, Outgoing) and w.item.channel is channel]

    @staticmethod
    def _stable(written: Sequence[Written]) -> list[Written]:
        seen = []
        for one in written:
            if one.transaction.fate is Fate.OPEN:
                break
            if one.transaction.fate is Fate.COMMITTED:
                seen.append(one)
        return seen


class MemoryProducer:
    def __init__(self, broker: MemoryBroker, owner: str, partition: int, epoch: int) -> None:
        self._broker = broker
        self._owner = owner
        self._partition = partition
        self._epoch = epoch
        self._broken = False

    async def commit(self, staged: Staged) -> None:
        assert not self._broken, "a producer is never used again after a failure"
        try:
            await self._commit(staged)
        except BaseException:
            self._broken = True
            raise

    async def _commit(self, staged: Staged) -> None:
        log = await self._at("begin")
        transaction = log.transaction = Transaction(self._epoch, self._owner)
        # The broker's timer, not the client's: it goes off though the client is dead, frozen or cut off.
        asyncio.get_running_loop().call_later(
            self._broker.transaction_timeout_seconds, log.time_out, transaction
        )
        refused: str | None = None
        for item in (*staged.entries, *staged.records):
            log = await self._at("send")
            if item.value is not None and len(item.value) > self._broker.max_record_bytes:
                refused = "MessageSizeTooLarge"
                continue
            target = log.changelog if isinstance(item, Entry) else log.published
            target.append(Written(transaction, item))
        if refused is not None:
            raise BrokerTrouble(refused)
        if staged.position is not None:
            await self._at("offsets")
            transaction.position = staged.position
        log = await self._at("commit")
        transaction.fate = Fate.COMMITTED
        log.transaction = None
        if transaction.position is not None:
            log.group_offset = transaction.position
        await self._broker.step(self._owner, "answer", self._partition)

    async def _at(self, step: str) -> PartitionLog:
        await self._broker.step(self._owner, step, self._partition)
        log = self._broker.partitions[self._partition]
        if log.epoch != self._epoch:
            raise Fenced(step)
        return log

    async def close(self) -> None:
        self._broken = True


class MemoryLog:
    """The broker as one process sees it. `feed` hands the commands of assigned, resumed partitions over."""

    def __init__(self, broker: MemoryBroker, owner: str) -> None:
        self._broker = broker
        self.owner = owner
        self.positions: dict[int, int] = {}
        self.resumed: set[int] = set()
        self.max_batch_records = 50

    async def fence(self, partition: int) -> Producer:
        await self._broker.step(self.owner, "fence", partition)
        log = self._broker.partitions[partition]
        log.epoch += 1
        if log.transaction is not None:
            log.transaction.fate = Fate.ABORTED
            log.transaction = None
        return MemoryProducer(self._broker, self.owner, partition, log.epoch)

    async def changelog(self, partition: int) -> AsyncIterator[Sequence[Entry]]:
        entries = self._broker.changelog(partition)
        for start in range(0, len(entries), 100):
            await self._broker.step(self.owner, "read", partition)
            yield entries[start : start + 100]

    async def beginning(self, partition: int) -> int:
        return self._broker.partitions[partition].beginning

    async def end(self, partition: int) -> int:
        log = self._broker.partitions[partition]
        return log.beginning + len(log.commands)

    async def committed(self, partition: int) -> int | None:
        return self._broker.partitions[partition].group_offset

    def lag(self, partition: int) -> int | None:
        log = self._broker.partitions[partition]
        return log.beginning + len(log.commands) - self.positions.get(partition, 0)

    def pause(self, partition: int) -> None:
        self.resumed.discard(partition)

    def resume(self, partition: int) -> None:
        self.resumed.add(partition)

    def seek(self, partition: int, offset: int) -> None:
        self.positions[partition] = offset

    def undecodable_at(self, partition: int) -> int | None:
        """The offset at which a resumed partition cannot go on."""
        position = self.positions.get(partition, 0)
        stands = partition in self.resumed and position in self._broker.partitions[partition].undecodable
        return position if stands else None

    def fetch(self, partition: int) -> Sequence[Record]:
        """The next batch of a resumed partition."""
        if partition not in self.resumed:
            return ()
        log = self._broker.partitions[partition]
        position = max(self.positions.get(partition, 0), log.beginning)
        batch = log.commands[position - log.beginning :][: self.max_batch_records]
        if log.undecodable:
            until = min((bad for bad in log.undecodable if bad >= position), default=position + len(batch))
            batch = batch[: until - position]
        self.positions[partition] = position + len(batch)
        return batch
