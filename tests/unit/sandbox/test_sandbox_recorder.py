"""Each violation by the shortest story that earns it, beside the story that only just does not."""

from __future__ import annotations

from typing import Any

import pytest

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
