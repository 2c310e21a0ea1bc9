"""Writes events: CloudEvents binary mode, compact JSON with its fields in declared order.

Everything follows from the event alone, so one that is written again is byte-identical. What is not known
is left out.
"""

import json
from typing import Any, Final, assert_never

from gateway.codec.records import Headers, Wire
from gateway.codec.times import write_time
from gateway.domain.events import (
    Amounts,
    CommandRejected,
    PaymentCancelled,
    PaymentCaptured,
    PaymentEvent,
    PaymentExpired,
    PaymentFact,
    PaymentInitiated,
    PaymentIssued,
    PaymentPaired,
    PaymentPrepared,
    PaymentReserved,
    PaymentUnknown,
    ProviderWords,
    RefundCancelled,
    RefundCaptured,
    RefundInitiated,
    RefundNews,
    RefundReserved,
    event_type,
)
from gateway.domain.identity import event_id
from gateway.domain.points_of_sale.events import (
    CheckinEnded,
    CheckinStarted,
    PointOfSaleCreated,
    PointOfSaleDeleted,
    PointOfSaleEvent,
    PointOfSaleFact,
    point_of_sale_event_type,
)
from gateway.domain.points_of_sale.operations import PointOfSaleReading

_Fields = dict[str, Any]
_write: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def write_event(event: PaymentEvent, source: str) -> Wire:
    """The record of a payment's event, keyed by the payment. `source` is the gateway's own ce_source."""
    headers = _headers(event.payment_id, event, event_type(event.fact), source)
    return _wire(event.payment_id, _body(event), headers)


def write_point_of_sale_event(event: PointOfSaleEvent, source: str) -> Wire:
    """The same for a point of sale, keyed by the merchant's own id for it."""
    headers = _headers(event.merchant_pos_id, event, point_of_sale_event_type(event.fact), source)
    return _wire(event.merchant_pos_id, _point_of_sale_body(event), headers)


def _wire(subject: str, body: _Fields, headers: Headers) -> Wire:
    return Wire(_bytes(subject), _bytes(_write(body)), headers)


def _headers(subject: str, event: PaymentEvent | PointOfSaleEvent, type_: str, source: str) -> Headers:
    cause = event.cause
    attributes = (
        ("ce_specversion", "1.0"),
        ("ce_id", event_id(subject, cause.id, event.sequence)),
        ("ce_source", source),
        ("ce_type", type_),
        ("ce_time", write_time(event.occurred_at_ms)),
        ("ce_subject", subject),
        ("ce_causationid", cause.id.id),
        ("ce_correlationid", cause.correlation_id),
        ("traceparent", cause.trace_parent),
        ("tracestate", cause.trace_state),
        ("content-type", "application/json"),
    )
    return tuple((name, _bytes(value)) for name, value in attributes if value is not None)


def _body(event: PaymentEvent) -> _Fields:
    return _known(
        {
            "paymentId": event.payment_id,
            "sequence": event.sequence,
            "status": event.status,
            "occurredAt": write_time(event.occurred_at_ms),
            "orderId": event.order_id,
            "posId": event.pos_id,
            "amounts": None if event.amounts is None else _amounts(event.amounts),
            "adopted": True if event.adopted else None,
            **_additions(event.fact),
            **_closing(event),
        }
    )


def _point_of_sale_body(event: PointOfSaleEvent) -> _Fields:
    return _known(
        {
            "merchantPosId": event.merchant_pos_id,
            "sequence": event.sequence,
            "occurredAt": write_time(event.occurred_at_ms),
            **_point_of_sale_additions(event.fact),
            **_closing(event),
        }
    )


def _closing(event: PaymentEvent | PointOfSaleEvent) -> _Fields:
    answers = event.answers
    return {
        "commandId": None if answers is None else answers.id.id,
        "commandSource": None if answers is None else answers.id.source,
        "commandType": None if answers is None else answers.type,
        "provider": None if event.provider is None else _provider(event.provider) or None,
    }


def _point_of_sale_additions(fact: PointOfSaleFact) -> _Fields:
    match fact:
        case PointOfSaleCreated():
            return _point_of_sale(fact.reading)
        case PointOfSaleDeleted():
            was = {} if fact.reading is None else _point_of_sale(fact.reading)
            return {**was, "posId": fact.pos_id}
        case CheckinStarted():
            return {"posId": fact.pos_id, "loyaltyIds": fact.loyalty_ids}
        case CheckinEnded():
            return {"posId": fact.pos_id, "reason": fact.reason}
        case PaymentUnknown() | CommandRejected():
            return _additions(fact)
        case _:
            assert_never(fact)


def _point_of_sale(reading: PointOfSaleReading) -> _Fields:
    return {
        "posId": reading.pos_id,
        "storeId": reading.store_id,
        "name": reading.name,
        "beaconId": reading.beacon_id,
        "supportedBeaconTypes": reading.supported_beacon_types,
        "qrContent": reading.qr_content,
    }


def _amounts(amounts: Amounts) -> _Fields:
    return _known(
        {
            "currency": amounts.currency,
            "requested": amounts.requested,
            "reserved": amounts.reserved,
            "captured": amounts.captured,
            "refunded": amounts.refunded,
        }
    )


def _additions(fact: PaymentFact) -> _Fields:
    match fact:
        case PaymentReserved():
            return {
                "partialCapturePossible": fact.partial_capture_possible,
                "expiresAt": None if fact.expires_at_ms is None else write_time(fact.expires_at_ms),
                "loyaltyIds": fact.loyalty_ids,
            }
        case PaymentCancelled():
            return {"by": fact.by, "reason": fact.reason}
        case PaymentUnknown():
            return {"operation": fact.operation, "refundId": fact.refund_id}
        case RefundInitiated() | RefundReserved():
            return _refund(fact.refund)
        case RefundCaptured() | RefundCancelled():
            return {**_refund(fact.refund), "by": fact.by}
        case CommandRejected():
            return {
                "reason": fact.reason,
                "message": fact.message,
                "retryable": fact.retryable,
                "refundId": fact.refund_id,
                "refundStatus": fact.refund_status,
            }
        case (
            PaymentPrepared()
            | PaymentPaired()
            | PaymentInitiated()
            | PaymentIssued()
            | PaymentCaptured()
            | PaymentExpired()
        ):
            return {}
        case _:
            assert_never(fact)


def _refund(news: RefundNews) -> _Fields:
    amount = {"value": news.amount.value, "currency": news.amount.currency}
    return {"refundId": news.refund_id, "refundStatus": news.status, "refundAmount": amount}


def _provider(words: ProviderWords) -> _Fields:
    candidates = [
        {"paymentId": each.payment_id, "orderId": each.order_id, "status": each.status}
        for each in words.candidates
    ]
    return _known(
        {
            "paymentId": words.payment_id,
            "refundId": words.refund_id,
            "status": words.status,
            "code": words.code,
            "correlationId": words.correlation_id,
            "candidates": candidates or None,
        }
    )


def _known(fields: _Fields) -> _Fields:
    return {name: value for name, value in fields.items() if value is not None}


def _bytes(text: str) -> bytes:
    # The provider's words may hold half a surrogate pair, which has no bytes; an event must still be written.
    return text.encode("utf-8", "replace")
