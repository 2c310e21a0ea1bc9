"""The refunds of a payment side by side: at most one operation is pending on each, one call is under way for all.

Chosen: the refunds live in their payment's state, since the balance that bounds them is one number. What is
due earliest goes first, so that no refund's polls starve another's.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from gateway.domain import late_refunds, refund_changing, refund_judging, refund_watching, refunding
from gateway.domain.draft import Draft
from gateway.domain.memo import Reading, RefundMemo
from gateway.domain.operations import (
    Outcome,
    ReadRefund,
    Refund,
    RefundCancel,
    RefundCapture,
    RefundObserved,
    RefundWrite,
)
from gateway.domain.refund_draft import RefundDraft
from gateway.domain.state import OperationKind
from gateway.domain.vocabulary import RefundStatus


def pursue(d: Draft) -> None:
    """Take the next step of what is pending on any refund."""
    for r in _by(d, lambda memo: memo.not_before):
        if d.operation is not None:
            return
        if r.refund.pending is None:
            refund_judging.capture_automatically(r)
        elif r.pending.kind is OperationKind.REFUND:
            refunding.pursue(r)
        else:
            refund_changing.pursue(r)


def watch(d: Draft) -> None:
    """Ask for the reading of the refund that is due first."""
    for r in _by(d, lambda memo: memo.pace):
        if d.operation is not None:
            return
        refund_watching.watch(r)


def sent(d: Draft, operation: RefundWrite, outcome: Outcome) -> None:
    """A run of a call about a refund has ended."""
    r = _of(d, operation)
    assert r is not None and r.refund.pending is not None
    if r.pending.kind is OperationKind.REFUND:
        refunding.sent(r, outcome)
    else:
        refund_changing.sent(r, outcome)


def dropped(d: Draft, operation: RefundWrite) -> None:
    """The outcome of a call was overtaken by a restore; what it sent may still take effect from now on."""
    r = _of(d, operation)
    if r is not None:
        r.note(last_request=d.now.steady)


def passed_over(d: Draft, operation: ReadRefund, outcome: Outcome) -> None:
    """A reading that is not believed holds for the pace all the same, and brings nothing forward (`watching`)."""
    named = operation.provider_refund_id
    refund = next((r for r in d.state.refunds if r.provider_refund_id == named), None)
    if refund is None:
        return
    r = RefundDraft(d, refund.name)
    allowed = r.memo.pace
    if isinstance(outcome, RefundObserved):
        refund_watching.heed_pace(r, outcome.reading)
    else:
        r.note(pace=d.now.steady + r.poll_delay_seconds)
    pace = max(allowed, r.memo.pace)
    r.note(pace=pace, not_before=max(r.memo.not_before, pace))


def read(d: Draft, reading: Reading, name: str | None, outcome: Outcome) -> None:
    """A reading of a refund has ended; `name` tells which it was for, None for the late look."""
    if reading is Reading.REFUND_LATE_LOOK:
        late_refunds.looked(d, outcome)
        return
    assert name is not None
    r = RefundDraft(d, name)
    creates = r.refund.pending is not None and r.pending.kind is OperationKind.REFUND
    match reading:
        case Reading.REFUND_WATCH:
            refund_watching.watched(r, outcome)
        case Reading.REFUND_READ_BACK if creates:
            refunding.read_back(r, outcome)
        case Reading.REFUND_LOOK if creates:
            refunding.looked(r, outcome)
        case Reading.REFUND_READ_BACK | Reading.REFUND_LOOK:
            refund_changing.read(r, outcome)
        case _:
            raise AssertionError(f"{reading} is no reading of a refund")


def restored(d: Draft, since: float) -> dict[str, RefundMemo]:
    """A pending operation counts as a run that went unheard; no refund is read before its pace from `since` on."""
    memos: dict[str, RefundMemo] = {}
    for refund in d.state.refunds:
        r = RefundDraft(d, refund.name)
        pace = since + r.poll_delay_seconds
        is_pending = refund.pending is not None
        memos[refund.name] = RefundMemo(
            pace=pace,
            not_before=pace if refund.provider_refund_id else d.now.steady,
            last_request=d.now.steady,
            unheard=is_pending,
            spent=is_pending,
        )
    return memos


def is_intended(d: Draft, running: RefundWrite) -> bool:
    """Whether a call that still runs is the one that the state intends."""
    r = _of(d, running)
    if r is None or r.refund.pending is None:
        return False
    match running:
        case Refund():
            if r.pending.kind is not OperationKind.REFUND or r.refund.provider_refund_id is not None:
                return False
            return replace(refunding.request(r), first=running.first) == running
        case RefundCapture() | RefundCancel():
            return r.pending.kind is not OperationKind.REFUND and refund_changing.request(r) == running
        case _:
            assert_never(running)


def at_rest(d: Draft) -> bool:
    """Nothing more is to be done or awaited of any refund."""
    ends = (RefundStatus.CAPTURED, RefundStatus.CANCELLED)
    return not d.state.abandoned_refunds and all(
        r.status in ends and r.pending is None for r in d.state.refunds
    )


def _by(d: Draft, key: Callable[[RefundMemo], float]) -> list[RefundDraft]:
    """The refunds that are not at their end, the one that `key` puts first in front."""
    drafts = [
        RefundDraft(d, r.name)
        for r in d.state.refunds
        if r.pending is not None or r.status in (RefundStatus.INITIATED, RefundStatus.RESERVED)
    ]
    return sorted(drafts, key=lambda r: key(r.memo)) if len(drafts) > 1 else drafts


def _of(d: Draft, operation: RefundWrite) -> RefundDraft | None:
    match operation:
        case Refund():
            refund = d.find_refund(operation.refund_id)
        case RefundCapture() | RefundCancel():
            named = operation.provider_refund_id
            refund = next((r for r in d.state.refunds if r.provider_refund_id == named), None)
        case _:
            assert_never(operation)
    return RefundDraft(d, refund.name) if refund is not None else None
