"""A refund of a payment that the state no longer holds, told turn by turn."""

from dataclasses import replace

import pytest

from gateway.domain.commands import CancelRefund, CapturePayment, CreateRefund
from gateway.domain.events import CommandRejected, RefundCaptured, RefundReserved
from gateway.domain.money import Currency, Money
from gateway.domain.operations import (
    Accepted,
    DeferralCause,
    Deferred,
    FindPayments,
    FindRefunds,
    Found,
    ProviderRefundStatus,
    ProviderStatus,
    ReadPayment,
    ReadRefund,
    Refund,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.vocabulary import CaptureMode, PaymentStatus, Reason, RefundStatus
from tests.unit.domain.play import (
    PAYMENT_ID,
    POS_ID,
    PROVIDER_ID,
    REFUND_PROVIDER_ID,
    Play,
    initiate,
    observed,
    refund_read,
)

P = ProviderStatus
SOME = Money(100, Currency.DKK)
REFUND = CreateRefund(PAYMENT_ID, "r-1", SOME, CaptureMode.MANUAL, pos_id=POS_ID)


def asked(data: CreateRefund = REFUND, play: Play | None = None) -> Play:
    play = play or Play()
    play.command(data, "refund")
    return play


def read(play: Play, *refunds: str) -> Play:
    """The payment is found and read, and the list of its refunds."""
    play.outcome(Found((PROVIDER_ID,)))
    play.outcome(observed(P.CAPTURED))
    play.outcome(Found(refunds))
    return play


def test_a_captured_payment_is_found_read_and_refunded() -> None:
    play = asked()
    assert play.running is not None
    assert isinstance(play.running, FindPayments)
    assert (play.running.pos_id, play.running.order_id, play.running.captured) == (POS_ID, PAYMENT_ID, True)
    play.outcome(Found((PROVIDER_ID,)))
    assert isinstance(play.running, ReadPayment)
    play.outcome(observed(P.CAPTURED))
    assert isinstance(play.running, FindRefunds)
    play.outcome(Found(("earlier",)))
    assert isinstance(play.running, ReadRefund)
    play.outcome(
        refund_read(ProviderRefundStatus.CAPTURED, provider_refund_id="earlier", refund_id="r-0", amount=SOME)
    )
    assert isinstance(play.running, Refund) and play.running.provider_payment_id == PROVIDER_ID
    play.outcome(Accepted(REFUND_PROVIDER_ID))
    [event] = play.outcome(refund_read(ProviderRefundStatus.RESERVED, amount=SOME))
    assert isinstance(event.fact, RefundReserved) and event.adopted and event.sequence == 1
    assert event.status is PaymentStatus.CAPTURED
    assert (event.order_id, event.pos_id) == (PAYMENT_ID, POS_ID)
    assert event.amounts is not None
    assert (event.amounts.captured, event.amounts.refunded) == (None, SOME.value)


def test_without_a_point_of_sale_the_message_says_what_to_add() -> None:
    play = asked(replace(REFUND, pos_id=None))
    assert play.reason("refund") is Reason.PAYMENT_NOT_FOUND and play.running is None
    fact = play.answer("refund").fact
    assert isinstance(fact, CommandRejected) and "posId" in fact.message
    assert (fact.refund_id, fact.refund_status) == ("r-1", RefundStatus.NONE)


@pytest.mark.parametrize("ids", [(), ("one", "two")])
def test_none_or_several_finds_are_not_the_payment(ids: tuple[str, ...]) -> None:
    play = asked()
    [event] = play.outcome(Found(ids))
    assert play.reason("refund") is Reason.PAYMENT_NOT_FOUND
    assert event.status is PaymentStatus.NONE and not event.adopted


@pytest.mark.parametrize(
    "fields", [{"order_id": "other"}, {"pos_id": "0d4d9b11-5a6c-4fd3-bb7b-7d9d2a4f6c1d"}]
)
def test_what_is_read_must_be_what_was_sought(fields: dict[str, object]) -> None:
    play = asked()
    play.outcome(Found((PROVIDER_ID,)))
    play.outcome(observed(P.CAPTURED, **fields))
    assert play.reason("refund") is Reason.PAYMENT_NOT_FOUND


def test_a_refund_that_the_provider_has_already_exists() -> None:
    play = read(asked(), REFUND_PROVIDER_ID)
    [event] = play.outcome(refund_read(ProviderRefundStatus.RESERVED, amount=SOME))
    assert play.reason("refund") is Reason.REFUND_EXISTS and event.adopted
    play.command(CancelRefund(PAYMENT_ID, "r-1"), "cancel")
    play.outcome(Accepted())
    assert play.answer("cancel").adopted, "the adopted refund can be cancelled"


def test_an_adopted_refund_pays_itself_out_after_its_24_hours() -> None:
    play = read(asked(), "earlier")
    play.outcome(
        refund_read(ProviderRefundStatus.RESERVED, provider_refund_id="earlier", refund_id="r-0", amount=SOME)
    )
    play.outcome(Rejected(Refusal(Reason.REFUND_ABOVE_CAPTURED, 409, "1367")))
    assert play.reason("refund") is Reason.REFUND_ABOVE_CAPTURED
    play.due()
    assert isinstance(play.running, ReadRefund) and play.running.provider_refund_id == "earlier"
    [event] = play.outcome(
        refund_read(
            ProviderRefundStatus.CAPTURED_BY_EXPIRY,
            provider_refund_id="earlier",
            refund_id="r-0",
            amount=SOME,
        )
    )
    assert isinstance(event.fact, RefundCaptured) and event.cause.id.id == "refund"


def test_two_refunds_under_one_name_are_both_kept() -> None:
    play = read(asked(), "one", "two", "three")
    for name, status in (
        ("one", ProviderRefundStatus.RESERVED),
        ("two", ProviderRefundStatus.CANCELLED_BY_MERCHANT),
        ("three", ProviderRefundStatus.CAPTURED),
    ):
        play.outcome(refund_read(status, provider_refund_id=name, refund_id="r-0", amount=SOME))
    assert play.state is not None and play.state.amounts is not None
    assert {r.provider_refund_id for r in play.state.refunds if r.refund_id == "r-0"} == {"one", "three"}
    assert len({r.name for r in play.state.refunds}) == len(play.state.refunds)
    assert play.state.amounts.refunded == SOME.value


def test_an_unheard_reading_is_repeated_until_it_is_answered() -> None:
    play = asked()
    for _ in range(3):
        play.outcome(Unknown(1))
        play.due()
        assert isinstance(play.running, FindPayments)
    play.outcome(Found((PROVIDER_ID,)))
    play.outcome(Deferred(DeferralCause.THROTTLED, 1000))
    play.due()
    assert isinstance(play.running, ReadPayment), "what was found need not be found again"


def test_an_adoption_that_takes_too_long_expires() -> None:
    play = asked()
    play.outcome(Unknown(1))
    play.pass_time(24 * 3600)
    play.due()
    assert play.reason("refund") is Reason.EXPIRED


def test_a_refusal_to_show_it_is_the_answer() -> None:
    play = asked()
    [event] = play.outcome(Rejected(Refusal(Reason.NOT_PERMITTED, 403, "1401", "corr-1")))
    assert play.reason("refund") is Reason.NOT_PERMITTED
    assert event.provider is not None and event.provider.code == "1401"


def test_a_restore_begins_the_adoption_anew() -> None:
    play = asked()
    play.outcome(Found((PROVIDER_ID,)))
    play.restore()
    assert isinstance(play.running, FindPayments)


def test_a_payment_whose_start_was_rejected_may_be_adopted_and_its_sequence_goes_on() -> None:
    play = Play(merchant_known=False)
    play.command(initiate(), "start")
    play.merchant_known = True
    read(asked(play=play))
    play.outcome(Accepted(REFUND_PROVIDER_ID))
    [event] = play.outcome(refund_read(ProviderRefundStatus.INITIATED, amount=SOME))
    assert event.adopted and event.sequence == 2
    play.command(initiate(), "again")
    assert play.reason("again") is Reason.PAYMENT_EXISTS
    play.command(CapturePayment(PAYMENT_ID), "capture")
    assert play.reason("capture") is Reason.WRONG_STATUS


def test_without_a_merchant_nothing_is_asked() -> None:
    play = asked(play=Play(merchant_known=False))
    assert play.reason("refund") is Reason.INVALID_AT_PROVIDER and play.running is None


def test_an_adopted_payment_comes_back_from_its_state() -> None:
    play = read(asked())
    play.outcome(Accepted(REFUND_PROVIDER_ID))
    play.outcome(refund_read(ProviderRefundStatus.RESERVED, amount=SOME))
    play.restore()
    play.command(CancelRefund(PAYMENT_ID, "r-1"), "cancel")
    play.outcome(Accepted())
    assert play.answer("cancel").adopted
    assert play.state is not None and play.state.amounts is not None and play.state.amounts.refunded == 0
