"""What upstream may ask of a payment or of a point of sale, as frozen dataclasses.

`kind` repeats the `ce_type` inside the data, so that a command kept in a state record is read back as what it
was: a capture without an amount and a cancel have the same fields otherwise. It is never part of the wire.
"""

from dataclasses import dataclass
from typing import Literal

from gateway.domain.identity import MessageId
from gateway.domain.money import Money
from gateway.domain.vocabulary import CaptureMode, PlannedCaptureDelay, WhenBusy


@dataclass(frozen=True, slots=True)
class Restrictions:
    debit_card_disallowed: bool = False
    credit_card_disallowed: bool = False


@dataclass(frozen=True, slots=True)
class InitiatePayment:
    """`payment.initiate`: start a payment that the customer may approve at once. `order_id` None means the
    payment id.
    """

    payment_id: str
    pos_id: str
    amount: Money
    order_id: str | None = None
    planned_capture_delay: PlannedCaptureDelay = PlannedCaptureDelay.NONE
    capture: CaptureMode = CaptureMode.MANUAL
    restrictions: Restrictions | None = None
    label: str | None = None
    approval_timeout_seconds: int | None = None
    when_busy: WhenBusy = WhenBusy.REJECT
    merchant_vat_number: str | None = None
    kind: Literal["payment.initiate"] = "payment.initiate"


@dataclass(frozen=True, slots=True)
class PreparePayment:
    """`payment.prepare`: take the point of sale for a payment whose amount is told later, by `payment.ready`."""

    payment_id: str
    pos_id: str
    order_id: str | None = None
    when_busy: WhenBusy = WhenBusy.REJECT
    merchant_vat_number: str | None = None
    kind: Literal["payment.prepare"] = "payment.prepare"


@dataclass(frozen=True, slots=True)
class ReadyPayment:
    """`payment.ready`: tell the amount of a prepared payment, so that the customer may approve it."""

    payment_id: str
    amount: Money
    planned_capture_delay: PlannedCaptureDelay = PlannedCaptureDelay.NONE
    capture: CaptureMode = CaptureMode.MANUAL
    restrictions: Restrictions | None = None
    label: str | None = None
    approval_timeout_seconds: int | None = None
    kind: Literal["payment.ready"] = "payment.ready"


@dataclass(frozen=True, slots=True)
class CapturePayment:
    """`payment.capture`: take the money. `amount` None means what is reserved."""

    payment_id: str
    amount: Money | None = None
    kind: Literal["payment.capture"] = "payment.capture"


@dataclass(frozen=True, slots=True)
class CancelPayment:
    """`payment.cancel`: end a payment that is not yet captured."""

    payment_id: str
    kind: Literal["payment.cancel"] = "payment.cancel"


@dataclass(frozen=True, slots=True)
class CreateRefund:
    """`refund.create`: pay `amount` of a captured payment back. `pos_id` lets a payment be adopted that the state
    no longer holds; `order_id` None means the payment id.
    """

    payment_id: str
    refund_id: str
    amount: Money
    capture: CaptureMode = CaptureMode.AUTOMATIC
    pos_id: str | None = None
    order_id: str | None = None
    merchant_vat_number: str | None = None
    kind: Literal["refund.create"] = "refund.create"


@dataclass(frozen=True, slots=True)
class CaptureRefund:
    """`refund.capture`: pay a reserved refund out."""

    payment_id: str
    refund_id: str
    kind: Literal["refund.capture"] = "refund.capture"


@dataclass(frozen=True, slots=True)
class CancelRefund:
    """`refund.cancel`: end a refund that is not yet captured."""

    payment_id: str
    refund_id: str
    kind: Literal["refund.cancel"] = "refund.cancel"


@dataclass(frozen=True, slots=True)
class CreatePointOfSale:
    """`point-of-sale.create`: make a point of sale of a store."""

    merchant_pos_id: str
    store_id: str
    name: str
    supported_beacon_types: tuple[str, ...]
    beacon_id: str | None = None
    callback_alias: str | None = None
    require_payment_before_checkin: bool = False
    merchant_vat_number: str | None = None
    kind: Literal["point-of-sale.create"] = "point-of-sale.create"


@dataclass(frozen=True, slots=True)
class DeletePointOfSale:
    """`point-of-sale.delete`: remove a point of sale that no open payment stands on."""

    merchant_pos_id: str
    pos_id: str
    merchant_vat_number: str | None = None
    kind: Literal["point-of-sale.delete"] = "point-of-sale.delete"


@dataclass(frozen=True, slots=True)
class WatchCheckin:
    """`checkin.watch`: tell of the customer who checks in within `seconds`."""

    merchant_pos_id: str
    pos_id: str
    seconds: int
    merchant_vat_number: str | None = None
    kind: Literal["checkin.watch"] = "checkin.watch"


@dataclass(frozen=True, slots=True)
class CheckinNotified:
    """`checkin.notified`, the gateway's own: the provider says that somebody may have checked in."""

    merchant_pos_id: str
    kind: Literal["checkin.notified"] = "checkin.notified"


StartCommand = InitiatePayment | PreparePayment
RefundCommand = CreateRefund | CaptureRefund | CancelRefund
PaymentCommand = StartCommand | ReadyPayment | CapturePayment | CancelPayment | RefundCommand


PointOfSaleCommand = CreatePointOfSale | DeletePointOfSale | WatchCheckin | CheckinNotified
Data = PaymentCommand | PointOfSaleCommand


@dataclass(frozen=True, slots=True)
class Message:
    """One command message: who sent what when, and until when it may start.

    `time_ms` is ce_time, `expires_at_ms` the bounded expiry, both in ms of the epoch; `data_hash` is equal
    exactly for equal type and parsed data, in either CloudEvents mode.
    """

    id: MessageId
    type: str
    data: Data
    data_hash: str
    time_ms: int
    expires_at_ms: int
    correlation_id: str | None = None
    trace_parent: str | None = None
    trace_state: str | None = None


def command_type(data: Data) -> str:
    """The `ce_type` of a command."""
    return data.kind
