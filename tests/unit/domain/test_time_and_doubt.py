"""What time does to what is not known: settling, expiry, time-outs, late effects, told turn by turn."""

import pytest

from gateway.domain.draft import Rules
from gateway.domain.events import PaymentCancelled, PaymentCaptured
from gateway.domain.operations import (
    Accepted,
    Cancel,
    Capture,
    DeferralCause,
    Deferred,
    FindPayments,
    Found,
    Initiate,
    Outcome,
    ProviderStatus,
    ReadPayment,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.payment import Restored
from gateway.domain.vocabulary import By, CancelReason, CaptureMode, PaymentStatus, Reason, WhenBusy
from tests.unit.domain.play import CANCEL, CAPTURE, EMPTY, PROVIDER_ID, Play, initiate, observed

P = ProviderStatus
DAY_SECONDS = 24 * 3600.0
BUSY = Rejected(Refusal(Reason.POINT_OF_SALE_BUSY, 409, "1301"))


def answered(play: Play, message_id: str) -> bool:
    return any(e.answers is not None and e.answers.id.id == message_id for e in play.events)


def search_in_vain(play: Play, message_id: str) -> None:
    """Let every look find nothing until the command is answered."""
    while not answered(play, message_id):
        if play.running is None:
            play.due()
        else:
            assert isinstance(play.running, FindPayments)
            play.outcome(EMPTY)


def test_an_approval_that_slips_in_after_the_cancels_intent_changes_nothing() -> None:
    play = Play().started(approval_timeout_seconds=1)
    play.due()
    play.outcome(observed(P.ISSUED))
    assert isinstance(play.running, Cancel)
    play.outcome(Unknown(3))
    play.due()
    play.outcome(observed(P.RESERVED))
    assert isinstance(play.running, Cancel), "the cancel is intended and is carried out"
    [cancelled] = play.outcome(Accepted())
    assert cancelled.fact == PaymentCancelled(By.MERCHANT, CancelReason.APPROVAL_TIMEOUT)


def test_an_unknown_start_past_its_approval_time_expires_where_a_settled_search_finds_nothing() -> None:
    play = Play()
    play.command(initiate(approval_timeout_seconds=5))
    play.outcome(Unknown(3))
    sent_at = play.clock.steady
    play.pass_time(5)
    search_in_vain(play, "m-1")
    assert play.reason("m-1") is Reason.EXPIRED
    assert play.clock.steady - sent_at >= Rules().settle_seconds


def test_nothing_is_said_of_a_restored_start_before_the_new_owner_has_settled() -> None:
    play = Play()
    play.command(initiate())
    play.outcome(Unknown(3))
    play.command(CANCEL)
    play.pass_time(600)
    play.restore()
    restored_at = play.clock.steady
    search_in_vain(play, "m-2")
    assert play.reason("m-1") is Reason.CANCELLED_BEFORE_START
    assert play.clock.steady - restored_at >= Rules().settle_seconds


@pytest.mark.parametrize(("command", "operation"), [(CAPTURE, Capture), (CANCEL, Cancel)])
def test_what_is_intended_is_repeated_whatever_its_age(command: object, operation: type) -> None:
    play = Play().reserved()
    play.command(command, "old")  # type: ignore[arg-type]
    play.outcome(Unknown(3))
    play.pass_time(3 * DAY_SECONDS)
    play.due()
    play.outcome(observed(P.RESERVED))
    assert isinstance(play.running, operation)
    [event] = play.outcome(Accepted())
    assert event.answers is not None and event.answers.id.id == "old"


def test_an_approved_manual_payment_found_past_its_expiry_is_cancelled() -> None:
    play = Play()
    play.command(initiate(capture=CaptureMode.MANUAL))
    play.outcome(Unknown(3))
    play.pass_time(DAY_SECONDS)
    play.due()
    play.outcome(Found((PROVIDER_ID,)))
    play.outcome(observed(P.RESERVED))
    assert isinstance(play.running, Cancel)
    play.outcome(Accepted())
    assert play.answer("m-1").fact == PaymentCancelled(By.MERCHANT, CancelReason.LATE_EFFECT)


def test_no_key_is_used_more_than_23_hours_after_its_first_sending() -> None:
    """The command itself may live for days; the provider's promise for keys does not."""
    play = Play(rules=Rules(approval_timeout_seconds=7 * 24 * 3600))
    play.command(initiate(), expires_at_ms=play.clock.wall_ms + 5 * 24 * 3_600_000)
    play.outcome(Unknown(3))
    play.pass_time(23 * 3600 + 1)
    play.due()
    assert isinstance(play.running, FindPayments)
    play.outcome(EMPTY)
    assert isinstance(play.running, FindPayments), "only looks leave"
    search_in_vain(play, "m-1")
    assert play.reason("m-1") is Reason.EXPIRED


def test_no_creating_call_leaves_after_its_commands_expiry_however_young_its_key() -> None:
    play = Play(rules=Rules(approval_timeout_seconds=7 * 24 * 3600))
    play.command(initiate(), expires_at_ms=play.clock.wall_ms + 60_000)
    assert isinstance(play.running, Initiate)
    assert play.running.not_after_ms == play.clock.wall_ms + 60_000, "the client is told too"
    play.outcome(Unknown(3))
    play.pass_time(61)
    play.due()
    assert isinstance(play.running, FindPayments)
    play.outcome(EMPTY)
    assert isinstance(play.running, FindPayments), "only looks leave"
    search_in_vain(play, "m-1")
    assert play.reason("m-1") is Reason.EXPIRED


def test_the_late_look_waits_for_a_later_start_and_spares_its_payment() -> None:
    play = Play()
    play.command(initiate(approval_timeout_seconds=5))
    play.outcome(Unknown(3))
    play.pass_time(60)
    search_in_vain(play, "m-1")
    play.command(initiate(when_busy=WhenBusy.WAIT), "later")
    play.outcome(BUSY)
    for _ in range(30):
        play.due()
        assert isinstance(play.running, Initiate), "no late look while the later start is unanswered"
        play.outcome(BUSY)
    play.due()
    play.outcome(Accepted("later-payment"))
    play.outcome(observed(P.RESERVED, provider_payment_id="later-payment"))
    assert isinstance(play.running, FindPayments)
    play.outcome(Found(("later-payment", PROVIDER_ID)))
    assert isinstance(play.running, ReadPayment) and play.running.provider_payment_id == PROVIDER_ID
    play.outcome(observed(P.ISSUED))
    assert play.running == Cancel(None, PROVIDER_ID)
    [late] = play.outcome(Accepted())
    assert late.fact == PaymentCancelled(By.MERCHANT, CancelReason.LATE_EFFECT)
    assert late.status is PaymentStatus.RESERVED, "the later payment stands as it is"


def test_a_look_that_finds_our_capture_done_answers_it() -> None:
    play = Play().reserved()
    play.command(CAPTURE, "capture")
    play.outcome(Unknown(3))
    play.due()
    [event] = play.outcome(observed(P.CAPTURED))
    assert isinstance(event.fact, PaymentCaptured) and event.answers is not None
    assert event.amounts is not None and event.amounts.captured == 1250, "the intent knows the amount"


def test_a_thousand_commands_are_remembered_and_no_more() -> None:
    play = Play(rules=Rules(max_remembered_commands=5))
    for number in range(5):
        play.command(CAPTURE, f"c-{number}")
    play.command(CAPTURE, "extra")
    assert play.reason("extra") is Reason.TOO_MANY_COMMANDS
    play.command(CAPTURE, "c-3")
    assert len([e for e in play.events if e.answers and e.answers.id.id == "c-3"]) == 1
    assert Rules().max_remembered_commands == 1_000 and Rules().max_waiting_commands == 64


def test_a_reading_that_a_restore_has_overtaken_still_holds_for_the_pace() -> None:
    play = Play().started()
    play.due()
    assert isinstance(play.running, ReadPayment)
    running = play.running
    play.turn(Restored())
    assert play.running is running, "it runs on, and its outcome counts for nothing else"
    play.outcome(observed(P.ISSUED, poll_delay_ms=5000), after_seconds=3.0)
    assert play.types() == ["payment.initiated"]
    heard_at = play.clock.steady
    play.due()
    assert isinstance(play.running, ReadPayment) and play.clock.steady - heard_at >= 5.0


@pytest.mark.parametrize("outcome", [Unknown(1), Deferred(DeferralCause.PROVIDER_AWAY, 1000)])
def test_a_poll_that_told_nothing_keeps_the_pace_of_the_one_before(outcome: Outcome) -> None:
    play = Play().started()
    play.due()
    play.outcome(observed(P.ISSUED, poll_delay_ms=5000))
    play.due()
    play.outcome(outcome)
    assert play.wake_at == pytest.approx(play.clock.steady + 5.0)


@pytest.mark.parametrize("old_owner_for_seconds", [0.0, 5.0])
def test_after_a_restore_the_pace_counts_from_when_the_old_owner_can_have_asked_last(
    old_owner_for_seconds: float,
) -> None:
    """I7: what the provider told the old owner meanwhile nobody knows."""
    play = Play().started()
    play.due()
    play.outcome(observed(P.ISSUED, poll_delay_ms=5000))
    assert play.state is not None and play.state.poll_delay_ms == 5000
    play.memo, play.running = None, None
    until = play.clock.steady + old_owner_for_seconds
    play.turn(Restored(until))
    assert play.wake_at == pytest.approx(until + play.state.poll_delay_ms / 1000)


@pytest.mark.parametrize(
    "heard", [Deferred(DeferralCause.WITHDRAWN, 0), Unknown(1), observed(P.ISSUED, poll_delay_ms=5000)]
)
def test_a_reading_from_before_a_restore_brings_the_next_one_never_forward(heard: Outcome) -> None:
    """I7: another owner may have had the payment in between, and may read it until its lease is over."""
    play = Play().started()
    play.due()
    play.outcome(observed(P.ISSUED, poll_delay_ms=5000))
    play.due()
    assert isinstance(play.running, ReadPayment)
    until = play.clock.steady + 8.0
    play.turn(Restored(until))
    play.outcome(heard)
    assert play.wake_at == pytest.approx(until + 5.0)
