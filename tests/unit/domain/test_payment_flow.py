"""The way of a payment, told turn by turn."""

import pytest

from gateway.domain.commands import CapturePayment, CreateRefund, Data, PreparePayment
from gateway.domain.draft import Rules
from gateway.domain.events import PaymentCancelled, PaymentReserved, PaymentUnknown
from gateway.domain.money import Currency, Money
from gateway.domain.operations import (
    Accepted,
    Cancel,
    Capture,
    DeferralCause,
    Deferred,
    Found,
    Initiate,
    ProviderStatus,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.vocabulary import (
    By,
    CancelReason,
    CaptureMode,
    DeadLetterReason,
    PaymentStatus,
    Reason,
    WhenBusy,
)
from tests.unit.domain.play import (
    AMOUNT,
    CANCEL,
    CAPTURE,
    EMPTY,
    HOUR_MS,
    PAYMENT_ID,
    POS_ID,
    PROVIDER_ID,
    Play,
    initiate,
    is_list,
    is_read,
    observed,
)

P = ProviderStatus


def refusal(reason: Reason, status: int = 409, code: str = "0") -> Refusal:
    return Refusal(reason, status, code, "corr-1")


def test_initiate_poll_reserve_capture() -> None:
    play = Play()
    assert play.command(initiate()) == []
    assert isinstance(play.running, Initiate) and play.running.first
    assert play.status is PaymentStatus.REQUESTED
    assert play.outcome(Accepted(PROVIDER_ID)) == []
    assert is_read(play.running)
    [started] = play.outcome(observed(P.INITIATED))
    assert started.answers is not None and started.answers.type == "payment.initiate"
    assert play.wake_at == pytest.approx(play.clock.steady + 1.0)
    play.due()
    play.outcome(observed(P.ISSUED, poll_delay_ms=300))
    assert play.wake_at == pytest.approx(play.clock.steady + 0.3)
    play.due()
    [reserved] = play.outcome(observed(P.RESERVED, partial_capture_possible=False, expires_at_ms=1))
    assert isinstance(reserved.fact, PaymentReserved) and reserved.answers is None
    assert reserved.amounts is not None and reserved.amounts.reserved == 1250
    assert play.running is None
    play.command(CAPTURE)
    assert play.running == Capture(None, PROVIDER_ID, AMOUNT)
    [captured] = play.outcome(Accepted())
    assert captured.answers is not None and captured.amounts is not None
    assert (captured.status, captured.amounts.captured) == (PaymentStatus.CAPTURED, 1250)
    assert play.types() == [
        "payment.initiated",
        "payment.issued",
        "payment.reserved",
        "payment.captured",
    ]


def test_automatic_capture_is_intended_in_the_turn_that_reserves() -> None:
    play = Play().started(capture=CaptureMode.AUTOMATIC)
    play.due()
    play.outcome(observed(P.RESERVED))
    assert play.running == Capture(None, PROVIDER_ID, AMOUNT)
    [captured] = play.outcome(Accepted())
    assert captured.answers is None and captured.cause.id.id == "m-1"


def test_the_same_message_again_has_no_second_answer_and_other_data_is_a_dead_letter() -> None:
    play = Play().reserved()
    seen = len(play.events)
    play.command(initiate(), "m-1")
    assert len(play.events) == seen and play.dead_letters == []
    play.command(initiate(label="other"), "m-1")
    assert len(play.events) == seen and play.dead_letters == [DeadLetterReason.ID_REUSED]


def test_a_second_start_is_refused() -> None:
    play = Play().started()
    play.command(initiate())
    assert play.reason("m-2") is Reason.PAYMENT_EXISTS


@pytest.mark.parametrize("data", [CAPTURE, CANCEL])
def test_nothing_can_be_done_to_a_payment_that_never_began(data: CapturePayment) -> None:
    play = Play()
    play.command(data)
    assert play.reason("m-1") is Reason.PAYMENT_NOT_FOUND
    play.command(initiate())
    assert isinstance(play.running, Initiate)
    assert play.events[-1].sequence == 1


def test_capture_is_judged_by_status_then_currency_then_amount() -> None:
    play = Play().started()
    play.command(CapturePayment(PAYMENT_ID, Money(9999, Currency.EUR)))
    assert play.reason("m-2") is Reason.WRONG_STATUS
    play = Play().reserved()
    play.command(CapturePayment(PAYMENT_ID, Money(9999, Currency.EUR)))
    assert play.reason("m-2") is Reason.CURRENCY_MISMATCH
    play.command(CapturePayment(PAYMENT_ID, Money(9999, Currency.DKK)))
    assert play.reason("m-3") is Reason.AMOUNT_ABOVE_RESERVED
    play.command(CapturePayment(PAYMENT_ID, Money(1000, Currency.DKK)))
    assert play.running == Capture(None, PROVIDER_ID, Money(1000, Currency.DKK))


def test_a_partial_capture_that_the_provider_excludes_is_not_sent() -> None:
    play = Play().started()
    play.due()
    play.outcome(observed(P.RESERVED, partial_capture_possible=False))
    play.command(CapturePayment(PAYMENT_ID, Money(1000, Currency.DKK)))
    assert play.reason("m-2") is Reason.PARTIAL_CAPTURE_NOT_POSSIBLE and play.running is None


def test_cancel_while_the_customer_decides() -> None:
    play = Play().started()
    play.command(CANCEL)
    assert play.running == Cancel(None, PROVIDER_ID)
    [cancelled] = play.outcome(Accepted())
    assert cancelled.fact == PaymentCancelled(By.MERCHANT, CancelReason.COMMAND)
    assert cancelled.answers is not None and play.status is PaymentStatus.CANCELLED


def test_the_customer_declines_before_a_cancel_arrives() -> None:
    play = Play().started()
    play.command(CANCEL)
    play.outcome(Rejected(refusal(Reason.WRONG_STATUS, code="1300")))
    assert is_read(play.running)
    declined, rejected = play.outcome(observed(P.CANCELLED_BY_CUSTOMER))
    assert declined.fact == PaymentCancelled(By.CUSTOMER, CancelReason.DECLINED) and not declined.answers
    assert play.reason("m-2") is Reason.WRONG_STATUS and rejected.status is PaymentStatus.CANCELLED


def test_an_unheard_start_is_looked_for_and_named_by_the_same_call() -> None:
    play = Play()
    play.command(initiate())
    first = play.running
    [unknown] = play.outcome(Unknown(3))
    assert unknown.fact == PaymentUnknown("initiate") and unknown.answers is None
    play.due()
    assert is_list(play.running)
    assert play.outcome(Unknown(1)) == []
    play.due()
    play.outcome(EMPTY)
    again = play.running
    assert isinstance(first, Initiate) and isinstance(again, Initiate)
    assert again.key == first.key and not again.first
    play.outcome(Accepted(PROVIDER_ID))
    play.outcome(observed(P.INITIATED))
    assert play.types() == ["payment.unknown", "payment.initiated"]


def test_a_restored_start_is_looked_at_first_without_a_word() -> None:
    play = Play()
    play.command(initiate())
    key = play.running.key  # type: ignore[union-attr]
    play.restore()
    assert is_list(play.running) and play.events == []
    play.outcome(Found(("x",)))
    assert isinstance(play.running, Initiate) and play.running.key == key


def test_no_read_of_a_known_payment_before_its_pace_after_a_restore() -> None:
    play = Play().started()
    play.restore()
    assert play.running is None
    assert play.wake_at == pytest.approx(play.clock.steady + 1.0)


def test_a_refusal_after_an_unheard_request_is_compared_with_what_exists() -> None:
    play = Play()
    play.command(initiate())
    play.outcome(Rejected(refusal(Reason.POINT_OF_SALE_BUSY, code="1301"), unheard=1))
    assert is_list(play.running) and play.events == []
    play.outcome(Found((PROVIDER_ID,)))
    play.outcome(observed(P.ISSUED))
    assert play.types() == ["payment.issued"] and play.answer("m-1")
    assert play.state is not None and play.state.provider_payment_id == PROVIDER_ID


def test_a_neighbours_payment_is_neither_adopted_nor_cancelled() -> None:
    play = Play()
    play.command(initiate())
    play.outcome(Rejected(refusal(Reason.POINT_OF_SALE_BUSY, code="1301"), unheard=1))
    play.outcome(Found((PROVIDER_ID,)))
    play.outcome(observed(P.ISSUED, amount=Money(1, Currency.DKK)))
    play.outcome(EMPTY)
    assert play.reason("m-1") is Reason.POINT_OF_SALE_BUSY
    provider = play.answer("m-1").provider
    assert provider is not None and [c.payment_id for c in provider.candidates] == [PROVIDER_ID]
    assert not any(isinstance(o, Cancel) for o in play.sent)


def test_an_uncertain_refusal_is_answered_only_by_a_settled_look() -> None:
    play = Play(rules=Rules(settle_seconds=30))
    play.command(initiate())
    play.outcome(Rejected(refusal(Reason.STORE_NOT_ACTIVE), unheard=1))
    refused_at = play.clock.steady
    while not play.events:
        assert is_list(play.running, captured=False) or is_list(play.running, captured=True)
        play.outcome(EMPTY)
        if play.running is None and not play.events:
            play.due()
    assert play.reason("m-1") is Reason.STORE_NOT_ACTIVE
    assert play.clock.steady >= refused_at + 30


def test_a_busy_point_of_sale_is_named() -> None:
    play = Play()
    play.command(initiate())
    play.outcome(Rejected(refusal(Reason.POINT_OF_SALE_BUSY, code="1301")))
    assert is_list(play.running)
    play.outcome(Found(("other",)))
    play.outcome(observed(P.ISSUED, provider_payment_id="other", order_id="theirs"))
    assert play.reason("m-1") is Reason.POINT_OF_SALE_BUSY
    provider = play.answer("m-1").provider
    assert provider is not None and provider.code == "1301"
    assert [(c.order_id, c.status) for c in provider.candidates] == [("theirs", "IssuedToUser")]
    assert play.status is PaymentStatus.NONE
    play.command(initiate())
    assert isinstance(play.running, Initiate)


def test_waiting_for_a_busy_point_of_sale_uses_a_new_key_each_time_until_expiry() -> None:
    play = Play()
    play.command(initiate(when_busy=WhenBusy.WAIT), expires_at_ms=play.clock.wall_ms + 60_000)
    keys = []
    while isinstance(play.running, Initiate):
        keys.append(play.running.key)
        play.outcome(Rejected(refusal(Reason.POINT_OF_SALE_BUSY, code="1301")))
        assert play.running is None
        play.due()
    assert len(keys) == len(set(keys)) > 3
    play.outcome(EMPTY)
    assert play.reason("m-1") is Reason.POINT_OF_SALE_BUSY


def test_a_cancel_overtakes_a_start_that_waits() -> None:
    play = Play()
    play.command(initiate(when_busy=WhenBusy.WAIT))
    play.outcome(Rejected(refusal(Reason.POINT_OF_SALE_BUSY, code="1301")))
    play.command(CANCEL)
    assert play.reason("m-1") is Reason.CANCELLED_BEFORE_START
    assert play.answer("m-2").fact == PaymentCancelled(By.MERCHANT, CancelReason.CANCELLED_BEFORE_START)
    assert play.status is PaymentStatus.NONE


def test_a_cancel_overtakes_an_unknown_start_and_the_commands_before_it() -> None:
    play = Play()
    play.command(initiate())
    play.command(CAPTURE)
    play.command(CANCEL)
    assert play.withdrawn and isinstance(play.running, Initiate)
    play.outcome(Deferred(DeferralCause.WITHDRAWN, 0, unheard=1, requests=1))
    assert is_list(play.running)
    play.outcome(Found((PROVIDER_ID,)))
    play.outcome(observed(P.INITIATED))
    assert play.running == Cancel(None, PROVIDER_ID)
    play.outcome(Accepted())
    assert play.types() == ["payment.initiated", "payment.cancelled", "command.rejected"]
    assert play.reason("m-2") is Reason.WRONG_STATUS


def test_a_cancel_before_anything_has_left_needs_no_look() -> None:
    play = Play()
    play.command(initiate())
    play.command(CANCEL)
    play.outcome(Deferred(DeferralCause.WITHDRAWN, 0))
    assert play.reason("m-1") is Reason.CANCELLED_BEFORE_START
    assert play.running is None and play.state is not None and play.state.abandoned == ()


def test_an_overtaken_start_that_left_no_trace_is_looked_for_once_more_and_then_cancelled() -> None:
    play = Play()
    play.command(initiate())
    play.outcome(Unknown(3))
    play.command(CANCEL)
    while play.reason_or_none("m-1") is None:
        if play.running is None:
            play.due()
        else:
            play.outcome(EMPTY)
    assert play.reason("m-1") is Reason.CANCELLED_BEFORE_START
    answered_at = play.clock.wall_ms
    play.due()
    assert is_list(play.running) and play.clock.wall_ms >= answered_at + 600_000
    play.outcome(Found((PROVIDER_ID,)))
    play.outcome(observed(P.ISSUED))
    assert play.running == Cancel(None, PROVIDER_ID)
    [late] = play.outcome(Accepted())
    assert late.fact == PaymentCancelled(By.MERCHANT, CancelReason.LATE_EFFECT) and late.answers is None
    assert late.status is PaymentStatus.NONE


def test_where_the_order_is_not_the_payment_the_same_call_names_what_is_to_be_cancelled() -> None:
    play = Play()
    play.command(initiate(order_id="till-7"))
    play.outcome(Unknown(3))
    play.command(CANCEL)
    play.due()
    play.outcome(Found(("neighbour",)))
    assert isinstance(play.running, Initiate)
    play.outcome(Accepted(PROVIDER_ID))
    play.outcome(observed(P.INITIATED, order_id="till-7"))
    assert play.running == Cancel(None, PROVIDER_ID)


def test_the_approval_time_out_reads_before_it_cancels() -> None:
    play = Play().started(approval_timeout_seconds=1)
    play.due()
    play.outcome(observed(P.ISSUED))
    assert play.running == Cancel(None, PROVIDER_ID)
    [*_, cancelled] = play.outcome(Accepted())
    assert cancelled.fact == PaymentCancelled(By.MERCHANT, CancelReason.APPROVAL_TIMEOUT)
    assert cancelled.answers is None
    play = Play().started(approval_timeout_seconds=1)
    play.due()
    play.outcome(observed(P.RESERVED))
    assert play.running is None and play.status is PaymentStatus.RESERVED


def test_an_unknown_start_past_its_approval_time_is_cancelled_when_found() -> None:
    play = Play()
    play.command(initiate(approval_timeout_seconds=5))
    play.outcome(Unknown(3))
    play.pass_time(10)
    play.due()
    play.outcome(Found((PROVIDER_ID,)))
    play.outcome(observed(P.ISSUED))
    assert play.running == Cancel(None, PROVIDER_ID)
    [cancelled] = play.outcome(Accepted())
    assert cancelled.fact == PaymentCancelled(By.MERCHANT, CancelReason.APPROVAL_TIMEOUT)
    assert cancelled.answers is not None and cancelled.answers.id.id == "m-1"


def test_past_expiry_only_looks_leave_and_what_is_found_is_cancelled() -> None:
    play = Play(rules=Rules(approval_timeout_seconds=3600 * 48))
    play.command(initiate())
    play.outcome(Unknown(3))
    play.pass_time(24 * 3600)
    play.due()
    play.outcome(Found((PROVIDER_ID,)))
    play.outcome(observed(P.ISSUED))
    assert play.running == Cancel(None, PROVIDER_ID)
    [cancelled] = play.outcome(Accepted())
    assert cancelled.fact == PaymentCancelled(By.MERCHANT, CancelReason.LATE_EFFECT) and cancelled.answers


def test_past_expiry_an_approved_automatic_payment_goes_on() -> None:
    play = Play(rules=Rules(approval_timeout_seconds=3600 * 48))
    play.command(initiate(capture=CaptureMode.AUTOMATIC))
    play.outcome(Unknown(3))
    play.pass_time(24 * 3600)
    play.due()
    play.outcome(Found((PROVIDER_ID,)))
    [reserved] = play.outcome(observed(P.RESERVED))
    assert isinstance(reserved.fact, PaymentReserved) and reserved.answers
    assert isinstance(play.running, Capture)


def test_past_expiry_and_nothing_found_is_expired_with_what_is_not_ours() -> None:
    play = Play()
    play.command(initiate(order_id="till-7"))
    play.outcome(Unknown(3))
    play.pass_time(24 * 3600)
    play.due()
    play.outcome(Found(("other",)))
    play.outcome(observed(P.ISSUED, provider_payment_id="other", order_id="till-7"))
    play.outcome(EMPTY)
    assert play.reason("m-1") is Reason.EXPIRED
    provider = play.answer("m-1").provider
    assert provider is not None and [c.payment_id for c in provider.candidates] == ["other"]


def test_a_command_past_its_expiry_never_starts() -> None:
    play = Play()
    play.command(initiate(), expires_at_ms=play.clock.wall_ms - 1)
    assert play.reason("m-1") is Reason.EXPIRED and play.sent == []
    assert play.answer("m-1").amounts is not None


def test_while_the_provider_is_away_first_operations_wait_without_an_intent() -> None:
    play = Play(holding=True)
    play.command(initiate())
    assert play.sent == [] and play.state is not None and play.state.pending is None
    play.holding = False
    play.due()
    assert isinstance(play.running, Initiate)


def test_without_a_merchant_nothing_is_called() -> None:
    play = Play(merchant_known=False)
    play.command(initiate())
    assert play.reason("m-1") is Reason.INVALID_AT_PROVIDER and play.sent == []


@pytest.mark.parametrize(
    "data",
    [
        initiate(merchant_vat_number="DK87654321"),
        PreparePayment(PAYMENT_ID, POS_ID, merchant_vat_number="DK87654321"),
        CreateRefund(PAYMENT_ID, "r-1", AMOUNT, pos_id=POS_ID, merchant_vat_number="DK87654321"),
    ],
)
def test_the_merchant_that_the_command_names_is_the_one_that_is_asked(data: Data) -> None:
    play = Play(merchant_known=False)
    play.command(data)
    assert play.running is not None and play.running.merchant == "DK87654321"


@pytest.mark.parametrize(("late_ms", "asked"), [(0, True), (1, False)])
def test_a_start_may_be_asked_for_up_to_its_expiry(late_ms: int, asked: bool) -> None:
    play = Play()
    play.command(initiate(), expires_at_ms=play.clock.wall_ms + 60_000)
    play.outcome(Deferred(DeferralCause.THROTTLED, 60_000 + late_ms), after_seconds=0)
    play.due()
    assert isinstance(play.running, Initiate) is asked
    assert asked or play.reason("m-1") is Reason.EXPIRED


def test_an_unheard_capture_is_looked_at_and_repeated_until_done() -> None:
    play = Play().reserved()
    play.command(CAPTURE)
    [unknown] = play.outcome(Unknown(3))
    assert unknown.fact == PaymentUnknown("capture")
    play.due()
    play.outcome(observed(P.RESERVED))
    assert isinstance(play.running, Capture)
    assert play.outcome(Unknown(3)) == []
    play.due()
    [captured] = play.outcome(observed(P.CAPTURED))
    assert captured.answers is not None and captured.amounts is not None
    assert captured.amounts.captured == 1250


def test_captured_with_another_amount_is_told_and_refused() -> None:
    play = Play().reserved()
    play.command(CAPTURE)
    play.outcome(Rejected(refusal(Reason.WRONG_STATUS, code="1307")))
    captured, rejected = play.outcome(observed(P.CAPTURED))
    assert captured.answers is None and captured.amounts is not None and captured.amounts.captured is None
    assert rejected.answers is not None and play.reason("m-2") is Reason.WRONG_STATUS


def test_a_reservation_without_an_intent_is_read_once_after_its_end() -> None:
    play = Play().started()
    play.due()
    ends = play.clock.wall_ms + 7 * 24 * HOUR_MS
    play.outcome(observed(P.RESERVED, expires_at_ms=ends))
    play.due()
    assert is_read(play.running) and play.clock.wall_ms >= ends + 60_000
    play.outcome(observed(P.EXPIRED))
    assert play.types()[-1] == "payment.expired"


def test_too_many_commands_are_refused_and_not_remembered() -> None:
    play = Play(rules=Rules(max_waiting_commands=3), holding=True)
    play.command(initiate())
    play.command(CAPTURE)
    play.command(CAPTURE)
    play.command(CAPTURE, "extra")
    assert play.reason("extra") is Reason.TOO_MANY_COMMANDS
    assert play.state is not None and len(play.state.remembered) == 3


def test_what_has_ended_is_forgotten_after_the_retention() -> None:
    play = Play(rules=Rules(state_retention_days=7)).reserved()
    play.command(CAPTURE)
    play.outcome(Accepted())
    ended = play.clock.wall_ms
    play.due()
    assert play.state is None and play.clock.wall_ms >= ended + 7 * 24 * HOUR_MS


def test_a_state_that_we_do_not_know_is_polled_on_and_its_refused_cancel_ends_it() -> None:
    play = Play().started()
    play.due()
    assert play.outcome(observed(P.UNKNOWN)) == [] and play.status is PaymentStatus.INITIATED
    play.command(CANCEL)
    play.outcome(Rejected(refusal(Reason.WRONG_STATUS, code="1300")))
    cancelled, rejected = play.outcome(observed(P.UNKNOWN))
    assert cancelled.fact == PaymentCancelled(By.PROVIDER, CancelReason.PROVIDER)
    assert cancelled.provider is not None
    assert cancelled.provider.status == "RejectedByMobilePayDueToAgeRestrictions"
    assert rejected.answers is not None


def test_a_poll_that_is_denied_backs_off_without_an_event() -> None:
    play = Play().started()
    play.due()
    seen = len(play.events)
    play.outcome(Rejected(refusal(Reason.PAYMENT_NOT_FOUND, status=404)))
    assert len(play.events) == seen and play.wake_at is not None
    assert play.wake_at >= play.clock.steady + 5


def test_a_start_that_shows_no_known_state_is_cancelled_in_the_end_and_answered() -> None:
    play = Play()
    play.command(initiate(approval_timeout_seconds=5))
    play.outcome(Accepted(PROVIDER_ID))
    while not isinstance(play.running, Cancel):
        play.outcome(observed(P.UNKNOWN))
        if play.running is None:
            play.due()
    play.outcome(Rejected(refusal(Reason.WRONG_STATUS, code="1300")))
    [cancelled] = play.outcome(observed(P.UNKNOWN))
    assert cancelled.fact == PaymentCancelled(By.PROVIDER, CancelReason.PROVIDER)
    assert cancelled.answers is not None
    assert cancelled.answers.id.id == "m-1"


def test_a_cancel_of_a_start_that_shows_no_known_state_is_answered_too() -> None:
    play = Play()
    play.command(initiate())
    play.outcome(Accepted(PROVIDER_ID))
    play.command(CANCEL)
    play.outcome(observed(P.UNKNOWN))
    assert isinstance(play.running, Cancel)
    play.outcome(Accepted())
    assert play.answer("m-1").fact == PaymentCancelled(By.MERCHANT, CancelReason.COMMAND)
    assert play.reason("m-2") is Reason.WRONG_STATUS


def test_a_cancel_that_comes_while_a_found_start_is_cancelled_waits_and_is_answered() -> None:
    play = Play()
    play.command(initiate(approval_timeout_seconds=5))
    play.outcome(Unknown(3))
    play.pass_time(10)
    play.due()
    play.outcome(Found((PROVIDER_ID,)))
    play.outcome(observed(P.ISSUED))
    play.command(CANCEL)
    play.outcome(Accepted())
    assert play.answer("m-1").fact == PaymentCancelled(By.MERCHANT, CancelReason.APPROVAL_TIMEOUT)
    assert play.reason("m-2") is Reason.WRONG_STATUS


def test_a_cancel_that_arrives_before_the_reservation_is_read_wins_over_the_automatic_capture() -> None:
    play = Play().started(capture=CaptureMode.AUTOMATIC)
    play.due()
    play.command(CANCEL)
    play.outcome(observed(P.RESERVED))
    assert play.running == Cancel(None, PROVIDER_ID)
    play.outcome(Accepted())
    assert not any(isinstance(o, Capture) for o in play.sent)


def test_whatever_is_heard_between_its_retries_a_start_keeps_its_key() -> None:
    play = Play()
    play.command(initiate())
    for outcome in (
        Deferred(DeferralCause.THROTTLED, 1000, 1, 2),
        Unknown(3),
        Deferred(DeferralCause.PROVIDER_AWAY, 1000),
        Unknown(1),
    ):
        while not isinstance(play.running, Initiate):
            if play.running is None:
                play.due()
            else:
                play.outcome(EMPTY)
        play.outcome(outcome)
    assert len({o.key for o in play.sent if isinstance(o, Initiate)}) == 1
