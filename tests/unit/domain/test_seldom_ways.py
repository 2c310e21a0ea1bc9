"""What seldom happens and no other story here comes by: changes to the rules of it went unnoticed."""

from dataclasses import replace

import pytest

from gateway.domain.commands import MessageId
from gateway.domain.draft import Rules
from gateway.domain.events import CommandRejected, PaymentCancelled
from gateway.domain.identity import event_id
from gateway.domain.operations import (
    Accepted,
    Cancel,
    Capture,
    FindPayments,
    Found,
    Initiate,
    ProviderStatus,
    ReadPayment,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.pacing import RESERVATION_GRACE_MS
from gateway.domain.points_of_sale.creating import EXPIRED_TEXT
from gateway.domain.points_of_sale.events import point_of_sale_event_type
from gateway.domain.points_of_sale.operations import (
    FindPointsOfSale,
    PointOfSaleObserved,
    ReadCheckin,
    ReadPointOfSale,
    RemovePointOfSale,
)
from gateway.domain.vocabulary import By, CancelReason, CaptureMode, PaymentStatus, Reason
from tests.unit.domain.play import CAPTURE, PROVIDER_ID, Play, initiate, observed
from tests.unit.domain.test_points_of_sale import (
    ABSENT,
    CREATE,
    DELETE,
    EMPTY,
    NOBODY,
    POS_ID,
    READ,
    READING,
    WATCH,
    Till,
    checked_in,
)
from tests.unit.domain.test_time_and_doubt import search_in_vain

P = ProviderStatus
WRONG_STATUS = Rejected(Refusal(Reason.WRONG_STATUS, 409, correlation_id="c-1"))
FORBIDDEN = Rejected(Refusal(Reason.NOT_PERMITTED, 403, correlation_id="c-2"))


def abandoned() -> Play:
    """A start that was answered as expired, though it may have taken effect; its late look is under way."""
    play = Play()
    play.command(initiate(approval_timeout_seconds=5))
    play.outcome(Unknown(3))
    play.pass_time(60)
    search_in_vain(play, "m-1")
    while play.running is None:
        play.due()
    assert isinstance(play.running, FindPayments)
    return play


def test_a_start_whose_call_is_answered_when_the_time_to_approve_is_over_is_cancelled() -> None:
    play = Play()
    play.command(initiate(approval_timeout_seconds=30))
    play.outcome(Unknown(3))
    play.due()
    play.outcome(Found(()))
    assert isinstance(play.running, Initiate), "the provider answers again: the same call names what it made"
    play.outcome(Accepted(PROVIDER_ID), after_seconds=60)
    assert play.running == Cancel(None, PROVIDER_ID)
    play.outcome(Accepted())
    assert play.answer("m-1").fact == PaymentCancelled(By.MERCHANT, CancelReason.APPROVAL_TIMEOUT)


def test_a_look_after_an_unheard_capture_keeps_the_payments_pace() -> None:
    play = Play().started()
    play.due()
    play.outcome(observed(P.RESERVED, poll_delay_ms=60_000))
    read_at = play.clock.steady
    play.command(CAPTURE, "capture")
    play.outcome(Unknown(3))
    while play.running is None:
        play.due()
    assert isinstance(play.running, ReadPayment) and play.clock.steady - read_at >= 60


@pytest.mark.parametrize("refused", [WRONG_STATUS, FORBIDDEN])
def test_what_turned_up_late_and_cannot_be_cancelled_is_let_be(refused: Rejected) -> None:
    play = abandoned()
    play.outcome(Found((PROVIDER_ID,)))
    play.outcome(observed(P.INITIATED))
    assert play.running == Cancel(None, PROVIDER_ID)
    told = len(play.events)
    play.outcome(refused)
    if play.running is not None:
        play.outcome(observed(P.CANCELLED_BY_CUSTOMER))
    assert play.state is not None and play.state.pending is None and not play.state.abandoned
    assert len(play.events) == told, "it is no payment of this state's"


def test_a_late_look_that_goes_unheard_is_taken_again() -> None:
    play = abandoned()
    play.outcome(Unknown(1))
    heard_at = play.clock.steady
    play.due()
    assert isinstance(play.running, FindPayments) and play.clock.steady > heard_at
    play.outcome(Found((PROVIDER_ID,)))
    play.outcome(Rejected(Refusal(Reason.PAYMENT_NOT_FOUND, 404)))
    assert play.state is not None and not play.state.abandoned and play.running is None


def test_a_candidate_that_a_restore_has_overtaken_says_nothing_of_our_pace() -> None:
    play = abandoned()
    play.outcome(Found(("another",)))
    assert isinstance(play.running, ReadPayment)
    play.reopen()
    play.outcome(observed(P.INITIATED, provider_payment_id="another", poll_delay_ms=60_000))
    assert isinstance(play.running, FindPayments), "the look begins anew, at once"


def test_while_the_provider_is_away_nothing_begins() -> None:
    play = Play().reserved()
    play.holding = True
    play.command(CAPTURE, "asked")
    assert play.running is None and play.wake_at is not None
    play.due()
    assert play.running is None
    play.holding = False
    play.due()
    assert isinstance(play.running, Capture)


def test_a_reservation_is_read_when_it_has_ended() -> None:
    play = Play().started(capture=CaptureMode.MANUAL)
    play.due()
    ends_ms = play.clock.wall_ms + 3_600_000
    play.outcome(observed(P.RESERVED, expires_at_ms=ends_ms))
    play.due()
    assert isinstance(play.running, ReadPayment)
    assert ends_ms <= play.clock.wall_ms <= ends_ms + RESERVATION_GRACE_MS + 2_000


@pytest.mark.parametrize("rules", [Rules(max_waiting_commands=1), Rules(max_remembered_commands=2)])
def test_too_many_commands_are_refused_in_words(rules: Rules) -> None:
    play = Play(rules=rules)
    for number in range(3):
        play.command(initiate() if number == 0 else CAPTURE, f"m-{number}")
    fact = play.answer("m-2").fact
    assert isinstance(fact, CommandRejected) and fact.reason is Reason.TOO_MANY_COMMANDS
    assert "commands of this payment" in fact.message


def test_events_of_two_senders_have_names_of_their_own() -> None:
    one, other = (event_id("pay-1", MessageId(source, "m-1"), 1) for source in ("/orders", "/shop"))
    assert one != other


def test_a_candidate_that_is_not_shown_keeps_none_of_the_others_from_being_read() -> None:
    play = Play()
    play.command(initiate())
    play.outcome(Rejected(Refusal(Reason.POINT_OF_SALE_BUSY, 409, "1301"), unheard=1))
    play.outcome(Found(("hidden", "gone", PROVIDER_ID)))
    play.outcome(FORBIDDEN)
    play.outcome(Rejected(Refusal(Reason.PAYMENT_NOT_FOUND, 404)))
    assert isinstance(play.running, ReadPayment) and play.running.provider_payment_id == PROVIDER_ID
    play.outcome(observed(P.ISSUED))
    assert play.answer("m-1").status is PaymentStatus.ISSUED


# Points of sale.


def abandoned_till() -> Till:
    """A creation that was answered as expired; its late look is under way."""
    till = Till()
    till.command(CREATE, "create")
    till.outcome(Unknown(3))
    till.pass_time(24 * 3600)
    while not till.events or not isinstance(till.events[-1].fact, CommandRejected):
        till.due()
        till.outcome(EMPTY)
    till.due()
    assert isinstance(till.running, FindPointsOfSale)
    return till


def test_an_expired_creation_says_so() -> None:
    fact = abandoned_till().events[-1].fact
    assert fact == CommandRejected(Reason.EXPIRED, EXPIRED_TEXT), "it is not the provider that refused it"


def test_the_late_look_for_a_creation_passes_over_what_is_gone_or_not_ours() -> None:
    till = abandoned_till()
    till.outcome(Unknown(1))
    heard_at = till.clock.steady
    till.due()
    assert isinstance(till.running, FindPointsOfSale) and till.clock.steady > heard_at
    till.outcome(Unknown(1))
    again_at = till.clock.steady
    till.due()
    assert till.clock.steady - again_at > again_at - heard_at, "each look that goes unheard waits longer"
    till.outcome(Found(("gone", "other", POS_ID)))
    till.outcome(ABSENT)
    till.outcome(PointOfSaleObserved(replace(READING, pos_id="other", name="Till 2")))
    assert isinstance(till.running, ReadPointOfSale) and till.running.pos_id == POS_ID
    till.outcome(READ)
    assert isinstance(till.running, RemovePointOfSale) and till.running.pos_id == POS_ID


def test_once_the_provider_answers_a_late_look_its_pauses_begin_anew() -> None:
    till, pauses = abandoned_till(), list[float]()
    for answered in (False, False, True):
        if answered:
            till.outcome(Found((POS_ID,)))
        till.outcome(Unknown(1))
        heard_at = till.clock.steady
        till.due()
        pauses.append(till.clock.steady - heard_at)
    assert pauses[0] < pauses[1] and pauses[2] == pytest.approx(pauses[0])


def test_a_late_look_that_a_restore_has_overtaken_begins_anew() -> None:
    till = abandoned_till()
    till.reopen()
    till.outcome(Found((POS_ID,)))
    assert isinstance(till.running, FindPointsOfSale), "what was listed before counts for nothing"
    till.reopen()
    till.reopen()
    till.outcome(Found((POS_ID,)))
    assert isinstance(till.running, FindPointsOfSale)


def test_a_deletion_that_runs_on_over_a_reopening_is_believed() -> None:
    till = Till().created()
    till.command(DELETE, "delete")
    till.outcome(EMPTY)
    assert isinstance(till.running, RemovePointOfSale)
    till.reopen()
    [deleted] = till.outcome(Accepted())
    assert point_of_sale_event_type(deleted.fact) == "point-of-sale.deleted"


def test_a_look_after_an_unheard_deletion_is_taken_again_when_it_is_refused_or_unheard() -> None:
    till = Till().created()
    till.command(DELETE, "delete")
    till.outcome(EMPTY)
    till.outcome(Unknown(3))
    for outcome in (FORBIDDEN, Unknown(1)):
        till.due()
        assert isinstance(till.running, ReadPointOfSale)
        till.outcome(outcome)
        assert till.running is None and till.wake_at is not None
    till.due()
    till.outcome(ABSENT)
    assert point_of_sale_event_type(till.events[-1].fact) == "point-of-sale.deleted"


def test_a_refusal_carries_the_providers_correlation_id() -> None:
    till = Till().created()
    till.command(DELETE, "delete")
    till.outcome(EMPTY)
    [refused] = till.outcome(FORBIDDEN)
    assert refused.provider is not None and refused.provider.correlation_id == "c-2"


def test_a_watch_elsewhere_is_told_nothing() -> None:
    till = Till()
    other = replace(WATCH, pos_id="other")
    till.command(other, "other")
    till.command(WATCH, "watch")
    polled = set()
    for _ in range(2):
        if till.running is None:
            till.due()
        assert isinstance(till.running, ReadCheckin)
        polled.add(till.running.pos_id)
        till.outcome(NOBODY if till.running.pos_id == "other" else checked_in())
    assert polled == {"other", POS_ID}
    [started] = till.events
    assert point_of_sale_event_type(started.fact) == "checkin.started"
    assert started.answers is not None and started.answers.id.id == "watch"


def test_the_reason_of_a_late_cancel_is_no_status_of_the_payment() -> None:
    play = abandoned()
    play.outcome(Found((PROVIDER_ID,)))
    play.outcome(observed(P.RESERVED))
    [event] = play.outcome(Accepted())
    assert event.fact == PaymentCancelled(By.MERCHANT, CancelReason.LATE_EFFECT)
    assert event.status is PaymentStatus.NONE
