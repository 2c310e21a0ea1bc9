"""What a reading of a refund means, and when to read it next: the provider's pace, and the 24 hours after which
a reserved refund pays itself out.
"""

from typing import assert_never

from gateway.domain.commands import Message
from gateway.domain.events import Cause
from gateway.domain.memo import Reading
from gateway.domain.operations import (
    Accepted,
    Deferred,
    Found,
    Observed,
    Outcome,
    Purpose,
    RefundObserved,
    RefundReading,
    Rejected,
    Unknown,
)
from gateway.domain.pacing import REFUND_LIFETIME_MS, RESERVATION_GRACE_MS, refused_again_seconds
from gateway.domain.refund_draft import RefundDraft
from gateway.domain.refund_lifecycle import refund_fact_of, refund_may_follow, refund_status_of
from gateway.domain.vocabulary import RefundStatus


def heed_pace(r: RefundDraft, reading: RefundReading) -> None:
    """Remember the pace of what was read; it counts from now, when the answer has been read."""
    if reading.poll_delay_ms != r.refund.poll_delay_ms:
        r.change(poll_delay_ms=reading.poll_delay_ms)
    r.note(pace=r.d.now.steady + r.poll_delay_seconds)


def believe(r: RefundDraft, reading: RefundReading, cause: Cause, answered: Message | None = None) -> bool:
    """Take a reading for the refund's status and tell of it; False where it says nothing new."""
    status = refund_status_of(reading.status)
    if status is None or not refund_may_follow(r.refund.status, status):
        return False
    become(r, status)
    fact = refund_fact_of(reading.status, r.news())
    assert fact is not None
    r.tell(fact, cause, answered, r.words(reading.word))
    return True


def become(r: RefundDraft, status: RefundStatus) -> None:
    """The refund has this status from now on; what it paid out is counted."""
    d = r.d
    r.change(status=status)
    if status is RefundStatus.RESERVED:
        r.change(reserved_ms=d.now.wall_ms)
    if status is RefundStatus.CAPTURED:
        d.pay_back(r.refund.amount)


def watch(r: RefundDraft) -> None:
    """Ask for the next reading of a refund that nothing is pending on, when it is due."""
    refund, now = r.refund, r.d.now
    if refund.pending is not None or refund.provider_refund_id is None:
        return
    if refund.status is RefundStatus.INITIATED:
        due = r.memo.pace
    elif refund.status is RefundStatus.RESERVED:
        due = max(r.memo.pace, now.steady + (_expiry_check_ms(r) - now.wall_ms) / 1000)
    else:
        return
    if now.steady >= due:
        r.read(Purpose.POLL, Reading.REFUND_WATCH)
    else:
        r.d.wake_at(due)


def watched(r: RefundDraft, outcome: Outcome) -> None:
    """A poll has ended."""
    now = r.d.now.steady
    match outcome:
        case RefundObserved(reading):
            r.note(tries=0)
            heed_pace(r, reading)
            believe(r, reading, r.refund.cause)
            if r.refund.status is RefundStatus.RESERVED and _expiry_check_ms(r) <= r.d.now.wall_ms:
                # The refund should have paid itself out and has not: ask again, slowly.
                r.note(pace=now + 60 * RESERVATION_GRACE_MS / 1000)
        case Unknown():
            r.note(pace=now + r.poll_delay_seconds)
        case Deferred(_, after_ms):
            r.note(pace=now + max(after_ms / 1000, r.poll_delay_seconds))
        case Rejected():
            wait = max(refused_again_seconds(r.memo.tries, r.d.dice), r.poll_delay_seconds)
            r.note(tries=r.memo.tries + 1, pace=now + wait)
        case Accepted() | Observed() | Found():
            raise AssertionError(f"a poll of a refund cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def _expiry_check_ms(r: RefundDraft) -> int:
    reserved_ms = r.refund.reserved_ms
    since = r.d.now.wall_ms if reserved_ms is None else reserved_ms
    return since + REFUND_LIFETIME_MS + RESERVATION_GRACE_MS
