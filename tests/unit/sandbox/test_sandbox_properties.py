"""Whatever is asked in whatever order, the books balance, and the same story told twice is the same world."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.sandbox import NoAnswer
from gateway.sandbox.faults import KINDS, FaultPlan
from gateway.sandbox.ledger import describe_payment, lines, totals
from gateway.sandbox.states import ACTIVE, OPEN, PAID_OUT, REFUND_TRANSITIONS, TRANSITIONS

POSES = ("c85916b1-8e17-4275-a388-551e16aa6293", "22f8155d-4042-4439-825f-068dbca98857")
BEACONS = ("123456789012345", "223456789012345")
PHONES = ("+4520031801", "+4520031802", "+4520031805")
TERMS = {"currencyCode": "DKK", "plannedCaptureDelay": "None"}

which = st.integers(0, 5)
amounts = st.sampled_from([1, 2.5, 5, 12.5])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("initiate"), st.sampled_from(POSES), which, amounts, which),
        st.tuples(st.just("prepare"), st.sampled_from(POSES), which, which),
        st.tuples(st.just("sale"), st.integers(0, 1), which, st.sampled_from([2.5, 5])),
        st.tuples(st.just("ready"), which, amounts),
        st.tuples(st.just("capture"), which, amounts),
        st.tuples(st.just("cancel"), which),
        st.tuples(st.just("refund"), which, st.sampled_from([1, 2.5]), st.integers(0, 50)),
        st.tuples(st.just("refund_act"), which, st.sampled_from(["capture", "cancel"])),
        st.tuples(
            st.sampled_from(["checkin", "acceptpayment", "cancelpaymentbyuser"]),
            st.sampled_from(BEACONS),
            st.sampled_from(PHONES),
        ),
        st.tuples(st.just("pass"), st.sampled_from([0.5, 3.0, 901.0, 86_400.0, 8 * 86_400.0])),
    ),
    min_size=15,
    max_size=60,
)


def play(till: Any, story: list[tuple[Any, ...]]) -> list[Any]:
    """Tells the story to the sandbox; the answers."""
    answers = []
    register = till.sandbox.world.register
    for verb, *rest in story:
        payments, refunds = list(register.payments), list(register.refunds)
        if verb == "pass":
            till.clock.advance(rest[0])
            till.log_in()
            continue
        if verb == "sale":
            answers += sell(till, *rest)
            continue
        body: dict[str, Any] = {}
        headers = {}
        if verb == "initiate":
            path = "payments"
            body = {"posId": rest[0], "orderId": f"accept-{rest[1]}", "amount": rest[2], **TERMS}
            headers = {"x-mobilepay-idempotency-key": f"k{rest[3]}"}
        elif verb == "prepare":
            path = "payments/prepare"
            body = {"posId": rest[0], "orderId": f"accept-{rest[1]}"}
            headers = {"x-mobilepay-idempotency-key": f"k{rest[2]}"}
        elif verb == "refund" and payments:
            path = "refunds"
            body = {"paymentId": payments[rest[0] % len(payments)], "refundOrderId": f"r{rest[2]}"}
            body |= {"amount": rest[1], "currencyCode": "DKK"}
            headers = {"x-mobilepay-idempotency-key": f"r{rest[2]}"}
        elif verb == "refund_act" and refunds:
            path = f"refunds/{refunds[rest[0] % len(refunds)]}/{rest[1]}"
        elif verb in ("ready", "capture", "cancel") and payments:
            path = f"payments/{payments[rest[0] % len(payments)]}/{verb}"
            body = {"amount": rest[-1]} if verb != "ready" else {"amount": rest[-1], **TERMS}
        elif verb in ("checkin", "acceptpayment", "cancelpaymentbyuser"):
            named = {"beaconId": rest[0]} | ({"phoneNumber": rest[1]} if verb[-1] != "r" else {})
            answers.append(till.send("POST", f"/pos/app/usersimulation/{verb}", named))
            continue
        else:
            continue
        answers.append(till.try_to_send("POST", f"/pos/v10/{path}", body, headers=headers))
    till.sandbox.advance()
    return answers


def sell(till: Any, place: int, number: int, amount: float) -> list[Any]:
    """A whole sale, as far as the point of sale is free; its payment is the newest one then."""
    register = till.sandbox.world.register
    body = {"posId": POSES[place], "orderId": f"manual-{number}", "amount": amount, **TERMS}
    headers = {"x-mobilepay-idempotency-key": f"s{len(register.payments)}"}
    answers = [till.try_to_send("POST", "/pos/v10/payments", body, headers=headers)]
    user = {"beaconId": BEACONS[place], "phoneNumber": PHONES[0]}
    answers += [
        till.send("POST", f"/pos/app/usersimulation/{act}", user) for act in ("checkin", "acceptpayment")
    ]
    if register.payments:
        path = f"/pos/v10/payments/{list(register.payments)[-1]}/capture"
        answers.append(till.try_to_send("POST", path, {"amount": amount}))
    return answers


def check(till: Any) -> None:
    register = till.sandbox.world.register
    active = {pos.pos_id: pos.active for pos in register.points_of_sale.values() if pos.active}
    assert active == {
        payment.pos_id: payment.payment_id
        for payment in register.payments.values()
        if payment.status in ACTIVE
    }
    for payment in register.payments.values():
        moves = [(move.source, move.target, move.cause) for move in payment.moves]
        assert set(moves) <= TRANSITIONS
        assert [source for source, _, _ in moves] == [None, *(target for _, target, _ in moves[:-1])]
        assert [move.at for move in payment.moves] == sorted(move.at for move in payment.moves)
        assert max(payment.effects.values()) == 1, "nothing takes effect twice"
        assert not (payment.effects["capture"] and payment.effects["cancel"])
        assert 0 <= payment.captured <= payment.reserved <= (payment.terms.amount if payment.terms else 0)
        assert bool(payment.captured) is (payment.status == "Captured")
        assert payment.captured in (0, payment.reserved) or payment.partial_capture
        assert (payment.payment_id in register.points_of_sale[payment.pos_id].open_payments) is (
            payment.status in OPEN
        )
        refunds = [register.refunds[one] for one in payment.refund_ids]
        live = [one.amount for one in refunds if not str(one.status).startswith("Cancelled")]
        assert sum(live) <= payment.captured
        for refund in refunds:
            assert {(move.source, move.target, move.cause) for move in refund.moves} <= REFUND_TRANSITIONS
            assert max(refund.effects.values()) == 1
        paid_out = sum(refund.amount for refund in refunds if refund.status in PAID_OUT)
        assert describe_payment(till.sandbox, payment)["refunded"] == paid_out
    poor = register.stores[register.points_of_sale[POSES[1]].store_id]
    taken = [
        refund.amount
        for refund in register.refunds.values()
        if register.payments[refund.payment_id].pos_id == POSES[1]
        and not refund.status.startswith("Cancelled")
    ]
    assert poor.balance == 500 - sum(taken) >= 0
    sums = totals(till.sandbox)
    told = [json.loads(line) for line in b"".join(lines(till.sandbox, 0, 1000, None)).splitlines()]
    assert [line["number"] for line in told] == list(range(1, len(told) + 1))
    for currency, expected in sums["currencies"].items():
        for name, amount in expected.items():
            assert amount == sum(line[name] for line in told if line["currency"] == currency)
    tally = register.tally
    assert (+tally.statuses, +tally.refund_statuses) == (sums["statuses"], sums["refundStatuses"])
    assert {name: +held for name, held in tally.currencies.items()} == {
        name: +Counter(held) for name, held in sums["currencies"].items()
    }
    assert tally.moves == sum(
        len(one.moves) for one in (*register.payments.values(), *register.refunds.values())
    )
    assert till.sandbox.in_flight == 0


@settings(max_examples=150, deadline=None)
@given(steps, st.booleans())
def test_the_books_balance(make_till_for: Any, story: list[tuple[Any, ...]], automatic: bool) -> None:
    till = make_till_for(automatic, FaultPlan())
    play(till, story)
    check(till)


@settings(max_examples=60, deadline=None)
@given(steps, st.integers(0, 3))
def test_faults_change_no_books_and_seeds_repeat_the_story(
    make_till_for: Any, story: list[tuple[Any, ...]], seed: int
) -> None:
    plan = FaultPlan({"*": {kind: 0.04 for kind in KINDS if kind != "unauthorized"}, "token": {"slow": 0.0}})
    first, second = (make_till_for(True, plan, seed) for _ in range(2))
    assert play(first, story) == play(second, story)
    check(first)
    told = [b"".join(lines(one.sandbox, 0, 1000, None)) for one in (first, second)]
    assert told[0] == told[1]
    assert list(first.sandbox.requests) == list(second.sandbox.requests)


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(6)), st.integers(0, 5))
def test_the_order_of_arrival_decides_nothing(make_till_for: Any, order: list[int], seed: int) -> None:
    """Payments of different points of sale, started in any order at one instant, live the same lives."""
    plan = FaultPlan({"initiate": {"error_after": 0.3, "timeout_before": 0.3}})

    def tell(numbers: list[int]) -> dict[str, Any]:
        till = make_till_for(True, plan, seed, any_pos=True)
        shown = {}
        for number in numbers:
            pos_id = f"00000000-0000-4000-8000-00000000000{number}"
            body = {"posId": pos_id, "orderId": f"o{number}", "amount": 1, **TERMS}
            headers = {"x-mobilepay-idempotency-key": f"k{number}"}
            answer = till.try_to_send("POST", "/pos/v10/payments", body, headers=headers)
            shown[f"k{number}"] = answer if isinstance(answer, NoAnswer) else answer.status
        till.clock.advance(60)
        till.sandbox.advance()
        for payment in till.sandbox.world.register.payments.values():
            shown[payment.order_id] = (payment.payment_id, payment.status, payment.user, payment.moves)
        return shown

    assert tell(list(order)) == tell(sorted(order))
