"""Each violation by the shortest story that earns it, beside the story that only just does not."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.sandbox.config import Span
from gateway.sandbox.faults import FaultPlan, FaultRule
from gateway.sandbox.violations import VIOLATIONS

POS = "c85916b1-8e17-4275-a388-551e16aa6293"


def faulty(fault: str, operation: str, **more: Any) -> FaultPlan:
    return FaultPlan(rules=(FaultRule(fault, operation, **more),))


def poll(till: Any, payment_id: str) -> Any:
    return till.try_to_send("GET", f"/pos/v10/payments/{payment_id}")


def look(till: Any, order_id: str = "order-1") -> Any:
    return till.send("GET", "/pos/v10/payments", query=f"posId={POS}&orderId={order_id}")


def started(till: Any) -> str:
    return str(till.read(till.initiate())["paymentId"])


@pytest.mark.parametrize(("wait", "expected"), [(0.99, {"polled_too_early": 1}), (0.996, {}), (1.0, {})])
def test_polls_keep_the_delay(till: Any, wait: float, expected: dict[str, int]) -> None:
    payment_id = started(till)
    poll(till, payment_id)
    till.clock.advance(wait)
    poll(till, payment_id)
    assert till.violations() == expected
    for record in till.sandbox.recorder.violations:
        assert (record.resource, record.operation) == (payment_id, "get_payment")
        assert "5.0 ms too early" in record.explanation


def test_the_delay_is_each_resources_own(till: Any) -> None:
    first = till.pay(orderId="a")
    second = started(till)
    poll(till, first)
    poll(till, second)
    assert till.violations() == {}


def test_a_repair_after_a_write_may_come_at_once_and_only_once(till: Any) -> None:
    payment_id = started(till)
    poll(till, payment_id)
    till.act(payment_id, "cancel")
    poll(till, payment_id)
    assert till.violations() == {}
    poll(till, payment_id)
    assert till.violations() == {"polled_too_early": 1}


def test_a_candidate_may_be_read_at_once_beside_its_own_poller(till: Any) -> None:
    payment_id = started(till)
    poll(till, payment_id)
    till.clock.advance(0.9)
    till.initiate(orderId="order-2")
    poll(till, payment_id)
    till.clock.advance(0.1)
    poll(till, payment_id)
    assert till.violations() == {}
    look(till)
    poll(till, payment_id)
    assert till.violations() == {}
    poll(till, payment_id)
    assert till.violations() == {"polled_too_early": 1}


@pytest.mark.parametrize("heard_first", [True, False])
def test_two_allowed_reads_side_by_side_cannot_be_told_apart(make_till: Any, heard_first: bool) -> None:
    till = make_till(poll_delay_ms=Span(200, 3000), seed=1)
    prepared = till.create("/pos/v10/payments/prepare", {"posId": POS, "orderId": "order-1"})
    payment_id = till.read(prepared)["paymentId"]
    slow = till.read(poll(till, payment_id))["pollDelayInMs"]
    till.initiate(orderId="order-2")
    till.act(payment_id, "ready", {"amount": 1, "currencyCode": "DKK", "plannedCaptureDelay": "None"})
    read = till.request("GET", f"/pos/v10/payments/{payment_id}")
    first, second = till.sandbox.begin(read), till.sandbox.begin(read)
    heard, late = (first, second) if heard_first else (second, first)
    till.sandbox.perform(late)
    till.sandbox.perform(heard)
    till.sandbox.finish(heard)
    pace = till.read(heard.shown)["pollDelayInMs"]
    assert pace + 1_000 < slow, "a seed whose delays show it"
    for _ in range(3):
        till.clock.advance(pace / 1000)
        poll(till, payment_id)
    till.sandbox.finish(late, gone=True)
    assert till.violations() == {}, "the poller may have been either"
    poll(till, payment_id)
    assert till.violations() == {}, "whoever heard nothing may ask again"
    poll(till, payment_id)
    assert till.violations() == {"polled_too_early": 1}


def test_an_unheard_poll_may_be_repeated_after_a_back_off(make_till: Any) -> None:
    till = make_till(faults=faulty("error_before", "get_payment", nth=2))
    payment_id = started(till)
    poll(till, payment_id)
    till.clock.advance(1)
    poll(till, payment_id)
    till.clock.advance(0.06)
    poll(till, payment_id)
    assert till.violations() == {}
    poll(till, payment_id)
    assert till.violations() == {"polled_too_early": 1}


def test_a_delay_that_was_not_heard_does_not_bind(make_till: Any) -> None:
    till = make_till(faults=faulty("reset_after", "get_payment", attempt=1))
    payment_id = started(till)
    poll(till, payment_id)
    poll(till, payment_id)
    assert till.violations() == {}


def test_six_requests_of_one_call_and_not_seven(make_till: Any) -> None:
    till = make_till(faults=faulty("timeout_before", "initiate"))
    for _ in range(6):
        till.try_initiate()
    assert till.violations() == {}
    look(till)
    for _ in range(6):
        till.try_initiate()
    assert till.violations() == {}
    till.try_initiate()
    assert till.violations() == {"too_many_requests": 1}


@pytest.mark.parametrize("fault", ["throttled", "unauthorized"])
def test_429_and_401_are_no_requests_of_a_call(make_till: Any, fault: str) -> None:
    till = make_till(faults=faulty(fault, "initiate"))
    for _ in range(20):
        till.try_initiate()
    assert till.violations() == {}


def test_a_key_is_for_one_request(till: Any) -> None:
    till.initiate(key="k")
    till.initiate(key="k", amount=13)
    assert till.violations() == {"key_reused": 1}


@pytest.mark.parametrize(("hours", "expected"), [(22.99, {}), (23.01, {"key_used_too_late": 1})])
def test_a_key_grows_old(till: Any, hours: float, expected: dict[str, int]) -> None:
    till.initiate(key="k")
    till.clock.advance(hours * 3600)
    till.log_in()
    till.initiate(key="k")
    assert till.violations() == expected


def test_a_second_key_while_the_first_ones_outcome_is_unheard(make_till: Any) -> None:
    till = make_till(faults=faulty("error_before", "initiate", times=1))
    assert till.initiate(key="a").status == 500
    till.initiate(key="b")
    assert till.violations() == {"second_key": 1}
    till = make_till(faults=faulty("error_before", "initiate", times=1))
    assert till.initiate(key="a").status == 500
    look(till)
    till.initiate(key="b")
    assert till.violations() == {}


def test_a_second_key_after_a_refusal_is_a_new_attempt(till: Any) -> None:
    busy = started(till)
    assert till.initiate(key="a", orderId="order-2").code == "1301"
    till.act(busy, "cancel")
    assert till.initiate(key="b", orderId="order-2").status == 200
    assert till.violations() == {}


@pytest.mark.parametrize(("first", "second"), [("capture", "cancel"), ("cancel", "capture")])
def test_the_opposite_decision_waits_for_the_first(make_till: Any, first: str, second: str) -> None:
    for looked in (False, True):
        till = make_till(faults=faulty("timeout_after", first))
        payment_id = till.pay()
        bodies = {"capture": {"amount": 12.5}}
        till.try_to_send("POST", f"/pos/v10/payments/{payment_id}/{first}", bodies.get(first))
        if looked:
            poll(till, payment_id)
        till.try_to_send("POST", f"/pos/v10/payments/{payment_id}/{second}", bodies.get(second))
        assert till.violations() == ({} if looked else {"opposite_decision": 1})


def test_two_requests_of_one_call_at_once(till: Any) -> None:
    payment_id = till.pay()
    request = till.request("POST", f"/pos/v10/payments/{payment_id}/capture", {"amount": 12.5})
    first = till.sandbox.begin(request)
    second = till.sandbox.begin(request)
    for exchange in (first, second):
        till.sandbox.perform(exchange)
        till.sandbox.finish(exchange)
    assert till.violations() == {"concurrent_requests": 1}
    assert till.sandbox.in_flight == 0
    assert till.sandbox.in_flight_max == 2


@pytest.mark.parametrize(
    ("method", "path", "query", "found"),
    [
        ("GET", "payments", f"posId={POS}&page=1", "unknown_parameter"),
        ("GET", "payments", f"posId={POS}&active=", "unknown_parameter"),
        ("GET", "payments/{}", "verbose=true", "unknown_parameter"),
        ("GET", "refunds", "paymentId={}&posId=1", "unknown_parameter"),
        ("POST", "payments/{}/cancel", "reason=x", "unknown_parameter"),
    ],
)
def test_no_query_parameter_that_the_endpoint_does_not_have(
    till: Any, method: str, path: str, query: str, found: str
) -> None:
    payment_id = started(till)
    till.send(method, f"/pos/v10/{path.format(payment_id)}", query=query.format(payment_id))
    assert till.violations() == {found: 1}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "payments/{}"),
        ("POST", "payments/{}/cancel"),
        ("POST", "refunds/{}/capture"),
        ("POST", "refunds/{}/cancel"),
    ],
)
def test_no_body_where_the_endpoint_takes_none(till: Any, method: str, path: str) -> None:
    payment_id = started(till)
    till.send(method, f"/pos/v10/{path.format(payment_id)}")
    assert till.violations() == {}
    till.clock.advance(1)
    till.send(method, f"/pos/v10/{path.format(payment_id)}", b"{}")
    assert till.violations() == {"unexpected_body": 1}


@pytest.mark.parametrize(
    "body",
    [b'{"amount": 12.5, "currencyCode": "DKK"}', b"{}", b"12.5", b"", b'{"amount": 1, "amount": 12.5}'],
)
def test_a_capture_says_its_amount_and_nothing_else(till: Any, body: bytes) -> None:
    payment_id = till.pay()
    assert till.act(payment_id, "capture", body).status == 400
    assert till.violations() == {"invalid_request": 1}


@pytest.mark.parametrize("field", ["posId", "orderId", "paymentId"])
def test_a_ready_says_its_terms_and_nothing_else(till: Any, field: str) -> None:
    terms = {"amount": 5, "currencyCode": "DKK", "plannedCaptureDelay": "None"}
    made = till.create("/pos/v10/payments/prepare", {"posId": POS, "orderId": "o"})
    payment_id = till.read(made)["paymentId"]
    assert till.refusal(till.act(payment_id, "ready", {**terms, field: POS})) == (400, "1099")
    assert till.violations() == {"invalid_request": 1}
    assert till.act(payment_id, "ready", terms).status == 200


def test_a_call_keeps_its_body_until_its_outcome_is_known(make_till: Any) -> None:
    till = make_till(faults=faulty("error_before", "capture", times=2), partial_capture="always")
    payment_id = till.pay()
    assert till.capture(payment_id, 5).status == 500
    assert till.capture(payment_id, 6).status == 500
    assert till.violations() == {"changed_call": 1}
    poll(till, payment_id)
    assert till.capture(payment_id, 12.6).code == "1305"
    assert till.capture(payment_id, 7).status == 200
    assert till.violations() == {"changed_call": 1}


@pytest.mark.parametrize("header", ["authorization", "x-ibm-client-id"])
def test_each_header_stands_once(till: Any, header: str) -> None:
    value = till.headers.get(header, "till")
    till.headers[header] = [value, value]
    assert till.initiate().status == 401
    assert till.violations() == {"malformed_header": 1}


def test_a_key_where_none_is_needed_is_a_note(till: Any) -> None:
    payment_id = till.pay()
    path, headers = f"/pos/v10/payments/{payment_id}/cancel", {"x-mobilepay-idempotency-key": "k"}
    assert till.send("POST", path, headers=headers).status == 200
    assert till.violations() == {}
    assert dict(till.sandbox.recorder.note_counts) == {"needless_key": 1}


@pytest.mark.parametrize(
    ("operation", "seconds", "tolerance", "expected"),
    [
        ("cancel", 2.09, 0.1, {}),
        ("cancel", 2.11, 0.1, {"waited_too_long": 1}),
        ("get_payment", 0.59, 0.1, {}),
        ("get_payment", 0.61, 0.1, {"waited_too_long": 1}),
        ("cancel", 60, None, {}),
    ],
)
def test_a_client_hangs_up_in_time(
    make_till: Any, operation: str, seconds: float, tolerance: float | None, expected: dict[str, int]
) -> None:
    plan = faulty("timeout_before", operation)
    till = make_till(faults=plan, wait_tolerance_seconds=tolerance, inactivity_seconds=900)
    path = f"/pos/v10/payments/{started(till)}"
    request = till.request("GET", path) if operation[0] == "g" else till.request("POST", f"{path}/cancel")
    exchange = till.sandbox.begin(request)
    till.sandbox.perform(exchange)
    till.clock.advance(seconds)
    till.sandbox.finish(exchange, gone=True)
    assert till.violations() == expected
    noted = till.sandbox.recorder.note_counts["waited_long"]
    assert noted == (tolerance is None)


def test_refunds_are_polled_at_their_own_pace(till: Any) -> None:
    payment_id = till.pay()
    till.capture(payment_id)
    body = {"paymentId": payment_id, "refundOrderId": "r", "amount": 1, "currencyCode": "DKK"}
    refund_id = till.read(till.create("/pos/v10/refunds", body))["refundId"]
    path = f"/pos/v10/refunds/{refund_id}"
    for _ in range(2):
        till.send("GET", path)
        till.clock.advance(1)
    assert till.violations() == {}
    till.send("POST", f"{path}/capture")
    till.send("GET", path)
    assert till.violations() == {}, "the first look after a write is a repair"
    till.clock.advance(0.9)
    till.send("GET", path)
    assert till.violations() == {"polled_too_early": 1}


def test_a_refunds_capture_and_cancel_wait_for_each_other(make_till: Any) -> None:
    till = make_till(faults=faulty("timeout_before", "capture_refund"))
    payment_id = till.pay()
    till.capture(payment_id)
    body = {"paymentId": payment_id, "refundOrderId": "r", "amount": 1, "currencyCode": "DKK"}
    path = "/pos/v10/refunds/" + till.read(till.create("/pos/v10/refunds", body))["refundId"]
    till.clock.advance(2)
    for _ in range(6):
        till.try_to_send("POST", f"{path}/capture")
    assert till.violations() == {}
    till.send("POST", f"{path}/cancel")
    assert till.violations() == {"opposite_decision": 1}
    till.try_to_send("POST", f"{path}/capture")
    assert till.violations() == {"opposite_decision": 1, "too_many_requests": 1}


def test_refusals_are_notes_and_no_violations(till: Any) -> None:
    payment_id = started(till)
    till.capture(payment_id)
    assert till.violations() == {}
    assert dict(till.sandbox.recorder.note_counts) == {"refused_1304": 1}


def test_the_lists_are_bounded_and_the_counts_are_not(make_till: Any) -> None:
    till = make_till(records_max=3)
    for _ in range(5):
        till.send("GET", "/nowhere")
    assert till.violations() == {"unknown_path": 5}
    assert [record.number for record in till.sandbox.recorder.violations] == [3, 4, 5]
    assert len(till.sandbox.requests) == 3
    assert set(till.violations()) <= set(VIOLATIONS)
