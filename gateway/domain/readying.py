"""A prepared payment that is being readied: repeated until it is done, and answered by the first status that was
read after the call.

The call is idempotent at the provider, so an answered look that shows the payment as it was sends it again. A
status from before the call does not count: it is read on until the payment has moved.
"""

from typing import assert_never

from gateway.domain.commands import Message, ReadyPayment
from gateway.domain.draft import Draft, cause_of
from gateway.domain.events import Cause
from gateway.domain.lifecycle import ACTIVE, UNREADY, status_of
from gateway.domain.memo import Reading
from gateway.domain.operations import (
    Accepted,
    DeferralCause,
    Deferred,
    Found,
    Observed,
    Outcome,
    PaymentReading,
    Purpose,
    Ready,
    RefundObserved,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.pacing import look_again_seconds, refused_again_seconds
from gateway.domain.starting import tell_unknown
from gateway.domain.state import OperationKind, Pending
from gateway.domain.vocabulary import CancelReason, Reason
from gateway.domain.wanting import pending_of
from gateway.domain.watching import believe, heed_pace, poll_delay_seconds


def pursue(d: Draft) -> None:
    """Choose the next step of the pending call."""
    memo, target = d.memo, d.state.provider_payment_id
    assert target is not None
    if d.now.steady < memo.not_before:
        d.wake_at(memo.not_before)
    elif memo.accepted or memo.refusal is not None:
        d.read_payment(target, Purpose.READ_BACK, Reading.READ_BACK)
    elif memo.spent:
        if d.now.steady < memo.pace:
            d.wake_at(memo.pace)
        else:
            d.read_payment(target, Purpose.LOOK, Reading.LOOK)
    else:
        d.ask(request(d))


def request(d: Draft) -> Ready:
    """The call that the intent stands for."""
    data, target = _data(d), d.state.provider_payment_id
    assert target is not None
    return Ready(d.merchant, target, data.amount, data.planned_capture_delay, data.restrictions, data.label)


def sent(d: Draft, outcome: Outcome) -> None:
    """A run of the call has ended."""
    now = d.now.steady
    d.note(last_request=now)
    match outcome:
        case Accepted():
            d.note(accepted=True, spent=False, refusal=None, tries=0, not_before=now)
        case Rejected(refusal, unheard):
            d.note(unheard=d.memo.unheard or unheard > 0)
            if d.memo.unheard or refusal.http_status == 409:
                d.note(refusal=refusal, not_before=now)
            else:
                _refuse(d, refusal)
        case Unknown():
            tell_unknown(d)
            d.note(unheard=True, spent=True)
            _rest(d, look_again_seconds(d.memo.tries, d.dice))
        case Deferred(cause, after_ms, unheard):
            wait = 0.0 if cause is DeferralCause.WITHDRAWN else after_ms / 1000
            d.note(unheard=d.memo.unheard or unheard > 0, not_before=now + wait)
        case Observed() | RefundObserved() | Found():
            raise AssertionError(f"a ready call cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def read(d: Draft, outcome: Outcome) -> None:
    """The reading after the call, or a look, has ended."""
    match outcome:
        case Observed(reading):
            heed_pace(d, reading)
            _compare(d, reading)
        case Rejected(refusal):
            if d.memo.refusal is not None and refusal.http_status == 404:
                _refuse(d, d.memo.refusal)
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
    status, memo = status_of(reading.status), d.memo
    if status is None:
        _await_a_known_state(d)
    elif status in UNREADY:
        _not_done(d, reading)
    elif memo.refusal is not None and not memo.unheard:
        _overtaken(d, reading, memo.refusal)
    else:
        _answer(d, reading)


def _answer(d: Draft, reading: PaymentReading) -> None:
    """The payment has moved: what the reading shows answers the command."""
    pending, deadline_ms = pending_of(d), _deadline_ms(d)
    d.change(pending=None)
    if not believe(d, reading, pending.cause, pending.message):
        # Another reading has told it already; nothing is left that this command could have caused.
        assert pending.message is not None
        text = f"the payment is {d.state.status} already"
        d.reject(pending.message, Reason.WRONG_STATUS, text, d.words(reading.word))
    d.change(approval_deadline_ms=deadline_ms if d.state.status in ACTIVE else None)
    d.calm()


def _not_done(d: Draft, reading: PaymentReading) -> None:
    """The payment stands as before the call."""
    refusal = d.memo.refusal
    believe(d, reading, _prepared_by(d))
    if d.memo.accepted:
        _await_a_known_state(d)
    elif refusal is None:
        d.note(spent=False, tries=0, not_before=d.now.steady)
    elif refusal.reason is Reason.WRONG_STATUS:
        d.note(refusal=None)
        _rest(d, refused_again_seconds(d.memo.tries, d.dice))
    else:
        _refuse(d, refusal)


def _await_a_known_state(d: Draft) -> None:
    """The call may have taken effect and its reading says nothing yet: read on, while the payment is wanted."""
    pending = pending_of(d)
    if d.now.wall_ms < _deadline_ms(d):
        d.note(not_before=d.memo.pace)
        return
    cancel = Pending(
        OperationKind.CANCEL,
        pending.cause,
        d.now.wall_ms,
        message=pending.message,
        cancel_reason=CancelReason.APPROVAL_TIMEOUT,
    )
    d.change(pending=cancel, touched_ms=d.now.wall_ms)
    d.calm()


def _overtaken(d: Draft, reading: PaymentReading, refusal: Refusal) -> None:
    """The refusal is certain and the payment has moved by other means: tell that, then refuse the command."""
    believe(d, reading, _prepared_by(d))
    _refuse(d, refusal)


def _refuse(d: Draft, refusal: Refusal) -> None:
    """The payment stays as it is; a prepared one may be readied by another command."""
    pending = pending_of(d)
    assert pending.message is not None
    d.change(pending=None)
    text = f"the provider refused the ready: {refusal.reason}"
    d.reject(pending.message, refusal.reason, text, d.words(refusal=refusal))
    if d.state.status in UNREADY:
        d.change(ready=None, amounts=None)
    d.calm()


def _deadline_ms(d: Draft) -> int:
    seconds = _data(d).approval_timeout_seconds or d.rules.approval_timeout_seconds
    return pending_of(d).first_sent_ms + seconds * 1000


def _data(d: Draft) -> ReadyPayment:
    message = _message(d)
    assert isinstance(message.data, ReadyPayment)
    return message.data


def _message(d: Draft) -> Message:
    assert d.state.ready is not None
    return d.state.ready


def _prepared_by(d: Draft) -> Cause:
    """A status from before the ready is the preparing command's."""
    assert d.state.start is not None
    return cause_of(d.state.start.message)


def _rest(d: Draft, seconds: float) -> None:
    d.note(tries=d.memo.tries + 1, not_before=d.now.steady + seconds)
