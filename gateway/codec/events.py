"""Writes events: CloudEvents binary mode, compact JSON with its fields in declared order.

Everything follows from the event alone, so one that is written again is byte-identical. What is not known
is left out.
"""

from collections.abc import Mapping
from typing import TypeVar, assert_never, cast

from gateway.codec.event_data import (
    AmountsData,
    Answering,
    Cancellation,
    CandidateData,
    CheckinStart,
    CheckinStop,
    Closing,
    PaymentOpening,
    PointOfSaleData,
    PointOfSaleOpening,
    ProviderData,
    RefundAmountData,
    RefundCancellation,
    RefundCapture,
    RefundData,
    Rejection,
    Reservation,
    UnknownOperation,
    UnknownTask,
)
from gateway.codec.json_text import write_json
from gateway.codec.records import Wire
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

_F = TypeVar("_F", bound=Mapping[str, object])


def write_event(event: PaymentEvent, source: str) -> Wire:
    """The record of a payment's event, keyed by the payment. `source` is the gateway's own ce_source."""
    at, subject = write_time(event.occurred_at_ms), event.payment_id
    body = {**_opening(event, at), **_addition(event.fact), **_answering(event), **_closing(event)}
    return _wire(subject, event, event_type(event.fact), source, at, body)


def write_point_of_sale_event(event: PointOfSaleEvent, source: str) -> Wire:
    """The same for a point of sale, keyed by the merchant's own id for it."""
    at, subject = write_time(event.occurred_at_ms), event.merchant_pos_id
    opening: PointOfSaleOpening = {"merchantPosId": subject, "sequence": event.sequence, "occurredAt": at}
    addition = _point_of_sale_addition(event.fact)
    body = {**opening, **addition, **_answering(event), **_closing(event)}
    return _wire(subject, event, point_of_sale_event_type(event.fact), source, at, body)


def _wire(
    subject: str,
    event: PaymentEvent | PointOfSaleEvent,
    type_: str,
    source: str,
    at: str,
    body: Mapping[str, object],
) -> Wire:
    cause, key = event.cause, _bytes(subject)
    headers: list[tuple[str, bytes | None]] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id(subject, cause.id, event.sequence).encode()),
        ("ce_source", _bytes(source)),
        ("ce_type", type_.encode()),
        ("ce_time", at.encode()),
        ("ce_subject", key),
        ("ce_causationid", _bytes(cause.id.id)),
    ]
    if cause.correlation_id is not None:
        headers.append(("ce_correlationid", _bytes(cause.correlation_id)))
    if cause.trace_parent is not None:
        headers.append(("traceparent", _bytes(cause.trace_parent)))
    if cause.trace_state is not None:
        headers.append(("tracestate", _bytes(cause.trace_state)))
    headers.append(("content-type", b"application/json"))
    return Wire(key, write_json(_known(body)), tuple(headers))


def _opening(event: PaymentEvent, at: str) -> PaymentOpening:
    return {
        "paymentId": event.payment_id,
        "sequence": event.sequence,
        "status": event.status,
        "occurredAt": at,
        "orderId": event.order_id,
        "posId": event.pos_id,
        "amounts": None if event.amounts is None else _amounts(event.amounts),
        "adopted": True if event.adopted else None,
    }


def _answering(event: PaymentEvent | PointOfSaleEvent) -> Answering:
    answers = event.answers
    return {
        "commandId": None if answers is None else answers.id.id,
        "commandSource": None if answers is None else answers.id.source,
        "commandType": None if answers is None else answers.type,
    }


def _closing(event: PaymentEvent | PointOfSaleEvent) -> Closing:
    return {"provider": None if event.provider is None else _provider(event.provider)}


def _point_of_sale_addition(fact: PointOfSaleFact) -> Mapping[str, object]:
    match fact:
        case PointOfSaleCreated():
            return _point_of_sale(fact.reading.pos_id, fact.reading)
        case PointOfSaleDeleted():
            return _point_of_sale(fact.pos_id, fact.reading)
        case CheckinStarted():
            return CheckinStart(posId=fact.pos_id, loyaltyIds=fact.loyalty_ids)
        case CheckinEnded():
            return CheckinStop(posId=fact.pos_id, reason=fact.reason)
        case PaymentUnknown():
            return UnknownTask(operation=fact.operation)
        case CommandRejected():
            return _addition(fact)
        case _:
            assert_never(fact)


def _point_of_sale(pos_id: str, reading: PointOfSaleReading | None) -> PointOfSaleData:
    return {
        "posId": pos_id,
        "storeId": None if reading is None else reading.store_id,
        "name": None if reading is None else reading.name,
        "beaconId": None if reading is None else reading.beacon_id,
        "supportedBeaconTypes": None if reading is None else reading.supported_beacon_types,
        "qrContent": None if reading is None else reading.qr_content,
    }


def _amounts(amounts: Amounts) -> AmountsData:
    told: AmountsData = {
        "currency": amounts.currency,
        "requested": amounts.requested,
        "reserved": amounts.reserved,
        "captured": amounts.captured,
        "refunded": amounts.refunded,
    }
    return _known(told)


def _addition(fact: PaymentFact) -> Mapping[str, object]:
    match fact:
        case PaymentReserved():
            return Reservation(
                partialCapturePossible=fact.partial_capture_possible,
                expiresAt=None if fact.expires_at_ms is None else write_time(fact.expires_at_ms),
                loyaltyIds=fact.loyalty_ids,
            )
        case PaymentCancelled():
            return Cancellation(by=fact.by, reason=fact.reason)
        case PaymentUnknown():
            return UnknownOperation(operation=fact.operation, refundId=fact.refund_id)
        case RefundInitiated() | RefundReserved():
            return _refund(fact.refund)
        case RefundCaptured():
            return {**_refund(fact.refund), **RefundCapture(by=fact.by)}
        case RefundCancelled():
            return {**_refund(fact.refund), **RefundCancellation(by=fact.by)}
        case CommandRejected():
            return Rejection(
                reason=fact.reason,
                message=fact.message,
                retryable=fact.retryable,
                refundId=fact.refund_id,
                refundStatus=fact.refund_status,
            )
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


def _refund(news: RefundNews) -> RefundData:
    amount: RefundAmountData = {"value": news.amount.value, "currency": news.amount.currency}
    return {"refundId": news.refund_id, "refundStatus": news.status, "refundAmount": amount}


def _provider(words: ProviderWords) -> ProviderData | None:
    candidates: list[CandidateData] = [
        {"paymentId": each.payment_id, "orderId": each.order_id, "status": each.status}
        for each in words.candidates
    ]
    told: ProviderData = {
        "paymentId": words.payment_id,
        "refundId": words.refund_id,
        "status": words.status,
        "code": words.code,
        "correlationId": words.correlation_id,
        "candidates": candidates or None,
    }
    known = _known(told)
    return known if len(known) > 0 else None


def _known(fields: _F) -> _F:
    return cast("_F", {name: value for name, value in fields.items() if value is not None})


def _bytes(text: str) -> bytes:
    # As `write_json`: the provider's words may be in it.
    return text.encode("utf-8", "replace")
