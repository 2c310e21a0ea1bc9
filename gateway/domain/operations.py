"""What the domain asks of a provider, and the closed union of what may become of it.

An outcome is what was heard, never what is hoped: `Unknown` is as good a value as `Accepted`. Amounts are
minor units.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.commands import Restrictions
from gateway.domain.money import Money
from gateway.domain.vocabulary import PlannedCaptureDelay, Reason


class Purpose(StrEnum):
    """Why something is read; looks have a budget of their own and polls keep the provider's pace."""

    POLL = "poll"
    LOOK = "look"
    READ_BACK = "read_back"
    CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class Initiate:
    """Create a payment under `key`. `first` is False once any request with this key may have left."""

    merchant: str | None
    key: str
    pos_id: str
    order_id: str
    amount: Money
    planned_capture_delay: PlannedCaptureDelay
    restrictions: Restrictions | None
    label: str | None
    first: bool
    not_after_ms: int
    """No request leaves later than this (ms of the epoch): the command's expiry, and the provider's promise
    for keys.
    """


@dataclass(frozen=True, slots=True)
class Prepare:
    """Create a payment without an amount under `key`; `first` and `not_after_ms` as in `Initiate`."""

    merchant: str | None
    key: str
    pos_id: str
    order_id: str
    first: bool
    not_after_ms: int


@dataclass(frozen=True, slots=True)
class Ready:
    """Tell the amount of a prepared payment."""

    merchant: str | None
    provider_payment_id: str
    amount: Money
    planned_capture_delay: PlannedCaptureDelay
    restrictions: Restrictions | None
    label: str | None


@dataclass(frozen=True, slots=True)
class Capture:
    """Take `amount` of a reserved payment."""

    merchant: str | None
    provider_payment_id: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Cancel:
    """End a payment that is not captured."""

    merchant: str | None
    provider_payment_id: str


@dataclass(frozen=True, slots=True)
class Refund:
    """Make a refund of `amount` under `key`; `first` and `not_after_ms` as in `Initiate`. `refund_id` is the
    sender's, told to the provider as the refund's order id.
    """

    merchant: str | None
    key: str
    provider_payment_id: str
    refund_id: str
    amount: Money
    first: bool
    not_after_ms: int


@dataclass(frozen=True, slots=True)
class RefundCapture:
    """Pay a reserved refund out."""

    merchant: str | None
    provider_refund_id: str


@dataclass(frozen=True, slots=True)
class RefundCancel:
    """End a refund that is not captured."""

    merchant: str | None
    provider_refund_id: str


@dataclass(frozen=True, slots=True)
class ReadPayment:
    """Read one payment by the provider's own id."""

    merchant: str | None
    provider_payment_id: str
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class FindPayments:
    """List the ids of active and reserved payments (or of captured ones) of a point of sale, optionally of
    one order.
    """

    merchant: str | None
    pos_id: str
    order_id: str | None
    captured: bool
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class ReadRefund:
    """Read one refund by the provider's own id."""

    merchant: str | None
    provider_refund_id: str
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class FindRefunds:
    """List the ids of all refunds of a payment, whatever their state."""

    merchant: str | None
    provider_payment_id: str
    purpose: Purpose


PaymentWrite = Initiate | Prepare | Ready | Capture | Cancel
RefundWrite = Refund | RefundCapture | RefundCancel
Write = PaymentWrite | RefundWrite
Read = ReadPayment | FindPayments | ReadRefund | FindRefunds
Operation = Write | Read


class ProviderStatus(StrEnum):
    """A payment's state at the provider, in the gateway's words. UNKNOWN: a word that we do not know, never
    final.
    """

    PREPARED = "prepared"
    PAIRED = "paired"
    INITIATED = "initiated"
    ISSUED = "issued"
    RESERVED = "reserved"
    CAPTURED = "captured"
    CANCELLED_BY_CUSTOMER = "cancelled_by_customer"
    CANCELLED_BY_MERCHANT = "cancelled_by_merchant"
    CANCELLED_BY_PROVIDER = "cancelled_by_provider"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PaymentReading:
    """One answered reading of a payment. `word` is the provider's own status; None means that the field was
    absent.
    """

    provider_payment_id: str
    pos_id: str
    order_id: str
    amount: Money | None
    status: ProviderStatus
    word: str
    poll_delay_ms: int
    expires_at_ms: int | None = None
    partial_capture_possible: bool | None = None
    loyalty_ids: tuple[str, ...] | None = None


class ProviderRefundStatus(StrEnum):
    """A refund's state at the provider, in the gateway's words; UNKNOWN as of a payment."""

    INITIATED = "initiated"
    RESERVED = "reserved"
    CAPTURED = "captured"
    CAPTURED_BY_EXPIRY = "captured_by_expiry"
    CANCELLED_BY_MERCHANT = "cancelled_by_merchant"
    CANCELLED_BY_PROVIDER = "cancelled_by_provider"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RefundReading:
    """One answered reading of a refund. `refund_id` is the sender's; `word` is the provider's own status."""

    provider_refund_id: str
    provider_payment_id: str
    refund_id: str
    amount: Money | None
    status: ProviderRefundStatus
    word: str
    poll_delay_ms: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A definite no: our reason, and the provider's code and correlation id for support."""

    reason: Reason
    http_status: int
    code: str | None = None
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A write took effect. `resource_id` is the provider's id of what a creating call made."""

    resource_id: str | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """A payment was read."""

    reading: PaymentReading


@dataclass(frozen=True, slots=True)
class RefundObserved:
    """A refund was read."""

    reading: RefundReading


@dataclass(frozen=True, slots=True)
class Found:
    """A list of payments or refunds was answered: the provider's ids in its order."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """The provider refused. `unheard` counts earlier requests of this run that went unheard."""

    refusal: Refusal
    unheard: int = 0


@dataclass(frozen=True, slots=True)
class Unknown:
    """Every request of the run went unheard: a write may or may not have taken effect."""

    unheard: int


class DeferralCause(StrEnum):
    THROTTLED = "throttled"
    UNAUTHORISED = "unauthorised"
    MISCONFIGURED = "misconfigured"
    PROVIDER_AWAY = "provider_away"
    WITHDRAWN = "withdrawn"
    PERMIT_ENDED = "permit_ended"
    TOO_LATE = "too_late"


@dataclass(frozen=True, slots=True)
class Deferred:
    """The run ended without an answer that says anything; try again after `after_ms`.

    `requests` counts all requests of the run that may have reached the provider, `unheard` those whose answer
    was never heard. Both 0: nothing has left.
    """

    cause: DeferralCause
    after_ms: int
    unheard: int = 0
    requests: int = 0


Outcome = Accepted | Observed | RefundObserved | Found | Rejected | Unknown | Deferred
