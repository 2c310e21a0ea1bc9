"""The life of a payment as one table: which status may follow which, and what each state of the provider
means here.

The table is a superset of the provider's diagram (behaviour of PoS API v10, payment flows): a poll may skip
states, and the text allows cancels that the diagram leaves out.
"""

from gateway.domain.events import (
    PaymentCancelled,
    PaymentCaptured,
    PaymentExpired,
    PaymentFact,
    PaymentInitiated,
    PaymentIssued,
    PaymentPaired,
    PaymentPrepared,
    PaymentReserved,
)
from gateway.domain.operations import PaymentReading, ProviderStatus
from gateway.domain.vocabulary import By, CancelReason, PaymentStatus

_S = PaymentStatus
_ENDS = (_S.CANCELLED, _S.EXPIRED)

TRANSITIONS: dict[PaymentStatus, frozenset[PaymentStatus]] = {
    _S.NONE: frozenset({_S.REQUESTED}),
    _S.REQUESTED: frozenset(
        {_S.NONE, _S.PREPARED, _S.PAIRED, _S.INITIATED, _S.ISSUED, _S.RESERVED, _S.CAPTURED, *_ENDS}
    ),
    _S.PREPARED: frozenset({_S.PAIRED, _S.INITIATED, _S.ISSUED, _S.RESERVED, _S.CAPTURED, *_ENDS}),
    _S.PAIRED: frozenset({_S.INITIATED, _S.ISSUED, _S.RESERVED, _S.CAPTURED, *_ENDS}),
    _S.INITIATED: frozenset({_S.ISSUED, _S.RESERVED, _S.CAPTURED, *_ENDS}),
    _S.ISSUED: frozenset({_S.RESERVED, _S.CAPTURED, *_ENDS}),
    _S.RESERVED: frozenset({_S.CAPTURED, *_ENDS}),
    _S.CAPTURED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.EXPIRED: frozenset(),
}

ACTIVE = frozenset({_S.PREPARED, _S.PAIRED, _S.INITIATED, _S.ISSUED})
"""The customer has not decided; such a payment blocks its point of sale."""

UNREADY = frozenset({_S.PREPARED, _S.PAIRED})
"""The amount has not been told yet."""

ENDED = frozenset({_S.CAPTURED, _S.CANCELLED, _S.EXPIRED})

_MEANING: dict[ProviderStatus, PaymentStatus] = {
    ProviderStatus.PREPARED: _S.PREPARED,
    ProviderStatus.PAIRED: _S.PAIRED,
    ProviderStatus.INITIATED: _S.INITIATED,
    ProviderStatus.ISSUED: _S.ISSUED,
    ProviderStatus.RESERVED: _S.RESERVED,
    ProviderStatus.CAPTURED: _S.CAPTURED,
    ProviderStatus.CANCELLED_BY_CUSTOMER: _S.CANCELLED,
    ProviderStatus.CANCELLED_BY_MERCHANT: _S.CANCELLED,
    ProviderStatus.CANCELLED_BY_PROVIDER: _S.CANCELLED,
    ProviderStatus.EXPIRED: _S.EXPIRED,
}


def status_of(provider: ProviderStatus) -> PaymentStatus | None:
    """The status that a provider's state means; None for a word that we do not know, which is never final."""
    return _MEANING.get(provider)


def may_follow(current: PaymentStatus, following: PaymentStatus) -> bool:
    return following in TRANSITIONS[current]


def fact_of(reading: PaymentReading) -> PaymentFact | None:
    """What a reading says by itself: who cancelled is the provider's word, why is known only to who asked for
    it.
    """
    match reading.status:
        case ProviderStatus.PREPARED:
            return PaymentPrepared()
        case ProviderStatus.PAIRED:
            return PaymentPaired()
        case ProviderStatus.INITIATED:
            return PaymentInitiated()
        case ProviderStatus.ISSUED:
            return PaymentIssued()
        case ProviderStatus.RESERVED:
            return PaymentReserved(
                reading.partial_capture_possible, reading.expires_at_ms, reading.loyalty_ids
            )
        case ProviderStatus.CAPTURED:
            return PaymentCaptured()
        case ProviderStatus.CANCELLED_BY_CUSTOMER:
            return PaymentCancelled(By.CUSTOMER, CancelReason.DECLINED)
        case ProviderStatus.CANCELLED_BY_MERCHANT:
            return PaymentCancelled(By.MERCHANT, CancelReason.PROVIDER)
        case ProviderStatus.CANCELLED_BY_PROVIDER:
            return PaymentCancelled(By.PROVIDER, CancelReason.PROVIDER)
        case ProviderStatus.EXPIRED:
            return PaymentExpired()
        case ProviderStatus.UNKNOWN:
            return None
