"""What a reading of the payment means, and when to read next: the provider's pace, the approval time-out, the
reservation's end.
"""

from dataclasses import replace
from typing import assert_never

from gateway.domain.commands import Message
from gateway.domain.draft import Draft, cause_of
from gateway.domain.events import Amounts, Cause, PaymentFact
from gateway.domain.lifecycle import ACTIVE, UNREADY, fact_of, may_follow, status_of
from gateway.domain.memo import Reading
from gateway.domain.operations import (
    Accepted,
    Deferred,
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
from gateway.domain.pacing import (
    DEFAULT_POLL_DELAY_MS,
    RESERVATION_GRACE_MS,
    RESERVATION_LIFETIME_MS,
    refused_again_seconds,
)
from gateway.domain.state import OperationKind, Pending
from gateway.domain.vocabulary import CancelReason, PaymentStatus


def poll_delay_seconds(d: Draft) -> float:
    """The provider's last word on this payment's pace, never below the configured floor."""
    delay_ms = d.state.poll_delay_ms
    return max(DEFAULT_POLL_DELAY_MS if delay_ms is None else delay_ms, d.rules.min_poll_delay_ms) / 1000


def heed_pace(d: Draft, reading: PaymentReading) -> None:
    """Remember the pace of what was read; it counts from now, when the answer has been read."""
    own = reading.provider_payment_id == d.state.provider_payment_id
    if own and reading.poll_delay_ms != d.state.poll_delay_ms:
        d.change(poll_delay_ms=reading.poll_delay_ms)
    delay_ms = max(reading.poll_delay_ms, d.rules.min_poll_delay_ms)
    d.note(pace=d.now.steady + delay_ms / 1000)


def passed_over(d: Draft, operation: ReadPayment, outcome: Outcome) -> None:
    """A reading that is not believed, since a restore came in between, holds for the pace all the same; what the
    restore allows is never brought forward, since another owner may have read in between too.
    """
    if operation.provider_payment_id != d.state.provider_payment_id:
        return
    allowed = d.memo.pace
    if isinstance(outcome, Observed):
        heed_pace(d, outcome.reading)
    else:
        d.note(pace=d.now.steady + poll_delay_seconds(d))
    pace = max(allowed, d.memo.pace)
    d.note(pace=pace, not_before=max(d.memo.not_before, pace))


def believe(
    d: Draft,
    reading: PaymentReading,
    cause: Cause,
    answered: Message | None = None,
    fact: PaymentFact | None = None,
) -> bool:
    """Take over the status of a reading and tell it; False where it says nothing new. `fact` is told in place
    of the plain one.
    """
    status = status_of(reading.status)
    plain = fact_of(reading)
    if status is None or plain is None or not may_follow(d.state.status, status):
        return False
    amounts = d.state.amounts
    if amounts is None and reading.amount is not None:
        # A prepared payment that was readied by other means: what it asks for is known from here on.
        amounts = Amounts(reading.amount.currency, requested=reading.amount.value, captured=0)
        d.change(amounts=amounts)
    if amounts is not None and status is PaymentStatus.RESERVED:
        value = reading.amount.value if reading.amount else amounts.requested
        d.change(
            amounts=replace(amounts, reserved=value),
            reserved_ms=d.now.wall_ms,
            expires_at_ms=reading.expires_at_ms,
            partial_capture_possible=reading.partial_capture_possible,
        )
    elif amounts is not None and status is PaymentStatus.CAPTURED:
        # Somebody else captured, or we no longer know how much: a reading does not tell the captured amount.
        d.change(amounts=replace(amounts, reserved=amounts.reserved or amounts.requested, captured=None))
    d.change(status=status)
    d.tell(fact or plain, cause, answered, d.words(reading.word, payment_id=reading.provider_payment_id))
    return True


def watch(d: Draft) -> None:
    """Ask for the next reading of a payment that nothing is pending on, when it is due."""
    s = d.state
    starting = s.start is not None and not s.start.answered
    if s.provider_payment_id is None or s.pending is not None or starting:
        return
    if s.status in ACTIVE:
        due = d.memo.pace
    elif s.status is PaymentStatus.RESERVED:
        due = max(d.memo.pace, d.now.steady + (_reservation_check_ms(d) - d.now.wall_ms) / 1000)
    else:
        return
    if d.now.steady >= due:
        d.read_payment(s.provider_payment_id, Purpose.POLL, Reading.WATCH)
    else:
        d.wake_at(due)


def watched(d: Draft, outcome: Outcome) -> None:
    """A poll has ended."""
    match outcome:
        case Observed(reading):
            d.note(tries=0)
            heed_pace(d, reading)
            _observed(d, reading)
        case Unknown():
            d.note(pace=d.now.steady + poll_delay_seconds(d))
        case Deferred(_, after_ms):
            d.note(pace=d.now.steady + max(after_ms / 1000, poll_delay_seconds(d)))
        case Rejected():
            # The provider denies a payment that it has shown us: no event, since nothing is known; back off
            # and go on.
            wait = max(refused_again_seconds(d.memo.tries, d.dice), poll_delay_seconds(d))
            d.note(tries=d.memo.tries + 1, pace=d.now.steady + wait)
        case Accepted() | RefundObserved() | Found():
            raise AssertionError(f"a poll cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def _observed(d: Draft, reading: PaymentReading) -> None:
    origin = d.state.origin
    assert origin is not None
    cause = cause_of(origin.message)
    believe(d, reading, cause)
    s = d.state
    if s.status is PaymentStatus.RESERVED and _reservation_check_ms(d) <= d.now.wall_ms:
        # The reservation should have lapsed and has not: ask again, slowly.
        d.note(pace=d.now.steady + 60 * RESERVATION_GRACE_MS / 1000)
    deadline = s.approval_deadline_ms
    if s.status in ACTIVE and deadline is not None and d.now.wall_ms >= deadline:
        d.change(
            pending=Pending(
                OperationKind.CANCEL,
                cause,
                d.now.wall_ms,
                cancel_reason=_timeout_reason(d),
            ),
            touched_ms=d.now.wall_ms,
        )
        d.calm()


def _timeout_reason(d: Draft) -> CancelReason:
    """Nobody readied the payment, or nobody approved it."""
    unready = d.state.status in UNREADY
    return CancelReason.PREPARED_TIMEOUT if unready else CancelReason.APPROVAL_TIMEOUT


def _reservation_check_ms(d: Draft) -> int:
    s = d.state
    ends = s.expires_at_ms
    if ends is None:
        ends = (s.reserved_ms or d.now.wall_ms) + RESERVATION_LIFETIME_MS
    return ends + RESERVATION_GRACE_MS
