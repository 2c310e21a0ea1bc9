"""Every state a payment may rest in or work in x every prompt x every outcome: no turn breaks a rule.

Where the machine beside this file draws long histories, this is the product in full, two turns deep, so that
what follows from a turn is sound too.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from gateway.domain.commands import (
    CancelRefund,
    CapturePayment,
    CaptureRefund,
    CreateRefund,
    Data,
    PreparePayment,
    ReadyPayment,
)
from gateway.domain.events import CommandRejected
from gateway.domain.lifecycle import may_follow
from gateway.domain.money import Currency, Money
from gateway.domain.operations import (
    Accepted,
    DeferralCause,
    Deferred,
    FindPayments,
    FindRefunds,
    Found,
    Initiate,
    Operation,
    Outcome,
    Prepare,
    ProviderRefundStatus,
    ProviderStatus,
    ReadPayment,
    ReadRefund,
    Refund,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.refund_lifecycle import refund_may_follow
from gateway.domain.vocabulary import CaptureMode, PaymentStatus, Reason, RefundStatus, WhenBusy
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
    captured,
    initiate,
    observed,
    refund_read,
)

P, R = ProviderStatus, ProviderRefundStatus
SOME = Money(1000, Currency.DKK)
PREPARE = PreparePayment(PAYMENT_ID, POS_ID)
READY = ReadyPayment(PAYMENT_ID, AMOUNT)
REFUND = CreateRefund(PAYMENT_ID, "r-1", SOME)
MANUAL = replace(REFUND, capture=CaptureMode.MANUAL)
DAY = 24 * 3600.0
BUSY = Rejected(Refusal(Reason.POINT_OF_SALE_BUSY, 409, "1301"))


def after(*steps: Data | Outcome | float | str, play: Play | None = None) -> Play:
    """A payment that has lived through `steps`: commands, outcomes, seconds that pass, "due", "restore"."""
    play = play or Play()
    for step in steps:
        match step:
            case float():
                play.pass_time(step)
            case "due":
                play.due()
            case "restore":
                play.restore()
            case Accepted() | Unknown() | Rejected() | Deferred() | Found():
                play.outcome(step)
            case _ if hasattr(step, "kind"):
                play.command(step)  # type: ignore[arg-type]
            case _:
                play.outcome(step)  # type: ignore[arg-type]
    return play


MADE = Accepted(PROVIDER_ID)
REFUND_MADE = Accepted(REFUND_PROVIDER_ID)
RESERVED_REFUND = refund_read(R.RESERVED, amount=SOME)
PREPARED = observed(P.PREPARED, amount=None)

STAGES: dict[str, Callable[[], Play]] = {
    "nothing": Play,
    "held": lambda: after(initiate(), play=Play(holding=True)),
    "initiating": lambda: after(initiate()),
    "initiating elsewhere": lambda: after(initiate(order_id="till-7")),
    "initiating, overtaken": lambda: after(initiate(), CANCEL),
    "initiating, unheard": lambda: after(initiate(), Unknown(3)),
    "initiating, looking": lambda: after(initiate(), Unknown(3), "due"),
    "initiating, overtaken and looking": lambda: after(initiate(), Unknown(3), CANCEL, "due"),
    "initiating, expired and looking": lambda: after(initiate(), Unknown(3), DAY, "due"),
    "initiating, expired and reading": lambda: after(
        initiate(), Unknown(3), DAY, "due", Found((PROVIDER_ID,))
    ),
    "initiating, refused after a silence": lambda: after(
        initiate(), Rejected(Refusal(Reason.POINT_OF_SALE_BUSY, 409, "1301"), 1)
    ),
    "initiating, restored": lambda: after(initiate(), "restore"),
    "initiated, reading back": lambda: after(initiate(), MADE),
    "waiting for the till": lambda: after(initiate(when_busy=WhenBusy.WAIT), BUSY),
    "asking who is at the till": lambda: after(initiate(), BUSY),
    "preparing": lambda: after(PREPARE),
    "preparing, looking": lambda: after(PREPARE, Unknown(3), "due"),
    "prepared": lambda: after(PREPARE, MADE, PREPARED),
    "prepared, its time over": lambda: after(PREPARE, MADE, PREPARED, 3600.0, "due"),
    "readying": lambda: after(PREPARE, MADE, PREPARED, READY),
    "readying, looking": lambda: after(PREPARE, MADE, PREPARED, READY, Unknown(3), "due"),
    "readying, refused": lambda: after(
        PREPARE, MADE, PREPARED, READY, Rejected(Refusal(Reason.WRONG_STATUS, 409, "1303"))
    ),
    "readied, reading back": lambda: after(PREPARE, MADE, PREPARED, READY, Accepted()),
    "initiated": lambda: after(initiate(), MADE, observed(P.INITIATED)),
    "initiated, polling": lambda: after(initiate(), MADE, observed(P.INITIATED), "due"),
    "initiated, its time over": lambda: after(initiate(), MADE, observed(P.INITIATED), 700.0, "due"),
    "issued": lambda: after(initiate(), MADE, observed(P.ISSUED)),
    "reserved": lambda: Play().reserved(),
    "reserved, its end passed": lambda: after("due", play=Play().reserved()),
    "capturing itself": lambda: Play().reserved(capture=CaptureMode.AUTOMATIC),
    "capturing": lambda: after(CAPTURE, play=Play().reserved()),
    "capturing, looking": lambda: after(CAPTURE, Unknown(3), "due", play=Play().reserved()),
    "capturing, refused": lambda: after(
        CAPTURE, Rejected(Refusal(Reason.WRONG_STATUS, 409, "1307")), play=Play().reserved()
    ),
    "cancelling": lambda: after(CANCEL, play=Play().reserved()),
    "cancelling, looking": lambda: after(CANCEL, Unknown(3), "due", play=Play().reserved()),
    "cancelling, refused": lambda: after(
        CANCEL, Rejected(Refusal(Reason.WRONG_STATUS, 409, "1300")), play=Play().reserved()
    ),
    "cancelled": lambda: after(CANCEL, Accepted(), play=Play().reserved()),
    "expired": lambda: after("due", observed(P.EXPIRED), play=Play().reserved()),
    "abandoned": lambda: after(initiate(), Unknown(3), DAY, "due", EMPTY, EMPTY),
    "abandoned, looking late": lambda: after(initiate(), Unknown(3), DAY, "due", EMPTY, EMPTY, "due"),
    "captured": captured,
    "refunding": lambda: after(REFUND, play=captured()),
    "refunding, looking": lambda: after(REFUND, Unknown(3), "due", play=captured()),
    "refunding, expired and looking": lambda: after(REFUND, Unknown(3), DAY, "due", play=captured()),
    "refunding, expired and reading": lambda: after(
        REFUND, Unknown(3), DAY, "due", Found((REFUND_PROVIDER_ID,)), play=captured()
    ),
    "refunding, refused after a silence": lambda: after(
        REFUND, Rejected(Refusal(Reason.REFUND_ABOVE_BALANCE, 409, "1368"), 1), play=captured()
    ),
    "refunded, reading back": lambda: after(REFUND, REFUND_MADE, play=captured()),
    "refund initiated": lambda: after(
        REFUND, REFUND_MADE, refund_read(R.INITIATED, amount=SOME), play=captured()
    ),
    "refund initiated, polling": lambda: after(
        REFUND, REFUND_MADE, refund_read(R.INITIATED, amount=SOME), "due", play=captured()
    ),
    "refund capturing itself": lambda: after(REFUND, REFUND_MADE, RESERVED_REFUND, play=captured()),
    "refund reserved": lambda: after(MANUAL, REFUND_MADE, RESERVED_REFUND, play=captured()),
    "refund capturing": lambda: after(
        MANUAL, REFUND_MADE, RESERVED_REFUND, CaptureRefund(PAYMENT_ID, "r-1"), play=captured()
    ),
    "refund cancelling": lambda: after(
        MANUAL, REFUND_MADE, RESERVED_REFUND, CancelRefund(PAYMENT_ID, "r-1"), play=captured()
    ),
    "refund cancelling, looking": lambda: after(
        MANUAL,
        REFUND_MADE,
        RESERVED_REFUND,
        CancelRefund(PAYMENT_ID, "r-1"),
        Unknown(3),
        "due",
        play=captured(),
    ),
    "refund abandoned, looking late": lambda: after(
        REFUND, Unknown(3), DAY, "due", EMPTY, "due", play=captured()
    ),
    "adopting": lambda: after(replace(REFUND, pos_id=POS_ID)),
    "adopting, reading": lambda: after(replace(REFUND, pos_id=POS_ID), Found((PROVIDER_ID,))),
    "adopting, reading refunds": lambda: after(
        replace(REFUND, pos_id=POS_ID),
        Found((PROVIDER_ID,)),
        observed(P.CAPTURED),
        Found((REFUND_PROVIDER_ID,)),
    ),
}

COMMANDS: tuple[Data, ...] = (
    initiate(),
    initiate(capture=CaptureMode.AUTOMATIC, when_busy=WhenBusy.WAIT, order_id="till-7"),
    PREPARE,
    READY,
    replace(READY, capture=CaptureMode.AUTOMATIC),
    CAPTURE,
    CapturePayment(PAYMENT_ID, SOME),
    CapturePayment(PAYMENT_ID, Money(1, Currency.EUR)),
    CANCEL,
    REFUND,
    replace(MANUAL, refund_id="r-2", amount=Money(250, Currency.DKK)),
    replace(REFUND, pos_id=POS_ID),
    replace(REFUND, amount=Money(10**9, Currency.DKK)),
    CaptureRefund(PAYMENT_ID, "r-1"),
    CancelRefund(PAYMENT_ID, "r-1"),
    CancelRefund(PAYMENT_ID, "r-9"),
)

REFUSALS = tuple(
    Rejected(Refusal(reason, status, code), unheard)
    for reason, status, code in (
        (Reason.INVALID_AT_PROVIDER, 400, "1102"),
        (Reason.NOT_PERMITTED, 403, "1401"),
        (Reason.PAYMENT_NOT_FOUND, 404, None),
        (Reason.REFUND_NOT_FOUND, 404, "1004"),
        (Reason.POINT_OF_SALE_BUSY, 409, "1301"),
        (Reason.WRONG_STATUS, 409, "1300"),
        (Reason.WRONG_STATUS, 409, "1307"),
        (Reason.AMOUNT_ABOVE_RESERVED, 409, "1305"),
        (Reason.PARTIAL_CAPTURE_NOT_POSSIBLE, 409, "1308"),
        (Reason.REFUND_ABOVE_CAPTURED, 409, "1367"),
        (Reason.REJECTED_BY_PROVIDER, 409, "1306"),
        (Reason.REJECTED_BY_PROVIDER, 409, "9999"),
    )
    for unheard in (0, 2)
)
SILENCES = (
    Unknown(1),
    Unknown(3),
    *(Deferred(cause, 1000, unheard, unheard) for cause in DeferralCause for unheard in (0, 1)),
)


def outcomes(operation: Operation) -> Iterator[Outcome]:
    """All that may become of one operation."""
    yield from SILENCES
    yield from REFUSALS
    match operation:
        case Initiate() | Prepare():
            yield MADE
        case Refund():
            yield REFUND_MADE
        case ReadPayment():
            for status in P:
                amount = None if status in (P.PREPARED, P.PAIRED) else AMOUNT
                yield observed(status, amount=amount)
                yield observed(status, provider_payment_id="other", order_id="other", amount=SOME)
        case ReadRefund():
            for refund_status in R:
                yield refund_read(refund_status, amount=SOME)
                yield refund_read(refund_status, provider_refund_id="other", refund_id="r-9", amount=AMOUNT)
        case FindPayments():
            yield from (EMPTY, Found((PROVIDER_ID,)), Found(("other", PROVIDER_ID)))
        case FindRefunds():
            yield from (EMPTY, Found((REFUND_PROVIDER_ID,)), Found(("other", REFUND_PROVIDER_ID)))
        case _:
            yield Accepted()


def prompts(play: Play) -> Iterator[tuple[str, Callable[[Play], object]]]:
    """Everything that may happen to the payment as it is now."""
    for index, command in enumerate(COMMANDS):
        yield f"command {index}", lambda p, c=command: p.command(c, "asked")  # type: ignore[misc]
        yield (
            f"expired command {index}",
            lambda p, c=command: p.command(c, "asked", expires_at_ms=p.clock.wall_ms - 1),  # type: ignore[misc]
        )
    forgotten = play.state is None
    for message_id, data in () if forgotten else play.commands.items():
        yield f"{message_id} again", lambda p, m=message_id, c=data: p.command(c, m)  # type: ignore[misc]
        yield (
            f"{message_id} with other data",
            lambda p, m=message_id: p.command(replace(MANUAL, refund_id="r-7"), m),  # type: ignore[misc]
        )
    yield "restore", lambda p: p.restore() if p.state is not None else None
    if play.wake_at is not None and play.running is None:
        yield "due", lambda p: p.due()
        yield "due, away", lambda p: p.due_while_away()
        yield "late", lambda p: (p.pass_time(30 * DAY), p.due())
    if play.running is not None:
        yield "re-open", lambda p: p.reopen()
        for outcome in outcomes(play.running):
            yield repr(outcome), lambda p, o=outcome: p.outcome(o)  # type: ignore[misc]


def fork(play: Play) -> Play:
    """The same payment, to be led another way; all that it holds is immutable but its lists."""
    return replace(
        play,
        events=list(play.events),
        dead_letters=list(play.dead_letters),
        sent=list(play.sent),
        commands=dict(play.commands),
    )


def lawful(play: Play) -> None:
    """What must hold of any history, beyond what `Play` checks at each turn."""
    status, refunds = PaymentStatus.NONE, dict[str, RefundStatus]()
    for event in play.events:
        if event.sequence == 1:
            # Forgotten after the retention, the payment begins anew.
            status = PaymentStatus.NONE
        begins = status is PaymentStatus.NONE and may_follow(PaymentStatus.REQUESTED, event.status)
        assert event.status is status or may_follow(status, event.status) or begins, (status, event)
        status = event.status
        if event.answers is not None and isinstance(event.fact, CommandRejected):
            assert event.fact.reason in Reason
        news = getattr(event.fact, "refund", None)
        if news is not None:
            before = refunds.get(event.provider.refund_id, RefundStatus.REQUESTED)  # type: ignore[union-attr,arg-type]
            assert refund_may_follow(before, news.status), (before, event)
            refunds[event.provider.refund_id] = news.status  # type: ignore[union-attr,index]
    state = play.state
    if state is not None and state.amounts is not None and state.amounts.captured is not None:
        held = [r for r in state.refunds if r.status is not RefundStatus.CANCELLED and not r.late]
        assert sum(r.amount.value for r in held) <= state.amounts.captured


@pytest.mark.parametrize("stage", STAGES)
def test_a_turn_keeps_the_rules(stage: str) -> None:
    origin = STAGES[stage]()
    lawful(origin)
    turns = 0
    for _, prompt in prompts(origin):
        play = fork(origin)
        prompt(play)
        lawful(play)
        turns += 1
        for _, following in prompts(play):
            then = fork(play)
            following(then)
            lawful(then)
            turns += 1
    assert turns > 0


def test_the_product_is_as_large_as_it_claims() -> None:
    assert len(STAGES) >= 55
    assert sum(sum(1 for _ in prompts(make())) for make in STAGES.values()) > 4_000
