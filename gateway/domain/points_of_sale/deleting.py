"""A point of sale that is to be removed: open payments are asked for first, then the call is repeated until done.

The guard is advisory: another till may start a payment in between, which the provider lets go on.
"""

from dataclasses import replace
from typing import assert_never

from gateway.domain.commands import Message
from gateway.domain.draft import cause_of
from gateway.domain.events import Candidate
from gateway.domain.lifecycle import ENDED, status_of
from gateway.domain.operations import (
    Accepted,
    DeferralCause,
    Deferred,
    FindPayments,
    Found,
    Observed,
    Purpose,
    ReadPayment,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.pacing import held_again_seconds, look_again_seconds, refused_again_seconds
from gateway.domain.points_of_sale.creating import EXPIRED_TEXT, NO_MERCHANT_TEXT
from gateway.domain.points_of_sale.draft import PointOfSaleDraft
from gateway.domain.points_of_sale.events import PointOfSaleDeleted
from gateway.domain.points_of_sale.operations import (
    CheckinObserved,
    PointOfSaleObserved,
    PointOfSaleOutcome,
    ReadPointOfSale,
    RemovePointOfSale,
)
from gateway.domain.points_of_sale.state import (
    PointOfSaleGlance,
    PointOfSalePending,
    PointOfSaleTask,
    Search,
    deletion_of,
)
from gateway.domain.searching import MAX_CANDIDATES
from gateway.domain.vocabulary import Reason


def judge(d: PointOfSaleDraft, message: Message) -> None:
    """Ask for what is open, and begin or refuse the deletion by that."""
    data, memo = deletion_of(message), d.memo
    refused: tuple[Reason, str] | None = None
    if d.expired(message):
        refused = Reason.EXPIRED, EXPIRED_TEXT
    elif not d.conditions.merchant_known(data.merchant_vat_number):
        refused = Reason.INVALID_AT_PROVIDER, NO_MERCHANT_TEXT
    if refused is not None:
        d.take(message)
        d.note(guard=None)
        d.reject(message, *refused)
    elif d.conditions.holding:
        d.wake_at(d.now.steady + held_again_seconds(d.dice))
    elif d.now.steady < memo.guard_not_before:
        d.wake_at(memo.guard_not_before)
    elif memo.guard is None or memo.guard.unread is None:
        operation = FindPayments(data.merchant_vat_number, data.pos_id, None, False, Purpose.CANDIDATE)
        d.ask_reading(operation, PointOfSaleGlance.GUARD)
    elif memo.guard.unread:
        candidate = ReadPayment(data.merchant_vat_number, memo.guard.unread[0], Purpose.CANDIDATE)
        d.ask_reading(candidate, PointOfSaleGlance.GUARD)
    elif memo.guard.seen:
        d.take(message)
        seen = memo.guard.seen
        d.note(guard=None)
        text = "payments are open there; wait until they are captured or cancelled"
        d.reject(message, Reason.POINT_OF_SALE_IN_USE, text, candidates=seen)
    else:
        d.take(message)
        intent = PointOfSalePending(
            PointOfSaleTask.DELETE,
            cause_of(message),
            d.now.wall_ms,
            message=message,
            pos_id=data.pos_id,
            merchant=data.merchant_vat_number,
        )
        d.intend(intent)


def guarded(d: PointOfSaleDraft, outcome: PointOfSaleOutcome) -> None:
    """One GET of the guard has ended. Its command is still the first that waits."""
    message = d.state.inbox[0]
    guard = d.memo.guard or Search(begun=d.now.steady)
    match outcome:
        case Found(ids):
            d.note(guard=replace(guard, unread=ids[:MAX_CANDIDATES]), guard_tries=0)
        case Observed(reading):
            assert guard.unread
            seen = guard.seen
            if status_of(reading.status) not in ENDED:
                seen = (*seen, Candidate(reading.provider_payment_id, reading.order_id, reading.word))
            d.note(guard=replace(guard, unread=guard.unread[1:], seen=seen), guard_tries=0)
        case Rejected(refusal) if guard.unread and refusal.http_status in (403, 404):
            d.note(guard=replace(guard, unread=guard.unread[1:]))
        case Rejected(refusal):
            d.take(message)
            d.note(guard=None)
            text = f"the provider refused to show the open payments: {refusal.reason}"
            d.reject(message, refusal.reason, text, refusal)
        case Unknown():
            _guard_again(d, look_again_seconds(d.memo.guard_tries, d.dice))
        case Deferred(_, after_ms):
            _guard_again(d, after_ms / 1000)
        case Accepted() | PointOfSaleObserved() | CheckinObserved():
            raise AssertionError(f"a guard only reads payments, not {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def _guard_again(d: PointOfSaleDraft, seconds: float) -> None:
    d.note(guard_tries=d.memo.guard_tries + 1, guard_not_before=d.now.steady + seconds)


def pursue(d: PointOfSaleDraft) -> None:
    """Choose the next step of the pending deletion."""
    memo, pending = d.memo, d.pending
    assert pending.pos_id is not None
    if d.now.steady < memo.not_before:
        d.wake_at(memo.not_before)
    elif memo.spent or memo.refusal is not None:
        operation = ReadPointOfSale(pending.merchant, pending.pos_id, Purpose.LOOK)
        d.ask_reading(operation, PointOfSaleGlance.LOOK)
    else:
        d.ask(request(d))


def request(d: PointOfSaleDraft) -> RemovePointOfSale:
    """The call that the intent stands for."""
    assert d.pending.pos_id is not None
    return RemovePointOfSale(d.pending.merchant, d.pending.pos_id)


def sent(d: PointOfSaleDraft, outcome: PointOfSaleOutcome) -> None:
    """A run of the call has ended."""
    now = d.now.steady
    d.note(last_request=now)
    match outcome:
        case Accepted():
            _deleted(d)
        case Rejected(refusal, unheard):
            d.note(unheard=d.memo.unheard or unheard > 0)
            if refusal.http_status == 404:
                _absent(d, refusal)
            elif d.memo.unheard:
                d.note(refusal=refusal, not_before=now)
            else:
                _refuse(d, refusal)
        case Unknown():
            d.tell_unknown()
            d.note(unheard=True, spent=True)
            d.rest(look_again_seconds(d.memo.tries, d.dice))
        case Deferred(cause, after_ms, unheard):
            wait = 0.0 if cause is DeferralCause.WITHDRAWN else after_ms / 1000
            d.note(unheard=d.memo.unheard or unheard > 0, not_before=now + wait)
        case Observed() | PointOfSaleObserved() | CheckinObserved() | Found():
            raise AssertionError(f"a deletion cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def looked(d: PointOfSaleDraft, outcome: PointOfSaleOutcome) -> None:
    """The look at what is to be removed has ended: one that is gone is done, one that stands is removed again."""
    match outcome:
        case PointOfSaleObserved() if d.memo.refusal is not None:
            _refuse(d, d.memo.refusal)
        case PointOfSaleObserved():
            d.note(spent=False, tries=0, not_before=d.now.steady)
        case Rejected(refusal) if refusal.http_status == 404:
            _absent(d, refusal)
        case Rejected():
            d.rest(refused_again_seconds(d.memo.tries, d.dice))
        case Unknown():
            d.tell_unknown()
            d.rest(look_again_seconds(d.memo.tries, d.dice))
        case Deferred(_, after_ms):
            d.note(not_before=d.now.steady + after_ms / 1000)
        case Accepted() | Observed() | CheckinObserved() | Found():
            raise AssertionError(f"a reading of a point of sale cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def _absent(d: PointOfSaleDraft, refusal: Refusal) -> None:
    """It is gone: by an unheard call of ours, or before there was one."""
    if d.memo.unheard:
        _deleted(d)
    else:
        _forget(d)
        _refuse(d, refusal)


def _deleted(d: PointOfSaleDraft) -> None:
    pending, known = d.pending, d.state.known
    assert pending.pos_id is not None
    was = known if known is not None and known.pos_id == pending.pos_id else None
    _forget(d)
    d.settle()
    d.tell(PointOfSaleDeleted(pending.pos_id, was), pending.cause, pending.message)


def _forget(d: PointOfSaleDraft) -> None:
    known = d.state.known
    if known is not None and known.pos_id == d.pending.pos_id:
        d.change(known=None)


def _refuse(d: PointOfSaleDraft, refusal: Refusal) -> None:
    """Final for the command; a late effect that cannot be removed is let be."""
    message = d.pending.message
    d.settle()
    if message is not None:
        text = f"the provider refused the deletion: {refusal.reason}"
        d.reject(message, refusal.reason, text, refusal)
