"""A start that is pending: sent, heard or unheard, looked for, and answered at last.

A creating call whose answer was not heard may have made a payment that we cannot name. While the start is
wanted, the same call under the same key names it. Once it is not wanted any more (overtaken by a cancel, past
its approval time or its expiry), no call leaves; what a search finds and is ours is cancelled, and only a
search begun long enough after the last request may say that nothing exists.
"""

from dataclasses import replace
from typing import assert_never

from gateway.domain import searching
from gateway.domain.commands import PreparePayment
from gateway.domain.draft import Draft
from gateway.domain.events import PaymentUnknown
from gateway.domain.identity import idempotency_key
from gateway.domain.judging import judge_cancel, plan_start
from gateway.domain.lifecycle import ACTIVE, ENDED, status_of
from gateway.domain.memo import Look, Reading
from gateway.domain.operations import (
    Accepted,
    DeferralCause,
    Deferred,
    Found,
    Initiate,
    Observed,
    Outcome,
    PaymentReading,
    Prepare,
    Purpose,
    RefundObserved,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.pacing import (
    busy_again_seconds,
    look_again_seconds,
    refused_again_seconds,
)
from gateway.domain.refusing import answer_overtaken, conclude_nothing, give_way, refused
from gateway.domain.state import OperationKind, Pending, Start
from gateway.domain.vocabulary import CancelReason, PaymentStatus, Reason
from gateway.domain.wanting import (
    Unwanted,
    approval_deadline_ms,
    is_sought,
    not_after_ms,
    pending_of,
    start_of,
    timeout_reason,
    unwanted,
)
from gateway.domain.watching import believe, heed_pace, poll_delay_seconds


def pursue(d: Draft) -> None:
    """Choose the next step of the pending start."""
    memo, provider_payment_id = d.memo, d.state.provider_payment_id
    if d.now.steady < memo.not_before:
        d.wake_at(memo.not_before)
    elif provider_payment_id is not None:
        d.read_payment(provider_payment_id, Purpose.READ_BACK, Reading.READ_BACK)
    elif memo.look is not None:
        search_on(d, memo.look)
    elif memo.unheard and (memo.spent or memo.refusal is not None or is_sought(d)):
        searching.begin(d, start_of(d))
    elif memo.refusal is not None:
        searching.inquire(d, start_of(d))
    elif memo.unheard or unwanted(d) is None:
        d.ask(request(d))
    else:
        conclude_nothing(d, ())


def wait_or_try(d: Draft) -> None:
    """Between two attempts: end the wait where it is no longer wanted, else try again when due."""
    start = start_of(d)
    if start.overtaken_by is not None:
        answer_overtaken(d, ())
    elif d.now.steady < d.memo.not_before:
        d.wake_at(d.memo.not_before)
    elif d.memo.look is not None:
        search_on(d, d.memo.look)
    elif d.now.wall_ms > start.message.expires_at_ms:
        d.note(refusal=Refusal(Reason.POINT_OF_SALE_BUSY, 409))
        searching.inquire(d, start)
    elif d.conditions.holding:
        d.wake_at(d.now.steady + busy_again_seconds(1, d.dice))
    else:
        d.change(start=replace(start, attempt=start.attempt + 1))
        plan_start(d)


def request(d: Draft) -> Initiate | Prepare:
    """The creating call of the present attempt: the same bytes under the same key, however often."""
    start, pending = start_of(d), pending_of(d)
    data = start.data
    key = idempotency_key(start.message.id, d.state.payment_id, pending.kind, start.attempt)
    if isinstance(data, PreparePayment):
        return Prepare(
            merchant=data.merchant_vat_number,
            key=key,
            pos_id=data.pos_id,
            order_id=start.order_id,
            first=not d.memo.unheard,
            not_after_ms=not_after_ms(start, pending),
        )
    return Initiate(
        merchant=data.merchant_vat_number,
        key=key,
        pos_id=data.pos_id,
        order_id=start.order_id,
        amount=data.amount,
        planned_capture_delay=data.planned_capture_delay,
        restrictions=data.restrictions,
        label=data.label,
        first=not d.memo.unheard,
        not_after_ms=not_after_ms(start, pending),
    )


def sent(d: Draft, outcome: Outcome) -> None:
    """A run of the creating call has ended."""
    d.note(last_request=d.now.steady)
    match outcome:
        case Accepted(resource_id):
            assert resource_id is not None
            d.change(provider_payment_id=resource_id, touched_ms=d.now.wall_ms)
            if unwanted(d) is Unwanted.APPROVAL_TIME_PASSED:
                _cancel_found(d, timeout_reason(start_of(d)))
            else:
                d.note(not_before=d.now.steady, spent=False, refusal=None, look=None, tries=0)
        case Rejected(refusal, unheard):
            d.note(unheard=d.memo.unheard or unheard > 0)
            refused(d, refusal)
        case Unknown():
            d.note(unheard=True)
            _unheard(d)
        case Deferred(cause, after_ms, unheard):
            # A run that was called off says nothing of itself; what it sent unheard stays unheard.
            wait = 0.0 if cause in (DeferralCause.WITHDRAWN, DeferralCause.TOO_LATE) else after_ms / 1000
            d.note(unheard=d.memo.unheard or unheard > 0, not_before=d.now.steady + wait)
        case Observed() | RefundObserved() | Found():
            raise AssertionError(f"a creating call cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def _unheard(d: Draft) -> None:
    tell_unknown(d)
    d.note(
        spent=True,
        look=None,
        tries=d.memo.tries + 1,
        not_before=d.now.steady + look_again_seconds(d.memo.tries, d.dice),
    )


def tell_unknown(d: Draft) -> None:
    """Say once for each operation that its outcome is not known."""
    pending = pending_of(d)
    if not pending.told:
        d.change(pending=replace(pending, told=True))
        d.tell(PaymentUnknown(pending.kind), pending.cause, provider=d.words())


def looked(d: Draft, outcome: Outcome) -> None:
    """One GET of a search has ended."""
    start, look = start_of(d), d.memo.look
    assert look is not None
    listed = isinstance(outcome, Found) and look.unread is None
    if listed and not look.everything and d.memo.refusal is None and not is_sought(d):
        # The provider answers again: the same call under the same key names what it made.
        d.note(look=None, spent=False, tries=0, not_before=d.now.steady)
        return
    if isinstance(outcome, Unknown) and not look.everything:
        tell_unknown(d)
    ours = searching.heard(d, start, look, outcome)
    if ours is not None:
        _found(d, ours.reading)


def search_on(d: Draft, look: Look) -> None:
    nothing = searching.go_on(d, start_of(d), look)
    if nothing is not None:
        _looked(d, nothing.look)


def _looked(d: Draft, look: Look) -> None:
    """The search is complete and found nothing that is ours."""
    refusal = d.memo.refusal
    settled = d.memo.last_request + d.rules.settle_seconds
    if refusal is not None and (look.everything or (look.seen and unwanted(d) is None)):
        give_way(d, refusal, look)
    elif look.begun < settled:
        soon = d.now.steady + look_again_seconds(d.memo.tries, d.dice)
        d.note(tries=d.memo.tries + 1, not_before=settled if d.now.steady < settled < soon else soon)
    elif refusal is not None and unwanted(d) is None:
        give_way(d, refusal, look)
    else:
        conclude_nothing(d, look.seen)


def _found(d: Draft, reading: PaymentReading) -> None:
    """The search found the payment that this start made."""
    why = unwanted(d)
    d.change(provider_payment_id=reading.provider_payment_id, touched_ms=d.now.wall_ms)
    heed_pace(d, reading)
    status = status_of(reading.status)
    goes_on = status is PaymentStatus.RESERVED and d.state.captures_when_reserved
    if why in (None, Unwanted.OVERTAKEN) or status in ENDED or (why is Unwanted.EXPIRED and goes_on):
        answer(d, reading)
        return
    expired = why is Unwanted.EXPIRED
    _cancel_found(d, CancelReason.LATE_EFFECT if expired else timeout_reason(start_of(d)))


def _cancel_found(d: Draft, reason: CancelReason) -> None:
    """What the start made is not wanted any more: its cancel answers the start."""
    cause = pending_of(d).cause
    intent = Pending(OperationKind.CANCEL, cause, d.now.wall_ms, cancel_reason=reason, answers_start=True)
    d.change(pending=intent)
    d.calm()


def read_back(d: Draft, outcome: Outcome) -> None:
    """The first reading of a payment whose creating call was accepted: it answers the start."""
    match outcome:
        case Observed(reading):
            heed_pace(d, reading)
            answer(d, reading)
        case Rejected():
            wait = refused_again_seconds(d.memo.tries, d.dice)
            d.note(tries=d.memo.tries + 1, not_before=d.now.steady + wait)
        case Unknown():
            wait = max(look_again_seconds(d.memo.tries, d.dice), poll_delay_seconds(d))
            d.note(tries=d.memo.tries + 1, not_before=d.now.steady + wait)
        case Deferred(_, after_ms):
            d.note(not_before=d.now.steady + after_ms / 1000)
        case Accepted() | RefundObserved() | Found():
            raise AssertionError(f"a reading cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def answer(d: Draft, reading: PaymentReading) -> None:
    """Answer the start with a status that was read after its call."""
    start, pending = start_of(d), pending_of(d)
    deadline = approval_deadline_ms(d, start, pending)
    if not believe(d, reading, pending.cause, start.message):
        _await_a_known_state(d, start, deadline)
        return
    d.change(
        start=replace(start, answered=True, overtaken_by=None),
        pending=None,
        approval_deadline_ms=deadline if d.state.status in ACTIVE else None,
    )
    d.calm()
    if start.overtaken_by is not None:
        judge_cancel(d, start.overtaken_by)


def _await_a_known_state(d: Draft, start: Start, deadline_ms: int) -> None:
    """A state that we do not know says nothing yet; the answer waits for one that we do, while it is wanted."""
    if start.overtaken_by is not None:
        d.change(start=replace(start, overtaken_by=None), inbox=(start.overtaken_by, *d.state.inbox))
        _cancel_found(d, CancelReason.COMMAND)
    elif d.now.wall_ms >= deadline_ms:
        _cancel_found(d, timeout_reason(start))
    else:
        d.note(not_before=d.memo.pace)
