"""The data of each event as it stands on the wire, part by part in their order; None is left out.

The writer fills these and mypy compares; the published JSON Schemas are made from them. Plain dicts of declared
keys, since an event is written once for each change of state, and a dataclass would only be taken apart again.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from gateway.codec.fields import (
    LowerPosId,
    MerchantPosId,
    OccurredAt,
    PaymentId,
    Sequence,
    Sum,
    Time,
)
from gateway.codec.formats import Text
from gateway.domain.money import Currency
from gateway.domain.points_of_sale.events import CheckinEnd
from gateway.domain.points_of_sale.state import PointOfSaleTask
from gateway.domain.state import OperationKind
from gateway.domain.vocabulary import By, CancelReason, CapturedBy, PaymentStatus, Reason, RefundStatus

_SAID: Final = ConfigDict(use_attribute_docstrings=True)


@with_config(_SAID)
class AmountsData(TypedDict):
    """What became of the money, in minor units; 0 where nothing happened."""

    currency: Currency
    requested: Sum
    reserved: Sum
    """Stays as a record after capture or cancel."""
    captured: Sum | None
    """Left out where it cannot be known."""
    refunded: Sum


@with_config(_SAID)
class RefundAmountData(TypedDict):
    """Money, in integer minor units of one currency."""

    value: Sum
    currency: Currency


@with_config(_SAID)
class CandidateData(TypedDict):
    """A payment at the provider that stands in the way, or may be the one sought."""

    paymentId: str
    """The provider's id of it."""
    orderId: str
    status: str
    """The provider's word."""


@with_config(_SAID)
class ProviderData(TypedDict):
    """The provider's own words; its free text is never carried. Any of them may change without notice."""

    paymentId: str | None
    """The provider's id of the payment."""
    refundId: str | None
    """The provider's id of the refund."""
    status: str | None
    code: str | None
    """The provider's error code."""
    correlationId: str | None
    """To name in a question to the provider."""
    candidates: list[CandidateData] | None


@with_config(_SAID)
class PaymentOpening(TypedDict):
    """How each event of a payment begins."""

    paymentId: PaymentId
    sequence: Sequence
    status: PaymentStatus
    """Where the payment stands after this event."""
    occurredAt: OccurredAt
    orderId: Text | None
    """The merchant's order, shown to the customer."""
    posId: LowerPosId | None
    """The provider's id of the point of sale."""
    amounts: AmountsData | None
    """Known as soon as the currency is."""
    adopted: Annotated[bool, Field(json_schema_extra={"const": True})] | None
    """True where the payment was taken over from the provider's record; the sequence may have begun anew."""


@with_config(_SAID)
class PointOfSaleOpening(TypedDict):
    """How each event of a point of sale begins."""

    merchantPosId: MerchantPosId
    sequence: Sequence
    occurredAt: OccurredAt


@with_config(_SAID)
class Answering(TypedDict):
    """Which command the event answers: exactly one event, or one dead letter, does so for each command."""

    commandId: str | None
    """The command's ce_id."""
    commandSource: str | None
    """The command's ce_source."""
    commandType: str | None
    """The command's ce_type."""


@with_config(_SAID)
class Closing(TypedDict):
    """How each event ends."""

    provider: ProviderData | None


@with_config(_SAID)
class Reservation(TypedDict):
    partialCapturePossible: bool | None
    """Whether less than what is reserved may be captured."""
    expiresAt: Time | None
    """When the reservation lapses."""
    loyaltyIds: tuple[str, ...] | None
    """The customer's memberships; empty: there are none."""


@with_config(_SAID)
class Cancellation(TypedDict):
    by: By
    reason: CancelReason


@with_config(_SAID)
class UnknownOperation(TypedDict):
    operation: Annotated[str, Field(json_schema_extra={"enum": [kind.value for kind in OperationKind]})]
    """What was asked of the provider; its outcome is being found out."""
    refundId: str | None
    """Of which refund, where it is about one."""


@with_config(_SAID)
class UnknownTask(TypedDict):
    operation: Annotated[str, Field(json_schema_extra={"enum": [task.value for task in PointOfSaleTask]})]
    """What was asked of the provider; its outcome is being found out."""


@with_config(_SAID)
class RefundData(TypedDict):
    refundId: str
    """The sender's name for it; of a refund that was adopted with its payment, the provider's order id of it."""
    refundStatus: RefundStatus
    refundAmount: RefundAmountData


@with_config(_SAID)
class RefundCapture(TypedDict):
    by: CapturedBy


@with_config(_SAID)
class RefundCancellation(TypedDict):
    by: By


@with_config(_SAID)
class Rejection(TypedDict):
    reason: Reason
    message: str
    """For people; not to be parsed."""
    retryable: bool
    """Always false: a rejection is final, and a new message is a new command."""
    refundId: str | None
    """Of which refund, where it is about one."""
    refundStatus: RefundStatus | None


@with_config(_SAID)
class PointOfSaleData(TypedDict):
    posId: str
    """The provider's id of it."""
    storeId: str | None
    name: str | None
    beaconId: str | None
    supportedBeaconTypes: tuple[str, ...] | None
    qrContent: str | None
    """The text of its QR code, where it has a beacon."""


@with_config(_SAID)
class CheckinStart(TypedDict):
    posId: str
    loyaltyIds: tuple[str, ...] | None
    """The customer's memberships; empty: there are none."""


@with_config(_SAID)
class CheckinStop(TypedDict):
    posId: str
    reason: CheckinEnd


@dataclass(frozen=True, slots=True)
class Shape:
    """The parts of an event's data, in their order. `always`: fields that this event never lacks, though others
    may.
    """

    parts: tuple[type[Any], ...]
    always: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventKind:
    """`when` it is published; `shapes`: what its data may be."""

    when: str
    shapes: tuple[Shape, ...]


_ANSWER: Final = tuple(Answering.__annotations__)


def _payment(when: str, *additions: type[Any]) -> EventKind:
    return EventKind(when, (Shape((PaymentOpening, *additions, Answering, Closing)),))


def _point_of_sale(when: str, addition: type[Any], always: tuple[str, ...] = ()) -> EventKind:
    return EventKind(when, (Shape((PointOfSaleOpening, addition, Answering, Closing), always),))


EVENTS: Final[dict[str, EventKind]] = {
    "payment.prepared": _payment("The payment has taken its point of sale; its amount is told later."),
    "payment.paired": _payment("A customer is paired with the prepared payment."),
    "payment.initiated": _payment("The payment exists at the provider; no phone shows it yet."),
    "payment.issued": _payment("The customer's phone shows the payment."),
    "payment.reserved": _payment("The customer has approved, and the amount is reserved.", Reservation),
    "payment.captured": _payment("The money is taken."),
    "payment.cancelled": _payment("The payment has ended without a capture.", Cancellation),
    "payment.expired": _payment("The reservation has lapsed."),
    "payment.unknown": EventKind(
        "The outcome of an operation is not known; the gateway goes on finding out. Once per operation, and it "
        "answers no command.",
        (
            Shape((PaymentOpening, UnknownOperation, Closing)),
            Shape((PointOfSaleOpening, UnknownTask, Closing)),
        ),
    ),
    "refund.initiated": _payment("The refund exists at the provider.", RefundData),
    "refund.reserved": _payment("The refund is reserved.", RefundData),
    "refund.captured": _payment("The refund is paid out.", RefundData, RefundCapture),
    "refund.cancelled": _payment(
        "The refund has ended without being paid out.", RefundData, RefundCancellation
    ),
    "command.rejected": EventKind(
        "The command is refused, for good.",
        tuple(
            Shape((opening, Rejection, Answering, Closing), always=_ANSWER)
            for opening in (PaymentOpening, PointOfSaleOpening)
        ),
    ),
    "point-of-sale.created": _point_of_sale(
        "The point of sale exists.", PointOfSaleData, ("storeId", "name", "supportedBeaconTypes")
    ),
    "point-of-sale.deleted": _point_of_sale(
        "The point of sale is gone; what it was, where that is known.", PointOfSaleData
    ),
    "checkin.started": _point_of_sale("A customer has checked in.", CheckinStart),
    "checkin.ended": _point_of_sale("A watch is over.", CheckinStop),
}
"""Every `ce_type` of an event."""
