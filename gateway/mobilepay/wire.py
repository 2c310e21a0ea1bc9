"""Operations as requests of the PoS API v10: method, path, query, headers and body bytes. Pure.

The same operation gives the same bytes in every version of the gateway: another body under a key that was
used is refused by the provider (1306), so the bodies are written field by field and held fast by tests.
"""

import re
from dataclasses import dataclass
from json.encoder import encode_basestring as _text
from typing import Final, NamedTuple, assert_never
from urllib.parse import quote

from gateway.domain.calls import AnyOperation
from gateway.domain.commands import Restrictions
from gateway.domain.operations import (
    Cancel,
    Capture,
    FindPayments,
    FindRefunds,
    Initiate,
    Prepare,
    Purpose,
    ReadPayment,
    ReadRefund,
    Ready,
    Refund,
    RefundCancel,
    RefundCapture,
)
from gateway.domain.points_of_sale.operations import (
    FindPointsOfSale,
    MakePointOfSale,
    ReadCheckin,
    ReadPointOfSale,
    RemovePointOfSale,
)
from gateway.domain.vocabulary import PlannedCaptureDelay, Reason

API_PATH: Final = "/pos/v10"
_NOTHING_TO_ESCAPE: Final = re.compile("[0-9A-Za-z-]+")

_CAPTURE_DELAYS: Final = {
    PlannedCaptureDelay.NONE: "None",
    PlannedCaptureDelay.LESS_THAN_24_HOURS: "LessThan24Hours",
    PlannedCaptureDelay.LESS_THAN_14_DAYS: "LessThan14Days",
}


class WireRequest(NamedTuple):
    """One request, the same however often it is sent, and all that a run needs to know of it. A tuple, since a
    frozen dataclass of ten fields is three times as long in the making.

    `name` is the operation's in metrics and logs. `target` is path and query below the base URL,
    percent-encoded. `changes`: it alters something at the provider. `key`: the idempotency key of a creating
    POST. `absent`: what a 404 means, None where the path is a collection. `first`: it would begin something,
    nothing of it can be at the provider yet. `not_after_ms`: it may not leave later. `purpose`: of a read.
    """

    name: str
    method: str
    target: str
    changes: bool
    body: bytes | None = None
    key: str | None = None
    absent: Reason | None = None
    first: bool = False
    not_after_ms: int | None = None
    purpose: Purpose | None = None


def request_of(operation: AnyOperation) -> WireRequest:
    match operation:
        case Initiate():
            return _creation("initiate", "payments", _initiate_body(operation), operation)
        case Prepare():
            return _creation("prepare", "payments/prepare", _prepare_body(operation), operation)
        case Ready(_, payment_id):
            target, body = f"{_payment(payment_id)}/ready", _ready_body(operation)
            return WireRequest("ready", "POST", target, True, body, absent=Reason.PAYMENT_NOT_FOUND)
        case Capture(_, payment_id, amount):
            target = f"{_payment(payment_id)}/capture"
            body = _object(("amount", major_units(amount.value)))
            return WireRequest("capture", "POST", target, True, body, absent=Reason.PAYMENT_NOT_FOUND)
        case Cancel(_, payment_id):
            target = f"{_payment(payment_id)}/cancel"
            return WireRequest("cancel", "POST", target, True, absent=Reason.PAYMENT_NOT_FOUND)
        case ReadPayment(_, payment_id, purpose):
            target, absent = _payment(payment_id), Reason.PAYMENT_NOT_FOUND
            return WireRequest("read_payment", "GET", target, False, absent=absent, purpose=purpose)
        case FindPayments(_, pos_id, order_id, captured, purpose):
            query = _query(
                ("posId", pos_id), ("orderId", order_id), ("state", "Captured" if captured else None)
            )
            target = f"{API_PATH}/payments{query}"
            return WireRequest("find_payments", "GET", target, False, purpose=purpose)
        case Refund():
            return _creation("refund", "refunds", _refund_body(operation), operation)
        case RefundCapture(_, refund_id):
            target = f"{_refund(refund_id)}/capture"
            return WireRequest("refund_capture", "POST", target, True, absent=Reason.REFUND_NOT_FOUND)
        case RefundCancel(_, refund_id):
            target = f"{_refund(refund_id)}/cancel"
            return WireRequest("refund_cancel", "POST", target, True, absent=Reason.REFUND_NOT_FOUND)
        case ReadRefund(_, refund_id, purpose):
            target, absent = _refund(refund_id), Reason.REFUND_NOT_FOUND
            return WireRequest("read_refund", "GET", target, False, absent=absent, purpose=purpose)
        case FindRefunds(_, payment_id, purpose):
            target = f"{API_PATH}/refunds{_query(('paymentId', payment_id))}"
            return WireRequest("find_refunds", "GET", target, False, purpose=purpose)
        case MakePointOfSale():
            body = _point_of_sale_body(operation)
            return _creation("create_point_of_sale", "pointofsales", body, operation)
        case RemovePointOfSale(_, pos_id):
            absent = Reason.POINT_OF_SALE_NOT_FOUND
            return WireRequest("delete_point_of_sale", "DELETE", _point_of_sale(pos_id), True, absent=absent)
        case ReadPointOfSale(_, pos_id, purpose):
            target, absent = _point_of_sale(pos_id), Reason.POINT_OF_SALE_NOT_FOUND
            return WireRequest("read_point_of_sale", "GET", target, False, absent=absent, purpose=purpose)
        case FindPointsOfSale(_, merchant_pos_id, purpose):
            target = f"{API_PATH}/pointofsales{_query(('merchantPosId', merchant_pos_id))}"
            return WireRequest("find_points_of_sale", "GET", target, False, purpose=purpose)
        case ReadCheckin(_, pos_id, purpose):
            target, absent = f"{_point_of_sale(pos_id)}/checkin", Reason.POINT_OF_SALE_NOT_FOUND
            return WireRequest("read_checkin", "GET", target, False, absent=absent, purpose=purpose)
        case _:
            assert_never(operation)


def _creation(
    name: str, collection: str, body: bytes, operation: Initiate | Prepare | Refund | MakePointOfSale
) -> WireRequest:
    return WireRequest(
        name,
        "POST",
        f"{API_PATH}/{collection}",
        True,
        body,
        operation.key,
        first=operation.first,
        not_after_ms=operation.not_after_ms,
    )


@dataclass(frozen=True, slots=True)
class Identification:
    """Who calls, on each request. `merchant_vat`: None where the token itself is bound to the merchant."""

    client_version: str
    ibm_client_id: str | None
    merchant_vat: str | None


def own_headers(request: WireRequest) -> list[tuple[bytes, bytes]]:
    """What is not the same on all requests; those of the connection left out."""
    headers = []
    if request.key is not None:
        headers.append((b"X-MobilePay-Idempotency-Key", request.key.encode("ascii")))
    if request.body is not None:
        headers.append((b"Content-Type", b"application/json"))
    return headers


def common_headers(who: Identification, authorization: str) -> list[tuple[bytes, bytes]]:
    """An encoded answer is not asked for: its size would be unbounded."""
    headers = [
        ("Authorization", authorization),
        ("Accept", "application/json"),
        ("Accept-Encoding", "identity"),
        ("X-MobilePay-Client-System-Version", who.client_version),
    ]
    if who.merchant_vat is not None:
        headers.append(("X-MobilePay-Merchant-VAT-Number", who.merchant_vat))
    if who.ibm_client_id is not None:
        headers.append(("X-IBM-Client-Id", who.ibm_client_id))
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers]


def major_units(value: int) -> str:
    """Minor units as a JSON number in major units, exact and without trailing zeros: 1250 is 12.5, 1200 is
    12.
    """
    whole, rest = divmod(value, 100)
    return f"{whole}.{rest:02}".rstrip("0").rstrip(".")


def _initiate_body(operation: Initiate) -> bytes:
    return _object(
        ("posId", _text(operation.pos_id)),
        ("orderId", _text(operation.order_id)),
        ("amount", major_units(operation.amount.value)),
        ("currencyCode", _text(operation.amount.currency.value)),
        ("restrictions", _restrictions(operation.restrictions)),
        ("merchantPaymentLabel", None if operation.label is None else _text(operation.label)),
        ("plannedCaptureDelay", _text(_CAPTURE_DELAYS[operation.planned_capture_delay])),
    )


def _prepare_body(operation: Prepare) -> bytes:
    return _object(("posId", _text(operation.pos_id)), ("orderId", _text(operation.order_id)))


def _ready_body(operation: Ready) -> bytes:
    return _object(
        ("amount", major_units(operation.amount.value)),
        ("currencyCode", _text(operation.amount.currency.value)),
        ("restrictions", _restrictions(operation.restrictions)),
        ("merchantPaymentLabel", None if operation.label is None else _text(operation.label)),
        ("plannedCaptureDelay", _text(_CAPTURE_DELAYS[operation.planned_capture_delay])),
    )


def _refund_body(operation: Refund) -> bytes:
    return _object(
        ("paymentId", _text(operation.provider_payment_id)),
        ("refundOrderId", _text(operation.refund_id)),
        ("amount", major_units(operation.amount.value)),
        ("currencyCode", _text(operation.amount.currency.value)),
    )


def _point_of_sale_body(operation: MakePointOfSale) -> bytes:
    kinds = ",".join(_text(kind) for kind in operation.supported_beacon_types)
    return _object(
        ("merchantPosId", _text(operation.merchant_pos_id)),
        ("name", _text(operation.name)),
        ("storeId", _text(operation.store_id)),
        ("supportedBeaconTypes", f"[{kinds}]"),
        ("beaconId", None if operation.beacon_id is None else _text(operation.beacon_id)),
        ("callbackAlias", None if operation.callback_alias is None else _text(operation.callback_alias)),
        ("requirePaymentBeforeCheckin", _flag(operation.require_payment_before_checkin)),
    )


def _restrictions(restrictions: Restrictions | None) -> str | None:
    if restrictions is None:
        return None
    return _object(
        ("debitCardDisallowed", _flag(restrictions.debit_card_disallowed)),
        ("creditCardDisallowed", _flag(restrictions.credit_card_disallowed)),
    ).decode()


def _object(*fields: tuple[str, str | None]) -> bytes:
    """A JSON object of rendered values, since no encoder writes a decimal exactly; None is left out."""
    return ("{" + ",".join(f'"{name}":{value}' for name, value in fields if value is not None) + "}").encode()


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _payment(payment_id: str) -> str:
    return f"{API_PATH}/payments/{_escaped(payment_id)}"


def _refund(refund_id: str) -> str:
    return f"{API_PATH}/refunds/{_escaped(refund_id)}"


def _point_of_sale(pos_id: str) -> str:
    return f"{API_PATH}/pointofsales/{_escaped(pos_id)}"


def _escaped(identifier: str) -> str:
    return identifier if _NOTHING_TO_ESCAPE.fullmatch(identifier) else quote(identifier, safe="")


def _query(*parameters: tuple[str, str | None]) -> str:
    given = [f"{name}={quote(value, safe='')}" for name, value in parameters if value is not None]
    return "?" + "&".join(given) if given else ""
