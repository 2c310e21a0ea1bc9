"""What a refund command means for the payment and its refunds: refused at once, or turned into an intent.

The amount is reserved against what was captured before any call leaves, so that commands can never ask the
provider for more than was paid, however many are under way.
"""

from gateway.domain.commands import CancelRefund, CaptureRefund, CreateRefund, Message
from gateway.domain.draft import Draft, cause_of
from gateway.domain.inbox import EXPIRED_TEXT, expired, take
from gateway.domain.meetings import refund_refusal_by, refusal_by
from gateway.domain.pacing import held_again_seconds
from gateway.domain.refund_draft import RefundDraft
from gateway.domain.state import OperationKind, Pending, Refund
from gateway.domain.vocabulary import CaptureMode, Reason, RefundStatus


def judge_create(d: Draft, message: Message, data: CreateRefund) -> None:
    """Make a refund of a payment that is known."""
    refused = _refuse_create(d, message, data)
    if _is_decided(d, message, refused):
        return
    take(d, message)
    cause = cause_of(message)
    refund = Refund(data.refund_id, data.amount, cause, capture=data.capture, message=message)
    d.change(refunds=(*d.state.refunds, refund))
    RefundDraft(d, refund.name).intend(Pending(OperationKind.REFUND, cause, d.now.wall_ms))


def _refuse_create(d: Draft, message: Message, data: CreateRefund) -> tuple[Reason, str] | None:
    s = d.state
    if expired(d, message):
        return Reason.EXPIRED, EXPIRED_TEXT
    status = _status(d, data.refund_id)
    exists = refund_refusal_by(data.kind, status)
    if exists is not None:
        return exists, f"refund {data.refund_id} of this payment is {status}"
    reason = refusal_by(data.kind, s.status)
    if reason is not None or s.amounts is None:
        text = f"only a captured payment can be refunded; this one is {s.status}"
        return reason or Reason.WRONG_STATUS, text
    if data.amount.currency is not s.amounts.currency:
        return Reason.CURRENCY_MISMATCH, f"the payment is in {s.amounts.currency}"
    if s.amounts.captured is not None and data.amount.value > s.amounts.captured - reserved_for_refunds(d):
        left = s.amounts.captured - reserved_for_refunds(d)
        return Reason.REFUND_ABOVE_CAPTURED, f"{left} of the captured amount are left to refund"
    return None


def reserved_for_refunds(d: Draft) -> int:
    """Minor units that refunds have paid out or may yet."""
    return sum(r.amount.value for r in d.state.refunds if r.status is not RefundStatus.CANCELLED)


def judge_capture(d: Draft, message: Message, data: CaptureRefund) -> None:
    """Pay a reserved refund out; one that is captured already, or about to be, cannot be captured again."""
    refused = _refuse_change(d, message, data)
    refund = d.find_refund(data.refund_id)
    if refused is None and refund is not None and refund.pending is not None:
        refused = Reason.WRONG_STATUS, "the refund is being captured already"
    if _is_decided(d, message, refused):
        return
    take(d, message)
    _intend(d, message, data.refund_id, OperationKind.REFUND_CAPTURE)


def judge_cancel(d: Draft, message: Message, data: CancelRefund) -> None:
    """End what is not yet captured. Where a capture of it is under way, its end decides."""
    refused = _refuse_change(d, message, data)
    refund = d.find_refund(data.refund_id)
    if refused is None and refund is not None and refund.pending is not None:
        return
    take(d, message)
    if refused is not None:
        d.reject(message, *refused)
    else:
        _intend(d, message, data.refund_id, OperationKind.REFUND_CANCEL)


def _is_decided(d: Draft, message: Message, refused: tuple[Reason, str] | None) -> bool:
    """The command is answered, or has to wait since the provider is away."""
    if refused is not None:
        take(d, message)
        d.reject(message, *refused)
    elif d.conditions.holding:
        d.wake_at(d.now.steady + held_again_seconds(d.dice))
    else:
        return False
    return True


def capture_automatically(r: RefundDraft) -> None:
    """The reservation itself asks for the capture, unless a cancel has arrived before its intent."""
    refund, d = r.refund, r.d
    due = refund.status is RefundStatus.RESERVED and refund.capture is CaptureMode.AUTOMATIC
    if due and refund.pending is None and not _cancel_waits(d, refund):
        r.intend(Pending(OperationKind.REFUND_CAPTURE, refund.cause, d.now.wall_ms))


def _cancel_waits(d: Draft, refund: Refund) -> bool:
    return any(
        isinstance(m.data, CancelRefund) and m.data.refund_id == refund.refund_id and not expired(d, m)
        for m in d.state.inbox
    )


def _refuse_change(
    d: Draft, message: Message, data: CaptureRefund | CancelRefund
) -> tuple[Reason, str] | None:
    if expired(d, message):
        return Reason.EXPIRED, EXPIRED_TEXT
    absent = refusal_by(data.kind, d.state.status)
    if absent is not None:
        return absent, f"the payment is {d.state.status} and has no refund {data.refund_id}"
    status = _status(d, data.refund_id)
    reason = refund_refusal_by(data.kind, status)
    return None if reason is None else (reason, f"refund {data.refund_id} of this payment is {status}")


def _status(d: Draft, refund_id: str) -> RefundStatus:
    refund = d.find_refund(refund_id)
    return RefundStatus.NONE if refund is None else refund.status


def _intend(d: Draft, message: Message, refund_id: str, kind: OperationKind) -> None:
    refund = d.find_refund(refund_id)
    assert refund is not None
    intent = Pending(kind, cause_of(message), d.now.wall_ms, message=message)
    RefundDraft(d, refund.name).intend(intent)
