"""What an answer with a 2xx says, field by field: readings of payments, refunds, points of sale and check-ins.

What cannot be read is left out and named, never guessed; what an operation cannot do without makes the answer
one that was not heard.
"""

from collections.abc import Mapping
from typing import Any, Final, assert_never

from gateway.domain.calls import AnyOperation
from gateway.domain.operations import (
    Accepted,
    Cancel,
    Capture,
    FindPayments,
    FindRefunds,
    Found,
    Initiate,
    Observed,
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
)
from gateway.domain.pacing import DAY_MS, DEFAULT_POLL_DELAY_MS
from gateway.domain.points_of_sale.operations import (
    CheckinObserved,
    CheckinReading,
    FindPointsOfSale,
    MakePointOfSale,
    PointOfSaleObserved,
    PointOfSaleReading,
    ReadCheckin,
    ReadPointOfSale,
    RemovePointOfSale,
)
from gateway.mobilepay import fields

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
_MAX_BEACON_TYPES: Final = 8

Done = Accepted | Observed | RefundObserved | Found | PointOfSaleObserved | CheckinObserved
Read = tuple[Done, tuple[str, ...]]
"""The outcome, and the names of the fields that were there and could not be read."""


def read_success(operation: AnyOperation, body: bytes) -> Read | None:
    """What an answer with a 2xx says of its operation; None where it does not tell the outcome."""
    said = fields.json_object(body) or {}
    match operation:
        case Ready() | Capture() | Cancel() | RefundCapture() | RefundCancel():
            # Naturally idempotent, and the status says all there is to say.
            return Accepted(), ()
        case Initiate() | Prepare():
            return _made(said.get("paymentId"))
        case Refund():
            return _made(said.get("refundId"))
        case ReadPayment(_, payment_id):
            return _reading(payment_id, said)
        case ReadRefund(_, refund_id):
            return _refund_reading(refund_id, said)
        case FindPayments():
            return _found(said.get("paymentIds"))
        case FindRefunds():
            return _found(said.get("refundIds"))
        case RemovePointOfSale():
            return Accepted(), ()
        case MakePointOfSale():
            return _made(said.get("posId"))
        case ReadPointOfSale(_, pos_id):
            return _point_of_sale(pos_id, said)
        case FindPointsOfSale():
            return _found(said.get("posIds"))
        case ReadCheckin():
            return _checkin(said)
        case _:
            assert_never(operation)


def _made(named: object) -> Read | None:
    """What a creating call made; without its id the call has not told its outcome."""
    made = fields.identifier(named)
    return None if made is None else (Accepted(made), ())


def _found(listed: object) -> Read | None:
    """A list that is read in part is no list: what was left out would count as not existing."""
    if not isinstance(listed, list):
        return None
    ids = [found for found in map(fields.identifier, listed) if found is not None]
    return (Found(tuple(ids)), ()) if len(ids) == len(listed) else None


def _is_another(named: object, asked: str) -> bool:
    """The answer is about something else than what was asked for."""
    return named is not None and (not isinstance(named, str) or named.lower() != asked.lower())


def _refund_reading(asked: str, said: Mapping[str, Any]) -> Read | None:
    word = fields.text(said.get("status"), _MAX_TEXT)
    if not word or _is_another(said.get("refundId"), asked):
        return None
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
    return RefundObserved(reading), _unreadable(said, read)


def _unreadable(said: Mapping[str, Any], read: Mapping[str, object]) -> tuple[str, ...]:
    """The fields that were there and could not be read."""
    return tuple([name for name, value in read.items() if value is None and said.get(name) is not None])


def _reading(asked: str, said: Mapping[str, Any]) -> Read | None:
    word = fields.text(said.get("status"), _MAX_TEXT)
    if not word or _is_another(said.get("paymentId"), asked):
        return None
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
    return Observed(reading), _unreadable(said, read)


def _loyalty_ids(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list) or len(value) > _MAX_LOYALTY_IDS:
        return None
    ids = [found for found in (fields.text(entry, _MAX_TEXT) for entry in value) if found is not None]
    return tuple(ids) if len(ids) == len(value) else None


def _point_of_sale(asked: str, said: Mapping[str, Any]) -> Read | None:
    store_id, name = fields.text(said.get("storeId"), _MAX_TEXT), fields.text(said.get("name"), _MAX_TEXT)
    if not store_id or name is None or _is_another(said.get("posId"), asked):
        return None
    beacon_id = fields.text(said.get("beaconId"), _MAX_TEXT)
    kinds = said.get("supportedBeaconTypes")
    listed = kinds if isinstance(kinds, list) else []
    reading = PointOfSaleReading(
        pos_id=asked,
        merchant_pos_id=fields.text(said.get("merchantPosId"), _MAX_TEXT) or "",
        store_id=store_id,
        name=name,
        beacon_id=beacon_id or None,
        supported_beacon_types=tuple(kind for kind in listed if isinstance(kind, str))[:_MAX_BEACON_TYPES],
        qr_content=qr_content(beacon_id) if beacon_id else None,
    )
    return PointOfSaleObserved(reading), ()


def qr_content(beacon_id: str) -> str:
    """The text of a point of sale's QR code, lower case as the app reads it (QR codes)."""
    return f"mobilepaypos://pos?id={beacon_id}&source=qr".lower()


def _checkin(said: Mapping[str, Any]) -> Read | None:
    checked_in = said.get("isUserCheckedIn")
    if not isinstance(checked_in, bool):
        return None
    pace = fields.milliseconds(said.get("pollDelayInMs"), DAY_MS)
    loyalty = _loyalty_ids(said.get("loyaltyIds"))
    reading = CheckinReading(checked_in, loyalty, DEFAULT_POLL_DELAY_MS if pace is None else pace)
    return CheckinObserved(reading), _unreadable(said, {"pollDelayInMs": pace, "loyaltyIds": loyalty})
