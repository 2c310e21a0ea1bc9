"""A capture or a cancel of a refund that is pending: repeated until it is done, compared with a reading wherever
the answer leaves doubt.

A refund that nobody cancels pays itself out after 24 hours, so a cancel is never given up for want of an answer.
"""

from typing import assert_never

from gateway.domain.commands import Message
from gateway.domain.events import RefundCancelled, RefundCaptured
from gateway.domain.memo import Reading
from gateway.domain.operations import (
    Accepted,
    DeferralCause,
    Deferred,
    Found,
    Observed,
    Outcome,
    ProviderRefundStatus,
    Purpose,
    RefundCancel,
    RefundCapture,
    RefundObserved,
    RefundReading,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.pacing import look_again_seconds, refused_again_seconds
from gateway.domain.refund_draft import RefundDraft
from gateway.domain.refund_lifecycle import refund_fact_of
from gateway.domain.refund_watching import become, believe, heed_pace
from gateway.domain.state import OperationKind
from gateway.domain.vocabulary import By, CapturedBy, Reason, RefundStatus


def pursue(r: RefundDraft) -> None:
    """Choose the next step of the pending capture or cancel."""
    memo, now = r.memo, r.d.now.steady
    if now < memo.not_before:
        r.d.wake_at(memo.not_before)
    elif memo.refusal is not None:
        r.read(Purpose.READ_BACK, Reading.REFUND_READ_BACK)
    elif memo.spent:
        if now < memo.pace:
            r.d.wake_at(memo.pace)
        else:
            r.read(Purpose.LOOK, Reading.REFUND_LOOK)
    else:
        r.d.ask(request(r))


def request(r: RefundDraft) -> RefundCapture | RefundCancel:
    """The call that the intent stands for."""
    provider_refund_id = r.refund.provider_refund_id
    assert provider_refund_id is not None
    if _captures(r):
        return RefundCapture(r.d.merchant, provider_refund_id)
    return RefundCancel(r.d.merchant, provider_refund_id)


def sent(r: RefundDraft, outcome: Outcome) -> None:
    """A run of the call has ended."""
    now = r.d.now.steady
    r.note(last_request=now)
    match outcome:
        case Accepted():
            _done(r)
        case Rejected(refusal, unheard):
            r.note(unheard=r.memo.unheard or unheard > 0)
            if r.memo.unheard or refusal.http_status == 409:
                r.note(refusal=refusal, not_before=now)
            else:
                _give_up(r, refusal)
        case Unknown():
            r.tell_unknown()
            r.note(unheard=True, spent=True)
            r.rest(look_again_seconds(r.memo.tries, r.d.dice))
        case Deferred(cause, after_ms, unheard):
            wait = 0.0 if cause is DeferralCause.WITHDRAWN else after_ms / 1000
            r.note(unheard=r.memo.unheard or unheard > 0, not_before=now + wait)
        case Observed() | RefundObserved() | Found():
            raise AssertionError(f"a change of a refund cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def read(r: RefundDraft, outcome: Outcome) -> None:
    """A look, or the reading that a refusal asked for, has ended."""
    match outcome:
        case RefundObserved(reading):
            heed_pace(r, reading)
            _compare(r, reading)
        case Rejected(refusal):
            if r.memo.refusal is not None and refusal.http_status == 404:
                _give_up(r, r.memo.refusal)
            else:
                r.rest(refused_again_seconds(r.memo.tries, r.d.dice))
        case Unknown():
            if r.memo.spent:
                r.tell_unknown()
            r.rest(max(look_again_seconds(r.memo.tries, r.d.dice), r.poll_delay_seconds))
        case Deferred(_, after_ms):
            r.note(not_before=r.d.now.steady + after_ms / 1000)
        case Accepted() | Observed() | Found():
            raise AssertionError(f"a reading of a refund cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def _compare(r: RefundDraft, reading: RefundReading) -> None:
    refusal, capturing = r.memo.refusal, _captures(r)
    match reading.status:
        case ProviderRefundStatus.CAPTURED if capturing and (refusal is None or r.memo.unheard):
            _done(r, reading)
        case ProviderRefundStatus.CANCELLED_BY_MERCHANT if not capturing:
            _done(r, reading)
        case (
            ProviderRefundStatus.CAPTURED
            | ProviderRefundStatus.CAPTURED_BY_EXPIRY
            | ProviderRefundStatus.CANCELLED_BY_MERCHANT
            | ProviderRefundStatus.CANCELLED_BY_PROVIDER
        ):
            _overtaken(r, reading, refusal)
        case ProviderRefundStatus.UNKNOWN if refusal is not None and not capturing:
            _overtaken(r, reading, refusal)
        case ProviderRefundStatus.INITIATED | ProviderRefundStatus.RESERVED | ProviderRefundStatus.UNKNOWN:
            _not_done(r, refusal)
        case _:
            assert_never(reading.status)


def _not_done(r: RefundDraft, refusal: Refusal | None) -> None:
    """The refund stands as before the call: send it again, or believe a refusal that is not about the status."""
    if refusal is None:
        r.note(spent=False, tries=0, not_before=r.d.now.steady)
    elif refusal.reason is Reason.WRONG_STATUS:
        r.note(refusal=None)
        r.rest(refused_again_seconds(r.memo.tries, r.d.dice))
    else:
        _give_up(r, refusal)


def _done(r: RefundDraft, reading: RefundReading | None = None) -> None:
    """The effect is the provider's word."""
    pending, answered = r.pending, _answered(r)
    captures = _captures(r)
    become(r, RefundStatus.CAPTURED if captures else RefundStatus.CANCELLED)
    news = r.news()
    fact = RefundCaptured(news, CapturedBy.COMMAND) if captures else RefundCancelled(news, By.MERCHANT)
    r.tell(fact, pending.cause, answered, r.words(reading.word if reading else None))
    _finish(r)


def _overtaken(r: RefundDraft, reading: RefundReading, refusal: Refusal | None) -> None:
    """Somebody else was faster: tell what has happened, then refuse the command that came too late."""
    pending, cause = r.pending, r.refund.cause
    answered = _answered(r) if pending.answers_start else None
    if refund_fact_of(reading.status, r.news()) is None:
        become(r, RefundStatus.CANCELLED)
        r.tell(RefundCancelled(r.news(), By.PROVIDER), cause, answered, r.words(reading.word, refusal))
    else:
        believe(r, reading, cause, answered)
    _finish(r)
    if pending.message is not None:
        text = f"the refund is {r.refund.status} already"
        r.d.reject(pending.message, Reason.WRONG_STATUS, text, r.words(reading.word, refusal))


def _give_up(r: RefundDraft, refusal: Refusal) -> None:
    """The refusal is certain and final for the command; what nobody asked for by name is tried again, slowly."""
    pending = r.pending
    if pending.message is None:
        r.note(refusal=None)
        r.rest(refused_again_seconds(r.memo.tries, r.d.dice))
        return
    words = r.words(refusal=refusal)
    _finish(r)
    text = f"the provider refused the {pending.kind}: {refusal.reason}"
    r.d.reject(pending.message, refusal.reason, text, words)


def _finish(r: RefundDraft) -> None:
    r.change(message=None, pending=None)
    r.calm()


def _answered(r: RefundDraft) -> Message | None:
    return r.refund.message if r.pending.answers_start else r.pending.message


def _captures(r: RefundDraft) -> bool:
    return r.pending.kind is OperationKind.REFUND_CAPTURE
