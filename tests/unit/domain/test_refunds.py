"""The way of a refund, told turn by turn: made, reserved, captured or cancelled, several side by side."""

from dataclasses import replace

import pytest

from gateway.domain.commands import CancelRefund, CapturePayment, CaptureRefund, CreateRefund
from gateway.domain.draft import Rules
from gateway.domain.events import (
    CommandRejected,
    PaymentUnknown,
    RefundCancelled,
    RefundCaptured,
    RefundInitiated,
    RefundNews,
    RefundReserved,
)
from gateway.domain.identity import MessageId, idempotency_key
from gateway.domain.money import Currency, Money
from gateway.domain.operations import (
    Accepted,
    DeferralCause,
    Deferred,
    FindRefunds,
    Found,
    ProviderRefundStatus,
    ReadRefund,
    Refund,
    RefundCancel,
    RefundCapture,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.vocabulary import By, CapturedBy, CaptureMode, PaymentStatus, Reason, RefundStatus
from tests.unit.domain.play import (
    AMOUNT,
    EMPTY,
    HOUR_MS,
    PAYMENT_ID,
    PROVIDER_ID,
    REFUND_PROVIDER_ID,
    Play,
    captured,
    refund_read,
)

P = ProviderRefundStatus
SOME = Money(1000, Currency.DKK)
AUTOMATIC = CreateRefund(PAYMENT_ID, "r-1", SOME)
MANUAL = replace(AUTOMATIC, capture=CaptureMode.MANUAL)
CAPTURE_IT = CaptureRefund(PAYMENT_ID, "r-1")
CANCEL_IT = CancelRefund(PAYMENT_ID, "r-1")


def refused(reason: Reason, code: str, status: int = 409) -> Rejected:
    return Rejected(Refusal(reason, status, code, "corr-1"))


def news(status: RefundStatus) -> RefundNews:
    return RefundNews("r-1", status, SOME)


def asked(data: CreateRefund = AUTOMATIC) -> Play:
    play = captured()
    play.command(data, "refund")
    return play


def made(data: CreateRefund = MANUAL, status: ProviderRefundStatus = P.RESERVED) -> Play:
    play = asked(data)
    play.outcome(Accepted(REFUND_PROVIDER_ID))
    play.outcome(refund_read(status, amount=SOME))
    return play


def refund_of(play: Play, refund_id: str = "r-1") -> RefundStatus:
    assert play.state is not None
    return next((r.status for r in play.state.refunds if r.refund_id == refund_id), RefundStatus.NONE)


def test_an_automatic_refund_is_made_read_reserved_and_captured() -> None:
    play = captured()
    assert play.command(AUTOMATIC, "refund") == []
    key = idempotency_key(MessageId("/orders", "refund"), PAYMENT_ID, "refund", 1)
    assert isinstance(play.running, Refund)
    assert play.running.key == key and play.running.first and play.running.provider_payment_id == PROVIDER_ID
    assert play.outcome(Accepted(REFUND_PROVIDER_ID)) == []
    assert isinstance(play.running, ReadRefund)
    [event] = play.outcome(refund_read(P.INITIATED, amount=SOME))
    assert event.fact == RefundInitiated(news(RefundStatus.INITIATED))
    assert event.answers is not None and event.answers.type == "refund.create"
    assert event.provider is not None and event.provider.refund_id == REFUND_PROVIDER_ID
    assert event.status is PaymentStatus.CAPTURED
    play.due()
    [event] = play.outcome(refund_read(P.RESERVED, amount=SOME))
    assert event.fact == RefundReserved(news(RefundStatus.RESERVED)) and event.answers is None
    assert event.cause.id.id == "refund"
    assert isinstance(play.running, RefundCapture)
    assert event.amounts is not None and event.amounts.refunded == 0
    [event] = play.outcome(Accepted())
    assert event.fact == RefundCaptured(news(RefundStatus.CAPTURED), CapturedBy.COMMAND)
    assert event.answers is None and event.cause.id.id == "refund"
    assert event.amounts is not None and event.amounts.refunded == SOME.value
    assert play.running is None


def test_a_manual_refund_waits_for_its_command() -> None:
    play = made()
    assert play.running is None
    play.command(CAPTURE_IT, "capture-it")
    assert isinstance(play.running, RefundCapture)
    [event] = play.outcome(Accepted())
    assert event.fact == RefundCaptured(news(RefundStatus.CAPTURED), CapturedBy.COMMAND)
    assert event.answers is not None and event.answers.id.id == "capture-it"


@pytest.mark.parametrize("status", [P.INITIATED, P.RESERVED])
def test_a_refund_that_is_not_captured_can_be_cancelled(status: ProviderRefundStatus) -> None:
    play = made(MANUAL, status)
    play.command(CANCEL_IT, "cancel-it")
    assert isinstance(play.running, RefundCancel)
    [event] = play.outcome(Accepted())
    assert event.fact == RefundCancelled(news(RefundStatus.CANCELLED), By.MERCHANT)
    assert event.answers is not None and event.answers.id.id == "cancel-it"
    play.command(replace(MANUAL, refund_id="r-2", amount=AMOUNT), "all of it")
    assert isinstance(play.running, Refund), "what a cancelled refund held is free again"


def test_a_cancel_that_waits_keeps_an_automatic_refund_from_its_capture() -> None:
    play = made(AUTOMATIC, P.INITIATED)
    play.due()
    play.command(CANCEL_IT, "cancel-it")
    play.outcome(refund_read(P.RESERVED, amount=SOME))
    assert isinstance(play.running, RefundCancel)
    play.outcome(Accepted())
    assert play.answer("cancel-it").fact == RefundCancelled(news(RefundStatus.CANCELLED), By.MERCHANT)


def test_a_cancel_after_the_automatic_captures_intent_comes_too_late() -> None:
    play = made(AUTOMATIC)
    assert isinstance(play.running, RefundCapture)
    assert play.command(CANCEL_IT, "cancel-it") == []
    told, rejected = play.outcome(Accepted())
    assert told.fact == RefundCaptured(news(RefundStatus.CAPTURED), CapturedBy.COMMAND)
    assert isinstance(rejected.fact, CommandRejected)
    assert rejected.fact.reason is Reason.WRONG_STATUS
    assert (rejected.fact.refund_id, rejected.fact.refund_status) == ("r-1", RefundStatus.CAPTURED)


def test_a_capture_command_of_an_automatic_refund_that_is_being_captured_is_refused() -> None:
    play = made(AUTOMATIC)
    play.command(CAPTURE_IT, "capture-it")
    play.outcome(Unknown(3))
    assert play.reason("capture-it") is Reason.WRONG_STATUS
    assert refund_of(play) is RefundStatus.RESERVED


def test_the_balance_is_reserved_before_the_call() -> None:
    play = captured()
    play.command(replace(MANUAL, amount=Money(800, Currency.DKK)), "first")
    play.command(replace(MANUAL, refund_id="r-2", amount=Money(451, Currency.DKK)), "second")
    play.command(replace(MANUAL, refund_id="r-3", amount=Money(450, Currency.DKK)), "third")
    play.outcome(Accepted(REFUND_PROVIDER_ID))
    play.outcome(refund_read(P.INITIATED, amount=Money(800, Currency.DKK)))
    assert play.reason("second") is Reason.REFUND_ABOVE_CAPTURED
    assert isinstance(play.running, Refund) and play.running.refund_id == "r-3"


def test_a_refund_is_bounded_by_what_was_captured_not_by_what_was_reserved() -> None:
    play = Play().reserved()
    play.command(CapturePayment(PAYMENT_ID, Money(500, Currency.DKK)), "part")
    play.outcome(Accepted())
    play.command(replace(AUTOMATIC, amount=Money(501, Currency.DKK)), "too much")
    assert play.reason("too much") is Reason.REFUND_ABOVE_CAPTURED


def test_a_refused_refund_frees_its_balance_and_its_id() -> None:
    play = asked()
    [event] = play.outcome(refused(Reason.REFUND_ABOVE_BALANCE, "1368"))
    assert isinstance(event.fact, CommandRejected)
    assert event.fact.reason is Reason.REFUND_ABOVE_BALANCE
    assert (event.fact.refund_id, event.fact.refund_status) == ("r-1", RefundStatus.NONE)
    assert event.provider is not None and event.provider.code == "1368"
    play.command(replace(AUTOMATIC, amount=AMOUNT), "again")
    assert isinstance(play.running, Refund) and play.running.amount == AMOUNT


def test_a_refund_id_that_is_taken_is_refused() -> None:
    play = made()
    play.command(replace(AUTOMATIC, amount=Money(1, Currency.DKK)), "again")
    assert play.reason("again") is Reason.REFUND_EXISTS
    fact = play.answer("again").fact
    assert isinstance(fact, CommandRejected) and fact.refund_status is RefundStatus.RESERVED


@pytest.mark.parametrize("data", [CAPTURE_IT, CANCEL_IT])
def test_an_unknown_refund_is_not_found(data: CaptureRefund | CancelRefund) -> None:
    play = captured()
    play.command(data, "asked")
    assert play.reason("asked") is Reason.REFUND_NOT_FOUND


def test_a_refund_in_another_currency_is_refused_before_its_amount() -> None:
    play = captured()
    play.command(replace(AUTOMATIC, amount=Money(10**9, Currency.EUR)), "euro")
    assert play.reason("euro") is Reason.CURRENCY_MISMATCH


def test_a_payment_that_is_not_captured_cannot_be_refunded() -> None:
    play = Play().reserved()
    play.command(AUTOMATIC, "refund")
    assert play.reason("refund") is Reason.WRONG_STATUS


def test_an_unheard_refund_is_named_by_the_same_call() -> None:
    play = asked()
    first = play.running
    [event] = play.outcome(Unknown(3))
    assert event.fact == PaymentUnknown("refund", "r-1") and event.answers is None
    play.due()
    assert isinstance(play.running, FindRefunds)
    play.outcome(Found((REFUND_PROVIDER_ID,)))
    assert isinstance(first, Refund)
    assert play.running == replace(first, first=False)
    play.outcome(Accepted(REFUND_PROVIDER_ID))
    play.outcome(refund_read(P.RESERVED, amount=SOME))
    assert play.answer("refund").fact == RefundReserved(news(RefundStatus.RESERVED))
    assert play.types().count("payment.unknown") == 1


def test_a_refusal_after_an_unheard_refund_is_compared_with_what_the_payment_has() -> None:
    play = asked()
    play.outcome(Rejected(Refusal(Reason.REFUND_ABOVE_CAPTURED, 409, "1367"), unheard=1))
    assert isinstance(play.running, FindRefunds)
    play.outcome(Found(("another", REFUND_PROVIDER_ID)))
    assert isinstance(play.running, ReadRefund)
    play.outcome(refund_read(P.RESERVED, provider_refund_id="another", refund_id="r-9", amount=SOME))
    play.outcome(refund_read(P.RESERVED, amount=SOME))
    assert play.answer("refund").fact == RefundReserved(news(RefundStatus.RESERVED))


def test_a_refusal_after_an_unheard_refund_holds_where_a_settled_search_finds_nothing() -> None:
    play = asked()
    play.outcome(Rejected(Refusal(Reason.REFUND_ABOVE_BALANCE, 409, "1368"), unheard=2))
    begun = play.clock.steady
    while "refund" not in {e.answers.id.id for e in play.events if e.answers}:
        if play.running is None:
            play.due()
        else:
            assert isinstance(play.running, FindRefunds)
            play.outcome(EMPTY)
    assert play.reason("refund") is Reason.REFUND_ABOVE_BALANCE
    assert play.clock.steady - begun >= Rules().settle_seconds


def test_no_refund_leaves_after_its_commands_expiry_however_young_its_key() -> None:
    play = captured()
    play.command(AUTOMATIC, "refund", expires_at_ms=play.clock.wall_ms + 60_000)
    assert isinstance(play.running, Refund)
    assert play.running.not_after_ms == play.clock.wall_ms + 60_000
    play.outcome(Unknown(3))
    play.pass_time(61)
    for _ in range(40):
        play.due()
        assert isinstance(play.running, FindRefunds), "only looks leave"
        play.outcome(EMPTY)
        if play.reason_or_none("refund") is not None:
            break
    assert play.reason("refund") is Reason.EXPIRED


def unheard_past_expiry() -> Play:
    play = asked()
    play.outcome(Unknown(3))
    play.pass_time(24 * 3600)
    play.due()
    assert isinstance(play.running, FindRefunds)
    return play


def test_a_refund_found_past_its_expiry_is_cancelled() -> None:
    play = unheard_past_expiry()
    play.outcome(Found((REFUND_PROVIDER_ID,)))
    play.outcome(refund_read(P.INITIATED, amount=SOME))
    assert isinstance(play.running, RefundCancel)
    [event] = play.outcome(Accepted())
    assert event.fact == RefundCancelled(news(RefundStatus.CANCELLED), By.MERCHANT)
    assert event.answers is not None and event.answers.id.id == "refund"


def test_an_automatic_refund_found_reserved_past_its_expiry_goes_on() -> None:
    play = unheard_past_expiry()
    play.outcome(Found((REFUND_PROVIDER_ID,)))
    [event] = play.outcome(refund_read(P.RESERVED, amount=SOME))
    assert event.fact == RefundReserved(news(RefundStatus.RESERVED)) and event.answers is not None
    assert isinstance(play.running, RefundCapture)


def test_a_refund_of_which_nothing_is_found_expires_and_is_looked_for_once_more() -> None:
    play = unheard_past_expiry()
    play.outcome(EMPTY)
    assert play.reason("refund") is Reason.EXPIRED
    assert refund_of(play) is RefundStatus.NONE
    play.due()
    assert isinstance(play.running, FindRefunds)
    play.outcome(Found((REFUND_PROVIDER_ID,)))
    play.outcome(refund_read(P.RESERVED, amount=SOME))
    assert isinstance(play.running, RefundCancel)
    [event] = play.outcome(Accepted())
    assert event.fact == RefundCancelled(news(RefundStatus.CANCELLED), By.MERCHANT)
    assert event.answers is None and event.cause.id.id == "refund"


def test_a_late_refund_that_was_paid_out_is_told() -> None:
    play = unheard_past_expiry()
    play.outcome(EMPTY)
    play.due()
    play.outcome(Found((REFUND_PROVIDER_ID,)))
    [event] = play.outcome(refund_read(P.CAPTURED_BY_EXPIRY, amount=SOME))
    assert event.fact == RefundCaptured(news(RefundStatus.CAPTURED), CapturedBy.EXPIRY)
    assert event.amounts is not None and event.amounts.refunded == SOME.value


def test_the_late_look_spares_the_refund_of_a_later_command() -> None:
    play = unheard_past_expiry()
    play.outcome(EMPTY)
    play.command(AUTOMATIC, "later")
    later = play.running
    assert isinstance(later, Refund)
    play.outcome(Accepted("later-refund"))
    play.outcome(refund_read(P.INITIATED, provider_refund_id="later-refund", amount=SOME))
    play.pass_time(601)
    play.due()
    play.outcome(refund_read(P.INITIATED, provider_refund_id="later-refund", amount=SOME))
    assert isinstance(play.running, FindRefunds)
    play.outcome(Found(("later-refund",)))
    assert play.running is None, "what the state knows is excepted"
    assert play.state is not None and not play.state.abandoned_refunds


def test_a_manual_refund_is_read_after_its_24_hours_and_told_as_paid_out() -> None:
    play = made()
    reserved_at = play.clock.wall_ms
    play.due()
    assert isinstance(play.running, ReadRefund)
    assert play.clock.wall_ms - reserved_at == 24 * HOUR_MS + 60_000
    [event] = play.outcome(refund_read(P.CAPTURED_BY_EXPIRY, amount=SOME))
    assert event.fact == RefundCaptured(news(RefundStatus.CAPTURED), CapturedBy.EXPIRY)
    assert event.answers is None


def test_a_cancel_that_comes_after_the_payout_is_refused_and_the_payout_told() -> None:
    play = made()
    play.pass_time(24 * 3600 + 1)
    play.command(CANCEL_IT, "cancel-it")
    play.outcome(refused(Reason.WRONG_STATUS, "1352"))
    told, rejected = play.outcome(refund_read(P.CAPTURED_BY_EXPIRY, amount=SOME))
    assert told.fact == RefundCaptured(news(RefundStatus.CAPTURED), CapturedBy.EXPIRY)
    assert play.reason("cancel-it") is Reason.WRONG_STATUS and rejected.provider is not None


def test_a_refund_that_the_provider_cancels_is_told() -> None:
    play = made(MANUAL, P.INITIATED)
    play.due()
    [event] = play.outcome(refund_read(P.CANCELLED_BY_PROVIDER, amount=SOME))
    assert event.fact == RefundCancelled(news(RefundStatus.CANCELLED), By.PROVIDER)


@pytest.mark.parametrize(
    ("command", "operation", "shown"),
    [(CAPTURE_IT, RefundCapture, P.CAPTURED), (CANCEL_IT, RefundCancel, P.CANCELLED_BY_MERCHANT)],
)
def test_an_unheard_change_is_settled_by_the_look_or_repeated(
    command: CaptureRefund | CancelRefund, operation: type, shown: ProviderRefundStatus
) -> None:
    play = made()
    play.command(command, "change")
    first = play.running
    [event] = play.outcome(Unknown(3))
    assert event.fact == PaymentUnknown(
        f"refund-{'capture' if operation is RefundCapture else 'cancel'}", "r-1"
    )
    play.due()
    play.outcome(refund_read(P.RESERVED, amount=SOME))
    assert play.running == first, "a look that does not show the effect repeats the call"
    play.outcome(Unknown(3))
    play.due()
    [event] = play.outcome(refund_read(shown, amount=SOME))
    assert event.answers is not None and event.answers.id.id == "change"
    assert play.types().count("payment.unknown") == 1


def test_an_automatic_capture_that_is_refused_is_tried_again() -> None:
    play = made(AUTOMATIC)
    assert play.outcome(refused(Reason.NOT_PERMITTED, "1402", 403)) == []
    assert play.running is None
    play.due()
    assert isinstance(play.running, RefundCapture)


def test_a_command_about_one_refund_does_not_wait_for_anothers_polls() -> None:
    play = made(AUTOMATIC, P.INITIATED)
    play.command(replace(MANUAL, refund_id="r-2", amount=Money(100, Currency.DKK)), "second")
    assert isinstance(play.running, Refund)
    play.outcome(Accepted("second-refund"))
    play.outcome(
        refund_read(
            P.INITIATED, provider_refund_id="second-refund", refund_id="r-2", amount=Money(100, Currency.DKK)
        )
    )
    reads = set()
    for _ in range(4):
        play.due()
        assert isinstance(play.running, ReadRefund)
        name = play.running.provider_refund_id
        reads.add(name)
        play.outcome(refund_read(P.INITIATED, provider_refund_id=name))
    assert reads == {REFUND_PROVIDER_ID, "second-refund"}


def test_polls_of_a_refund_keep_its_pace() -> None:
    play = made(MANUAL, P.INITIATED)
    read_at = play.clock.steady
    play.due()
    assert play.clock.steady - read_at == pytest.approx(1.0)
    play.outcome(Unknown(1))
    again_at = play.clock.steady
    play.due()
    assert play.clock.steady - again_at == pytest.approx(1.0)


def test_a_restored_refund_is_looked_at_first_and_keeps_its_key() -> None:
    play = asked()
    first = play.running
    play.restore()
    assert isinstance(play.running, FindRefunds)
    play.outcome(EMPTY)
    assert isinstance(first, Refund) and play.running == replace(first, first=False)
    assert "payment.unknown" not in play.types()


def test_a_throttled_refund_is_asked_again_with_the_same_key() -> None:
    play = asked()
    first = play.running
    play.outcome(Deferred(DeferralCause.THROTTLED, 2000, 0, 1))
    play.due()
    assert play.running == first


def test_a_payment_with_a_refund_under_way_is_not_forgotten() -> None:
    play = made()
    play.pass_time(8 * 24 * 3600)
    play.due()
    play.outcome(refund_read(P.RESERVED, amount=SOME))
    assert play.state is not None
    play.due()
    play.outcome(refund_read(P.CAPTURED_BY_EXPIRY, amount=SOME))
    play.pass_time(8 * 24 * 3600)
    play.due()
    assert play.state is None


def test_an_expired_refund_command_is_refused_without_a_call() -> None:
    play = captured()
    play.command(AUTOMATIC, "refund", expires_at_ms=play.clock.wall_ms - 1)
    assert play.reason("refund") is Reason.EXPIRED and play.running is None
