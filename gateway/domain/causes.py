"""For which command an operation is asked for, from the state alone, so that a later owner says the same.

As with events: what nobody asked for by name (a poll, an automatic capture, a time-out) is done for the last
command that started, readied or adopted the payment. For those who follow what happens; no rule goes by it.
"""

from collections.abc import Iterable
from typing import assert_never

from gateway.domain.draft import cause_of
from gateway.domain.events import Cause
from gateway.domain.operations import (
    Cancel,
    Capture,
    FindPayments,
    FindRefunds,
    Initiate,
    Operation,
    Prepare,
    Purpose,
    ReadPayment,
    ReadRefund,
    Ready,
    RefundCancel,
    RefundCapture,
)
from gateway.domain.operations import Refund as MakeRefund
from gateway.domain.points_of_sale.operations import PointOfSaleOperation, ReadCheckin
from gateway.domain.points_of_sale.state import PointOfSaleState
from gateway.domain.state import PaymentState, Refund


def cause_of_operation(state: PaymentState, operation: Operation) -> Cause | None:
    """None where the state names no command."""
    match operation:
        case MakeRefund():
            return _of_refund(r for r in state.refunds if not r.late and r.refund_id == operation.refund_id)
        case ReadRefund() | RefundCapture() | RefundCancel():
            sought = operation.provider_refund_id
            return _of_refund(r for r in state.refunds if r.provider_refund_id == sought) or _of_payment(
                state
            )
        case FindRefunds():
            sought_for = _of_refund(r for r in state.refunds if r.provider_refund_id is None)
            abandoned = next((a.cause for a in state.abandoned_refunds), None)
            return sought_for or abandoned or _of_payment(state)
        case FindPayments() if operation.purpose is Purpose.LOOK and _at_rest(state) and state.abandoned:
            return min(state.abandoned, key=lambda start: start.due_ms).cause
        case Initiate() | Prepare() | Ready() | Capture() | Cancel() | ReadPayment() | FindPayments():
            return _of_payment(state)
        case _:
            assert_never(operation)


def cause_at_point_of_sale(state: PointOfSaleState, operation: PointOfSaleOperation) -> Cause | None:
    """The same of a point of sale."""
    if isinstance(operation, ReadCheckin):
        watches = [w for w in state.watches if w.data.pos_id == operation.pos_id]
        return state.notified if not watches else cause_of(watches[0].message)
    if state.pending is not None:
        return state.pending.cause
    if state.inbox:
        return cause_of(state.inbox[0])
    return next((a.cause for a in state.abandoned), None)


def _of_refund(refunds: Iterable[Refund]) -> Cause | None:
    refund = next(iter(refunds), None)
    if refund is None:
        return None
    return refund.cause if refund.pending is None else refund.pending.cause


def _at_rest(state: PaymentState) -> bool:
    return state.pending is None and (state.start is None or state.start.answered)


def _of_payment(state: PaymentState) -> Cause | None:
    start = state.start
    if state.pending is not None:
        return state.pending.cause
    if start is not None and not start.answered:
        return cause_of(start.message)
    if state.origin is not None:
        return cause_of(state.origin.message)
    if state.inbox:
        return cause_of(state.inbox[0])
    return next((a.cause for a in state.abandoned), None)
