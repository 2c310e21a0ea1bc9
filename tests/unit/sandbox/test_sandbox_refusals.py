"""Every documented refusal, by the request that earns it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.sandbox.http import Response
from gateway.sandbox.refusals import REFUSALS

POS = "c85916b1-8e17-4275-a388-551e16aa6293"
OTHER_POS = "22f8155d-4042-4439-825f-068dbca98857"
ASLEEP_POS = "33f8155d-4042-4439-825f-068dbca98857"
STORE = "401b5617-ae5e-4f1a-9a59-5a446dbb3caa"
FOREIGN_STORE = "701b5617-ae5e-4f1a-9a59-5a446dbb3caa"
NOWHERE = "00000000-0000-4000-8000-000000000000"
OTHER_BEACON = "223456789012345"

TERMS = {"amount": 5, "currencyCode": "DKK", "plannedCaptureDelay": "None"}

VAT, VERSION = "x-mobilepay-merchant-vat-number", "x-mobilepay-client-system-version"
KEY = "x-mobilepay-idempotency-key"


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        (VAT, None, "1151"),
        (VAT, ["DK12345678", "DK12345678"], "1155"),
        (VAT, "SE12345678", "1159"),
        (VAT, "DK1234567", "1159"),
        (VAT, "DK12345678,DK12345678", "1159"),
        (VERSION, None, "1153"),
        (VERSION, ["1.2.3", "1.2.3"], "1157"),
        (VERSION, "1.2", "1161"),
        (VERSION, "v1.2.3", "1161"),
        (KEY, None, "1164"),
        (KEY, ["a", "a"], "1163"),
        (KEY, "x" * 37, "1162"),
        (KEY, "tab\there", "1162"),
    ],
)
def test_headers(till: Any, header: str, value: Any, code: str) -> None:
    answer = till.create("/pos/v10/payments", till.order(), headers={header: value})
    assert till.refusal(answer) == (400, code)
    expected = "missing_key" if code == "1164" else "malformed_header"
    assert till.violations() == {expected: 1}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": 0}, "1102"),
        ({"amount": -1}, "1102"),
        ({"amount": 12.505}, "1102"),
        ({"amount": "12.5"}, "1102"),
        ({"amount": True}, "1102"),
        ({"amount": None}, "1102"),
        ({"amount": ...}, "1102"),
        ({"amount": 1e15}, "1102"),
        ({"orderId": "x" * 37}, "1113"),
        ({"orderId": ""}, "1113"),
        ({"orderId": ...}, "1113"),
        ({"orderId": "line\nbreak"}, "1113"),
        ({"orderId": "日本"}, "1113"),
        ({"merchantPaymentLabel": "x" * 37}, "1117"),
        ({"merchantPaymentLabel": 1}, "1117"),
        ({"currencyCode": "SEK"}, "1099"),
        ({"currencyCode": ...}, "1099"),
        ({"plannedCaptureDelay": "none"}, "1099"),
        ({"plannedCaptureDelay": ...}, "1099"),
        ({"posId": "till-1"}, "1099"),
        ({"restrictions": {"debitCardDisallowed": "yes"}}, "1099"),
        ({"restrictions": {"cashDisallowed": True}}, "1099"),
        ({"unknownField": 1}, "1099"),
    ],
)
def test_initiate_400(till: Any, changes: dict[str, Any], code: str) -> None:
    assert till.refusal(till.initiate(**changes)) == (400, code)
    assert till.violations() == {"invalid_request": 1}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"amount": NaN}', b"\xff"])
def test_a_body_that_is_no_json_object(till: Any, body: bytes) -> None:
    answer = till.send("POST", "/pos/v10/payments", body, headers={KEY: "k"})
    assert till.refusal(answer) == (400, "1099")


def test_another_content_type_is_415_without_body(till: Any) -> None:
    answer = till.create("/pos/v10/payments", till.order(), headers={"content-type": "text/plain"})
    assert (answer.status, answer.body) == (415, b"")
    assert till.violations() == {"invalid_request": 1}


def test_initiate_409_and_403(till: Any, make_till: Any) -> None:
    assert till.refusal(till.initiate(posId=NOWHERE)) == (409, "1000")
    assert till.refusal(till.initiate(posId=ASLEEP_POS)) == (409, "1204")
    assert till.initiate(key="first").status == 200
    assert till.refusal(till.initiate(orderId="order-2")) == (409, "1301")
    assert till.refusal(till.initiate(key="first", amount=13)) == (409, "1306")
    stranger = make_till.second(till.sandbox, "stranger")
    assert stranger.refusal(stranger.initiate()) == (403, "1400")


@pytest.mark.parametrize(
    ("verb", "code"), [("", "1411"), ("/ready", "1406"), ("/capture", "1407"), ("/cancel", "1408")]
)
def test_payments_of_others(till: Any, make_till: Any, verb: str, code: str) -> None:
    payment_id = till.pay()
    method = "POST" if verb else "GET"
    stranger = make_till.second(till.sandbox, "stranger")
    answer = stranger.send(method, f"/pos/v10/payments/{payment_id}{verb}", {"amount": 12.5})
    assert till.refusal(answer) == (403, "1401")
    other_merchant = {VAT: "DK87654321"}
    answer = till.send(method, f"/pos/v10/payments/{payment_id}{verb}", {"amount": 12.5}, "", other_merchant)
    assert till.refusal(answer) == (403, code)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"payments/{NOWHERE}"),
        ("POST", f"payments/{NOWHERE}/capture"),
        ("POST", f"payments/{NOWHERE}/cancel"),
        ("POST", f"payments/{NOWHERE}/ready"),
        ("GET", f"refunds/{NOWHERE}"),
        ("POST", f"refunds/{NOWHERE}/cancel"),
        ("GET", f"pointofsales/{NOWHERE}"),
        ("DELETE", f"pointofsales/{NOWHERE}"),
        ("GET", f"pointofsales/{NOWHERE}/checkin"),
        ("GET", f"stores/{NOWHERE}"),
    ],
)
def test_404_has_no_body(till: Any, method: str, path: str) -> None:
    bodies = {"capture": {"amount": 1}, "ready": TERMS}
    answer = till.send(method, f"/pos/v10/{path}", bodies.get(path.rpartition("/")[2]))
    assert (answer.status, answer.body) == (404, b"")
    assert till.violations() == {}


def test_paths_and_methods_that_do_not_exist(till: Any) -> None:
    assert till.send("GET", "/pos/v9/payments").status == 404
    assert till.send("PUT", "/pos/v10/payments").status == 405
    assert till.send("GET", "/pos/v10/receipts/7").status == 404
    assert till.send("GET", "/pos/v10/payments/").status == 404
    assert till.violations() == {"unknown_path": 4}
    assert till.refusal(till.send("GET", "/pos/v10/payments/7")) == (400, "1099")


def test_capture(till: Any) -> None:
    early = till.read(till.initiate(orderId="early"))["paymentId"]
    assert till.refusal(till.capture(early)) == (409, "1304")
    assert till.act(early, "cancel").status == 200
    payment_id = till.pay()
    assert till.refusal(till.capture(payment_id, 0)) == (400, "1102")
    assert till.refusal(till.capture(payment_id, 12.51)) == (409, "1305")
    assert till.refusal(till.capture(payment_id, 12.49)) == (409, "1308")
    first = till.capture(payment_id)
    assert (first.status, first.body) == (200, b"")
    assert till.capture(payment_id, 12.50).status == 200
    assert till.refusal(till.capture(payment_id, 12.49)) == (409, "1307")
    assert till.refusal(till.act(payment_id, "cancel")) == (409, "1300")


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("payments", "", "1109"),
        ("payments", "state=Captured", "1109"),
        ("payments", f"posId={POS}&state=Reserved", "1099"),
        ("payments", "posId=1", "1099"),
        ("payments", "orderId=a&orderId=b", "1099"),
        ("refunds", "", "1110"),
        ("pointofsales", "", "1121"),
        ("stores", "merchantLocationId=10001", "1122"),
        ("stores/detailed", "merchantBrandId=X", "1119"),
        ("stores", "merchantBrandId=POSDK12345&merchantLocationId=1", "1120"),
    ],
)
def test_filters(till: Any, path: str, query: str, code: str) -> None:
    assert till.refusal(till.send("GET", f"/pos/v10/{path}", query=query)) == (400, code)


def test_ready(till: Any) -> None:
    payment_id = till.read(till.create("/pos/v10/payments/prepare", {"posId": POS, "orderId": "o"}))[
        "paymentId"
    ]
    assert till.refusal(till.act(payment_id, "ready", {**TERMS, "amount": 0})) == (400, "1102")
    label = {"merchantPaymentLabel": "x" * 37}
    assert till.refusal(till.act(payment_id, "ready", {**TERMS, **label})) == (400, "1117")
    assert till.act(payment_id, "ready", TERMS).status == 200
    assert till.act(payment_id, "ready", TERMS).status == 200
    assert till.refusal(till.act(payment_id, "ready", {**TERMS, "amount": 6})) == (409, "1303")


def test_refunds(till: Any, make_till: Any) -> None:
    def refund(**changes: Any) -> Response:
        body = {"paymentId": payment_id, "refundOrderId": "r", "amount": 1, "currencyCode": "DKK"}
        answer: Response = till.create("/pos/v10/refunds", {**body, **changes})
        return answer

    payment_id = till.pay(posId=OTHER_POS, beacon=OTHER_BEACON)
    assert till.refusal(refund()) == (409, "1354")
    assert till.capture(payment_id).status == 200
    assert till.refusal(refund(paymentId=NOWHERE)) == (409, "1001")
    assert till.refusal(refund(amount=0.001)) == (400, "1102")
    assert till.refusal(refund(refundOrderId="")) == (400, "1114")
    assert till.refusal(refund(currencyCode="EUR")) == (409, "1365")
    assert till.refusal(refund(amount=12.51)) == (409, "1367")
    assert till.refusal(refund(amount=5.01)) == (409, "1368")
    made = refund(amount=5)
    assert json.loads(made.body).keys() == {"refundId"}
    assert till.read(refund(amount=0.01))["code"] == "1368"
    assert till.read(refund(amount=0.01))["origin"] == "PoS"
    refund_id = till.read(made)["refundId"]
    assert till.refusal(till.send("POST", f"/pos/v10/refunds/{refund_id}/capture")) == (409, "1351")
    assert till.refusal(till.send("POST", f"/pos/v10/refunds/{NOWHERE}/capture")) == (404, "1004")
    stranger = make_till.second(till.sandbox, "stranger")
    assert till.refusal(stranger.send("GET", f"/pos/v10/refunds/{refund_id}")) == (403, "1402")
    till.clock.advance(2)
    assert till.send("POST", f"/pos/v10/refunds/{refund_id}/capture").status == 200
    assert till.refusal(till.send("POST", f"/pos/v10/refunds/{refund_id}/cancel")) == (409, "1352")
    till.clock.advance(90 * 86400 + 1)
    till.log_in()
    assert till.refusal(refund(amount=1)) == (409, "1366")


def test_points_of_sale(till: Any, make_till: Any) -> None:
    def create(**changes: Any) -> Response:
        body = {
            "merchantPosId": "till-9",
            "name": "Check-out 9",
            "storeId": STORE,
            "supportedBeaconTypes": ["QR"],
        }
        answer: Response = till.create("/pos/v10/pointofsales", {**body, **changes})
        return answer

    assert till.refusal(create(merchantPosId="")) == (400, "1111")
    assert till.refusal(create(name="x" * 37)) == (400, "1112")
    assert till.refusal(create(callbackAlias="x" * 37)) == (400, "1116")
    assert till.refusal(create(beaconId="12345")) == (400, "1100")
    assert till.refusal(create(supportedBeaconTypes=["BluetoothMP1"])) == (400, "1099")
    assert till.refusal(create(supportedBeaconTypes=[])) == (400, "1099")
    assert till.refusal(create(supportedBeaconTypes=["QR", "QR"])) == (400, "1099")
    assert till.refusal(create(requirePaymentBeforeCheckin="yes")) == (400, "1099")
    assert till.refusal(create(storeId=NOWHERE)) == (409, "1002")
    assert till.refusal(create(storeId=FOREIGN_STORE)) == (403, "1403")
    till.initiate()
    assert till.refusal(create(merchantPosId="till-1")) == (409, "1200")
    assert till.refusal(create(beaconId=OTHER_BEACON)) == (409, "1202")
    pos_id = till.read(create())["posId"]
    other_merchant = {VAT: "DK87654321"}
    path = f"/pos/v10/pointofsales/{pos_id}"
    assert till.refusal(till.send("GET", path, headers=other_merchant)) == (403, "1410")
    assert till.refusal(till.send("DELETE", path, headers=other_merchant)) == (403, "1409")
    stranger = make_till.second(till.sandbox, "stranger")
    for method, verb in (("GET", "/checkin"), ("GET", ""), ("DELETE", "")):
        assert till.refusal(stranger.send(method, path + verb)) == (403, "1400")


def test_the_tables_codes_are_all_reachable_here() -> None:
    """No code of the table is declared and never given (1182 belongs to the tests of tokens)."""
    with open(__file__, encoding="utf-8") as source:
        text = source.read()
    missing = {code for code in REFUSALS if f'"{code}"' not in text} - {"1182"}
    assert missing == set()
