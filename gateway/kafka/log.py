"""The broker as one partition sees it: the only thing that a test replaces by memory."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.kafka.records import Headers, Outgoing


class Fenced(Exception):
    """Another owner has taken over the producer (KIP-98: ProducerFenced, InvalidProducerEpoch)."""


class BrokerTrouble(Exception):
    """Anything else that broke under us: a commit of unknown outcome, a refused batch, a time-out. For
    people.
    """


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of the changelog: a state (None removes it) or the checkpoint."""

    key: bytes
    value: bytes | None
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Staged:
    """One transaction. `position` is the group's offset to send along; None: not this time."""

    entries: tuple[Entry, ...]
    records: tuple[Outgoing, ...]
    position: int | None


class Producer(Protocol):
    """The fenced transactional producer of one partition. After anything raised it is never used again."""

    async def commit(self, staged: Staged) -> None:
        """Write all of `staged` or nothing. Raises Fenced or BrokerTrouble; the outcome is then not known."""
        ...

    async def close(self) -> None:
        """Let go of connections; never raises."""
        ...


class Log(Protocol):
    """Topics of one gateway, by partition number. All but `pause`, `resume`, `seek` raise BrokerTrouble."""

    async def fence(self, partition: int) -> Producer:
        """Take over the partition: earlier producers are fenced and their open transaction is aborted."""
        ...

    def changelog(self, partition: int) -> AsyncIterator[Sequence[Entry]]:
        """All committed entries up to the last stable offset of the moment of the call, oldest first."""
        ...

    async def beginning(self, partition: int) -> int:
        """The first offset of the commands partition."""
        ...

    async def end(self, partition: int) -> int:
        """One past the last offset of the commands partition."""
        ...

    async def committed(self, partition: int) -> int | None:
        """The group's offset, None where there is none."""
        ...

    def lag(self, partition: int) -> int | None:
        """How many commands lie beyond the fetched position, as far as the last fetch told."""
        ...

    def pause(self, partition: int) -> None: ...

    def resume(self, partition: int) -> None: ...

    def seek(self, partition: int, offset: int) -> None: ...
