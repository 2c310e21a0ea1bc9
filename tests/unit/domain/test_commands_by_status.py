"""Command by status: what happens, for every pair, as one table."""

from collections.abc import Callable

import pytest

from gateway.domain.commands import (
    CancelPayment,
    CancelRefund,
    CapturePayment,
    CaptureRefund,
    CreateRefund,
    Data,
    PreparePayment,
    ReadyPayment,
    command_type,
)
from gateway.domain.events import CommandRejected, PaymentCancelled, PaymentCaptured
from gateway.domain.meetings import MEETINGS, Meeting
from gateway.domain.operations import (
    Accepted,
    Cancel,
    Capture,
    DeferralCause,
    Deferred,
    FindPayments,
    Initiate,
    Operation,
    Prepare,
    ProviderRefundStatus,
    ProviderStatus,
    Ready,
    Refund,
    RefundCancel,
    RefundCapture,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.vocabulary import CancelReason, CaptureMode, PaymentStatus, Reason, WhenBusy
from tests.unit.domain.play import (
    AMOUNT,
    CANCEL,
    CAPTURE,
    EMPTY,
    PAYMENT_ID,
    POS_ID,
    PROVIDER_ID,
    REFUND_PROVIDER_ID,
    Play,
    initiate,
    observed,
    refund_read,
)

P, R = ProviderStatus, ProviderRefundStatus
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


def prepared() -> Play:
    play = Play()
    play.command(PreparePayment(PAYMENT_ID, POS_ID), "first")
    play.outcome(Accepted(PROVIDER_ID))
    play.outcome(observed(P.PREPARED, amount=None))
    return play


def paired() -> Play:
    play = prepared()
    play.due()
    play.outcome(observed(P.PAIRED, amount=None))
    return play


def readying() -> Play:
    play = prepared()
    play.command(ReadyPayment(PAYMENT_ID, AMOUNT), "earlier")
    return play


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


def refunding() -> Play:
    play = captured()
    play.command(CreateRefund(PAYMENT_ID, "r-1", AMOUNT, CaptureMode.MANUAL), "refund")
    return play


def refund_at(status: ProviderRefundStatus) -> Callable[[], Play]:
    def stage() -> Play:
        play = refunding()
        play.outcome(Accepted(REFUND_PROVIDER_ID))
        play.outcome(refund_read(status))
        return play

    return stage


def refund_refused() -> Play:
    play = refunding()
    play.outcome(Rejected(Refusal(Reason.REFUND_ABOVE_BALANCE, 409, "1368")))
    return play


def expired() -> Play:
    play = reserved()
    play.due()
    play.outcome(observed(P.EXPIRED))
    return play


WAITS, OVERTAKES, ADOPTS = "waits", "overtakes", "adopts"
EXISTS, ABSENT, WRONG = Reason.PAYMENT_EXISTS, Reason.PAYMENT_NOT_FOUND, Reason.WRONG_STATUS
NO_REFUND = Reason.REFUND_NOT_FOUND
TAKEN = Reason.REFUND_EXISTS
BEFORE = CancelReason.CANCELLED_BEFORE_START

COMMANDS: tuple[Data, ...] = (
    initiate(),
    PreparePayment(PAYMENT_ID, POS_ID),
    ReadyPayment(PAYMENT_ID, AMOUNT),
    CAPTURE,
    CANCEL,
    CreateRefund(PAYMENT_ID, "r-1", AMOUNT, pos_id=POS_ID),
    CaptureRefund(PAYMENT_ID, "r-1"),
    CancelRefund(PAYMENT_ID, "r-1"),
)

# A stage, its status, then what initiate, prepare, ready, capture, cancel and the three refund commands lead to.
TABLE: list[tuple[Callable[[], Play], PaymentStatus, tuple[object, ...]]] = [
    (never_begun, S.NONE, (Initiate, Prepare, ABSENT, ABSENT, ABSENT, ADOPTS, ABSENT, ABSENT)),
    (rejected_before, S.NONE, (Initiate, Prepare, ABSENT, ABSENT, ABSENT, ADOPTS, ABSENT, ABSENT)),
    (starting, S.REQUESTED, (WAITS, WAITS, WAITS, WAITS, OVERTAKES, WAITS, WAITS, WAITS)),
    (unknown_start, S.REQUESTED, (WAITS, WAITS, WAITS, WAITS, OVERTAKES, WAITS, WAITS, WAITS)),
    (kept_waiting, S.REQUESTED, (WAITS, WAITS, WAITS, WAITS, BEFORE, WAITS, WAITS, WAITS)),
    (prepared, S.PREPARED, (EXISTS, EXISTS, Ready, WRONG, Cancel, WRONG, NO_REFUND, NO_REFUND)),
    (paired, S.PAIRED, (EXISTS, EXISTS, Ready, WRONG, Cancel, WRONG, NO_REFUND, NO_REFUND)),
    (readying, S.PREPARED, (WAITS,) * 8),
    (standing(P.INITIATED), S.INITIATED, (EXISTS, EXISTS, WRONG, WRONG, Cancel, WRONG, NO_REFUND, NO_REFUND)),
    (standing(P.ISSUED), S.ISSUED, (EXISTS, EXISTS, WRONG, WRONG, Cancel, WRONG, NO_REFUND, NO_REFUND)),
    (reserved, S.RESERVED, (EXISTS, EXISTS, WRONG, Capture, Cancel, WRONG, NO_REFUND, NO_REFUND)),
    (capture_pending, S.RESERVED, (WAITS,) * 8),
    (cancel_pending, S.RESERVED, (WAITS,) * 8),
    (captured, S.CAPTURED, (EXISTS, EXISTS, WRONG, WRONG, WRONG, Refund, NO_REFUND, NO_REFUND)),
    (cancelled, S.CANCELLED, (EXISTS, EXISTS, WRONG, WRONG, WRONG, WRONG, NO_REFUND, NO_REFUND)),
    (expired, S.EXPIRED, (EXISTS, EXISTS, WRONG, WRONG, WRONG, WRONG, NO_REFUND, NO_REFUND)),
    (refunding, S.CAPTURED, (WAITS,) * 8),
    (refund_at(R.INITIATED), S.CAPTURED, (EXISTS, EXISTS, WRONG, WRONG, WRONG, TAKEN, WRONG, RefundCancel)),
    (
        refund_at(R.RESERVED),
        S.CAPTURED,
        (EXISTS, EXISTS, WRONG, WRONG, WRONG, TAKEN, RefundCapture, RefundCancel),
    ),
    (refund_at(R.CAPTURED), S.CAPTURED, (EXISTS, EXISTS, WRONG, WRONG, WRONG, TAKEN, WRONG, WRONG)),
    (
        refund_at(R.CANCELLED_BY_PROVIDER),
        S.CAPTURED,
        (EXISTS, EXISTS, WRONG, WRONG, WRONG, TAKEN, WRONG, WRONG),
    ),
    (refund_refused, S.CAPTURED, (EXISTS, EXISTS, WRONG, WRONG, WRONG, Refund, NO_REFUND, NO_REFUND)),
]
CELLS = [
    (stage, status, command, expected)
    for stage, status, cells in TABLE
    for command, expected in zip(COMMANDS, cells, strict=True)
]


def test_the_table_that_judges_says_the_same() -> None:
    """What is documented is what is done: the generated table comes from the one that the judge reads."""
    plain = {S.NONE: never_begun, S.REQUESTED: starting, S.PREPARED: prepared, S.PAIRED: paired}
    plain |= {S.RESERVED: reserved, S.CAPTURED: captured, S.CANCELLED: cancelled, S.EXPIRED: expired}
    rows = {stage: (status, cells) for stage, status, cells in TABLE}
    for status, stage in plain.items():
        assert rows[stage][0] is status
        for command, expected in zip(COMMANDS, rows[stage][1], strict=True):
            met = MEETINGS[command_type(command)][status]
            if isinstance(expected, Reason):
                of_refund = met is Meeting.CHANGES and expected is NO_REFUND
                assert met is expected or of_refund, (command, status)
            else:
                assert not isinstance(met, Reason), (command, status)


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
        case "adopts":
            assert isinstance(play.running, FindPayments)
            assert play.running.captured
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
            pending = play.state.pending or play.state.refunds[-1].pending
            assert pending is not None
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
