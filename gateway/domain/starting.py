"""A start that is pending: sent, heard or unheard, looked for, and answered at last.

A creating call whose answer was not heard may have made a payment that we cannot name. While the start is
wanted, the same call under the same key names it. Once it is not wanted any more (overtaken by a cancel, past
its approval time or its expiry), no call leaves; what a search finds and is ours is cancelled, and only a
search begun long enough after the last request may say that nothing exists.
"""

from dataclasses import replace
from enum import Enum, auto

from gateway.domain import searching
from gateway.domain.draft import Draft
from gateway.domain.events import Candidate, PaymentUnknown
from gateway.domain.identity import idempotency_key
from gateway.domain.judging import judge_cancel, plan_start
from gateway.domain.lifecycle import ACTIVE, ENDED, status_of
from gateway.domain.operations import (
    Accepted,
    DeferralCause,
    Deferred,
    Found,
    Initiate,
    Observed,
    Outcome,
    PaymentReading,
    Purpose,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.pacing import (
    KEY_LIFETIME_MS,
    LATE_LOOK_MS,
    busy_again_seconds,
    look_again_seconds,
    refused_again_seconds,
)
from gateway.domain.state import AbandonedStart, Look, OperationKind, Pending, Reading, Start
from gateway.domain.vocabulary import CancelReason, CaptureMode, PaymentStatus, Reason, WhenBusy
from gateway.domain.watching import believe, heed_pace, poll_delay_seconds


class Unwanted(Enum):
    """Why no further request of a start leaves."""

    OVERTAKEN = auto()
    APPROVAL_TIME_PASSED = auto()
    EXPIRED = auto()


def pursue(d: Draft) -> None:
    """Choose the next step of the pending start."""
    memo, provider_payment_id = d.memo, d.state.provider_payment_id
    if d.now.steady < memo.not_before:
        d.wake_at(memo.not_before)
    elif provider_payment_id is not None:
        d.read_payment(provider_payment_id, Purpose.READ_BACK, Reading.READ_BACK)
    elif memo.look is not None:
        _search(d, memo.look)
    elif memo.unheard and (memo.spent or memo.refusal is not None or _is_sought(d)):
        searching.begin(d, _start(d))
    elif memo.refusal is not None:
        searching.inquire(d, _start(d))
    elif memo.unheard or unwanted(d) is None:
        d.ask(request(d))
    else:
        _conclude_nothing(d, ())


def unwanted(d: Draft) -> Unwanted | None:
    start, pending = _start(d), _pending(d)
    if start.overtaken_by is not None:
        return Unwanted.OVERTAKEN
    if d.now.wall_ms > _not_after_ms(start, pending):
        return Unwanted.EXPIRED
    if d.now.wall_ms >= _approval_deadline_ms(d, start, pending) and d.memo.unheard:
        return Unwanted.APPROVAL_TIME_PASSED
    return None


def _is_sought(d: Draft) -> bool:
    """The start is unwanted, and what it made can be told from a neighbour's payment only by looking.

    Where the order sent is not the payment's id, a payment found by that order may belong to somebody else;
    then the same call names the resource once more, while its key is young.
    """
    start = _start(d)
    if unwanted(d) is None:
        return False
    return searching.is_told_by_order(d, start) or d.now.wall_ms > _not_after_ms(start, _pending(d))


def request(d: Draft) -> Initiate:
    """The creating call of the present attempt: the same bytes under the same key, however often."""
    start, pending = _start(d), _pending(d)
    data = start.data
    key = idempotency_key(start.message.id, d.state.payment_id, OperationKind.INITIATE, start.attempt)
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
        not_after_ms=_not_after_ms(start, pending),
    )


def sent(d: Draft, outcome: Outcome) -> None:
    """A run of the creating call has ended."""
    d.note(last_request=d.now.steady)
    match outcome:
        case Accepted(resource_id):
            assert resource_id is not None
            d.change(provider_payment_id=resource_id, touched_ms=d.now.wall_ms)
            if unwanted(d) is Unwanted.APPROVAL_TIME_PASSED:
                _cancel_found(d, CancelReason.APPROVAL_TIMEOUT)
            else:
                d.note(not_before=d.now.steady, spent=False, refusal=None, look=None, tries=0)
        case Rejected(refusal, unheard):
            d.note(unheard=d.memo.unheard or unheard > 0)
            _refused(d, refusal)
        case Unknown():
            d.note(unheard=True)
            _unheard(d)
        case Deferred(cause, after_ms, unheard):
            # A run that was called off says nothing of itself; what it sent unheard stays unheard.
            wait = 0.0 if cause in (DeferralCause.WITHDRAWN, DeferralCause.TOO_LATE) else after_ms / 1000
            d.note(unheard=d.memo.unheard or unheard > 0, not_before=d.now.steady + wait)
        case Observed() | Found():
            raise AssertionError(f"a creating call cannot end as {type(outcome).__name__}")


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
    pending = _pending(d)
    if not pending.told:
        d.change(pending=replace(pending, told=True))
        d.tell(PaymentUnknown(pending.kind), pending.cause, provider=d.words())


def _refused(d: Draft, refusal: Refusal) -> None:
    if d.memo.unheard:
        d.note(refusal=refusal, spent=False, not_before=d.now.steady)
    elif refusal.reason is Reason.POINT_OF_SALE_BUSY:
        _busy(d, refusal)
    else:
        _answer_refusal(d, refusal, ())


def _busy(d: Draft, refusal: Refusal) -> None:
    """The point of sale has another active payment; this attempt is over for certain."""
    start = _start(d)
    if start.data.when_busy is WhenBusy.WAIT and unwanted(d) is None:
        wait_for_point_of_sale(d)
    elif unwanted(d) is Unwanted.OVERTAKEN:
        _conclude_nothing(d, ())
    else:
        d.note(refusal=refusal, look=None, tries=0, not_before=d.now.steady)


def wait_for_point_of_sale(d: Draft) -> None:
    """Nothing is pending between two attempts; the next one has a key of its own."""
    d.change(pending=None, touched_ms=d.now.wall_ms)
    d.calm()
    d.note(not_before=d.now.steady + busy_again_seconds(_start(d).attempt, d.dice))


def wait_or_try(d: Draft) -> None:
    """Between two attempts: end the wait where it is no longer wanted, else try again when due."""
    start = _start(d)
    if start.overtaken_by is not None:
        _answer_overtaken(d, ())
    elif d.now.steady < d.memo.not_before:
        d.wake_at(d.memo.not_before)
    elif d.memo.look is not None:
        _search(d, d.memo.look)
    elif d.now.wall_ms > start.message.expires_at_ms:
        d.note(refusal=Refusal(Reason.POINT_OF_SALE_BUSY, 409))
        searching.inquire(d, start)
    elif d.conditions.holding:
        d.wake_at(d.now.steady + busy_again_seconds(1, d.dice))
    else:
        d.change(start=replace(start, attempt=start.attempt + 1))
        plan_start(d)


def looked(d: Draft, outcome: Outcome) -> None:
    """One GET of a search has ended."""
    start, look = _start(d), d.memo.look
    assert look is not None
    listed = isinstance(outcome, Found) and look.unread is None
    if listed and not look.everything and d.memo.refusal is None and not _is_sought(d):
        # The provider answers again: the same call under the same key names what it made.
        d.note(look=None, spent=False, tries=0, not_before=d.now.steady)
        return
    if isinstance(outcome, Unknown) and not look.everything:
        tell_unknown(d)
    ours = searching.heard(d, start, look, outcome)
    if ours is not None:
        _found(d, ours.reading)


def _search(d: Draft, look: Look) -> None:
    nothing = searching.go_on(d, _start(d), look)
    if nothing is not None:
        _looked(d, nothing.look)


def _looked(d: Draft, look: Look) -> None:
    """The search is complete and found nothing that is ours."""
    refusal = d.memo.refusal
    settled = d.memo.last_request + d.rules.settle_seconds
    if refusal is not None and (look.everything or (look.seen and unwanted(d) is None)):
        _give_way(d, refusal, look)
    elif look.begun < settled:
        soon = d.now.steady + look_again_seconds(d.memo.tries, d.dice)
        d.note(tries=d.memo.tries + 1, not_before=settled if d.now.steady < settled < soon else soon)
    elif refusal is not None and unwanted(d) is None:
        _give_way(d, refusal, look)
    else:
        _conclude_nothing(d, look.seen)


def _give_way(d: Draft, refusal: Refusal, look: Look) -> None:
    """A refusal holds after all, or is certain and its reason has been asked for."""
    d.note(unheard=False, spent=False, refusal=None)
    if look.everything or refusal.reason is not Reason.POINT_OF_SALE_BUSY:
        _answer_refusal(d, refusal, look.seen)
    elif _start(d).data.when_busy is WhenBusy.WAIT or not look.seen:
        _busy(d, refusal)
    else:
        _answer_refusal(d, refusal, look.seen)


def _answer_refusal(d: Draft, refusal: Refusal, candidates: tuple[Candidate, ...]) -> None:
    start = _start(d)
    cancel = start.overtaken_by
    text = f"the provider refused the start: {refusal.reason}"
    d.reject_start(refusal.reason, text, d.words(refusal=refusal, candidates=candidates))
    if cancel is not None:
        judge_cancel(d, cancel)


def _found(d: Draft, reading: PaymentReading) -> None:
    """The search found the payment that this start made."""
    start, why = _start(d), unwanted(d)
    d.change(provider_payment_id=reading.provider_payment_id, touched_ms=d.now.wall_ms)
    heed_pace(d, reading)
    status = status_of(reading.status)
    goes_on = status is PaymentStatus.RESERVED and start.data.capture is CaptureMode.AUTOMATIC
    if why in (None, Unwanted.OVERTAKEN) or status in ENDED or (why is Unwanted.EXPIRED and goes_on):
        answer(d, reading)
        return
    _cancel_found(d, CancelReason.LATE_EFFECT if why is Unwanted.EXPIRED else CancelReason.APPROVAL_TIMEOUT)


def _cancel_found(d: Draft, reason: CancelReason) -> None:
    """What the start made is not wanted any more: its cancel answers the start."""
    cause = _pending(d).cause
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
        case Accepted() | Found():
            raise AssertionError(f"a reading cannot end as {type(outcome).__name__}")


def answer(d: Draft, reading: PaymentReading) -> None:
    """Answer the start with a status that was read after its call."""
    start, pending = _start(d), _pending(d)
    deadline = _approval_deadline_ms(d, start, pending)
    if not believe(d, reading, pending.cause, start.message):
        # A state that we do not know says nothing yet; the answer waits for one that we do.
        d.note(not_before=d.memo.pace)
        return
    d.change(
        start=replace(start, answered=True, overtaken_by=None),
        pending=None,
        approval_deadline_ms=deadline if d.state.status in ACTIVE else None,
    )
    d.calm()
    if start.overtaken_by is not None:
        judge_cancel(d, start.overtaken_by)


def _conclude_nothing(d: Draft, foreign: tuple[Candidate, ...]) -> None:
    """Nothing of this start exists, as far as a settled search can tell: answer it, and look again later."""
    why = unwanted(d)
    assert why is not None
    if d.memo.unheard:
        _abandon(d)
    if why is Unwanted.OVERTAKEN:
        _answer_overtaken(d, foreign)
        return
    text = (
        "the customer's time to approve passed unheard; nothing was found at the provider"
        if why is Unwanted.APPROVAL_TIME_PASSED
        else "the command expired before its start was heard of; nothing was found at the provider"
    )
    d.reject_start(Reason.EXPIRED, text, d.words(candidates=foreign))


def _answer_overtaken(d: Draft, foreign: tuple[Candidate, ...]) -> None:
    cancel = _start(d).overtaken_by
    assert cancel is not None
    text = "a cancel came before the payment was started"
    d.reject_start(Reason.CANCELLED_BEFORE_START, text, d.words(candidates=foreign))
    d.cancelled_before_start(cancel)


def _abandon(d: Draft) -> None:
    start, pending = _start(d), _pending(d)
    if not searching.is_told_by_order(d, start):
        return
    data = start.data
    due_ms = d.now.wall_ms + LATE_LOOK_MS
    late = AbandonedStart(
        pending.cause, data.pos_id, start.order_id, data.amount, due_ms, data.merchant_vat_number
    )
    d.change(abandoned=(*d.state.abandoned, late))


def _approval_deadline_ms(d: Draft, start: Start, pending: Pending) -> int:
    seconds = start.data.approval_timeout_seconds or d.rules.approval_timeout_seconds
    return pending.first_sent_ms + seconds * 1000


def _not_after_ms(start: Start, pending: Pending) -> int:
    return min(start.message.expires_at_ms, pending.first_sent_ms + KEY_LIFETIME_MS)


def _start(d: Draft) -> Start:
    assert d.state.start is not None
    return d.state.start


def _pending(d: Draft) -> Pending:
    assert d.state.pending is not None
    return d.state.pending
