"""A refund that is to be made: sent, heard or unheard, looked for, and answered at last.

As with a start, the same call under the same key names what an unheard call has made, while the command may
still be carried out. Past its expiry only a search among the payment's refunds may tell: what bears the
sender's refund id and amount is ours, since both stand in the intent.
"""

from dataclasses import replace
from typing import assert_never

from gateway.domain.commands import Message
from gateway.domain.draft import cause_of
from gateway.domain.identity import idempotency_key
from gateway.domain.memo import Reading, RefundLook
from gateway.domain.operations import (
    Accepted,
    DeferralCause,
    Deferred,
    FindRefunds,
    Found,
    Observed,
    Outcome,
    Purpose,
    ReadRefund,
    Refund,
    RefundObserved,
    RefundReading,
    Rejected,
    Unknown,
)
from gateway.domain.pacing import (
    KEY_LIFETIME_MS,
    LATE_LOOK_MS,
    look_again_seconds,
    refused_again_seconds,
)
from gateway.domain.refund_draft import RefundDraft
from gateway.domain.refund_lifecycle import REFUND_ENDED, refund_status_of
from gateway.domain.refund_watching import believe, heed_pace
from gateway.domain.state import AbandonedRefund, OperationKind, Pending
from gateway.domain.vocabulary import CancelReason, CaptureMode, Reason, RefundStatus


def pursue(r: RefundDraft) -> None:
    """Choose the next step of the pending creation."""
    memo, now = r.memo, r.d.now
    if now.steady < memo.not_before:
        r.d.wake_at(memo.not_before)
    elif r.refund.provider_refund_id is not None:
        r.read(Purpose.READ_BACK, Reading.REFUND_READ_BACK)
    elif memo.look is not None:
        _search_on(r, memo.look)
    elif memo.unheard and (memo.spent or memo.refusal is not None or _is_expired(r)):
        r.note(look=RefundLook(begun=now.steady))
        _list(r)
    elif memo.unheard or not _is_expired(r):
        r.d.ask(request(r))
    else:
        _conclude_nothing(r)


def request(r: RefundDraft) -> Refund:
    """The creating call: the same bytes under the same key, however often."""
    refund, payment_id = r.refund, r.d.state.provider_payment_id
    assert payment_id is not None
    return Refund(
        merchant=r.d.merchant,
        key=idempotency_key(_message(r).id, r.d.state.payment_id, OperationKind.REFUND, 1),
        provider_payment_id=payment_id,
        refund_id=refund.refund_id,
        amount=refund.amount,
        first=not r.memo.unheard,
        not_after_ms=_not_after_ms(r),
    )


def sent(r: RefundDraft, outcome: Outcome) -> None:
    """A run of the creating call has ended."""
    now = r.d.now.steady
    r.note(last_request=now)
    match outcome:
        case Accepted(resource_id):
            assert resource_id is not None
            _name(r, resource_id)
            r.note(not_before=now, spent=False, refusal=None, look=None, tries=0)
        case Rejected(refusal, unheard):
            r.note(unheard=r.memo.unheard or unheard > 0)
            if r.memo.unheard:
                r.note(refusal=refusal, spent=False, not_before=now)
            else:
                r.reject_creation(refusal.reason, _refused(refusal.reason), refusal)
        case Unknown():
            r.tell_unknown()
            r.note(unheard=True, spent=True, look=None)
            r.rest(look_again_seconds(r.memo.tries, r.d.dice))
        case Deferred(cause, after_ms, unheard):
            wait = 0.0 if cause in (DeferralCause.WITHDRAWN, DeferralCause.TOO_LATE) else after_ms / 1000
            r.note(unheard=r.memo.unheard or unheard > 0, not_before=now + wait)
        case Observed() | RefundObserved() | Found():
            raise AssertionError(f"a creating call cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def read_back(r: RefundDraft, outcome: Outcome) -> None:
    """The first reading of a refund whose creating call was accepted: it answers the command."""
    match outcome:
        case RefundObserved(reading):
            heed_pace(r, reading)
            _answer(r, reading)
        case Rejected():
            r.rest(refused_again_seconds(r.memo.tries, r.d.dice))
        case Unknown():
            r.rest(max(look_again_seconds(r.memo.tries, r.d.dice), r.poll_delay_seconds))
        case Deferred(_, after_ms):
            r.note(not_before=r.d.now.steady + after_ms / 1000)
        case Accepted() | Observed() | Found():
            raise AssertionError(f"a reading of a refund cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def looked(r: RefundDraft, outcome: Outcome) -> None:
    """One GET of a search has ended."""
    look = r.memo.look
    assert look is not None
    match outcome:
        case Found() if look.unread is None and r.memo.refusal is None and not _is_expired(r):
            # The provider answers again: the same call under the same key names what it made.
            r.note(look=None, spent=False, tries=0, not_before=r.d.now.steady)
        case Found(ids):
            known = {refund.provider_refund_id for refund in r.d.state.refunds}
            r.note(look=replace(look, unread=tuple(i for i in ids if i not in known)))
        case RefundObserved(reading):
            assert look.unread
            r.note(look=replace(look, unread=look.unread[1:]))
            if reading.refund_id == r.refund.refund_id and reading.amount == r.refund.amount:
                _found(r, reading)
        case Rejected(refusal) if look.unread and refusal.http_status in (403, 404):
            r.note(look=replace(look, unread=look.unread[1:]))
        case Rejected():
            _search_again(r, refused_again_seconds(r.memo.tries, r.d.dice))
        case Unknown():
            r.tell_unknown()
            _search_again(r, look_again_seconds(r.memo.tries, r.d.dice))
        case Deferred(_, after_ms):
            _search_again(r, after_ms / 1000)
        case Accepted() | Observed():
            raise AssertionError(f"a search for a refund cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def _search_on(r: RefundDraft, look: RefundLook) -> None:
    if look.unread is None:
        _list(r)
    elif look.unread:
        operation = ReadRefund(r.d.merchant, look.unread[0], Purpose.CANDIDATE)
        r.ask_reading(operation, Reading.REFUND_LOOK)
    else:
        r.note(look=None)
        _nothing_found(r, look)


def _list(r: RefundDraft) -> None:
    payment_id = r.d.state.provider_payment_id
    assert payment_id is not None
    r.ask_reading(FindRefunds(r.d.merchant, payment_id, Purpose.LOOK), Reading.REFUND_LOOK)


def _search_again(r: RefundDraft, seconds: float) -> None:
    r.note(look=None)
    r.rest(seconds)


def _nothing_found(r: RefundDraft, look: RefundLook) -> None:
    """The search is complete and found nothing that is ours; only one begun late enough may say so."""
    now, refusal = r.d.now.steady, r.memo.refusal
    settled = r.memo.last_request + r.d.rules.settle_seconds
    if look.begun < settled:
        soon = now + look_again_seconds(r.memo.tries, r.d.dice)
        r.note(tries=r.memo.tries + 1, not_before=settled if now < settled < soon else soon)
    elif refusal is not None and not _is_expired(r):
        r.reject_creation(refusal.reason, _refused(refusal.reason), refusal)
    else:
        _conclude_nothing(r)


def _conclude_nothing(r: RefundDraft) -> None:
    refund, d = r.refund, r.d
    if r.memo.unheard:
        late = AbandonedRefund(r.pending.cause, refund.refund_id, refund.amount, d.now.wall_ms + LATE_LOOK_MS)
        d.change(abandoned_refunds=(*d.state.abandoned_refunds, late))
    text = "the command expired before its refund was heard of; nothing was found at the provider"
    r.reject_creation(Reason.EXPIRED, text, r.memo.refusal)


def _found(r: RefundDraft, reading: RefundReading) -> None:
    """The search found the refund that this command made."""
    r.note(look=None)
    _name(r, reading.provider_refund_id)
    heed_pace(r, reading)
    status = refund_status_of(reading.status)
    goes_on = status is RefundStatus.RESERVED and r.refund.capture is CaptureMode.AUTOMATIC
    if not _is_expired(r) or goes_on or status in REFUND_ENDED:
        _answer(r, reading)
        return
    cancel = Pending(
        OperationKind.REFUND_CANCEL,
        r.pending.cause,
        r.d.now.wall_ms,
        cancel_reason=CancelReason.LATE_EFFECT,
        answers_start=True,
    )
    r.change(pending=cancel)
    r.calm()


def _answer(r: RefundDraft, reading: RefundReading) -> None:
    """Answer the command with a status that was read after its call; a state that we do not know says nothing
    yet.
    """
    message = _message(r)
    if believe(r, reading, cause_of(message), message):
        r.change(message=None, pending=None)
        r.calm()
    else:
        r.note(not_before=r.memo.pace)


def _name(r: RefundDraft, provider_refund_id: str) -> None:
    r.change(provider_refund_id=provider_refund_id)
    r.d.change(touched_ms=r.d.now.wall_ms)


def _is_expired(r: RefundDraft) -> bool:
    return r.d.now.wall_ms > _not_after_ms(r)


def _not_after_ms(r: RefundDraft) -> int:
    return min(_message(r).expires_at_ms, r.pending.first_sent_ms + KEY_LIFETIME_MS)


def _message(r: RefundDraft) -> Message:
    message = r.refund.message
    assert message is not None
    return message


def _refused(reason: Reason) -> str:
    return f"the provider refused the refund: {reason}"
