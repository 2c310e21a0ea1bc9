"""Reads events back: what `write_event` told of a payment, and what was told of a point of sale."""

import json
from typing import Any

from gateway.codec.records import RecordParts
from gateway.codec.times import read_time
from gateway.domain.events import Amounts
from gateway.domain.identity import MessageId
from gateway.domain.money import Currency, Money
from gateway.domain.points_of_sale import rebuilding as points_of_sale
from gateway.domain.points_of_sale.operations import PointOfSaleReading
from gateway.domain.rebuilding import Told
from gateway.domain.vocabulary import PaymentStatus, RefundStatus


class NoEvent(Exception):
    """The record is no event of this gateway; `str()` says what it lacks, without its content."""


def read_told(record: RecordParts) -> tuple[str, Told | points_of_sale.Told]:
    """With the payment's id, or the point of sale's. Raises NoEvent."""
    try:
        return _read(record)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise NoEvent(f"no event: {type(fault).__name__}") from None


def _read(record: RecordParts) -> tuple[str, Told | points_of_sale.Told]:
    headers = dict(record.headers)
    type_ = (headers["ce_type"] or b"").decode()
    body: dict[str, Any] = json.loads(record.value or b"")
    at_ms = _time(body.get("occurredAt")) or record.timestamp_ms
    answers = MessageId(body["commandSource"], body["commandId"]) if "commandId" in body else None
    if "merchantPosId" in body:
        known = _point_of_sale(body) if type_ == "point-of-sale.created" else None
        return body["merchantPosId"], points_of_sale.Told(type_, body["sequence"], at_ms, answers, known)
    provider = body.get("provider", {})
    refund_status = body.get("refundStatus")
    return body["paymentId"], Told(
        type_,
        body["sequence"],
        PaymentStatus(body["status"]),
        at_ms,
        body.get("orderId"),
        body.get("posId"),
        _amounts(body.get("amounts")),
        provider.get("paymentId"),
        answers,
        body.get("commandType"),
        body.get("reason") if type_ == "command.rejected" else None,
        body["operation"] if type_ == "payment.unknown" else None,
        body.get("adopted", False),
        body.get("partialCapturePossible"),
        _time(body.get("expiresAt")),
        body.get("refundId"),
        None if refund_status is None else RefundStatus(refund_status),
        _money(body.get("refundAmount")),
        provider.get("refundId"),
    )


def _time(text: str | None) -> int | None:
    return None if text is None else read_time(text)


def _money(said: dict[str, Any] | None) -> Money | None:
    return None if said is None else Money(said["value"], Currency(said["currency"]))


def _amounts(said: dict[str, Any] | None) -> Amounts | None:
    if said is None:
        return None
    currency = Currency(said["currency"])
    return Amounts(currency, said["requested"], said["reserved"], said.get("captured"), said["refunded"])


def _point_of_sale(body: dict[str, Any]) -> PointOfSaleReading:
    return PointOfSaleReading(
        merchant_pos_id=body["merchantPosId"],
        pos_id=body["posId"],
        store_id=body["storeId"],
        name=body["name"],
        beacon_id=body.get("beaconId"),
        supported_beacon_types=tuple(body["supportedBeaconTypes"]),
        qr_content=body.get("qrContent"),
    )
