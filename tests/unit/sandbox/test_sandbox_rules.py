"""The documents' rules of time, keys, repeats and ownership, for prepared payments and refunds too."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.sandbox.draws import Span
from gateway.sandbox.http import Response

POS = "c85916b1-8e17-4275-a388-551e16aa6293"
OTHER_POS = "22f8155d-4042-4439-825f-068dbca98857"
ASLEEP_POS = "33f8155d-4042-4439-825f-068dbca98857"
OTHER_BEACON = "223456789012345"
NOWHERE = "00000000-0000-4000-8000-000000000000"
KEY, VAT = "x-mobilepay-idempotency-key", "x-mobilepay-merchant-vat-number"
TERMS = {"amount": 5, "currencyCode": "DKK", "plannedCaptureDelay": "None"}
DAY = 86_400
CREDIT, PARTIAL = "+4520031801", "+4520031805"


def prepare(till: Any, key: str | None = None, **changes: Any) -> Response:
    answer: Response = till.create(
        "/pos/v10/payments/prepare", {"posId": POS, "orderId": "o", **changes}, key
    )
    return answer


def prepared(till: Any, **changes: Any) -> str:
    return str(till.read(prepare(till, **changes))["paymentId"])


def refund(till: Any, payment_id: str, key: str | None = None, **changes: Any) -> Response:
    body = {"paymentId": payment_id, "refundOrderId": "r", "amount": 1, "currencyCode": "DKK"}
    answer: Response = till.create("/pos/v10/refunds", {**body, **changes}, key)
    return answer


def refunded(till: Any, payment_id: str, **changes: Any) -> str:
    return str(till.read(refund(till, payment_id, **changes))["refundId"])


def paid(till: Any, **changes: Any) -> str:
    payment_id = str(till.pay(**changes))
    assert till.capture(payment_id).status == 200
    return payment_id


def change(till: Any, refund_id: str, verb: str) -> Response:
    answer: Response = till.send("POST", f"/pos/v10/refunds/{refund_id}/{verb}")
    return answer


def refund_status(till: Any, refund_id: str) -> str:
    till.sandbox.advance()
    return str(till.sandbox.world.register.refunds[refund_id].status)


def later(till: Any, seconds: float) -> None:
    till.clock.advance(seconds)
    till.log_in()


@pytest.mark.parametrize(
    ("changes", "headers", "expected"),
    [
        ({"orderId": "x" * 37}, {}, (400, "1113")),
        ({"orderId": ""}, {}, (400, "1113")),
        ({"amount": 5}, {}, (400, "1099")),
        ({}, {KEY: None}, (400, "1164")),
        ({}, {KEY: ["a", "a"]}, (400, "1163")),
        ({}, {KEY: "é" * 37}, (400, "1162")),
        ({"posId": NOWHERE}, {}, (409, "1000")),
        ({"posId": ASLEEP_POS}, {}, (409, "1204")),
    ],
)
def test_prepare_is_refused(till: Any, changes: Any, headers: Any, expected: tuple[int, str]) -> None:
    body = {"posId": POS, "orderId": "o", **changes}
    assert till.refusal(till.create("/pos/v10/payments/prepare", body, headers=headers)) == expected
    assert till.sandbox.world.register.payments == {}


@pytest.mark.parametrize("how", ["initiate", "prepare"])
@pytest.mark.parametrize("acts", [(), ("checkin",)])
def test_one_active_payment_of_any_kind_blocks_the_point_of_sale(
    till: Any, make_till: Any, how: str, acts: tuple[str, ...]
) -> None:
    busy = prepared(till) if how == "prepare" else till.read(till.initiate(orderId="o"))["paymentId"]
    for act in acts:
        till.user(act)
    assert till.refusal(prepare(till, orderId="o2")) == (409, "1301")
    assert till.refusal(till.initiate(orderId="o2")) == (409, "1301")
    stranger = make_till.second(till.sandbox, "stranger")
    assert stranger.refusal(prepare(stranger)) == (403, "1400")
    assert till.act(busy, "cancel").status == 200
    assert prepare(till, orderId="o2").status == 200


@pytest.mark.parametrize(
    ("how", "acts", "status"),
    [
        ("prepare", (), "Prepared"),
        ("prepare", ("checkin",), "Paired"),
        ("initiate", (), "Initiated"),
        ("initiate", ("checkin",), "IssuedToUser"),
    ],
)
def test_each_active_state_is_given_up_when_nobody_touches_it(
    till: Any, how: str, acts: tuple[str, ...], status: str
) -> None:
    payment_id = prepared(till) if how == "prepare" else till.read(till.initiate())["paymentId"]
    for act in acts:
        till.user(act)
    till.clock.advance(899)
    assert till.status(payment_id) == status
    till.clock.advance(1)
    assert till.status(payment_id) == "CancelledByMobilePay"
    assert till.refusal(till.act(payment_id, "cancel")) == (409, "1300")
    assert till.refusal(till.capture(payment_id, 5)) == (409, "1304")
    assert till.sandbox.world.register.points_of_sale[POS].active is None


@pytest.mark.parametrize("end", ["captured", "declined", "expired", "cancelled"])
def test_no_payment_leaves_its_end(till: Any, end: str) -> None:
    payment_id = till.pay() if end in ("captured", "expired") else till.read(till.initiate())["paymentId"]
    if end == "captured":
        till.capture(payment_id)
    elif end == "declined":
        till.user("checkin")
        till.user("cancelpaymentbyuser", None)
    elif end == "expired":
        later(till, 7 * DAY)
    else:
        till.act(payment_id, "cancel")
    status = till.status(payment_id)
    assert till.act(payment_id, "cancel").status == (200 if end == "cancelled" else 409)
    assert till.capture(payment_id).status == (200 if end == "captured" else 409)
    assert till.refusal(till.act(payment_id, "ready", TERMS)) == (409, "1303")
    later(till, 30 * DAY)
    assert till.status(payment_id) == status


def test_what_is_repeated_is_answered_as_the_first_time_even_after_its_end(till: Any) -> None:
    first = prepared(till)
    assert [till.act(first, "ready", TERMS).status for _ in range(2)] == [200, 200]
    till.user("checkin")
    till.user("acceptpayment")
    assert [till.capture(first, 5).status for _ in range(2)] == [200, 200]
    assert till.act(first, "ready", TERMS).status == 200
    one, other = refunded(till, first), refunded(till, first, refundOrderId="r2")
    till.clock.advance(1)
    assert [change(till, one, "capture").status for _ in range(2)] == [200, 200]
    assert [change(till, other, "cancel").status for _ in range(2)] == [200, 200]
    later(till, 100 * DAY)
    assert (change(till, one, "capture").status, change(till, other, "cancel").status) == (200, 200)
    assert till.capture(first, 5).status == 200
    register = till.sandbox.world.register
    effects = [
        register.payments[first].effects,
        register.refunds[one].effects,
        register.refunds[other].effects,
    ]
    assert max(count for each in effects for count in each.values()) == 1


def test_a_refund_dies_in_one_way_only(till: Any) -> None:
    payment_id = paid(till)
    initiated = refunded(till, payment_id)
    assert till.refusal(change(till, initiated, "capture")) == (409, "1351")
    assert change(till, initiated, "cancel").status == 200
    till.clock.advance(5)
    assert refund_status(till, initiated) == "CancelledByClient"
    assert till.refusal(change(till, initiated, "capture")) == (409, "1351")
    failing = refunded(till, payment_id, refundOrderId="fail")
    till.clock.advance(5)
    assert refund_status(till, failing) == "CancelledByMobilePay"
    assert till.refusal(change(till, failing, "cancel")) == (409, "1352")
    untouched = refunded(till, payment_id, refundOrderId="r3")
    till.clock.advance(5)
    assert refund_status(till, untouched) == "Reserved"
    reserved_at = till.sandbox.world.register.refunds[untouched].changed_at
    later(till, reserved_at + DAY - till.clock.now() - 0.001)
    assert refund_status(till, untouched) == "Reserved"
    till.clock.advance(0.002)
    assert refund_status(till, untouched) == "ExpiredAndCaptured"
    assert till.refusal(change(till, untouched, "cancel")) == (409, "1352")
    assert till.refusal(change(till, untouched, "capture")) == (409, "1351")


def test_refunds_are_possible_for_ninety_days_up_to_what_was_captured(till: Any) -> None:
    payment_id = till.pay(PARTIAL)
    assert till.capture(payment_id, 3).status == 200
    assert till.refusal(refund(till, payment_id, amount=3.01)) == (409, "1367")
    later(till, 90 * DAY)
    assert refund(till, payment_id, amount=2).status == 200
    assert till.refusal(refund(till, payment_id, amount=1.01, refundOrderId="r2")) == (409, "1367")
    till.clock.advance(1)
    assert till.refusal(refund(till, payment_id, amount=0.01, refundOrderId="r3")) == (409, "1366")


def test_a_cancelled_refund_gives_its_part_and_the_balance_back(till: Any) -> None:
    payment_id = paid(till, posId=OTHER_POS, beacon=OTHER_BEACON)
    first = refunded(till, payment_id, amount=5)
    assert till.refusal(refund(till, payment_id, amount=0.01, refundOrderId="r2")) == (409, "1368")
    change(till, first, "cancel")
    assert refund(till, payment_id, amount=5, refundOrderId="r3").status == 200


@pytest.mark.parametrize("path", ["payments", "payments/prepare", "refunds"])
def test_each_creating_call_keeps_its_keys_for_a_day(till: Any, path: str) -> None:
    payment_id = paid(till, orderId="paid") if path == "refunds" else ""

    def call(key: str, order_id: str = "o") -> Response:
        if path == "refunds":
            return refund(till, payment_id, key, refundOrderId=order_id)
        answer: Response = (
            prepare(till, key, orderId=order_id)
            if path.endswith("prepare")
            else till.initiate(key, orderId=order_id)
        )
        return answer

    def free() -> None:
        for payment in list(till.sandbox.world.register.payments):
            till.act(payment, "cancel")

    first = call("k")
    free()
    assert (first.status, call("k").body) == (200, first.body)
    assert till.refusal(call("k", "other")) == (409, "1306")
    assert till.read(call("k", "other")).get("origin") == ("PoS" if path == "refunds" else None)
    later(till, DAY - 1)
    assert call("k").body == first.body
    later(till, 1)
    assert call("k", "other").status == 200
    assert call("k", "other").body != first.body


def test_a_key_is_one_clients_and_one_endpoints(till: Any, make_till: Any) -> None:
    till.initiate(key="k")
    assert till.refusal(prepare(till, "k")) == (409, "1306")
    other_merchant = {VAT: "DK87654321"}
    again = till.create("/pos/v10/payments", till.order(), "k", other_merchant)
    assert till.refusal(again) == (409, "1306")
    stranger = make_till.second(till.sandbox, "stranger")
    assert stranger.refusal(stranger.initiate(key="k")) == (403, "1400")


@pytest.mark.parametrize(
    ("spoilt", "expected"), [({"amount": 0}, (400, "1102")), ({"orderId": ""}, (400, "1113"))]
)
def test_a_key_whose_first_request_was_malformed_is_judged_anew(
    till: Any, spoilt: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert till.refusal(till.initiate(key="k", **spoilt)) == expected
    assert till.refusal(till.initiate(key="k", **spoilt)) == expected
    assert till.initiate(key="k").status == 200
    assert till.violations() == {"invalid_request": 2, "key_reused": 1}


@pytest.mark.parametrize("verb", ["", "/capture", "/cancel"])
def test_refunds_of_others(till: Any, make_till: Any, verb: str) -> None:
    refund_id = refunded(till, paid(till))
    method = "POST" if verb else "GET"
    path = f"/pos/v10/refunds/{refund_id}{verb}"
    stranger = make_till.second(till.sandbox, "stranger")
    for answer in (stranger.send(method, path), till.send(method, path, headers={VAT: "DK87654321"})):
        assert till.refusal(answer) == (403, "1402")
        assert till.read(answer)["origin"] == "PoS"


def test_lists_show_nothing_of_others(till: Any, make_till: Any) -> None:
    payment_id = paid(till)
    refunded(till, payment_id)
    waiting = till.read(till.initiate(orderId="o2"))["paymentId"]
    stranger = make_till.second(till.sandbox, "stranger")
    other = {VAT: "DK87654321"}
    for query in (
        f"posId={POS}",
        "orderId=o2",
        "orderId=order-1&state=Captured",
        f"posId={POS}&state=Captured",
    ):
        assert till.read(till.send("GET", "/pos/v10/payments", query=query))["paymentIds"] != []
        assert stranger.read(stranger.send("GET", "/pos/v10/payments", query=query)) == {"paymentIds": []}
        hidden = till.send("GET", "/pos/v10/payments", query=query, headers=other)
        assert till.read(hidden) == {"paymentIds": []}
    query = f"paymentId={payment_id}"
    assert len(till.read(till.send("GET", "/pos/v10/refunds", query=query))["refundIds"]) == 1
    assert stranger.read(stranger.send("GET", "/pos/v10/refunds", query=query)) == {"refundIds": []}
    answer = stranger.create(
        "/pos/v10/refunds",
        {"paymentId": payment_id, "refundOrderId": "r", "amount": 1, "currencyCode": "DKK"},
    )
    assert stranger.refusal(answer) == (403, "1401")
    assert stranger.refusal(stranger.act(waiting, "ready", TERMS)) == (403, "1401")


def test_an_orderid_names_its_newest_payment_alone(till: Any) -> None:
    def listed(query: str) -> list[str]:
        found = till.read(till.send("GET", "/pos/v10/payments", query=query))["paymentIds"]
        return list(found)

    first = paid(till)
    assert listed("orderId=order-1&state=Captured") == [first]
    second = paid(till)
    assert listed("orderId=order-1&state=Captured") == [second]
    assert listed(f"posId={POS}&orderId=order-1&state=Captured") == [second]
    assert listed(f"posId={OTHER_POS}&orderId=order-1&state=Captured") == []
    third = till.read(till.initiate(orderId="order-1"))["paymentId"]
    assert listed("orderId=order-1") == [third]
    assert listed("orderId=order-1&state=Captured") == []
    assert listed(f"posId={POS}&state=Captured") == [first, second]


def test_loyalty_is_absent_until_looked_up_and_empty_for_who_has_none(till: Any) -> None:
    payment_id = till.read(till.initiate())["paymentId"]
    till.user("checkin", CREDIT)
    waiting = till.get(payment_id)
    assert {"loyaltyIds", "customerReceiptToken", "partialCapturePossible", "paymentExpiresAt"}.isdisjoint(
        waiting
    )
    till.user("acceptpayment", CREDIT)
    reserved = till.get(payment_id)
    assert (reserved["loyaltyIds"], reserved["customerReceiptToken"]) == ([], "")
    assert reserved["partialCapturePossible"] is False


def test_restrictions_and_terms_are_told_as_they_were_given(till: Any) -> None:
    more = {
        "restrictions": {"debitCardDisallowed": True, "creditCardDisallowed": False},
        "merchantPaymentLabel": "Table 7",
        "plannedCaptureDelay": "LessThan14Days",
    }
    direct = till.get(till.read(till.initiate(**more))["paymentId"])
    till.act(direct["paymentId"], "cancel")
    payment_id = prepared(till, orderId="order-1")
    till.act(payment_id, "ready", {"amount": 12.5, "currencyCode": "DKK", **more})
    readied = till.get(payment_id)
    assert {**readied, "paymentId": ""} == {**direct, "paymentId": ""}
    assert more.items() <= readied.items()
    till.user("checkin", "+4520031802")
    till.user("acceptpayment", "+4520031802")
    assert till.status(payment_id) == "CancelledByMobilePay"


def test_the_delay_belongs_to_resource_and_state(make_till: Any) -> None:
    till = make_till(poll_delay_ms=Span(200, 1000))
    payment_id = till.read(till.initiate())["paymentId"]
    delays = {}
    for act in ("", "checkin", "acceptpayment"):
        if act:
            till.user(act)
        told = [till.get(payment_id) for _ in range(2)]
        assert told[0] == told[1]
        delays[told[0]["status"]] = told[0]["pollDelayInMs"]
    assert delays.keys() == {"Initiated", "IssuedToUser", "Reserved"}
    assert all(200 <= delay <= 1000 for delay in delays.values())
    assert len(set(delays.values())) == 3


@pytest.mark.parametrize("phone", ["+4520031801", "+45 20031803", "+358200318004", "+358 200318005"])
def test_the_users_of_both_countries_come_by_their_numbers(till: Any, phone: str) -> None:
    payment_id = till.read(till.initiate())["paymentId"]
    assert till.refusal(till.user("checkin", "+4520031899")) == (400, "1099")
    assert till.refusal(till.user("acceptpayment", phone)) == (400, "1099")
    assert till.refusal(till.user("checkin", phone, "999999999999999")) == (400, "1099")
    assert till.user("checkin", phone).status == 200
    assert till.refusal(till.user("checkin", "+4520031802")) == (400, "1099")
    assert till.refusal(till.user("acceptpayment", "+4520031802")) == (400, "1099")
    assert till.user("acceptpayment", phone).status == 200
    reserved = till.get(payment_id)
    assert reserved["partialCapturePossible"] is phone.endswith("5")
    assert reserved["loyaltyIds"] == (["123456"] if phone.endswith("4") else [])
    assert till.refusal(till.user("cancelpaymentbyuser", None)) == (400, "1099")


def test_a_prepared_payment_cannot_be_approved_before_it_is_ready(till: Any) -> None:
    payment_id = prepared(till)
    till.user("checkin")
    assert till.refusal(till.user("acceptpayment")) == (400, "1099")
    till.act(payment_id, "ready", TERMS)
    assert till.user("acceptpayment").status == 200
    assert till.status(payment_id) == "Reserved"
