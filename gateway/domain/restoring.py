"""What a new owner makes of a state that it has read back, and of calls that still run from before."""

from dataclasses import replace
from typing import assert_never

from gateway.domain import changing, readying, refunds, starting, watching
from gateway.domain.draft import Draft
from gateway.domain.memo import NO_REFUNDS, Memo
from gateway.domain.operations import (
    Cancel,
    Capture,
    FindPayments,
    FindRefunds,
    Initiate,
    Operation,
    Outcome,
    Prepare,
    ReadPayment,
    ReadRefund,
    Ready,
    Refund,
    RefundCancel,
    RefundCapture,
)
from gateway.domain.state import OperationKind


def restored(d: Draft, since: float) -> None:
    """A pending operation counts as a run that went unheard; no resource is read before its pace allows, which
    counts from `since`, when the old owner can have asked for the last time.

    A call that still runs is waited for, but its outcome counts only if it is the one that the state intends.
    """
    pace = since + watching.poll_delay_seconds(d)
    is_pending = d.state.pending is not None
    d.memo = Memo(
        pace=pace,
        not_before=pace if d.state.provider_payment_id else d.now.steady,
        last_request=d.now.steady,
        unheard=is_pending,
        spent=is_pending,
        refunds=refunds.restored(d, since) or NO_REFUNDS,
    )
    if d.running is not None and not _is_intended(d, d.running):
        d.note(drop_running=True)


def _is_intended(d: Draft, running: Operation) -> bool:
    pending = d.state.pending
    match running:
        case Initiate() | Prepare():
            if pending is None or not pending.starts or d.state.provider_payment_id:
                return False
            return replace(starting.request(d), first=running.first) == running
        case Ready():
            return (
                pending is not None and pending.kind is OperationKind.READY and readying.request(d) == running
            )
        case Capture() | Cancel():
            if pending is None or pending.kind not in (OperationKind.CAPTURE, OperationKind.CANCEL):
                return False
            return changing.request(d) == running
        case Refund() | RefundCapture() | RefundCancel():
            return refunds.is_intended(d, running)
        case ReadPayment() | FindPayments() | ReadRefund() | FindRefunds():
            return False
        case _:
            assert_never(running)


def dropped(d: Draft, operation: Operation, outcome: Outcome) -> None:
    """An outcome that counts for nothing but the pace: what was asked, was asked just now."""
    if isinstance(operation, Refund | RefundCapture | RefundCancel):
        refunds.dropped(d, operation)
    elif isinstance(operation, ReadRefund):
        refunds.passed_over(d, operation, outcome)
    elif isinstance(operation, ReadPayment):
        watching.passed_over(d, operation, outcome)
