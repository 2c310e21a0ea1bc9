"""What turns mean to those who watch: counts, durations with exemplars, and how each aggregate stands."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from gateway import measures
from gateway.domain import payment
from gateway.domain.commands import CapturePayment, InitiatePayment, Message
from gateway.domain.events import (
    Amounts,
    Answers,
    Cause,
    CommandRejected,
    PaymentCaptured,
    PaymentEvent,
    PaymentReserved,
    PaymentUnknown,
)
from gateway.domain.identity import MessageId
from gateway.domain.memo import Memo
from gateway.domain.money import Currency, Money
from gateway.domain.state import OperationKind, PaymentState, Pending, Refund, Start
from gateway.domain.vocabulary import PaymentStatus, Reason, RefundStatus
from gateway.measures import Measures, standing_of
from gateway.observability.metrics import REGISTRY, render
from gateway.observability.standing import Matter, Open, Standing, Tally

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
AMOUNT = Money(1250, Currency.DKK)


def message(id_: str, data: Any = None, trace: str | None = None) -> Message:
    data = CapturePayment("p-1") if data is None else data
    return Message(MessageId("/shop", id_), data.kind, data, "hash", 1_000, 9_000_000, trace_parent=trace)


START = Start(message("m-1", InitiatePayment("p-1", "pos", AMOUNT)))
PENDING = Pending(OperationKind.INITIATE, Cause(MessageId("/shop", "m-1")), 2_000)


def event(fact: Any, answered: str | None = None, trace: str | None = None) -> PaymentEvent:
    id_ = MessageId("/shop", answered or "m-1")
    answers = None if answered is None else Answers(id_, "payment.capture")
    amounts = Amounts(Currency.DKK, 1250, 1250, 1000)
    return PaymentEvent(
        "p-1",
        1,
        PaymentStatus.RESERVED,
        0,
        fact,
        Cause(id_, trace_parent=trace),
        amounts=amounts,
        answers=answers,
    )


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def decided(state: PaymentState | None, *events: PaymentEvent, **more: Any) -> payment.Decision:
    return payment.Decision(state, Memo(), events, **more)


def at(steady: float, wall_ms: int = 0) -> Any:
    return SimpleNamespace(steady=steady, wall_ms=wall_ms)


def test_a_command_is_measured_from_its_acceptance_to_its_answer() -> None:
    watching, before = Measures(600), PaymentState("p-1")
    count, total = "gateway_command_seconds_count", "gateway_command_seconds_sum"
    counted, summed = sample(count, type="payment.capture"), sample(total, type="payment.capture")
    after = replace(before, sequence=1)
    arrived = payment.CommandArrived(message("m-9", trace=TRACE))
    watching.payment("p:p-1", arrived, before, decided(after), at(10.0))
    answer = event(PaymentCaptured(), "m-9", TRACE)
    watching.payment("p:p-1", payment.Due(), after, decided(replace(after, sequence=2), answer), at(12.5))
    assert sample(count, type="payment.capture") == counted + 1
    assert sample(total, type="payment.capture") == pytest.approx(summed + 2.5)
    shown = render("application/openmetrics-text")[1].decode()
    assert 'le="2.5"' in shown and '# {trace_id="4bf92f3577b34da6a3ce929d0e0e4736"} 2.5' in shown


@pytest.mark.parametrize("trace", [None, "", "00-xyz", TRACE.upper(), TRACE + "-and-more"])
def test_a_traceparent_that_is_none_leads_nowhere(trace: str | None) -> None:
    assert measures._exemplar(event(PaymentCaptured(), trace=trace)) is None


def test_what_is_repeated_or_refused_with_its_id_is_not_counted_as_accepted() -> None:
    watching, state = Measures(600), PaymentState("p-1")
    before = sample("gateway_commands_accepted_total", type="payment.capture")
    arrived = payment.CommandArrived(message("m-8"))
    assert watching.payment("p:p-1", arrived, state, decided(state), at(0)) is None
    assert sample("gateway_commands_accepted_total", type="payment.capture") == before


def test_rejections_and_unknown_outcomes_are_counted_by_what_they_are() -> None:
    watching, before = Measures(600), PaymentState("p-1")
    labels = {"type": "payment.capture", "reason": "wrong_status"}
    rejected = sample("gateway_commands_answered_total", **labels)
    unknown = sample("gateway_operations_unknown_total", operation="capture")
    told = (event(CommandRejected(Reason.WRONG_STATUS, "no"), "m-7"), event(PaymentUnknown("capture")))
    watching.payment("p:p-1", payment.Due(), before, decided(replace(before, sequence=2), *told), at(0))
    assert sample("gateway_commands_answered_total", **labels) == rejected + 1
    assert sample("gateway_operations_unknown_total", operation="capture") == unknown + 1


def test_money_and_the_time_to_approve() -> None:
    watching = Measures(600)
    reserved = {"movement": "reserved", "currency": "DKK"}
    money, took = (
        sample("gateway_money_minor_units_total", **reserved),
        "gateway_payment_approval_seconds_sum",
    )
    # The deadline lies the default of 600 s after the first request.
    before = PaymentState("p-1", status=PaymentStatus.ISSUED, start=START, approval_deadline_ms=605_000)
    summed = sample(took)
    after = replace(before, status=PaymentStatus.RESERVED)
    watching.payment("p:p-1", payment.Due(), before, decided(after, event(PaymentReserved())), at(0, 12_000))
    assert sample("gateway_money_minor_units_total", **reserved) == money + 1250
    assert sample(took) == pytest.approx(summed + 7.0)
    # A first status that is reserved already: from the pending start.
    before = PaymentState("p-1", status=PaymentStatus.REQUESTED, start=START, pending=PENDING)
    watching.payment("p:p-1", payment.Due(), before, decided(after, event(PaymentReserved())), at(0, 5_000))
    assert sample(took) == pytest.approx(summed + 10.0)


def test_remembered_arrivals_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "MOST_REMEMBERED", 3)
    watching, before = Measures(600), PaymentState("p-1")
    for number in range(10):
        arrived = payment.CommandArrived(message(f"n-{number}"))
        watching.payment("p:p-1", arrived, before, decided(replace(before, sequence=number + 1)), at(0))
    assert len(watching._arrived) == 3


def test_what_is_open_about_a_payment() -> None:
    capture = Pending(OperationKind.CAPTURE, PENDING.cause, 5_000, message=message("m-2"), told=True)
    state = PaymentState(
        "p-1",
        status=PaymentStatus.RESERVED,
        start=replace(START, answered=True),
        pending=capture,
        inbox=(message("m-3"), message("m-4")),
        refunds=(Refund("r-1", AMOUNT, PENDING.cause, RefundStatus.RESERVED, reserved_ms=7_000),),
    )
    found = standing_of(state)
    assert found.counted == (("payment", "reserved"), ("refund", "reserved"))
    assert set(found.open) == {
        Open(Matter.PENDING, "capture", 5_000),
        Open(Matter.UNKNOWN, "capture", 5_000),
        Open(Matter.PAST_INTENT, "capture", 5_000),
        Open(Matter.COMMAND, "payment.capture", 1_000),
        Open(Matter.REFUND_RESERVED, "", 7_000),
    }


def test_a_start_waits_for_its_answer_and_for_approval() -> None:
    waiting = standing_of(PaymentState("p-1", status=PaymentStatus.REQUESTED, start=START))
    assert waiting.open == (Open(Matter.COMMAND, "payment.initiate", 1_000),)
    answered = replace(START, answered=True)
    state = PaymentState("p-1", status=PaymentStatus.INITIATED, start=answered, approval_deadline_ms=9_000)
    assert standing_of(state).open == (Open(Matter.APPROVAL, "", 9_000),)
    assert standing_of(replace(state, status=PaymentStatus.CAPTURED)).open == ()


def test_a_tally_forgets_what_is_gone() -> None:
    tally = Tally()
    reserved = Standing((("payment", "reserved"),), (Open(Matter.PENDING, "capture", 1),))
    captured = Standing((("payment", "captured"),))
    tally.moved("a", None, reserved)
    tally.moved("b", None, reserved)
    assert (tally.counted["payment", "reserved"], len(tally.opened())) == (2, 2)
    tally.moved("a", reserved, captured)
    assert (tally.counted["payment", "reserved"], len(tally.opened())) == (1, 1)
    tally.moved("a", captured, None)
    tally.moved("b", reserved, None)
    assert (sum(tally.counted.values()), tally.opened()) == (0, [])
