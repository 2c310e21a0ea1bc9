"""What the gateway tells the world about a payment. Times are ms of the epoch, amounts minor units; None is
left out.
"""

from dataclasses import dataclass
from typing import assert_never

from gateway.domain.identity import MessageId
from gateway.domain.money import Currency
from gateway.domain.vocabulary import By, CancelReason, PaymentStatus, Reason


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
    """The outcome of `operation` (initiate, capture, cancel) is not known; told once per operation."""

    operation: str


@dataclass(frozen=True, slots=True)
class CommandRejected:
    """`message` is for people; a rejection is final, a new message is a new command."""

    reason: Reason
    message: str
    retryable: bool = False


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
    payment_id: str
    sequence: int
    status: PaymentStatus
    occurred_at_ms: int
    fact: PaymentFact
    cause: Cause
    order_id: str | None = None
    pos_id: str | None = None
    amounts: Amounts | None = None
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
        case CommandRejected():
            return "command.rejected"
        case _:
            assert_never(fact)
