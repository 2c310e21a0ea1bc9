"""What the partition runtime asks of the work it carries: a reducer over bytes, and a way to perform its
effects.

The runtime knows no payment. Per aggregate (a key of the changelog such as `p:42`) it holds the durable
state (bytes), a volatile memo, at most one running effect and one wake time, and calls the handler with one
prompt after the other. Chosen: a synchronous reducer, so that accepting, deciding and staging are one cut
without an await between them, and a crash at any point leaves either the old or the new state. Refused: a
coroutine for each aggregate that awaits its calls; what it holds between two awaits is neither durable nor
visible, and cannot be restored.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Generic, Protocol, TypeVar

from gateway.kafka.records import Outgoing, Record
from gateway.observability.standing import Standing


class Urgency(IntEnum):
    """Order in which waiting effects get a running place: lower first. First starts never starve what is
    under way.
    """

    PENDING = 0
    READ = 1
    FIRST = 2


class Effect(Protocol):
    """Something to perform outside. `changes`: it alters the world, so it leaves only behind a committed
    intent and a lease.
    """

    @property
    def changes(self) -> bool: ...

    @property
    def urgency(self) -> Urgency: ...


E = TypeVar("E", bound=Effect)
M = TypeVar("M")
O = TypeVar("O")


class Permit(Protocol):
    """The right of one running effect to change something. Both answers are about this moment only."""

    def holds(self) -> bool:
        """Synchronous last word before the first byte: lease long enough for one write, not withdrawn,
        owner not released.
        """
        ...

    async def renew(self) -> bool:
        """Wait until `holds` (committing the checkpoint if the lease is too old). False: never again, give
        up the run.
        """
        ...

    @property
    def withdrawn(self) -> bool:
        """True once no further request of this effect shall leave: the handler withdrew it, or the
        partition is closing.
        """
        ...


@dataclass(frozen=True, slots=True)
class Now:
    """`wall_ms` since the epoch, for what is written down; `steady` seconds that never jump, for waiting in
    this process.
    """

    wall_ms: int
    steady: float


@dataclass(frozen=True, slots=True)
class Arrived(Generic[M]):
    """A consumed record that `accept` addressed to this aggregate."""

    message: M
    record: Record


@dataclass(frozen=True, slots=True)
class Woken:
    """The wake time has come."""


@dataclass(frozen=True, slots=True)
class Performed(Generic[E, O]):
    """The effect that was running has ended with an outcome."""

    effect: E
    outcome: O


@dataclass(frozen=True, slots=True)
class Restored:
    """The state has just been read back from the changelog by a new owner, or by the same one after a
    re-open.

    `write_after` is the steady time before which the runtime lets no effect that changes something leave.
    An effect that still runs over a re-open without revocation is given as `running` to `handle`.
    """

    write_after: float


Prompt = Arrived[M] | Woken | Performed[E, O] | Restored


@dataclass(frozen=True, slots=True)
class Turn(Generic[E]):
    """What one prompt leads to.

    `state`: the new durable state; the very same object as before means unchanged (nothing is staged for
    it), None removes it (tombstone). `records` are published in the same transaction as the state. `effect`
    starts at once if it changes nothing, else when the transaction that holds `state` is acknowledged; only
    allowed while none is running. `withdraw` tells the running effect that no further request of it shall
    leave; its outcome still arrives. `wake_at` (steady seconds) replaces the previous wake time, None
    removes it. `waiting` is the number of accepted commands not yet answered, for back-pressure. `standing`
    is how the aggregate stands for those who watch, None as before. `memo` is kept in memory and handed back,
    lost with the process.
    """

    state: bytes | None
    memo: Any = None
    records: tuple[Outgoing, ...] = ()
    effect: E | None = None
    withdraw: bool = False
    wake_at: float | None = None
    waiting: int = 0
    standing: Standing | None = None


@dataclass(frozen=True, slots=True)
class Addressed(Generic[M]):
    """The record is understood and belongs to the aggregate `key`."""

    key: str
    message: M


@dataclass(frozen=True, slots=True)
class Refused:
    """The record cannot be understood: it goes to the dead letters in the transaction that passes it."""

    dead_letter: Outgoing


class Handler(Protocol[M, E, O]):
    """The work. `accept` and `handle` are synchronous, quick and never raise for any input; a raise closes
    the partition.
    """

    state_version: int
    """Version of the state bytes that `handle` returns, and the highest that it reads."""

    def accept(self, record: Record) -> Addressed[M] | Refused: ...

    def handle(
        self, key: str, state: bytes | None, memo: Any, running: E | None, prompt: "Prompt[M, E, O]", now: Now
    ) -> Turn[E]: ...

    async def perform(self, key: str, effect: E, permit: Permit) -> O:
        """Carry the effect out. Returns an outcome for whatever the far side does; an exception closes the
        partition.
        """
        ...
