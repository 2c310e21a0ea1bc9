"""Payments, refunds, points of sale, customers and keys as time goes by."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.sandbox import SandboxConfig
from gateway.sandbox.customers import USERS, CustomerPolicy, CustomerRule, plan_visit
from gateway.sandbox.draws import Span
from gateway.sandbox.http import Amount, Request
from gateway.sandbox.states import ACTIVE, OPEN, TRANSITIONS, Cause, Status

POS = "c85916b1-8e17-4275-a388-551e16aa6293"
STORE = "401b5617-ae5e-4f1a-9a59-5a446dbb3caa"
BEACON = "123456789012345"
CREDIT, DEBIT, LOYAL, PARTIAL = (f"+4520031{number}" for number in (801, 802, 804, 805))
TERMS = {"amount": 5, "currencyCode": "DKK", "plannedCaptureDelay": "None"}


def test_the_transition_table_is_the_documents() -> None:
    ends = {
        Status.CAPTURED,
        Status.CANCELLED_BY_USER,
        Status.CANCELLED_BY_CLIENT,
        Status.CANCELLED_BY_PROVIDER,
        Status.EXPIRED,
    }
    assert {source for source, _, _ in TRANSITIONS if source} == OPEN
    assert ends.isdisjoint(source for source, _, _ in TRANSITIONS if source)
    assert {source for source, _, cause in TRANSITIONS if cause is Cause.CANCEL} == OPEN
    assert {source for source, _, cause in TRANSITIONS if cause is Cause.INACTIVITY} == ACTIVE
    assert {source for source, _, cause in TRANSITIONS if cause is Cause.DECLINE} == {
        Status.PAIRED,
        Status.ISSUED,
    }


def test_initiated_issued_reserved_captured(till: Any) -> None:
    payment_id = till.read(till.initiate(merchantPaymentLabel="", restrictions=None))["paymentId"]
    assert till.get(payment_id) == {
        "paymentId": payment_id,
        "posId": POS,
        "orderId": "order-1",
        "amount": 12.5,
        "currencyCode": "DKK",
        "merchantPaymentLabel": "",
        "plannedCaptureDelay": "None",
        "status": "Initiated",
        "pollDelayInMs": 1000,
    }
    assert till.user("checkin", LOYAL).status == 200
    issued = till.get(payment_id)
    assert issued["status"] == "IssuedToUser"
    assert "loyaltyIds" not in issued
    assert till.user("acceptpayment", LOYAL).status == 200
    reserved = till.get(payment_id)
    assert (reserved["status"], reserved["loyaltyIds"]) == ("Reserved", ["123456"])
    assert reserved["partialCapturePossible"] is False
    assert reserved["paymentExpiresAt"].endswith("+00:00")
    assert till.capture(payment_id).status == 200
    captured = till.get(payment_id)
    assert captured["status"] == "Captured"
    assert "partialCapturePossible" not in captured


def test_a_user_who_is_checked_in_gets_the_payment_at_once(till: Any) -> None:
    till.user("checkin")
    assert till.status(till.read(till.initiate())["paymentId"]) == "IssuedToUser"


def test_prepared_payments_both_ways(till: Any) -> None:
    def prepare(order_id: str) -> str:
        answer = till.create("/pos/v10/payments/prepare", {"posId": POS, "orderId": order_id})
        return str(till.read(answer)["paymentId"])

    first = prepare("a")
    assert {"amount", "currencyCode"}.isdisjoint(till.get(first))
    assert till.status(first) == "Prepared"
    assert till.act(first, "ready", TERMS).status == 200
    assert till.status(first) == "Initiated"
    till.user("checkin")
    assert till.status(first) == "IssuedToUser"
    assert till.user("cancelpaymentbyuser", None).status == 200
    assert till.status(first) == "CancelledByUser"
    second = prepare("b")
    till.user("checkin")
    assert till.status(second) == "Paired"
    assert till.act(second, "ready", TERMS).status == 200
    assert till.status(second) == "IssuedToUser"
    till.user("acceptpayment")
    assert till.get(second)["amount"] == 5
    third = prepare("c")
    till.user("checkin")
    till.user("cancelpaymentbyuser", None)
    assert till.status(third) == "CancelledByUser"


def test_partial_capture_is_for_the_user_who_allows_it(till: Any) -> None:
    payment_id = till.pay(PARTIAL)
    assert till.get(payment_id)["partialCapturePossible"] is True
    assert till.capture(payment_id, 2.25).status == 200
    assert till.capture(payment_id, 2.25).status == 200
    payment = till.sandbox.world.register.payments[payment_id]
    assert (payment.reserved, payment.captured, payment.effects["capture"]) == (1250, 225, 1)


@pytest.mark.parametrize(("rule", "possible"), [("always", True), ("never", False)])
def test_partial_capture_by_scenario(make_till: Any, rule: str, possible: bool) -> None:
    till = make_till(partial_capture=rule)
    assert till.get(till.pay(PARTIAL))["partialCapturePossible"] is possible


def test_a_refused_card_fails_the_reservation(till: Any) -> None:
    payment_id = till.read(till.initiate(restrictions={"debitCardDisallowed": True}))["paymentId"]
    till.user("checkin", DEBIT)
    till.user("acceptpayment", DEBIT)
    assert till.status(payment_id) == "CancelledByMobilePay"


def test_cancel_from_every_open_state_and_again(till: Any) -> None:
    for order_id, acts in (("a", ()), ("b", ("checkin",)), ("c", ("checkin", "acceptpayment"))):
        payment_id = till.read(till.initiate(orderId=order_id))["paymentId"]
        for act in acts:
            till.user(act)
        assert [till.act(payment_id, "cancel").status for _ in range(2)] == [200, 200]
        payment = till.sandbox.world.register.payments[payment_id]
        assert payment.status == "CancelledByClient"
        assert payment.effects["cancel"] == 1
        assert till.sandbox.world.register.points_of_sale[POS].active is None


def test_the_same_key_gives_the_same_answer_for_a_day_and_then_a_second_payment(till: Any) -> None:
    first = till.initiate(key="k")
    assert till.initiate(key="k").body == first.body
    till.act(till.read(first)["paymentId"], "cancel")
    till.clock.advance(86_399)
    till.log_in()
    assert till.initiate(key="k").body == first.body
    till.clock.advance(1)
    second = till.initiate(key="k")
    assert second.status == 200
    assert second.body != first.body
    assert till.violations() == {"key_used_too_late": 2, "second_resource": 1}


def test_a_key_answers_again_with_its_409(till: Any, make_till: Any) -> None:
    for one, expected in ((till, (409, "1301")), (make_till(replay_refusals=False), (200, ""))):
        busy = one.read(one.initiate(orderId="busy"))["paymentId"]
        assert one.refusal(one.initiate(key="k")) == (409, "1301")
        one.act(busy, "cancel")
        again = one.initiate(key="k")
        assert (again.status, again.code) == expected


def test_reservations_expire_and_active_payments_are_given_up(till: Any) -> None:
    reserved = till.pay()
    waiting = till.read(till.initiate(orderId="order-2"))["paymentId"]
    till.clock.advance(900)
    assert till.status(waiting) == "CancelledByMobilePay"
    till.clock.advance(7 * 86_400 - 901)
    assert till.status(reserved) == "Reserved"
    till.clock.advance(1)
    assert till.status(reserved) == "ExpiredAndCancelled"
    till.log_in()
    assert till.refusal(till.capture(reserved)) == (409, "1304")


def test_lists_know_open_and_captured_payments(till: Any) -> None:
    def listed(query: str) -> list[str]:
        found = till.read(till.send("GET", "/pos/v10/payments", query=query))["paymentIds"]
        return list(found)

    captured = till.pay(orderId="a")
    till.capture(captured)
    reserved = till.pay(orderId="b")
    active = till.read(till.initiate(orderId="c"))["paymentId"]
    assert listed(f"posId={POS}") == [reserved, active]
    assert listed(f"posId={POS}&orderId=b") == [reserved]
    assert listed("orderId=a") == []
    assert listed("orderId=a&state=Captured") == [captured]
    assert listed(f"posId={POS}&state=Captured") == [captured]
    till.act(active, "cancel")
    till.initiate(orderId="b")
    assert reserved not in listed("orderId=b"), "the newest payment of an orderId hides the older ones"


def test_refunds_are_reserved_captured_or_capture_themselves(till: Any) -> None:
    payment_id = till.pay()
    till.capture(payment_id)

    def refund(order_id: str, amount: float) -> str:
        body = {"paymentId": payment_id, "refundOrderId": order_id, "amount": amount, "currencyCode": "DKK"}
        return str(till.read(till.create("/pos/v10/refunds", body))["refundId"])

    def status(refund_id: str) -> str:
        return str(till.read(till.send("GET", f"/pos/v10/refunds/{refund_id}"))["status"])

    captured, cancelled, untouched = refund("a", 2.5), refund("b", 3), refund("c", 7)
    too_much = {"paymentId": payment_id, "refundOrderId": "d", "amount": 0.01, "currencyCode": "DKK"}
    assert till.refusal(till.create("/pos/v10/refunds", too_much)) == (409, "1367")
    assert status(captured) == "Initiated"
    till.clock.advance(1)
    assert status(captured) == "Reserved"
    assert till.send("POST", f"/pos/v10/refunds/{captured}/capture").status == 200
    assert till.send("POST", f"/pos/v10/refunds/{captured}/capture").status == 200
    assert till.send("POST", f"/pos/v10/refunds/{cancelled}/cancel").status == 200
    failing = refund("fail-1", 3)
    listed = till.read(till.send("GET", "/pos/v10/refunds", query=f"paymentId={payment_id}"))
    assert listed == {"refundIds": [captured, cancelled, untouched, failing]}
    till.clock.advance(86_400)
    till.log_in()
    found = [status(one) for one in (captured, cancelled, untouched, failing)]
    assert found == ["Captured", "CancelledByClient", "ExpiredAndCaptured", "CancelledByMobilePay"]
    assert refund("d", 3)


def test_points_of_sale_are_made_found_and_deleted(till: Any) -> None:
    body = {
        "merchantPosId": "till-9",
        "name": "Check-out 9",
        "storeId": STORE,
        "supportedBeaconTypes": ["QR", "NFC"],
        "requirePaymentBeforeCheckin": True,
    }
    made = till.create("/pos/v10/pointofsales", body, key="k")
    assert till.create("/pos/v10/pointofsales", body, key="k").body == made.body
    pos_id = till.read(made)["posId"]
    path = f"/pos/v10/pointofsales/{pos_id}"
    found = till.read(till.send("GET", path))
    assert found == {**body, "posId": pos_id, "beaconId": found["beaconId"]}
    query = f"merchantPosId=till-9&beaconId={found['beaconId']}"
    assert till.read(till.send("GET", "/pos/v10/pointofsales", query=query)) == {"posIds": [pos_id]}
    assert till.user("checkin", beacon=found["beaconId"]).status == 400
    payment_id = till.pay(posId=pos_id, beacon=found["beaconId"])
    assert till.send("DELETE", path).status == 200
    assert till.send("DELETE", path).status == 200
    assert till.send("GET", path).status == 404
    assert till.initiate(posId=pos_id).code == "1000"
    assert till.capture(payment_id).status == 200
    assert till.create("/pos/v10/pointofsales", body).status == 200


def test_check_ins_come_and_go(till: Any) -> None:
    path = f"/pos/v10/pointofsales/{POS}/checkin"
    assert till.read(till.send("GET", path)) == {"isUserCheckedIn": False, "pollDelayInMs": 1000}
    till.user("checkin", LOYAL)
    found = till.read(till.send("GET", path))
    assert found["isUserCheckedIn"] is True
    assert found["loyaltyIds"] == ["123456"]
    till.clock.advance(600)
    assert till.read(till.send("GET", path))["isUserCheckedIn"] is False


def test_stores(till: Any) -> None:
    detailed = till.send("GET", "/pos/v10/stores/detailed", query="merchantBrandId=POSDK12345")
    ids = till.read(till.send("GET", "/pos/v10/stores"))["storeIds"]
    assert STORE in ids
    assert len(ids) == 3
    assert till.read(till.send("GET", f"/pos/v10/stores/{STORE}"))["merchantLocationId"] == "10001"
    assert detailed.body.startswith(b"[{")
    assert detailed.body.count(b"storeId") == 3


def test_a_token_can_be_bound_to_a_merchant(make_till: Any) -> None:
    till = make_till()
    bound = make_till.second(till.sandbox, "bound", "DK12345678")
    bound.headers["x-mobilepay-merchant-vat-number"] = None
    assert bound.initiate().status == 200
    bound.headers["x-mobilepay-merchant-vat-number"] = "DK87654321"
    assert bound.initiate().code == "1159"
    spoilt = make_till.second(till.sandbox, "spoilt", "XX1")
    assert spoilt.initiate().code == "1182"


def test_tokens_end(till: Any) -> None:
    till.clock.advance(3700)
    assert (till.initiate().status, till.violations()) == (401, {})
    till.log_in()
    assert till.initiate().status == 200
    till.headers["authorization"] = None
    answer = till.initiate(orderId="order-2")
    assert (answer.status, answer.body, till.violations()) == (401, b"", {"missing_token": 1})


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"authorization": "Basic aWQ6"}, b"grant_type=client_credentials", 401),
        ({"authorization": "Basic !"}, b"grant_type=client_credentials", 401),
        ({"authorization": None}, b"grant_type=client_credentials", 401),
        ({}, b"grant_type=password", 400),
        ({}, b"", 400),
        ({"content-type": "application/json"}, b"{}", 400),
    ],
)
def test_tokens_are_refused(till: Any, headers: dict[str, Any], body: bytes, status: int) -> None:
    form = {"content-type": "application/x-www-form-urlencoded", "authorization": "Basic aWQ6c2VjcmV0"}
    given = [(name, value) for name, value in {**form, **headers}.items() if value]
    answer = till.sandbox.handle(Request("POST", "/connect/token", "", tuple(given), body))
    assert answer.status == status


def test_any_pos_registers_on_first_sight(make_till: Any) -> None:
    till = make_till(SandboxConfig(any_pos=True, customers=CustomerPolicy(automatic=False)))
    assert till.initiate().status == 200
    found = till.read(till.send("GET", f"/pos/v10/pointofsales/{POS}"))
    assert till.user("checkin", beacon=found["beaconId"]).status == 200


@pytest.mark.parametrize(
    ("order_id", "status"),
    [
        ("accept-1", "Reserved"),
        ("partial-1", "Reserved"),
        ("decline-1", "CancelledByUser"),
        ("fail-1", "CancelledByMobilePay"),
        ("ignore-1", "IssuedToUser"),
        ("never-1", "Initiated"),
        ("manual-1", "Initiated"),
    ],
)
def test_order_ids_force_what_customers_do(make_till: Any, order_id: str, status: str) -> None:
    till = make_till(customers=CustomerPolicy(decline=0.5, never=0.5))
    payment_id = till.read(till.initiate(orderId=order_id))["paymentId"]
    till.clock.advance(60)
    assert till.status(payment_id) == status
    if order_id == "partial-1":
        assert till.get(payment_id)["partialCapturePossible"] is True


def test_rules_and_shares_of_customers() -> None:
    rule = CustomerRule("VIP", "accept", Span(1, 1), Span(2, 2), PARTIAL)
    policy = CustomerPolicy(decline=0.3, never=0.2, ignore=0.1, fail=0.1, rules=(rule,))
    visit = plan_visit(policy, 0, POS, "VIP-7", 1)
    assert (visit.behaviour, visit.check_in_seconds, visit.decision_seconds) == ("accept", 1, 2)
    assert visit.phone in USERS
    drawn = [plan_visit(policy, 5, POS, f"o-{number}", 1).behaviour for number in range(4000)]
    assert drawn == [plan_visit(policy, 5, POS, f"o-{number}", 1).behaviour for number in range(4000)]
    for behaviour, share in (
        ("decline", 0.3),
        ("never", 0.2),
        ("ignore", 0.1),
        ("fail", 0.1),
        ("accept", 0.3),
    ):
        assert abs(drawn.count(behaviour) / 4000 - share) < 0.04  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("minor", "text"),
    [(1, "0.01"), (10, "0.1"), (100, "1"), (1250, "12.5"), (1205, "12.05"), (10**14, "1000000000000")],
)
def test_amounts_are_written_exactly(minor: int, text: str) -> None:
    assert Amount(minor).text() == text
