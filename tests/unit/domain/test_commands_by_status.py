"""Command by status: what happens, for every pair, as one table."""

from collections.abc import Callable

import pytest

from gateway.domain.commands import CancelPayment, CapturePayment, Data
from gateway.domain.events import CommandRejected, PaymentCancelled, PaymentCaptured
from gateway.domain.operations import (
    Accepted,
    Cancel,
    Capture,
    DeferralCause,
    Deferred,
    Initiate,
    Operation,
    ProviderStatus,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.vocabulary import CancelReason, PaymentStatus, Reason, WhenBusy
from tests.unit.domain.play import CANCEL, CAPTURE, EMPTY, PROVIDER_ID, Play, initiate, observed

P = ProviderStatus
S = PaymentStatus


def never_begun() -> Play:
    return Play()


def rejected_before() -> Play:
    play = Play(merchant_known=False)
    play.command(initiate(), "first")
    play.merchant_known = True
    return play


def starting() -> Play:
    play = Play()
    play.command(initiate(), "first")
    return play


def unknown_start() -> Play:
    play = starting()
    play.outcome(Unknown(3))
    return play


def kept_waiting() -> Play:
    play = Play()
    play.command(initiate(when_busy=WhenBusy.WAIT), "first")
    play.outcome(Rejected(Refusal(Reason.POINT_OF_SALE_BUSY, 409, "1301")))
    return play


def standing(status: ProviderStatus) -> Callable[[], Play]:
    return lambda: Play().started(status)


def reserved() -> Play:
    return Play().reserved()


def capture_pending() -> Play:
    play = reserved()
    play.command(CAPTURE, "earlier")
    return play


def cancel_pending() -> Play:
    play = reserved()
    play.command(CANCEL, "earlier")
    return play


def captured() -> Play:
    play = capture_pending()
    play.outcome(Accepted())
    return play


def cancelled() -> Play:
    play = cancel_pending()
    play.outcome(Accepted())
    return play


def expired() -> Play:
    play = reserved()
    play.due()
    play.outcome(observed(P.EXPIRED))
    return play


WAITS = "waits"
OVERTAKES = "overtakes"

TABLE: list[tuple[Callable[[], Play], PaymentStatus, object, object, object]] = [
    # stage, its status, then what initiate, capture and cancel lead to
    (never_begun, S.NONE, Initiate, Reason.PAYMENT_NOT_FOUND, Reason.PAYMENT_NOT_FOUND),
    (rejected_before, S.NONE, Initiate, Reason.PAYMENT_NOT_FOUND, Reason.PAYMENT_NOT_FOUND),
    (starting, S.REQUESTED, WAITS, WAITS, OVERTAKES),
    (unknown_start, S.REQUESTED, WAITS, WAITS, OVERTAKES),
    (kept_waiting, S.REQUESTED, WAITS, WAITS, CancelReason.CANCELLED_BEFORE_START),
    (standing(P.PREPARED), S.PREPARED, Reason.PAYMENT_EXISTS, Reason.WRONG_STATUS, Cancel),
    (standing(P.PAIRED), S.PAIRED, Reason.PAYMENT_EXISTS, Reason.WRONG_STATUS, Cancel),
    (standing(P.INITIATED), S.INITIATED, Reason.PAYMENT_EXISTS, Reason.WRONG_STATUS, Cancel),
    (standing(P.ISSUED), S.ISSUED, Reason.PAYMENT_EXISTS, Reason.WRONG_STATUS, Cancel),
    (reserved, S.RESERVED, Reason.PAYMENT_EXISTS, Capture, Cancel),
    (capture_pending, S.RESERVED, WAITS, WAITS, WAITS),
    (cancel_pending, S.RESERVED, WAITS, WAITS, WAITS),
    (captured, S.CAPTURED, Reason.PAYMENT_EXISTS, Reason.WRONG_STATUS, Reason.WRONG_STATUS),
    (cancelled, S.CANCELLED, Reason.PAYMENT_EXISTS, Reason.WRONG_STATUS, Reason.WRONG_STATUS),
    (expired, S.EXPIRED, Reason.PAYMENT_EXISTS, Reason.WRONG_STATUS, Reason.WRONG_STATUS),
]
CELLS = [
    (stage, status, command, expected)
    for stage, status, *cells in TABLE
    for command, expected in zip((initiate(), CAPTURE, CANCEL), cells, strict=True)
]


@pytest.mark.parametrize(("stage", "status", "command", "expected"), CELLS)
def test_a_command_meets_a_status(
    stage: Callable[[], Play], status: PaymentStatus, command: Data, expected: object
) -> None:
    play = stage()
    assert play.status is status
    seen, under_way = len(play.events), play.running
    play.command(command, "asked")
    answered = [e for e in play.events if e.answers is not None and e.answers.id.id == "asked"]
    match expected:
        case Reason():
            assert isinstance(answered[0].fact, CommandRejected)
            assert answered[0].fact.reason is expected
            assert answered[0].status is status
            assert play.running is under_way
        case CancelReason():
            assert isinstance(answered[0].fact, PaymentCancelled)
            assert answered[0].fact.reason is expected
            assert play.status is S.NONE
        case "waits":
            assert len(play.events) == seen
            assert play.running is under_way
            assert play.state is not None
            assert [m.id.id for m in play.state.inbox] == ["asked"]
        case "overtakes":
            assert len(play.events) == seen
            assert play.state is not None
            assert play.state.start is not None
            assert play.state.start.overtaken_by is not None
            assert play.withdrawn == isinstance(under_way, Initiate)
        case type() as operation:
            assert isinstance(play.running, operation)
            assert play.state is not None
            assert play.state.pending is not None
        case _:
            raise AssertionError(expected)


@pytest.mark.parametrize(
    ("ended", "answer"),
    [(captured, PaymentCaptured), (cancelled, PaymentCancelled)],
    ids=["capture", "cancel"],
)
def test_what_waited_is_judged_by_the_status_it_then_meets(ended: Callable[[], Play], answer: type) -> None:
    play = capture_pending() if answer is PaymentCaptured else cancel_pending()
    play.command(CapturePayment("pay-1"), "later")
    play.command(CancelPayment("pay-1"), "latest")
    play.outcome(Accepted())
    assert isinstance(play.answer("earlier").fact, answer)
    assert play.reason("later") is Reason.WRONG_STATUS
    assert play.reason("latest") is Reason.WRONG_STATUS


PENDING = {
    "initiate": (starting, Initiate),
    "capture": (capture_pending, Capture),
    "cancel": (cancel_pending, Cancel),
}


@pytest.mark.parametrize("kind", PENDING)
@pytest.mark.parametrize(
    "outcome",
    [
        Unknown(3),
        Deferred(DeferralCause.THROTTLED, 1000, 0, 1),
        Deferred(DeferralCause.UNAUTHORISED, 10_000, 0, 1),
        Deferred(DeferralCause.PROVIDER_AWAY, 1000),
        Deferred(DeferralCause.PERMIT_ENDED, 1000, 1, 1),
    ],
)
def test_no_outcome_short_of_an_answer_ends_an_operation(kind: str, outcome: Unknown | Deferred) -> None:
    stage, operation = PENDING[kind]
    play = stage()
    first: Operation | None = play.running
    for _ in range(5):
        assert isinstance(play.running, operation)
        play.outcome(outcome)
        for _ in range(3):
            if isinstance(play.running, operation):
                break
            if play.running is None:
                play.due()
            elif isinstance(play.running, operation):
                break
            else:
                play.outcome(EMPTY if kind == "initiate" else observed(P.RESERVED))
        assert not [e for e in play.events if isinstance(e.fact, CommandRejected)]
    if isinstance(first, Initiate):
        assert {o.key for o in play.sent if isinstance(o, Initiate)} == {first.key}
    assert sum(1 for t in play.types() if t == "payment.unknown") <= 1
    play.outcome(Accepted(PROVIDER_ID))
