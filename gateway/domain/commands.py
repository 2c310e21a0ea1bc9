"""What upstream may ask of a payment. A frozen dataclass is the domain type, the wire form and the JSON
Schema.

`kind` repeats the `ce_type` inside the data, so that a command kept in a state record is read back as what it
was: a capture without an amount and a cancel have the same fields otherwise. It is never part of the wire.
"""

from dataclasses import dataclass
from typing import Literal, assert_never

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


StartCommand = InitiatePayment | PreparePayment
RefundCommand = CreateRefund | CaptureRefund | CancelRefund
PaymentCommand = StartCommand | ReadyPayment | CapturePayment | CancelPayment | RefundCommand


@dataclass(frozen=True, slots=True)
class UnsupportedCommand:
    """A command of the contract that this provider or version cannot carry out; it is answered, never
    dropped.
    """

    type: str
    aggregate_id: str


Data = PaymentCommand | UnsupportedCommand


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
    match data:
        case UnsupportedCommand():
            return data.type
        case (
            InitiatePayment()
            | PreparePayment()
            | ReadyPayment()
            | CapturePayment()
            | CancelPayment()
            | CreateRefund()
            | CaptureRefund()
            | CancelRefund()
        ):
            return data.kind
        case _:
            assert_never(data)
