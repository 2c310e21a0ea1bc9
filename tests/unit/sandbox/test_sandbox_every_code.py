"""The whole table of codes: each operation with each of its codes, by a request that earns it; no row left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.sandbox.faults import FaultPlan, FaultRule
from gateway.sandbox.http import Response
from gateway.sandbox.openapi import ANY_CODES, CODES
from gateway.sandbox.operations import CREATING, Operation, endpoints
from gateway.sandbox.refusals import REFUSALS

NOWHERE = "00000000-0000-4000-8000-000000000000"
POS = "c85916b1-8e17-4275-a388-551e16aa6293"
OTHER_POS = "22f8155d-4042-4439-825f-068dbca98857"
ASLEEP_POS = "33f8155d-4042-4439-825f-068dbca98857"
STORE = "401b5617-ae5e-4f1a-9a59-5a446dbb3caa"
FOREIGN_STORE = "701b5617-ae5e-4f1a-9a59-5a446dbb3caa"
OTHER_BEACON = "223456789012345"
VAT, VERSION = "x-mobilepay-merchant-vat-number", "x-mobilepay-client-system-version"
KEY = "x-mobilepay-idempotency-key"
LONG = "x" * 37
TERMS = {"amount": 12.5, "currencyCode": "DKK", "plannedCaptureDelay": "None"}
_PATHS = {operation: (method, path) for path, method, operation in endpoints()}


class Shop:
    """A till with one of everything, and requests that would be taken, to be spoilt in one thing each."""

    def __init__(self, till: Any) -> None:
        self.till = till
        self.refund = self.prepared = ""
        self.payment = till.pay(posId=OTHER_POS, beacon=OTHER_BEACON, orderId="held")
        self.paid = till.pay(posId=OTHER_POS, beacon=OTHER_BEACON, orderId="paid")
        assert till.capture(self.paid).status == 200
        self.refund = till.read(self.make(Operation.CREATE_REFUND, refundOrderId="first"))["refundId"]
        self.prepared = till.read(self.make(Operation.PREPARE, orderId="prepared"))["paymentId"]

    def body(self, operation: Operation) -> dict[str, Any] | None:
        return {
            Operation.INITIATE: {"posId": POS, "orderId": "o", **TERMS},
            Operation.PREPARE: {"posId": POS, "orderId": "o"},
            Operation.READY: {**TERMS},
            Operation.CAPTURE: {"amount": 12.5},
            Operation.CREATE_REFUND: {
                "paymentId": self.paid, "refundOrderId": "r", "amount": 1, "currencyCode": "DKK",
            },
            Operation.CREATE_POINT_OF_SALE: {
                "merchantPosId": "new", "name": "New", "storeId": STORE, "supportedBeaconTypes": ["QR"],
            },
        }.get(operation)  # fmt: skip

    def resource(self, operation: Operation) -> str:
        path = _PATHS[operation][1]
        if operation is Operation.READY:
            return str(self.prepared)
        names = {"{paymentid}": self.payment, "{refundid}": self.refund, "{posid}": POS, "{storeid}": STORE}
        return str(next((value for name, value in names.items() if name in path), ""))

    def make(
        self, operation: Operation, *, by: Any = None, headers: Any = None, query: str = "", resource: str = "",
        key: str | None = None, **changes: Any,
    ) -> Response:  # fmt: skip
        method, path = _PATHS[operation]
        resource = resource or self.resource(operation)
        path = path.replace(path[path.find("{") : path.find("}") + 1], resource) if "{" in path else path
        body = self.body(operation)
        sent = None if body is None else {**body, **changes}
        till = by or self.till
        if operation in CREATING:
            answer: Response = till.create(path, sent, key, headers)
        else:
            answer = till.send(method, path, sent, query, headers)
        return answer


def headers_spoilt(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "1151", {VAT: None}
    yield "1155", {VAT: ["DK12345678", "DK12345678"]}
    yield "1159", {VAT: "DK1234567"}
    yield "1153", {VERSION: None}
    yield "1157", {VERSION: ["1.2.3", "1.2.3"]}
    yield "1161", {VERSION: "1.2"}
    if operation in CREATING:
        yield "1164", {KEY: None}
        yield "1163", {KEY: ["a", "b"]}
        yield "1162", {KEY: LONG}


Provoked = Callable[[Shop, Any], Response]
O = Operation


def _state(shop: Shop, *verbs: str, payment: str = "") -> str:
    payment = payment or shop.payment
    for verb in verbs:
        shop.till.act(payment, verb, {"amount": 12.5} if verb == "capture" else None)
    return payment


def _later(shop: Shop) -> Response:
    shop.till.clock.advance(90 * 86_400 + 1)
    shop.till.log_in()
    return shop.make(O.CREATE_REFUND)


def _captured_refund(shop: Shop) -> str:
    shop.till.clock.advance(2)
    assert shop.till.send("POST", f"/pos/v10/refunds/{shop.refund}/capture").status == 200
    return shop.refund


def _used_key(shop: Shop, operation: Operation, **changes: Any) -> Response:
    first = {"posId": OTHER_POS} if operation in (O.INITIATE, O.PREPARE) else {}
    assert shop.make(operation, key="used", **first).status == 200
    return shop.make(operation, key="used", **{**first, **changes})


OTHER = {VAT: "DK87654321"}
ROWS: dict[tuple[Operation, str], Provoked] = {
    **{(o, "1113"): lambda shop, _, o=o: shop.make(o, orderId=LONG) for o in (O.INITIATE, O.PREPARE)},
    **{(o, "1400"): lambda shop, by, o=o: shop.make(o, by=by) for o in (O.INITIATE, O.PREPARE)},
    **{(o, "1000"): lambda shop, _, o=o: shop.make(o, posId=NOWHERE) for o in (O.INITIATE, O.PREPARE)},
    **{(o, "1204"): lambda shop, _, o=o: shop.make(o, posId=ASLEEP_POS) for o in (O.INITIATE, O.PREPARE)},
    **{(o, "1301"): lambda shop, _, o=o: shop.make(o) for o in (O.INITIATE, O.PREPARE)},
    **{(o, "1306"): lambda shop, _, o=o: _used_key(shop, o, orderId="x") for o in (O.INITIATE, O.PREPARE)},
    **{(o, "1102"): lambda shop, _, o=o: shop.make(o, amount=0)
       for o in (O.INITIATE, O.READY, O.CAPTURE, O.CREATE_REFUND)},
    **{(o, "1117"): lambda shop, _, o=o: shop.make(o, merchantPaymentLabel=LONG) for o in (O.INITIATE, O.READY)},
    **{(o, "1401"): lambda shop, by, o=o: shop.make(o, by=by)
       for o in (O.READY, O.CAPTURE, O.CANCEL, O.GET_PAYMENT, O.CREATE_REFUND)},
    **{(o, "1402"): lambda shop, by, o=o: shop.make(o, by=by)
       for o in (O.CAPTURE_REFUND, O.CANCEL_REFUND, O.GET_REFUND)},
    **{(o, "1400"): lambda shop, by, o=o: shop.make(o, by=by)
       for o in (O.INITIATE, O.PREPARE, O.DELETE_POINT_OF_SALE, O.GET_POINT_OF_SALE, O.GET_CHECK_IN)},
    **{(o, code): lambda shop, _, o=o: shop.make(o, headers=OTHER)
       for o, code in ((O.READY, "1406"), (O.CAPTURE, "1407"), (O.CANCEL, "1408"), (O.GET_PAYMENT, "1411"),
                       (O.DELETE_POINT_OF_SALE, "1409"), (O.GET_POINT_OF_SALE, "1410"))},
    (O.READY, "1303"): lambda shop, _: shop.make(O.READY, resource=shop.payment),
    (O.CAPTURE, "1304"): lambda shop, _: shop.make(O.CAPTURE, resource=_state(shop, "cancel")),
    (O.CAPTURE, "1305"): lambda shop, _: shop.make(O.CAPTURE, amount=12.51),
    (O.CAPTURE, "1307"): lambda shop, _: shop.make(O.CAPTURE, resource=_state(shop, "capture"), amount=12.49),
    (O.CAPTURE, "1308"): lambda shop, _: shop.make(O.CAPTURE, amount=12.49),
    (O.CANCEL, "1300"): lambda shop, _: shop.make(O.CANCEL, resource=_state(shop, "capture")),
    (O.LIST_PAYMENTS, "1109"): lambda shop, _: shop.make(O.LIST_PAYMENTS),
    (O.LIST_REFUNDS, "1110"): lambda shop, _: shop.make(O.LIST_REFUNDS),
    (O.LIST_POINTS_OF_SALE, "1121"): lambda shop, _: shop.make(O.LIST_POINTS_OF_SALE),
    **{(o, code): lambda shop, _, o=o, query=query: shop.make(o, query=query)
       for o in (O.LIST_STORES, O.DETAIL_STORES)
       for code, query in (("1119", "merchantBrandId=X"), ("1122", "merchantLocationId=10001"),
                           ("1120", "merchantBrandId=POSDK12345&merchantLocationId=1"))},
    (O.CREATE_REFUND, "1114"): lambda shop, _: shop.make(O.CREATE_REFUND, refundOrderId=LONG),
    (O.CREATE_REFUND, "1001"): lambda shop, _: shop.make(O.CREATE_REFUND, paymentId=NOWHERE),
    (O.CREATE_REFUND, "1306"): lambda shop, _: _used_key(shop, O.CREATE_REFUND, amount=2),
    (O.CREATE_REFUND, "1354"): lambda shop, _: shop.make(O.CREATE_REFUND, paymentId=shop.payment),
    (O.CREATE_REFUND, "1365"): lambda shop, _: shop.make(O.CREATE_REFUND, currencyCode="EUR"),
    (O.CREATE_REFUND, "1366"): lambda shop, _: _later(shop),
    (O.CREATE_REFUND, "1367"): lambda shop, _: shop.make(O.CREATE_REFUND, amount=12.51),
    (O.CREATE_REFUND, "1368"): lambda shop, _: shop.make(O.CREATE_REFUND, amount=5),
    (O.CAPTURE_REFUND, "1004"): lambda shop, _: shop.make(O.CAPTURE_REFUND, resource=NOWHERE),
    (O.CAPTURE_REFUND, "1351"): lambda shop, _: shop.make(O.CAPTURE_REFUND),
    (O.CANCEL_REFUND, "1352"): lambda shop, _: shop.make(O.CANCEL_REFUND, resource=_captured_refund(shop)),
    **{(O.CREATE_POINT_OF_SALE, code):
       lambda shop, _, changes=changes: shop.make(O.CREATE_POINT_OF_SALE, **changes)
       for code, changes in (
           ("1100", {"beaconId": "12345"}), ("1111", {"merchantPosId": LONG}), ("1112", {"name": LONG}),
           ("1116", {"callbackAlias": LONG}), ("1403", {"storeId": FOREIGN_STORE}), ("1002", {"storeId": NOWHERE}),
           ("1202", {"beaconId": OTHER_BEACON}), ("1200", {"merchantPosId": "till-2"}))},
    (O.CREATE_POINT_OF_SALE, "1306"): lambda shop, _: _used_key(shop, O.CREATE_POINT_OF_SALE, name="Other"),
}  # fmt: skip


@pytest.fixture
def shop(make_till: Any) -> Shop:
    return Shop(make_till())


@pytest.mark.parametrize(("operation", "code"), list(ROWS))
def test_a_row_of_the_table(shop: Shop, make_till: Any, operation: Operation, code: str) -> None:
    stranger = make_till.second(shop.till.sandbox, "stranger")
    answer = ROWS[operation, code](shop, stranger)
    assert shop.till.refusal(answer) == (REFUSALS[code][0], code)
    assert ("origin" in shop.till.read(answer)) == ("refund" in operation)


@pytest.mark.parametrize("operation", list(CODES))
def test_headers_of_every_operation(shop: Shop, operation: Operation) -> None:
    for code, headers in headers_spoilt(operation):
        assert shop.till.refusal(shop.make(operation, headers=headers)) == (400, code)
    assert shop.make(operation, headers={"authorization": None}).status == 401
    assert shop.make(operation, headers={"authorization": "Bearer nothing"}).status == 401


@pytest.mark.parametrize("operation", list(CODES))
def test_a_token_of_no_valid_merchant(make_till: Any, operation: Operation) -> None:
    shop = Shop(make_till())
    bound = make_till.second(shop.till.sandbox, "till", "XX1")
    assert shop.till.refusal(shop.make(operation, by=bound)) == (400, "1182")


@pytest.mark.parametrize("operation", list(CODES))
def test_server_errors_of_every_operation(make_till: Any, operation: Operation) -> None:
    shop = Shop(make_till())
    shop.till.sandbox.faults.replace(
        FaultPlan(rules=(FaultRule("error_before", operation.value, status=503),))
    )
    answer = shop.make(operation)
    assert answer.status == 503
    assert 2000 <= int(shop.till.read(answer)["code"]) <= 2999


def test_no_row_is_left_out() -> None:
    elsewhere = set(ANY_CODES.split()) | {"1162", "1163", "1164"}
    told = {(operation, code) for operation, codes in CODES.items() for code in codes.split()}
    assert set(ROWS) == {(operation, code) for operation, code in told if code not in elsewhere}
