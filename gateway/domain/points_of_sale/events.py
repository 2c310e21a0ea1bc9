"""What the gateway tells the world about a point of sale. Times are ms of the epoch; None is left out."""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from gateway.domain.events import Answers, Cause, CommandRejected, PaymentUnknown, ProviderWords, event_type
from gateway.domain.points_of_sale.operations import PointOfSaleReading


class CheckinEnd(StrEnum):
    """Why a watch ended: nobody came, the customer left, or its time was over."""

    NOBODY = "nobody"
    LEFT = "left"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class PointOfSaleCreated:
    reading: PointOfSaleReading


@dataclass(frozen=True, slots=True)
class PointOfSaleDeleted:
    """`reading`: what it was, where that is known."""

    pos_id: str
    reading: PointOfSaleReading | None = None


@dataclass(frozen=True, slots=True)
class CheckinStarted:
    pos_id: str
    loyalty_ids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class CheckinEnded:
    pos_id: str
    reason: CheckinEnd


PointOfSaleFact = (
    PointOfSaleCreated | PointOfSaleDeleted | CheckinStarted | CheckinEnded | PaymentUnknown | CommandRejected
)


@dataclass(frozen=True, slots=True)
class PointOfSaleEvent:
    merchant_pos_id: str
    sequence: int
    occurred_at_ms: int
    fact: PointOfSaleFact
    cause: Cause
    answers: Answers | None = None
    provider: ProviderWords | None = None


def point_of_sale_event_type(fact: PointOfSaleFact) -> str:
    """The `ce_type` of an event."""
    match fact:
        case PointOfSaleCreated():
            return "point-of-sale.created"
        case PointOfSaleDeleted():
            return "point-of-sale.deleted"
        case CheckinStarted():
            return "checkin.started"
        case CheckinEnded():
            return "checkin.ended"
        case PaymentUnknown() | CommandRejected():
            return event_type(fact)
        case _:
            assert_never(fact)
