"""A capture or a cancel that is pending: repeated until it is done, compared with a reading wherever the
answer leaves doubt.

Both are idempotent at the provider, so an answered look that does not show the effect sends the call again. A
refusal is compared with a reading of the payment, since the customer or the provider may have been faster.
"""

from dataclasses import replace
from typing import assert_never

from gateway.domain.commands import Message
from gateway.domain.draft import Draft, cause_of
from gateway.domain.events import PaymentCancelled, PaymentCaptured
from gateway.domain.lifecycle import fact_of, may_follow
from gateway.domain.memo import Reading
from gateway.domain.operations import (
    Accepted,
    Cancel,
    Capture,
    DeferralCause,
    Deferred,
    Found,
    Observed,
    Outcome,
    PaymentReading,
    ProviderStatus,
    Purpose,
    RefundObserved,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.pacing import look_again_seconds, refused_again_seconds
from gateway.domain.starting import tell_unknown
from gateway.domain.state import OperationKind, Pending
from gateway.domain.vocabulary import By, CancelReason, PaymentStatus, Reason
from gateway.domain.watching import believe, heed_pace, poll_delay_seconds

CAPTURED_WITH_ANOTHER_AMOUNT = "1307"


def pursue(d: Draft) -> None:
    """Choose the next step of the pending capture or cancel."""
    memo, target = d.memo, _target(d)
    if d.now.steady < memo.not_before:
        d.wake_at(memo.not_before)
    elif memo.refusal is not None:
        d.read_payment(target, Purpose.READ_BACK, Reading.READ_BACK)
    elif memo.spent:
        if d.now.steady < memo.pace:
            d.wake_at(memo.pace)
        else:
            d.read_payment(target, Purpose.LOOK, Reading.LOOK)
    else:
        d.ask(request(d))


def request(d: Draft) -> Capture | Cancel:
    """The call that the intent stands for."""
    pending, target = _pending(d), _target(d)
    if pending.kind is OperationKind.CAPTURE:
        assert pending.amount is not None
        return Capture(d.merchant, target, pending.amount)
    return Cancel(d.merchant, target)


def sent(d: Draft, outcome: Outcome) -> None:
    """A run of the call has ended."""
    d.note(last_request=d.now.steady)
    match outcome:
        case Accepted():
            _done(d)
        case Rejected(refusal, unheard):
            d.note(unheard=d.memo.unheard or unheard > 0)
            if d.memo.unheard or _needs_reading(refusal):
                d.note(refusal=refusal, not_before=d.now.steady)
            else:
                _give_up(d, refusal)
        case Unknown():
            tell_unknown(d)
            wait = look_again_seconds(d.memo.tries, d.dice)
            d.note(unheard=True, spent=True, tries=d.memo.tries + 1, not_before=d.now.steady + wait)
        case Deferred(cause, after_ms, unheard):
            wait = 0.0 if cause is DeferralCause.WITHDRAWN else after_ms / 1000
            d.note(unheard=d.memo.unheard or unheard > 0, not_before=d.now.steady + wait)
        case Observed() | RefundObserved() | Found():
            raise AssertionError(f"a capture or cancel cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def _needs_reading(refusal: Refusal) -> bool:
    """Conflicts of state are read and repaired; what is wrong with the call itself is final."""
    return refusal.http_status == 409 and refusal.reason not in (
        Reason.AMOUNT_ABOVE_RESERVED,
        Reason.PARTIAL_CAPTURE_NOT_POSSIBLE,
    )


def read(d: Draft, outcome: Outcome) -> None:
    """A look, or the reading that a refusal asked for, has ended."""
    match outcome:
        case Observed(reading):
            heed_pace(d, reading)
            _compare(d, reading)
        case Rejected(refusal):
            if d.memo.refusal is not None and refusal.http_status == 404:
                _give_up(d, d.memo.refusal)
            else:
                _rest(d, refused_again_seconds(d.memo.tries, d.dice))
        case Unknown():
            if d.memo.spent:
                tell_unknown(d)
            _rest(d, max(look_again_seconds(d.memo.tries, d.dice), poll_delay_seconds(d)))
        case Deferred(_, after_ms):
            d.note(not_before=d.now.steady + after_ms / 1000)
        case Accepted() | RefundObserved() | Found():
            raise AssertionError(f"a reading cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def _compare(d: Draft, reading: PaymentReading) -> None:
    pending, refusal = _pending(d), d.memo.refusal
    capturing = pending.kind is OperationKind.CAPTURE
    match reading.status:
        case ProviderStatus.CAPTURED:
            by_us = capturing and (refusal is None or d.memo.unheard)
            if by_us and (refusal is None or refusal.code != CAPTURED_WITH_ANOTHER_AMOUNT):
                _done(d, reading)
            else:
                _overtaken(d, reading, refusal)
        case ProviderStatus.CANCELLED_BY_MERCHANT if not capturing:
            _done(d, reading)
        case (
            ProviderStatus.CANCELLED_BY_MERCHANT
            | ProviderStatus.CANCELLED_BY_CUSTOMER
            | ProviderStatus.CANCELLED_BY_PROVIDER
            | ProviderStatus.EXPIRED
        ):
            _overtaken(d, reading, refusal)
        case ProviderStatus.UNKNOWN if refusal is not None and not capturing:
            _overtaken(d, reading, refusal)
        case _:
            _not_done(d, refusal)


def _not_done(d: Draft, refusal: Refusal | None) -> None:
    """The payment stands as before the call: send it again, or believe a refusal that is not about the
    status.
    """
    if refusal is None:
        d.note(spent=False, tries=0, not_before=d.now.steady)
    elif refusal.reason is Reason.WRONG_STATUS:
        d.note(refusal=None)
        _rest(d, refused_again_seconds(d.memo.tries, d.dice))
    else:
        _give_up(d, refusal)


def _done(d: Draft, reading: PaymentReading | None = None) -> None:
    """The effect is the provider's word."""
    pending = _pending(d)
    amounts = d.state.amounts
    word = d.words(reading.word if reading else None, payment_id=pending.target)
    d.change(pending=None)
    if pending.kind is OperationKind.CAPTURE:
        assert amounts is not None and pending.amount is not None
        d.change(status=PaymentStatus.CAPTURED, amounts=replace(amounts, captured=pending.amount.value))
        d.tell(PaymentCaptured(), pending.cause, pending.message, word)
    else:
        assert pending.cancel_reason is not None
        if pending.late is None:
            d.change(status=PaymentStatus.CANCELLED)
        fact = PaymentCancelled(By.MERCHANT, pending.cancel_reason)
        d.tell(fact, pending.cause, _answered(d, pending), word)
    _finish(d, pending)


def _overtaken(d: Draft, reading: PaymentReading, refusal: Refusal | None) -> None:
    """Somebody else was faster: tell what has happened, then refuse the command that came too late."""
    pending = _pending(d)
    if pending.late is not None:
        # Another payment of an abandoned start has ended by itself: there is nothing to tell of ours.
        d.change(pending=None, touched_ms=d.now.wall_ms)
        _finish(d, pending)
        return
    answered = _answered(d, pending) if pending.answers_start else None
    origin = d.state.origin
    cause = cause_of(origin.message) if origin else pending.cause
    d.change(pending=None)
    if fact_of(reading) is None:
        d.change(status=PaymentStatus.CANCELLED)
        words = d.words(reading.word, refusal)
        d.tell(PaymentCancelled(By.PROVIDER, CancelReason.PROVIDER), cause, answered, words)
    elif may_follow(d.state.status, PaymentStatus.CANCELLED):
        believe(d, reading, cause, answered)
    if pending.message is not None:
        text = f"the payment is {d.state.status} already"
        d.reject(pending.message, Reason.WRONG_STATUS, text, d.words(reading.word, refusal))
    _finish(d, pending)


def _give_up(d: Draft, refusal: Refusal) -> None:
    """The refusal is certain and final for the command; what nobody asked for is tried again, slowly."""
    pending = _pending(d)
    if pending.late is not None:
        d.change(pending=None, touched_ms=d.now.wall_ms)
        _finish(d, pending)
        return
    if pending.answers_start:
        text = f"the start took effect and its cancel was refused: {refusal.reason}"
        d.reject_start(refusal.reason, text, d.words(refusal=refusal))
        return
    if pending.message is None:
        d.note(refusal=None)
        _rest(d, refused_again_seconds(d.memo.tries, d.dice))
        return
    d.change(pending=None)
    text = f"the provider refused the {pending.kind}: {refusal.reason}"
    d.reject(pending.message, refusal.reason, text, d.words(refusal=refusal))
    _finish(d, pending)


def _finish(d: Draft, pending: Pending) -> None:
    start = d.state.start
    if pending.answers_start and start is not None:
        d.change(start=replace(start, answered=True))
    if pending.late is not None:
        d.change(abandoned=tuple(a for a in d.state.abandoned if a != pending.late))
    d.calm()


def _answered(d: Draft, pending: Pending) -> Message | None:
    if pending.answers_start and d.state.start is not None:
        return d.state.start.message
    return pending.message


def _rest(d: Draft, seconds: float) -> None:
    d.note(tries=d.memo.tries + 1, not_before=d.now.steady + seconds)


def _target(d: Draft) -> str:
    target = _pending(d).target or d.state.provider_payment_id
    assert target is not None
    return target


def _pending(d: Draft) -> Pending:
    assert d.state.pending is not None
    return d.state.pending
