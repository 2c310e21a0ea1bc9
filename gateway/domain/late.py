"""One more look at a start that was answered without an effect: what turns up ten minutes later is cancelled.

A request that timed out may take effect after the provider was searched. The look never hits the payment of a
later start: it waits while such a start is unanswered, and the payment's own resource is excepted.
"""

from dataclasses import replace
from typing import assert_never

from gateway.domain.draft import Draft
from gateway.domain.lifecycle import ENDED, status_of
from gateway.domain.memo import Look, Reading
from gateway.domain.operations import (
    Accepted,
    Deferred,
    FindPayments,
    Found,
    Observed,
    Outcome,
    PaymentReading,
    Purpose,
    ReadPayment,
    RefundObserved,
    Rejected,
    Unknown,
)
from gateway.domain.pacing import look_again_seconds
from gateway.domain.state import AbandonedStart, OperationKind, Pending
from gateway.domain.vocabulary import CancelReason


def look(d: Draft) -> None:
    """Take the next step of the earliest look that is due, or wake for it."""
    start = d.state.start
    busy = d.state.pending is not None or (start is not None and not start.answered)
    if not d.state.abandoned or busy:
        return
    abandoned = _next(d)
    if d.now.wall_ms < abandoned.due_ms:
        d.wake_at_wall(abandoned.due_ms)
    elif d.now.steady < d.memo.late_not_before:
        d.wake_at(d.memo.late_not_before)
    elif d.memo.look is None or d.memo.look.unread is None:
        d.note(look=Look(begun=d.now.steady))
        found = FindPayments(abandoned.merchant, abandoned.pos_id, abandoned.order_id, False, Purpose.LOOK)
        d.ask_reading(found, Reading.LATE_LOOK)
    elif d.memo.look.unread:
        candidate = ReadPayment(abandoned.merchant, d.memo.look.unread[0], Purpose.CANDIDATE)
        d.ask_reading(candidate, Reading.LATE_LOOK)
    else:
        rest = tuple(a for a in d.state.abandoned if a != abandoned)
        d.change(abandoned=rest, touched_ms=d.now.wall_ms)
        d.note(look=None)


def looked(d: Draft, outcome: Outcome) -> None:
    """One GET of a late look has ended."""
    current = d.memo.look
    if current is None or not d.state.abandoned:
        return
    match outcome:
        case Found(ids):
            unread = tuple(i for i in ids if i != d.state.provider_payment_id)
            d.note(look=replace(current, unread=unread), tries=0)
        case Observed(reading):
            assert current.unread
            abandoned = _next(d)
            d.note(look=replace(current, unread=current.unread[1:]))
            if _is_late_effect(d, reading, abandoned):
                _cancel(d, reading, abandoned)
        case Rejected() if current.unread:
            d.note(look=replace(current, unread=current.unread[1:]))
        case Rejected() | Unknown() | Deferred():
            wait = look_again_seconds(d.memo.tries, d.dice)
            d.note(look=None, tries=d.memo.tries + 1, late_not_before=d.now.steady + wait)
        case Accepted() | RefundObserved():
            raise AssertionError(f"a look for a payment cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def _next(d: Draft) -> AbandonedStart:
    return min(d.state.abandoned, key=lambda a: a.due_ms)


def _is_late_effect(d: Draft, reading: PaymentReading, abandoned: AbandonedStart) -> bool:
    return (
        reading.provider_payment_id != d.state.provider_payment_id
        and reading.order_id == abandoned.order_id
        and reading.pos_id.lower() == abandoned.pos_id.lower()
        and reading.amount == abandoned.amount
        and status_of(reading.status) not in ENDED
    )


def _cancel(d: Draft, reading: PaymentReading, abandoned: AbandonedStart) -> None:
    intent = Pending(
        OperationKind.CANCEL,
        abandoned.cause,
        d.now.wall_ms,
        cancel_reason=CancelReason.LATE_EFFECT,
        late=abandoned,
        target=reading.provider_payment_id,
    )
    d.change(pending=intent, touched_ms=d.now.wall_ms)
    d.calm()
