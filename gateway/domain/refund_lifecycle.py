"""The life of a refund as one table, and what each of the provider's states means here.

Source: refund states of PoS API v10; a poll may skip states, so the table is a superset of the diagram.
"""

from typing import assert_never

from gateway.domain.events import (
    RefundCancelled,
    RefundCaptured,
    RefundInitiated,
    RefundNews,
    RefundReserved,
)
from gateway.domain.operations import ProviderRefundStatus
from gateway.domain.vocabulary import By, CapturedBy, RefundStatus

_S = RefundStatus

REFUND_TRANSITIONS: dict[RefundStatus, frozenset[RefundStatus]] = {
    _S.NONE: frozenset({_S.REQUESTED}),
    _S.REQUESTED: frozenset({_S.NONE, _S.INITIATED, _S.RESERVED, _S.CAPTURED, _S.CANCELLED}),
    _S.INITIATED: frozenset({_S.RESERVED, _S.CAPTURED, _S.CANCELLED}),
    _S.RESERVED: frozenset({_S.CAPTURED, _S.CANCELLED}),
    _S.CAPTURED: frozenset(),
    _S.CANCELLED: frozenset(),
}

REFUND_ENDED = frozenset({_S.CAPTURED, _S.CANCELLED})

_MEANING: dict[ProviderRefundStatus, RefundStatus] = {
    ProviderRefundStatus.INITIATED: _S.INITIATED,
    ProviderRefundStatus.RESERVED: _S.RESERVED,
    ProviderRefundStatus.CAPTURED: _S.CAPTURED,
    ProviderRefundStatus.CAPTURED_BY_EXPIRY: _S.CAPTURED,
    ProviderRefundStatus.CANCELLED_BY_MERCHANT: _S.CANCELLED,
    ProviderRefundStatus.CANCELLED_BY_PROVIDER: _S.CANCELLED,
}


def refund_status_of(provider: ProviderRefundStatus) -> RefundStatus | None:
    """The status that a provider's state means; None for a word that we do not know, which is never final."""
    return _MEANING.get(provider)


def refund_may_follow(current: RefundStatus, following: RefundStatus) -> bool:
    return following in REFUND_TRANSITIONS[current]


def refund_fact_of(
    status: ProviderRefundStatus, news: RefundNews
) -> RefundInitiated | RefundReserved | RefundCaptured | RefundCancelled | None:
    """What a reading says by itself."""
    match status:
        case ProviderRefundStatus.INITIATED:
            return RefundInitiated(news)
        case ProviderRefundStatus.RESERVED:
            return RefundReserved(news)
        case ProviderRefundStatus.CAPTURED:
            return RefundCaptured(news, CapturedBy.COMMAND)
        case ProviderRefundStatus.CAPTURED_BY_EXPIRY:
            return RefundCaptured(news, CapturedBy.EXPIRY)
        case ProviderRefundStatus.CANCELLED_BY_MERCHANT:
            return RefundCancelled(news, By.MERCHANT)
        case ProviderRefundStatus.CANCELLED_BY_PROVIDER:
            return RefundCancelled(news, By.PROVIDER)
        case ProviderRefundStatus.UNKNOWN:
            return None
        case _:
            assert_never(status)
