"""Each call first gets no answer, then a 500, then works, and a client that keeps its key breaks nothing by it."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.sandbox import NoAnswer
from gateway.sandbox.faults import Faults
from gateway.sandbox.operations import CERTIFICATION, Operation

STORE = "401b5617-ae5e-4f1a-9a59-5a446dbb3caa"


def outcomes(till: Any, path: str, body: Any = None, method: str = "POST", **headers: str) -> list[Any]:
    """Of four tries: a status, or None for no answer."""
    found: list[Any] = []
    for _ in range(4):
        answer = till.try_to_send(method, path, body, headers=headers)
        found.append(None if isinstance(answer, NoAnswer) else answer.status)
        till.clock.advance(1)
    return found


@pytest.mark.parametrize("prefix", ["", CERTIFICATION])
def test_every_write_is_stubborn(make_till: Any, prefix: str) -> None:
    till = make_till(self_certification=not prefix)
    key = {"x-mobilepay-idempotency-key": "one"}
    assert outcomes(till, f"{prefix}/pos/v10/payments", till.order(), **key) == [None, 500, 200, 200]
    (payment,) = till.sandbox.world.register.payments
    path = f"{prefix}/pos/v10/payments/{payment}"
    till.user("checkin")
    till.user("acceptpayment")
    assert outcomes(till, f"{path}/capture", {"amount": 12.5}) == [None, 500, 200, 200]
    assert till.send("GET", path).status == 200
    assert till.sandbox.world.register.payments[payment].effects["capture"] == 1
    assert till.violations() == {}


def test_without_it_nothing_is(make_till: Any) -> None:
    till = make_till()
    assert (
        outcomes(till, "/pos/v10/payments", till.order(), **{"x-mobilepay-idempotency-key": "one"})
        == [200] * 4
    )


def test_another_call_begins_anew(make_till: Any) -> None:
    till = make_till(self_certification=True)
    for key in ("one", "two"):
        found = outcomes(
            till,
            "/pos/v10/pointofsales",
            {"merchantPosId": key, "name": key, "storeId": STORE, "supportedBeaconTypes": ["QR"]},
            **{"x-mobilepay-idempotency-key": key},
        )
        assert found == [None, 500, 200, 200]


def test_either_of_the_first_two_may_have_taken_effect(make_till: Any) -> None:
    faults: Faults = make_till().sandbox.faults
    kinds = {
        (attempt, faults.stubborn(Operation.INITIATE, f"key-{number}", attempt).kind)
        for number in range(40)
        for attempt in (1, 2)
    }
    assert kinds == {
        *((1, f"timeout_{when}") for when in ("before", "after")),
        *((2, f"error_{when}") for when in ("before", "after")),
    }
