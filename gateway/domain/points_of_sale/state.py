"""A point of sale as its owner remembers it, and what is known of it beside that."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.domain.commands import CreatePointOfSale, DeletePointOfSale, Message, WatchCheckin
from gateway.domain.events import Candidate, Cause
from gateway.domain.operations import Refusal
from gateway.domain.points_of_sale.operations import PointOfSaleReading
from gateway.domain.state import Remembered


class PointOfSaleTask(StrEnum):
    """The operations on a point of sale, by the words that keys and events use."""

    CREATE = "create-point-of-sale"
    DELETE = "delete-point-of-sale"


@dataclass(frozen=True, slots=True)
class AbandonedCreation:
    """A creation that was answered as expired without an effect found, to be looked for once more at `due_ms`."""

    cause: Cause
    store_id: str
    name: str
    due_ms: int
    merchant: str | None = None


@dataclass(frozen=True, slots=True)
class PointOfSalePending:
    """An intent; `message` is the command that it answers, None where a late effect is removed. `pos_id` is the
    provider's id, unknown of a creation that was not heard of.
    """

    task: PointOfSaleTask
    cause: Cause
    first_sent_ms: int
    message: Message | None = None
    pos_id: str | None = None
    merchant: str | None = None
    told: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """A `checkin.watch` that is not over. `started`: its `checkin.started` has been told, which answered it."""

    message: Message
    until_ms: int
    started: bool = False

    @property
    def data(self) -> WatchCheckin:
        assert isinstance(self.message.data, WatchCheckin)
        return self.message.data


@dataclass(frozen=True, slots=True)
class PointOfSaleState:
    """`known`: it exists, as far as the gateway made it. `notified`: the cause of a notification whose check-in
    has still to be read; `arrived_ms`: when a customer was last told of because of one.
    """

    merchant_pos_id: str
    sequence: int = 0
    known: PointOfSaleReading | None = None
    merchant: str | None = None
    pending: PointOfSalePending | None = None
    watches: tuple[Watch, ...] = ()
    notified: Cause | None = None
    arrived_ms: int | None = None
    poll_delay_ms: int | None = None
    inbox: tuple[Message, ...] = ()
    remembered: tuple[Remembered, ...] = ()
    abandoned: tuple[AbandonedCreation, ...] = ()
    touched_ms: int = 0

    @property
    def waiting(self) -> int:
        """Accepted commands that are not yet answered."""
        under_way = self.pending is not None and self.pending.message is not None
        return len(self.inbox) + under_way + sum(not watch.started for watch in self.watches)


class PointOfSaleGlance(StrEnum):
    """What the read that is under way is for."""

    READ_BACK = "read_back"
    LOOK = "look"
    GUARD = "guard"
    LATE_LOOK = "late_look"
    CHECKIN = "checkin"


@dataclass(frozen=True, slots=True)
class Search:
    """A search, one GET after the other. `begun` in steady seconds; `unread` None while the list is outstanding;
    `seen`: payments that were read and keep the point of sale in use.
    """

    begun: float
    unread: tuple[str, ...] | None = None
    seen: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class PointOfSaleMemo:
    """What is lost with the process; the fields mean what they mean of a payment. `paces`: of each point of sale
    that is polled, before when its check-in is not read again. `polled`: which one the read under way is of.
    """

    not_before: float = 0.0
    last_request: float = 0.0
    unheard: bool = False
    spent: bool = False
    tries: int = 0
    search: Search | None = None
    refusal: Refusal | None = None
    glance: PointOfSaleGlance | None = None
    drop_running: bool = False
    guard: Search | None = None
    guard_tries: int = 0
    guard_not_before: float = 0.0
    late: Search | None = None
    late_tries: int = 0
    late_not_before: float = 0.0
    paces: Mapping[str, float] = field(default_factory=dict)
    polled: str | None = None
    poll_tries: int = 0


def creation_of(message: Message) -> CreatePointOfSale:
    assert isinstance(message.data, CreatePointOfSale)
    return message.data


def deletion_of(message: Message) -> DeletePointOfSale:
    assert isinstance(message.data, DeletePointOfSale)
    return message.data
