"""One more look for a refund whose command was answered as expired: what turns up ten minutes later is
cancelled, and what has been paid out by then is told.

As with a payment's late look, the refund of a later command is never hit: the look waits while such a command
is unanswered, and refunds that the state knows are excepted.
"""

from dataclasses import replace
from typing import assert_never

from gateway.domain.draft import Draft
from gateway.domain.memo import Reading, RefundLook
from gateway.domain.operations import (
    Accepted,
    Deferred,
    FindRefunds,
    Found,
    Observed,
    Outcome,
    Purpose,
    ReadRefund,
    RefundObserved,
    RefundReading,
    Rejected,
    Unknown,
)
from gateway.domain.pacing import look_again_seconds
from gateway.domain.refund_draft import RefundDraft
from gateway.domain.refund_lifecycle import refund_status_of
from gateway.domain.refund_watching import believe, heed_pace
from gateway.domain.state import AbandonedRefund, OperationKind, Pending, Refund
from gateway.domain.vocabulary import CancelReason, RefundStatus


def look(d: Draft) -> None:
    """Take the next step of the earliest look that is due, or wake for it."""
    if not d.state.abandoned_refunds:
        return
    abandoned, current = _next(d), d.memo.refund_late_look
    again = d.find_refund(abandoned.refund_id)
    payment_id = d.state.provider_payment_id
    assert payment_id is not None
    if again is not None and again.message is not None:
        return
    if d.now.wall_ms < abandoned.due_ms:
        d.wake_at_wall(abandoned.due_ms)
    elif d.now.steady < d.memo.refund_late_not_before:
        d.wake_at(d.memo.refund_late_not_before)
    elif current is None or current.unread is None:
        d.note(refund_late_look=RefundLook(begun=d.now.steady))
        found = FindRefunds(d.merchant, payment_id, Purpose.LOOK)
        d.ask_reading(found, Reading.REFUND_LATE_LOOK)
    elif current.unread:
        candidate = ReadRefund(d.merchant, current.unread[0], Purpose.CANDIDATE)
        d.ask_reading(candidate, Reading.REFUND_LATE_LOOK)
    else:
        _close(d, abandoned)


def looked(d: Draft, outcome: Outcome) -> None:
    """One GET of a late look has ended."""
    current = d.memo.refund_late_look
    if current is None or not d.state.abandoned_refunds:
        return
    match outcome:
        case Found(ids):
            known = {r.provider_refund_id for r in d.state.refunds}
            unread = tuple(i for i in ids if i not in known)
            d.note(refund_late_look=replace(current, unread=unread), refund_late_tries=0)
        case RefundObserved(reading):
            assert current.unread
            abandoned = _next(d)
            d.note(refund_late_look=replace(current, unread=current.unread[1:]))
            if reading.refund_id == abandoned.refund_id and reading.amount == abandoned.amount:
                _turned_up(d, reading, abandoned)
        case Rejected() if current.unread:
            d.note(refund_late_look=replace(current, unread=current.unread[1:]))
        case Rejected() | Unknown() | Deferred():
            wait = look_again_seconds(d.memo.refund_late_tries, d.dice)
            d.note(
                refund_late_look=None,
                refund_late_tries=d.memo.refund_late_tries + 1,
                refund_late_not_before=d.now.steady + wait,
            )
        case Accepted() | Observed():
            raise AssertionError(f"a look for a refund cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def _turned_up(d: Draft, reading: RefundReading, abandoned: AbandonedRefund) -> None:
    status = refund_status_of(reading.status)
    if status is RefundStatus.CANCELLED:
        return
    _close(d, abandoned)
    refund = Refund(
        abandoned.refund_id,
        abandoned.amount,
        abandoned.cause,
        provider_refund_id=reading.provider_refund_id,
        late=True,
    )
    d.change(refunds=(*d.state.refunds, refund))
    r = RefundDraft(d, refund.name)
    heed_pace(r, reading)
    if status is RefundStatus.CAPTURED:
        believe(r, reading, abandoned.cause)
    else:
        kind, reason = OperationKind.REFUND_CANCEL, CancelReason.LATE_EFFECT
        r.intend(Pending(kind, abandoned.cause, d.now.wall_ms, cancel_reason=reason))


def _close(d: Draft, abandoned: AbandonedRefund) -> None:
    rest = tuple(a for a in d.state.abandoned_refunds if a != abandoned)
    d.change(abandoned_refunds=rest, touched_ms=d.now.wall_ms)
    d.note(refund_late_look=None)


def _next(d: Draft) -> AbandonedRefund:
    return min(d.state.abandoned_refunds, key=lambda a: a.due_ms)
