"""What a command means in the status that the payment has: refused at once, or turned into an intent.

Reasons are judged in one order: expiry, existence, status, currency, amount.
"""

from typing import assert_never

from gateway.domain.commands import (
    CancelPayment,
    CapturePayment,
    InitiatePayment,
    Message,
    UnsupportedCommand,
)
from gateway.domain.draft import Draft, cause_of
from gateway.domain.inbox import expired, take, waiting_cancel
from gateway.domain.lifecycle import ENDED
from gateway.domain.money import Money
from gateway.domain.pacing import held_again_seconds
from gateway.domain.state import OperationKind, Pending
from gateway.domain.vocabulary import CancelReason, PaymentStatus, Reason


def judge(d: Draft, message: Message) -> bool:
    """Carry the front command one step further. False: it has to wait, and a wake time is set."""
    data = message.data
    match data:
        case InitiatePayment():
            return _judge_initiate(d, message, data)
        case CapturePayment():
            return _judge_capture(d, message, data)
        case CancelPayment():
            take(d, message)
            if expired(d, message):
                _reject_expired(d, message)
            else:
                judge_cancel(d, message)
            return True
        case UnsupportedCommand():
            take(d, message)
            d.reject(message, Reason.UNSUPPORTED, f"{data.type} is not supported by this gateway")
            return True
        case _:
            assert_never(data)


def _judge_initiate(d: Draft, message: Message, data: InitiatePayment) -> bool:
    cancel = waiting_cancel(d)
    if d.state.status is not PaymentStatus.NONE:
        take(d, message)
        d.reject(message, Reason.PAYMENT_EXISTS, f"payment {data.payment_id} has begun already")
    elif expired(d, message):
        take(d, message)
        d.begin(message)
        d.reject_start(Reason.EXPIRED, "the command expired before the payment was started")
    elif not d.conditions.merchant_known(data.merchant_vat_number):
        take(d, message)
        d.begin(message)
        text = "merchantVatNumber: neither the command, nor the settings, nor the token names the merchant"
        d.reject_start(Reason.INVALID_AT_PROVIDER, text)
    elif cancel is not None:
        take(d, message)
        take(d, cancel)
        d.begin(message)
        d.reject_start(Reason.CANCELLED_BEFORE_START, "a cancel came before the payment was started")
        d.cancelled_before_start(cancel)
    elif d.conditions.holding:
        return _hold(d)
    else:
        take(d, message)
        d.begin(message)
        plan_start(d)
    return True


def plan_start(d: Draft) -> None:
    """Record the intent of the next attempt to start the payment: only what is committed may be sent."""
    start = d.state.start
    assert start is not None
    _intend(d, Pending(OperationKind.INITIATE, cause_of(start.message), d.now.wall_ms))


def _judge_capture(d: Draft, message: Message, data: CapturePayment) -> bool:
    s = d.state
    refused = _refuse_capture(d, message, data)
    if refused is not None:
        take(d, message)
        d.reject(message, *refused)
        return True
    if d.conditions.holding:
        return _hold(d)
    assert s.amounts is not None
    amount = data.amount or Money(s.amounts.reserved, s.amounts.currency)
    take(d, message)
    _intend(
        d, Pending(OperationKind.CAPTURE, cause_of(message), d.now.wall_ms, message=message, amount=amount)
    )
    return True


def _refuse_capture(d: Draft, message: Message, data: CapturePayment) -> tuple[Reason, str] | None:
    s = d.state
    if expired(d, message):
        return Reason.EXPIRED, "the command expired before it could be carried out"
    if s.status is PaymentStatus.NONE:
        return Reason.PAYMENT_NOT_FOUND, f"payment {s.payment_id} has not been started"
    if s.status is not PaymentStatus.RESERVED or s.amounts is None:
        return Reason.WRONG_STATUS, f"only a reserved payment can be captured; this one is {s.status}"
    if data.amount is None:
        return None
    if data.amount.currency is not s.amounts.currency:
        return Reason.CURRENCY_MISMATCH, f"the payment is in {s.amounts.currency}"
    if data.amount.value > s.amounts.reserved:
        return Reason.AMOUNT_ABOVE_RESERVED, f"{s.amounts.reserved} are reserved"
    if data.amount.value < s.amounts.reserved and s.partial_capture_possible is False:
        return Reason.PARTIAL_CAPTURE_NOT_POSSIBLE, "this payment can only be captured whole"
    return None


def judge_cancel(d: Draft, message: Message) -> None:
    """Cancel what is not yet captured; the expiry has been judged by now."""
    s = d.state
    if s.status is PaymentStatus.NONE:
        d.reject(message, Reason.PAYMENT_NOT_FOUND, f"payment {s.payment_id} has not been started")
    elif s.status in ENDED:
        d.reject(message, Reason.WRONG_STATUS, f"the payment is {s.status} already")
    else:
        intent = Pending(
            OperationKind.CANCEL,
            cause_of(message),
            d.now.wall_ms,
            message=message,
            cancel_reason=CancelReason.COMMAND,
        )
        _intend(d, intent)


def capture_automatically(d: Draft) -> None:
    """The reservation itself asks for the capture."""
    s = d.state
    assert s.start is not None and s.amounts is not None
    amount = Money(s.amounts.reserved, s.amounts.currency)
    _intend(d, Pending(OperationKind.CAPTURE, cause_of(s.start.message), d.now.wall_ms, amount=amount))


def _intend(d: Draft, pending: Pending) -> None:
    assert d.state.pending is None
    d.change(pending=pending, touched_ms=d.now.wall_ms)
    d.calm()


def _hold(d: Draft) -> bool:
    d.wake_at(d.now.steady + held_again_seconds(d.dice))
    return False


def _reject_expired(d: Draft, message: Message) -> None:
    d.reject(message, Reason.EXPIRED, "the command expired before it could be carried out")
