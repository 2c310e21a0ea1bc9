"""A call that still runs over a re-opening, while another owner has gone on with what it was for."""

from collections.abc import Callable
from copy import copy

import pytest

from gateway.domain.operations import Accepted, ProviderRefundStatus, ProviderStatus
from tests.unit.domain.play import PROVIDER_ID, REFUND_PROVIDER_ID, Play, observed, refund_read
from tests.unit.domain.test_points_of_sale import POS_ID, READ, Till
from tests.unit.domain.test_uncertain_refusals import (
    SOME,
    cancelling,
    cancelling_a_refund,
    capturing,
    capturing_a_refund,
    initiating,
    making_a_till,
    preparing,
    readying,
    refunding,
    removing_a_till,
)

P, R = ProviderStatus, ProviderRefundStatus
ENDS: dict[str, tuple[Callable[[], Play], list[object]]] = {
    "initiate": (initiating, [Accepted(PROVIDER_ID), observed(P.INITIATED)]),
    "prepare": (preparing, [Accepted(PROVIDER_ID), observed(P.PREPARED, amount=None)]),
    "ready": (readying, [Accepted(), observed(P.ISSUED)]),
    "capture": (capturing, [Accepted()]),
    "cancel": (cancelling, [Accepted()]),
    "refund": (refunding, [Accepted(REFUND_PROVIDER_ID), refund_read(R.RESERVED, amount=SOME)]),
    "refund-capture": (capturing_a_refund, [Accepted()]),
    "refund-cancel": (cancelling_a_refund, [Accepted()]),
}
TILL_ENDS: dict[str, tuple[Callable[[], Till], list[object]]] = {
    "create": (making_a_till, [Accepted(POS_ID), READ]),
    "delete": (removing_a_till, [Accepted()]),
}


@pytest.mark.parametrize("call", ENDS)
def test_what_another_owner_has_ended_is_not_answered_again(call: str) -> None:
    """I2: the state that is read back no longer intends the call, whose outcome then counts for nothing."""
    begin, outcomes = ENDS[call]
    stale, other = begin(), begin()
    for outcome in outcomes:
        other.outcome(outcome)  # type: ignore[arg-type]
    assert other.answer("asked")
    stale.state, stale.events = other.state, copy(other.events)
    stale.reopen()
    assert stale.outcome(outcomes[0]) == []  # type: ignore[arg-type]
    assert stale.state is not None and other.state is not None
    assert stale.state.status is other.state.status and stale.state.pending is None


@pytest.mark.parametrize("call", TILL_ENDS)
def test_what_another_owner_has_made_or_removed_is_not_told_again(call: str) -> None:
    begin, outcomes = TILL_ENDS[call]
    stale, other = begin(), begin()
    for outcome in outcomes:
        other.outcome(outcome)  # type: ignore[arg-type]
    assert other.answer("asked")
    stale.state, stale.events = other.state, copy(other.events)
    stale.reopen()
    assert stale.outcome(outcomes[0]) == []  # type: ignore[arg-type]
    assert stale.state == other.state
