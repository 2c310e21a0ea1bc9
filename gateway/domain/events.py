"""What the gateway tells the world about a payment. Times are ms of the epoch, amounts minor units; None is
left out.
"""

from dataclasses import dataclass
from typing import assert_never

from gateway.domain.identity import MessageId
from gateway.domain.money import Currency, Money
from gateway.domain.vocabulary import By, CancelReason, CapturedBy, PaymentStatus, Reason, RefundStatus


@dataclass(frozen=True, slots=True)
class Amounts:
    """`reserved` stays as a record after capture or cancel; `captured` is None where it cannot be known."""

    currency: Currency
    requested: int = 0
    reserved: int = 0
    captured: int | None = None
    refunded: int = 0


@dataclass(frozen=True, slots=True)
class PaymentPrepared:
    pass


@dataclass(frozen=True, slots=True)
class PaymentPaired:
    pass


@dataclass(frozen=True, slots=True)
class PaymentInitiated:
    pass


@dataclass(frozen=True, slots=True)
class PaymentIssued:
    pass


@dataclass(frozen=True, slots=True)
class PaymentReserved:
    partial_capture_possible: bool | None = None
    expires_at_ms: int | None = None
    loyalty_ids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class PaymentCaptured:
    pass


@dataclass(frozen=True, slots=True)
class PaymentCancelled:
    by: By
    reason: CancelReason


@dataclass(frozen=True, slots=True)
class PaymentExpired:
    pass


@dataclass(frozen=True, slots=True)
class PaymentUnknown:
    """The outcome of `operation` is not known; told once per operation. `refund_id`: of which refund, where it is
    about one.
    """

    operation: str
    refund_id: str | None = None


@dataclass(frozen=True, slots=True)
class RefundNews:
    """Which refund an event is about, and where it stands by now. `refund_id` is the sender's."""

    refund_id: str
    status: RefundStatus
    amount: Money


@dataclass(frozen=True, slots=True)
class RefundInitiated:
    refund: RefundNews


@dataclass(frozen=True, slots=True)
class RefundReserved:
    refund: RefundNews


@dataclass(frozen=True, slots=True)
class RefundCaptured:
    refund: RefundNews
    by: CapturedBy


@dataclass(frozen=True, slots=True)
class RefundCancelled:
    refund: RefundNews
    by: By


@dataclass(frozen=True, slots=True)
class CommandRejected:
    """`message` is for people; a rejection is final, a new message is a new command. `refund_id` and
    `refund_status` where the command is about a refund.
    """

    reason: Reason
    message: str
    retryable: bool = False
    refund_id: str | None = None
    refund_status: RefundStatus | None = None


PaymentFact = (
    PaymentPrepared
    | PaymentPaired
    | PaymentInitiated
    | PaymentIssued
    | PaymentReserved
    | PaymentCaptured
    | PaymentCancelled
    | PaymentExpired
    | PaymentUnknown
    | RefundInitiated
    | RefundReserved
    | RefundCaptured
    | RefundCancelled
    | CommandRejected
)


@dataclass(frozen=True, slots=True)
class Answers:
    """The command that an event answers."""

    id: MessageId
    type: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A payment at the provider that stands in the way, or may be the one sought. `status` is the provider's
    word.
    """

    payment_id: str
    order_id: str
    status: str


@dataclass(frozen=True, slots=True)
class ProviderWords:
    """What the provider itself said; its free text is never carried."""

    payment_id: str | None = None
    refund_id: str | None = None
    status: str | None = None
    code: str | None = None
    correlation_id: str | None = None
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Cause:
    """The message that led to an event, and what is carried from it."""

    id: MessageId
    correlation_id: str | None = None
    trace_parent: str | None = None
    trace_state: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """`adopted`: the payment was taken over from the provider's record, so its sequence may have begun anew."""

    payment_id: str
    sequence: int
    status: PaymentStatus
    occurred_at_ms: int
    fact: PaymentFact
    cause: Cause
    order_id: str | None = None
    pos_id: str | None = None
    amounts: Amounts | None = None
    adopted: bool = False
    answers: Answers | None = None
    provider: ProviderWords | None = None


def event_type(fact: PaymentFact) -> str:
    """The `ce_type` of an event."""
    match fact:
        case PaymentPrepared():
            return "payment.prepared"
        case PaymentPaired():
            return "payment.paired"
        case PaymentInitiated():
            return "payment.initiated"
        case PaymentIssued():
            return "payment.issued"
        case PaymentReserved():
            return "payment.reserved"
        case PaymentCaptured():
            return "payment.captured"
        case PaymentCancelled():
            return "payment.cancelled"
        case PaymentExpired():
            return "payment.expired"
        case PaymentUnknown():
            return "payment.unknown"
        case RefundInitiated():
            return "refund.initiated"
        case RefundReserved():
            return "refund.reserved"
        case RefundCaptured():
            return "refund.captured"
        case RefundCancelled():
            return "refund.cancelled"
        case CommandRejected():
            return "command.rejected"
        case _:
            assert_never(fact)
