"""One unheard request is enough: a refusal after it is compared with what is read, whichever call it was."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.domain.commands import CancelRefund, CaptureRefund, CreateRefund, PreparePayment, ReadyPayment
from gateway.domain.money import Currency, Money
from gateway.domain.operations import (
    Accepted,
    DeferralCause,
    Deferred,
    Initiate,
    Prepare,
    ProviderRefundStatus,
    ProviderStatus,
    Refund,
    Refusal,
    Rejected,
)
from gateway.domain.vocabulary import CaptureMode, Reason
from tests.unit.domain.play import (
    AMOUNT,
    CANCEL,
    CAPTURE,
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
from tests.unit.domain.test_points_of_sale import CREATE, DELETE, EMPTY, Till

SOME = Money(1000, Currency.DKK)
REFUND = CreateRefund(PAYMENT_ID, "r-1", SOME, CaptureMode.MANUAL)
NOT_PERMITTED = Refusal(Reason.NOT_PERMITTED, 403, "1401", "corr-1")
"""Of no status, so that a certain one is final at once for every call."""


def initiating() -> Play:
    play = Play()
    play.command(initiate(), "asked")
    return play


def preparing() -> Play:
    play = Play()
    play.command(PreparePayment(PAYMENT_ID, POS_ID), "asked")
    return play


def readying() -> Play:
    play = Play()
    play.command(PreparePayment(PAYMENT_ID, POS_ID), "prepare")
    play.outcome(Accepted(PROVIDER_ID))
    play.outcome(observed(ProviderStatus.PREPARED, amount=None))
    play.command(ReadyPayment(PAYMENT_ID, AMOUNT), "asked")
    return play


def capturing() -> Play:
    play = Play().reserved()
    play.command(CAPTURE, "asked")
    return play


def cancelling() -> Play:
    play = Play().reserved()
    play.command(CANCEL, "asked")
    return play


def refunding() -> Play:
    play = captured()
    play.command(REFUND, "asked")
    return play


def reserved_refund() -> Play:
    play = captured()
    play.command(REFUND, "refund")
    play.outcome(Accepted(REFUND_PROVIDER_ID))
    play.outcome(refund_read(ProviderRefundStatus.RESERVED, amount=SOME))
    return play


def capturing_a_refund() -> Play:
    play = reserved_refund()
    play.command(CaptureRefund(PAYMENT_ID, "r-1"), "asked")
    return play


def cancelling_a_refund() -> Play:
    play = reserved_refund()
    play.command(CancelRefund(PAYMENT_ID, "r-1"), "asked")
    return play


def making_a_till() -> Till:
    till = Till()
    till.command(CREATE, "asked")
    return till


def removing_a_till() -> Till:
    till = Till().created()
    till.command(DELETE, "asked")
    till.outcome(EMPTY)
    return till


CALLS: dict[str, Callable[[], Play | Till]] = {
    "initiate": initiating,
    "prepare": preparing,
    "ready": readying,
    "capture": capturing,
    "cancel": cancelling,
    "refund": refunding,
    "refund-capture": capturing_a_refund,
    "refund-cancel": cancelling_a_refund,
    "create-point-of-sale": making_a_till,
    "delete-point-of-sale": removing_a_till,
}


@pytest.mark.parametrize("call", CALLS)
def test_a_refusal_after_one_unheard_request_is_no_answer_yet(call: str) -> None:
    play = CALLS[call]()
    assert play.outcome(Rejected(NOT_PERMITTED, unheard=1)) == []
    assert hasattr(play.running, "purpose"), "what exists is read first"


@pytest.mark.parametrize("call", CALLS)
def test_one_unheard_request_is_remembered_over_a_run_that_was_put_off(call: str) -> None:
    """What was sent unheard stays unheard, however often the call is put off before the refusal."""
    play = CALLS[call]()
    asked = play.running
    for unheard in (1, 0):
        play.outcome(Deferred(DeferralCause.THROTTLED, 1000, unheard, unheard))
        play.due()
    if isinstance(asked, Initiate | Prepare | Refund):
        assert play.running == replace(asked, first=False)
    assert play.outcome(Rejected(NOT_PERMITTED)) == []
    assert hasattr(play.running, "purpose"), "what exists is read first"


@pytest.mark.parametrize("call", CALLS)
def test_a_refusal_with_nothing_unheard_is_the_answer(call: str) -> None:
    play = CALLS[call]()
    [event] = play.outcome(Rejected(NOT_PERMITTED))
    assert play.reason("asked") is Reason.NOT_PERMITTED
    assert event.provider is not None
    assert (event.provider.code, event.provider.correlation_id) == ("1401", "corr-1")
