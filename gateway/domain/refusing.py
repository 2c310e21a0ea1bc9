"""A start that comes to nothing: refused, kept waiting by a busy till, overtaken, or expired without a trace.

Only what is certain is said. What may still turn up at the provider is written down to be looked for once more.
"""

from gateway.domain import searching
from gateway.domain.draft import Draft
from gateway.domain.events import Candidate
from gateway.domain.judging import judge_cancel
from gateway.domain.memo import Look
from gateway.domain.operations import Refusal
from gateway.domain.pacing import (
    LATE_LOOK_MS,
    busy_again_seconds,
)
from gateway.domain.state import AbandonedStart
from gateway.domain.vocabulary import Reason, WhenBusy
from gateway.domain.wanting import Unwanted, pending_of, start_of, unwanted


def refused(d: Draft, refusal: Refusal) -> None:
    if d.memo.unheard:
        d.note(refusal=refusal, spent=False, not_before=d.now.steady)
    elif refusal.reason is Reason.POINT_OF_SALE_BUSY:
        _busy(d, refusal)
    else:
        _answer_refusal(d, refusal, ())


def _busy(d: Draft, refusal: Refusal) -> None:
    """The point of sale has another active payment; this attempt is over for certain."""
    start = start_of(d)
    if start.data.when_busy is WhenBusy.WAIT and unwanted(d) is None:
        wait_for_point_of_sale(d)
    elif unwanted(d) is Unwanted.OVERTAKEN:
        conclude_nothing(d, ())
    else:
        d.note(refusal=refusal, look=None, tries=0, not_before=d.now.steady)


def wait_for_point_of_sale(d: Draft) -> None:
    """Nothing is pending between two attempts; the next one has a key of its own."""
    d.change(pending=None, touched_ms=d.now.wall_ms)
    d.calm()
    d.note(not_before=d.now.steady + busy_again_seconds(start_of(d).attempt, d.dice))


def give_way(d: Draft, refusal: Refusal, look: Look) -> None:
    """A refusal holds after all, or is certain and its reason has been asked for."""
    d.note(unheard=False, spent=False, refusal=None)
    if look.everything or refusal.reason is not Reason.POINT_OF_SALE_BUSY:
        _answer_refusal(d, refusal, look.seen)
    elif start_of(d).data.when_busy is WhenBusy.WAIT or not look.seen:
        _busy(d, refusal)
    else:
        _answer_refusal(d, refusal, look.seen)


def _answer_refusal(d: Draft, refusal: Refusal, candidates: tuple[Candidate, ...]) -> None:
    start = start_of(d)
    cancel = start.overtaken_by
    text = f"the provider refused the start: {refusal.reason}"
    d.reject_start(refusal.reason, text, d.words(refusal=refusal, candidates=candidates))
    if cancel is not None:
        judge_cancel(d, cancel)


def conclude_nothing(d: Draft, foreign: tuple[Candidate, ...]) -> None:
    """Nothing of this start exists, as far as a settled search can tell: answer it, and look again later."""
    why = unwanted(d)
    assert why is not None
    if d.memo.unheard:
        _abandon(d)
    if why is Unwanted.OVERTAKEN:
        answer_overtaken(d, foreign)
        return
    text = (
        "the customer's time to approve passed unheard; nothing was found at the provider"
        if why is Unwanted.APPROVAL_TIME_PASSED
        else "the command expired before its start was heard of; nothing was found at the provider"
    )
    d.reject_start(Reason.EXPIRED, text, d.words(candidates=foreign))


def answer_overtaken(d: Draft, foreign: tuple[Candidate, ...]) -> None:
    cancel = start_of(d).overtaken_by
    assert cancel is not None
    text = "a cancel came before the payment was started"
    d.reject_start(Reason.CANCELLED_BEFORE_START, text, d.words(candidates=foreign))
    d.cancelled_before_start(cancel)


def _abandon(d: Draft) -> None:
    start, pending = start_of(d), pending_of(d)
    if not searching.is_told_by_order(d, start):
        return
    data = start.data
    due_ms = d.now.wall_ms + LATE_LOOK_MS
    late = AbandonedStart(
        pending.cause, data.pos_id, start.order_id, due_ms, start.amount, data.merchant_vat_number
    )
    d.change(abandoned=(*d.state.abandoned, late))
