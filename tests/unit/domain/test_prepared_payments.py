"""The way of a prepared payment, told turn by turn."""

from dataclasses import replace

import pytest

from gateway.codec.state import decode_state, encode_state
from gateway.domain.commands import PreparePayment, ReadyPayment
from gateway.domain.events import PaymentCancelled, PaymentUnknown
from gateway.domain.identity import MessageId, idempotency_key
from gateway.domain.operations import (
    Accepted,
    Cancel,
    Capture,
    FindPayments,
    Found,
    Prepare,
    ProviderStatus,
    ReadPayment,
    Ready,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.state import OperationKind
from gateway.domain.vocabulary import By, CancelReason, CaptureMode, PaymentStatus, Reason, WhenBusy
from tests.unit.domain.play import (
    AMOUNT,
    CANCEL,
    EMPTY,
    PAYMENT_ID,
    POS_ID,
    PROVIDER_ID,
    Play,
    observed,
)

P = ProviderStatus
PREPARE = PreparePayment(PAYMENT_ID, POS_ID)
READY = ReadyPayment(PAYMENT_ID, AMOUNT)
BUSY = Rejected(Refusal(Reason.POINT_OF_SALE_BUSY, 409, "1301"))
NOT_PREPARED = Rejected(Refusal(Reason.WRONG_STATUS, 409, "1303"))


def prepared(status: ProviderStatus = P.PREPARED) -> Play:
    play = Play()
    play.command(PREPARE, "prepare")
    play.outcome(Accepted(PROVIDER_ID))
    play.outcome(observed(status, amount=None))
    return play


def readied(ready: ReadyPayment = READY) -> Play:
    play = prepared()
    play.command(ready, "ready")
    return play


def test_prepare_pair_ready_approve_capture() -> None:
    play = Play()
    play.command(PREPARE, "prepare")
    key = idempotency_key(MessageId("/orders", "prepare"), PAYMENT_ID, "prepare", 1)
    assert isinstance(play.running, Prepare) and play.running.key == key and play.running.first
    play.outcome(Accepted(PROVIDER_ID))
    [event] = play.outcome(observed(P.PREPARED, amount=None))
    assert event.answers is not None and event.answers.id.id == "prepare"
    assert event.amounts is None, "nobody has told the amount yet"
    play.due()
    [event] = play.outcome(observed(P.PAIRED, amount=None))
    assert event.status is PaymentStatus.PAIRED and event.answers is None
    play.command(READY, "ready")
    assert isinstance(play.running, Ready) and play.running.amount == AMOUNT
    assert play.outcome(Accepted()) == []
    assert isinstance(play.running, ReadPayment)
    [event] = play.outcome(observed(P.ISSUED))
    assert event.answers is not None and event.answers.type == "payment.ready"
    assert event.amounts is not None and event.amounts.requested == AMOUNT.value
    play.due()
    [event] = play.outcome(observed(P.RESERVED))
    assert event.cause.id.id == "ready", "the last command that started or readied the payment"
    assert event.amounts is not None and event.amounts.reserved == AMOUNT.value


def test_a_status_from_before_the_ready_does_not_count() -> None:
    play = readied()
    play.outcome(Accepted())
    assert play.outcome(observed(P.PREPARED, amount=None)) == []
    assert play.running is None and play.wake_at is not None
    assert play.wake_at - play.clock.steady == pytest.approx(1.0), "read on at the provider's pace"
    play.due()
    play.outcome(observed(P.PAIRED, amount=None))
    play.due()
    [event] = play.outcome(observed(P.ISSUED))
    assert event.answers is not None and event.answers.id.id == "ready"
    assert play.types() == ["payment.prepared", "payment.paired", "payment.issued"]


def test_an_automatic_capture_is_the_readys_to_ask_for() -> None:
    play = readied(replace(READY, capture=CaptureMode.AUTOMATIC))
    play.outcome(Accepted())
    play.outcome(observed(P.INITIATED))
    play.due()
    play.outcome(observed(P.RESERVED))
    assert isinstance(play.running, Capture) and play.running.amount == AMOUNT
    [event] = play.outcome(Accepted())
    assert event.status is PaymentStatus.CAPTURED and event.cause.id.id == "ready"


def test_a_payment_that_nobody_readies_is_cancelled() -> None:
    play = prepared()
    play.pass_time(3600)
    play.due()
    assert isinstance(play.running, ReadPayment), "it is read once more before its cancel"
    play.outcome(observed(P.PAIRED, amount=None))
    assert isinstance(play.running, Cancel)
    [event] = play.outcome(Accepted())
    assert event.fact == PaymentCancelled(By.MERCHANT, CancelReason.PREPARED_TIMEOUT)


def test_a_readied_payment_has_the_customers_time_from_its_ready_on() -> None:
    play = prepared()
    play.pass_time(3000)
    play.command(replace(READY, approval_timeout_seconds=900), "ready")
    play.outcome(Accepted())
    play.outcome(observed(P.INITIATED))
    play.pass_time(800)
    play.due()
    play.outcome(observed(P.ISSUED))
    assert play.running is None, "the prepared payment's time is over and no longer counts"
    play.pass_time(100)
    play.due()
    play.outcome(observed(P.ISSUED))
    assert isinstance(play.running, Cancel)
    [event] = play.outcome(Accepted())
    assert event.fact == PaymentCancelled(By.MERCHANT, CancelReason.APPROVAL_TIMEOUT)


def test_an_unheard_prepare_is_named_by_the_same_call() -> None:
    play = Play()
    play.command(PREPARE, "prepare")
    first = play.running
    [event] = play.outcome(Unknown(3))
    assert event.fact == PaymentUnknown("prepare")
    play.due()
    assert isinstance(play.running, FindPayments)
    play.outcome(EMPTY)
    assert isinstance(play.running, Prepare) and isinstance(first, Prepare)
    assert play.running == replace(first, first=False)


def test_a_prepare_found_past_its_time_is_cancelled_as_ours() -> None:
    play = Play()
    play.command(PREPARE, "prepare")
    play.outcome(Unknown(3))
    play.pass_time(4000)
    play.due()
    play.outcome(Found((PROVIDER_ID,)))
    play.outcome(observed(P.PREPARED, amount=None))
    assert isinstance(play.running, Cancel)
    play.outcome(Accepted())
    assert play.answer("prepare").fact == PaymentCancelled(By.MERCHANT, CancelReason.PREPARED_TIMEOUT)


def test_a_payment_with_an_amount_is_not_what_a_prepare_made() -> None:
    play = Play()
    play.command(PREPARE, "prepare")
    play.outcome(Unknown(3))
    play.pass_time(4000)
    play.due()
    play.outcome(Found((PROVIDER_ID,)))
    play.outcome(observed(P.ISSUED))
    assert isinstance(play.running, FindPayments) and play.running.captured
    play.outcome(EMPTY)
    assert play.reason("prepare") is Reason.EXPIRED
    assert [c.payment_id for c in play.answer("prepare").provider.candidates] == [PROVIDER_ID]  # type: ignore[union-attr]


def test_a_prepare_waits_for_a_busy_point_of_sale_under_a_new_key() -> None:
    play = Play()
    play.command(replace(PREPARE, when_busy=WhenBusy.WAIT), "prepare")
    first = play.running
    play.outcome(BUSY)
    play.due()
    assert isinstance(play.running, Prepare) and isinstance(first, Prepare)
    assert play.running.key != first.key
    assert play.running.key == idempotency_key(MessageId("/orders", "prepare"), PAYMENT_ID, "prepare", 2)


def test_a_cancel_overtakes_an_unheard_prepare() -> None:
    play = Play()
    play.command(PREPARE, "prepare")
    play.command(READY, "ready")
    play.outcome(Unknown(3))
    play.command(CANCEL, "cancel")
    play.due()
    play.outcome(Found((PROVIDER_ID,)))
    play.outcome(observed(P.PREPARED, amount=None))
    assert isinstance(play.running, Cancel)
    play.outcome(Accepted())
    assert play.answer("prepare").status is PaymentStatus.PREPARED
    assert play.answer("cancel").status is PaymentStatus.CANCELLED
    assert play.reason("ready") is Reason.WRONG_STATUS, "it waited behind the cancel"


@pytest.mark.parametrize("status", [P.INITIATED, P.ISSUED, P.RESERVED, P.CANCELLED_BY_CUSTOMER])
def test_an_unheard_ready_that_took_effect_is_answered_by_the_look(status: ProviderStatus) -> None:
    play = readied()
    [event] = play.outcome(Unknown(3))
    assert event.fact == PaymentUnknown("ready") and event.answers is None
    play.due()
    [event] = play.outcome(observed(status))
    assert event.answers is not None and event.answers.id.id == "ready"


def test_an_unheard_ready_without_an_effect_is_sent_again() -> None:
    play = readied()
    first = play.running
    play.outcome(Unknown(3))
    play.due()
    play.outcome(observed(P.PREPARED, amount=None))
    assert play.running == first


def test_a_restored_ready_is_looked_at_first() -> None:
    play = readied()
    assert play.restore() == []
    play.due()
    assert isinstance(play.running, ReadPayment)
    [event] = play.outcome(observed(P.INITIATED))
    assert event.answers is not None and event.answers.id.id == "ready"
    assert "payment.unknown" not in play.types()


def test_a_refused_ready_leaves_the_payment_prepared_for_another() -> None:
    play = readied()
    [event] = play.outcome(Rejected(Refusal(Reason.INVALID_AT_PROVIDER, 400, "1102")))
    assert play.reason("ready") is Reason.INVALID_AT_PROVIDER and event.status is PaymentStatus.PREPARED
    assert play.state is not None and play.state.amounts is None and play.state.ready is None
    play.command(READY, "again")
    play.outcome(Accepted())
    play.outcome(observed(P.ISSUED))
    assert play.answer("again").status is PaymentStatus.ISSUED


def test_a_conflict_is_read_and_told_before_the_ready_is_refused() -> None:
    play = readied()
    play.outcome(NOT_PREPARED)
    assert isinstance(play.running, ReadPayment)
    cancelled, rejected = play.outcome(observed(P.CANCELLED_BY_PROVIDER, amount=None))
    assert (
        cancelled.fact == PaymentCancelled(By.PROVIDER, CancelReason.PROVIDER) and cancelled.answers is None
    )
    assert cancelled.cause.id.id == "prepare"
    assert play.reason("ready") is Reason.WRONG_STATUS and rejected.status is PaymentStatus.CANCELLED


def test_a_conflict_after_an_unheard_ready_is_its_own_effect() -> None:
    play = readied()
    play.outcome(Rejected(Refusal(Reason.WRONG_STATUS, 409, "1303"), unheard=1))
    [event] = play.outcome(observed(P.ISSUED))
    assert event.answers is not None and event.answers.id.id == "ready"


def test_a_readied_payment_in_an_unknown_state_is_cancelled_at_the_customers_time() -> None:
    play = readied()
    play.outcome(Accepted())
    play.outcome(observed(P.UNKNOWN))
    assert play.running is None
    play.pass_time(600)
    play.due()
    play.outcome(observed(P.UNKNOWN))
    assert isinstance(play.running, Cancel)
    [event] = play.outcome(Accepted())
    assert event.fact == PaymentCancelled(By.MERCHANT, CancelReason.APPROVAL_TIMEOUT)
    assert event.answers is not None and event.answers.id.id == "ready"


def test_the_cancel_of_a_readied_payment_in_an_unknown_state_is_kept_as_an_intent() -> None:
    """I3: a new owner finds in the state's bytes what is to be cancelled."""
    play = readied()
    play.outcome(Accepted())
    play.pass_time(600)
    play.outcome(observed(P.UNKNOWN))
    assert play.state is not None and play.state.pending is not None
    assert play.state.pending.kind is OperationKind.CANCEL
    assert decode_state(encode_state(play.state)) == play.state
    play.restore()
    play.due()
    play.outcome(observed(P.CANCELLED_BY_MERCHANT))
    assert play.answer("ready").fact == PaymentCancelled(By.MERCHANT, CancelReason.APPROVAL_TIMEOUT)


def test_an_amount_told_by_other_means_is_learned() -> None:
    play = prepared()
    play.due()
    [event] = play.outcome(observed(P.ISSUED))
    assert event.amounts is not None and event.amounts.requested == AMOUNT.value
    play.due()
    [event] = play.outcome(observed(P.RESERVED))
    assert event.amounts is not None and event.amounts.reserved == AMOUNT.value
