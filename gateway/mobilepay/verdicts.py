"""What one HTTP answer says about the operation that asked for it. Pure and total: any answer has one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final, assert_never

from gateway.domain.operations import (
    Accepted,
    Cancel,
    Capture,
    FindPayments,
    FindRefunds,
    Found,
    Initiate,
    Observed,
    Operation,
    PaymentReading,
    Prepare,
    ProviderRefundStatus,
    ProviderStatus,
    ReadPayment,
    ReadRefund,
    Ready,
    Refund,
    RefundCancel,
    RefundCapture,
    RefundObserved,
    RefundReading,
    Refusal,
)
from gateway.domain.pacing import DAY_MS, DEFAULT_POLL_DELAY_MS
from gateway.domain.vocabulary import Reason
from gateway.mobilepay import fields
from gateway.mobilepay.errors import reason_for

STATUSES: Final = {
    "Prepared": ProviderStatus.PREPARED,
    "Paired": ProviderStatus.PAIRED,
    "Initiated": ProviderStatus.INITIATED,
    "IssuedToUser": ProviderStatus.ISSUED,
    "Reserved": ProviderStatus.RESERVED,
    "Captured": ProviderStatus.CAPTURED,
    "CancelledByUser": ProviderStatus.CANCELLED_BY_CUSTOMER,
    "CancelledByClient": ProviderStatus.CANCELLED_BY_MERCHANT,
    "CancelledByMobilePay": ProviderStatus.CANCELLED_BY_PROVIDER,
    "ExpiredAndCancelled": ProviderStatus.EXPIRED,
}
"""The states of PoS API v10. Words of older versions stay unknown: what they mean today nobody says."""

REFUND_STATUSES: Final = {
    "Initiated": ProviderRefundStatus.INITIATED,
    "Reserved": ProviderRefundStatus.RESERVED,
    "Captured": ProviderRefundStatus.CAPTURED,
    "ExpiredAndCaptured": ProviderRefundStatus.CAPTURED_BY_EXPIRY,
    "CancelledByClient": ProviderRefundStatus.CANCELLED_BY_MERCHANT,
    "CancelledByMobilePay": ProviderRefundStatus.CANCELLED_BY_PROVIDER,
}

_MAX_TEXT: Final = 64
_MAX_LOYALTY_IDS: Final = 50
_MAX_RETRY_AFTER_SECONDS: Final = 3600.0
_NOT_TAKEN_IN: Final = frozenset({408, 425})


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, whole. Look-up in `headers` does not mind the case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Heard:
    """It was done. `unreadable` names the fields that were there and could not be read."""

    outcome: Accepted | Observed | RefundObserved | Found
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Unheard:
    """An answer that does not tell the outcome."""

    why: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """429. `retry_after_seconds`: None where the provider did not say."""

    retry_after_seconds: float | None


@dataclass(frozen=True, slots=True)
class Unauthorised:
    """401: nothing took effect."""


@dataclass(frozen=True, slots=True)
class Misaddressed:
    """Not an answer of the API that we mean to ask: a wrong address, or a proxy in between."""

    status: int


Verdict = Heard | Refused | Unheard | Throttled | Unauthorised | Misaddressed


def verdict_of(operation: Operation, answer: Answer, absent: Reason | None, wall_ms: int) -> Verdict:
    """`absent` is what a 404 means on the path asked; `wall_ms` is for a Retry-After that is a date."""
    status, body = answer.status, answer.body
    if 200 <= status < 300:
        return _success(operation, body)
    if 300 <= status < 400:
        return Misaddressed(status)
    if status == 401:
        return Unauthorised()
    if status == 429:
        return Throttled(_retry_after(answer.headers.get("Retry-After"), wall_ms))
    if not 400 <= status < 500 or status in _NOT_TAKEN_IN:
        return Unheard("server_error")
    said = fields.json_object(body) or {}
    code = fields.code(said)
    reason = reason_for(status, code, absent)
    if reason is None:
        return Misaddressed(status)
    return Refused(Refusal(reason, status, code, fields.correlation_id(said)))


def _success(operation: Operation, body: bytes) -> Verdict:
    match operation:
        case Ready() | Capture() | Cancel() | RefundCapture() | RefundCancel():
            # Naturally idempotent, and the status says all there is to say.
            return Heard(Accepted())
        case Initiate() | Prepare():
            return _made((fields.json_object(body) or {}).get("paymentId"))
        case Refund():
            return _made((fields.json_object(body) or {}).get("refundId"))
        case ReadPayment(_, payment_id):
            return _reading(payment_id, fields.json_object(body) or {})
        case ReadRefund(_, refund_id):
            return _refund_reading(refund_id, fields.json_object(body) or {})
        case FindPayments():
            return _found((fields.json_object(body) or {}).get("paymentIds"))
        case FindRefunds():
            return _found((fields.json_object(body) or {}).get("refundIds"))
        case _:
            assert_never(operation)


def _made(named: object) -> Verdict:
    """What a creating call made; without its id the call has not told its outcome."""
    made = fields.identifier(named)
    return Unheard("unreadable") if made is None else Heard(Accepted(made))


def _found(listed: object) -> Verdict:
    """A list that is read in part is no list: what was left out would count as not existing."""
    if not isinstance(listed, list):
        return Unheard("unreadable")
    ids = [found for found in map(fields.identifier, listed) if found is not None]
    return Heard(Found(tuple(ids))) if len(ids) == len(listed) else Unheard("unreadable")


def _is_another(named: object, asked: str) -> bool:
    """The answer is about something else than what was asked for."""
    return named is not None and (not isinstance(named, str) or named.lower() != asked.lower())


def _refund_reading(asked: str, said: Mapping[str, Any]) -> Verdict:
    word = fields.text(said.get("status"), _MAX_TEXT)
    if not word or _is_another(said.get("refundId"), asked):
        return Unheard("unreadable")
    pace = fields.milliseconds(said.get("pollDelayInMs"), DAY_MS)
    amount = fields.money(said.get("amount"), said.get("currencyCode"))
    read = {"pollDelayInMs": pace, "amount": amount}
    reading = RefundReading(
        provider_refund_id=asked,
        provider_payment_id=fields.text(said.get("paymentId"), _MAX_TEXT) or "",
        refund_id=fields.text(said.get("refundOrderId"), _MAX_TEXT) or "",
        amount=amount,
        status=REFUND_STATUSES.get(word, ProviderRefundStatus.UNKNOWN),
        word=word,
        poll_delay_ms=DEFAULT_POLL_DELAY_MS if pace is None else pace,
    )
    return Heard(RefundObserved(reading), _unreadable(said, read))


def _unreadable(said: Mapping[str, Any], read: Mapping[str, object]) -> tuple[str, ...]:
    """The fields that were there and could not be read."""
    return tuple(name for name, value in read.items() if value is None and said.get(name) is not None)


def _reading(asked: str, said: Mapping[str, Any]) -> Verdict:
    word = fields.text(said.get("status"), _MAX_TEXT)
    if not word or _is_another(said.get("paymentId"), asked):
        return Unheard("unreadable")
    pace = fields.milliseconds(said.get("pollDelayInMs"), DAY_MS)
    amount = fields.money(said.get("amount"), said.get("currencyCode"))
    expires = fields.moment_ms(said.get("paymentExpiresAt"))
    partial = said.get("partialCapturePossible")
    partial = partial if isinstance(partial, bool) else None
    loyalty = _loyalty_ids(said.get("loyaltyIds"))
    read = {
        "pollDelayInMs": pace,
        "amount": amount,
        "paymentExpiresAt": expires,
        "partialCapturePossible": partial,
        "loyaltyIds": loyalty,
    }
    reading = PaymentReading(
        provider_payment_id=asked,
        pos_id=fields.text(said.get("posId"), _MAX_TEXT) or "",
        order_id=fields.text(said.get("orderId"), _MAX_TEXT) or "",
        amount=amount,
        status=STATUSES.get(word, ProviderStatus.UNKNOWN),
        word=word,
        poll_delay_ms=DEFAULT_POLL_DELAY_MS if pace is None else pace,
        expires_at_ms=expires,
        partial_capture_possible=partial,
        loyalty_ids=loyalty,
    )
    return Heard(Observed(reading), _unreadable(said, read))


def _loyalty_ids(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list) or len(value) > _MAX_LOYALTY_IDS:
        return None
    ids = [found for found in (fields.text(entry, _MAX_TEXT) for entry in value) if found is not None]
    return tuple(ids) if len(ids) == len(value) else None


def _retry_after(value: str | None, wall_ms: int) -> float | None:
    """Seconds, or an HTTP date (RFC 9110 section 10.2.3)."""
    if value is None:
        return None
    given = value.strip()
    if given.isascii() and given.isdigit():
        return min(float(given[:9]), _MAX_RETRY_AFTER_SECONDS)
    try:
        at = parsedate_to_datetime(given)
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        return min(max(at.timestamp() - wall_ms / 1000, 0.0), _MAX_RETRY_AFTER_SECONDS)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
