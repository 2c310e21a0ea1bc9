"""What a command means in the status that the payment has: refused at once, or turned into an intent.

Reasons are judged in one order: expiry, existence, status, currency, amount.
"""

from typing import assert_never

from gateway.domain import adopting, refund_judging
from gateway.domain.commands import (
    CancelPayment,
    CancelRefund,
    CapturePayment,
    CaptureRefund,
    CheckinNotified,
    CreatePointOfSale,
    CreateRefund,
    DeletePointOfSale,
    InitiatePayment,
    Message,
    PreparePayment,
    ReadyPayment,
    StartCommand,
    WatchCheckin,
)
from gateway.domain.draft import Draft, cause_of
from gateway.domain.events import Amounts
from gateway.domain.inbox import EXPIRED_TEXT, expired, take, waiting_cancel
from gateway.domain.meetings import refusal_by
from gateway.domain.money import Money
from gateway.domain.pacing import held_again_seconds
from gateway.domain.state import OperationKind, Pending
from gateway.domain.vocabulary import CancelReason, PaymentStatus, Reason

NO_MERCHANT_TEXT = (
    "merchantVatNumber: neither the command, nor the settings, nor the token names the merchant"
)


def judge(d: Draft, message: Message) -> None:
    """Carry the front command one step further, or set a wake time where it has to wait."""
    data = message.data
    match data:
        case InitiatePayment() | PreparePayment():
            _judge_start(d, message, data)
        case ReadyPayment():
            _judge_ready(d, message, data)
        case CapturePayment():
            _judge_capture(d, message, data)
        case CancelPayment():
            take(d, message)
            if expired(d, message):
                d.reject(message, Reason.EXPIRED, EXPIRED_TEXT)
            else:
                judge_cancel(d, message)
        case CreateRefund():
            if d.state.status is PaymentStatus.NONE:
                _judge_refund_of_unknown(d, message, data)
            else:
                refund_judging.judge_create(d, message, data)
        case CaptureRefund():
            refund_judging.judge_capture(d, message, data)
        case CancelRefund():
            refund_judging.judge_cancel(d, message, data)
        case CreatePointOfSale() | DeletePointOfSale() | WatchCheckin() | CheckinNotified():
            raise AssertionError(f"{data.kind} is no command of a payment")
        case _:
            assert_never(data)


def _judge_start(d: Draft, message: Message, data: StartCommand) -> None:
    cancel = waiting_cancel(d)
    exists = refusal_by(data.kind, d.state.status)
    if exists is not None:
        take(d, message)
        d.reject(message, exists, f"payment {data.payment_id} has begun already")
    elif expired(d, message):
        take(d, message)
        d.begin(message)
        d.reject_start(Reason.EXPIRED, "the command expired before the payment was started")
    elif not d.conditions.merchant_known(data.merchant_vat_number):
        take(d, message)
        d.begin(message)
        d.reject_start(Reason.INVALID_AT_PROVIDER, NO_MERCHANT_TEXT)
    elif cancel is not None:
        take(d, message)
        take(d, cancel)
        d.begin(message)
        d.reject_start(Reason.CANCELLED_BEFORE_START, "a cancel came before the payment was started")
        d.cancelled_before_start(cancel)
    elif d.conditions.holding:
        hold(d)
    else:
        take(d, message)
        d.begin(message)
        plan_start(d)


def _judge_refund_of_unknown(d: Draft, message: Message, data: CreateRefund) -> None:
    """Nothing is known of the payment: it is adopted where the command says at which point of sale it was."""
    if expired(d, message):
        refused = Reason.EXPIRED, EXPIRED_TEXT
    elif data.pos_id is None:
        text = (
            f"payment {data.payment_id} is not known here; with its posId (and its orderId) it is looked for"
        )
        refused = Reason.PAYMENT_NOT_FOUND, text
    elif not d.conditions.merchant_known(data.merchant_vat_number):
        refused = Reason.INVALID_AT_PROVIDER, NO_MERCHANT_TEXT
    else:
        adopting.pursue(d, message)
        return
    take(d, message)
    d.note(adopting=None)
    d.reject(message, *refused)


def plan_start(d: Draft) -> None:
    """Record the intent of the next attempt to start the payment: only what is committed may be sent."""
    start = d.state.start
    assert start is not None
    prepares = isinstance(start.data, PreparePayment)
    kind = OperationKind.PREPARE if prepares else OperationKind.INITIATE
    _intend(d, Pending(kind, cause_of(start.message), d.now.wall_ms))


def _judge_ready(d: Draft, message: Message, data: ReadyPayment) -> None:
    s = d.state
    refused: tuple[Reason, str] | None = None
    if expired(d, message):
        refused = Reason.EXPIRED, EXPIRED_TEXT
    elif (reason := refusal_by(data.kind, s.status)) is not None:
        refused = reason, f"only a prepared payment can be readied; this one is {s.status}"
    if refused is not None:
        take(d, message)
        d.reject(message, *refused)
    elif d.conditions.holding:
        hold(d)
    else:
        take(d, message)
        amounts = Amounts(data.amount.currency, requested=data.amount.value, captured=0)
        d.change(ready=message, amounts=amounts)
        _intend(d, Pending(OperationKind.READY, cause_of(message), d.now.wall_ms, message=message))


def _judge_capture(d: Draft, message: Message, data: CapturePayment) -> None:
    s = d.state
    refused = _refuse_capture(d, message, data)
    if refused is not None:
        take(d, message)
        d.reject(message, *refused)
    elif d.conditions.holding:
        hold(d)
    else:
        assert s.amounts is not None
        amount = data.amount or Money(s.amounts.reserved, s.amounts.currency)
        take(d, message)
        cause = cause_of(message)
        _intend(d, Pending(OperationKind.CAPTURE, cause, d.now.wall_ms, message=message, amount=amount))


def _refuse_capture(d: Draft, message: Message, data: CapturePayment) -> tuple[Reason, str] | None:
    s = d.state
    if expired(d, message):
        return Reason.EXPIRED, EXPIRED_TEXT
    reason = refusal_by(data.kind, s.status)
    if reason is not None or s.amounts is None:
        text = f"only a reserved payment can be captured; this one is {s.status}"
        return reason or Reason.WRONG_STATUS, text
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
    reason = refusal_by("payment.cancel", s.status)
    if reason is not None:
        d.reject(message, reason, f"there is nothing to cancel: the payment is {s.status}")
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
    assert s.origin is not None and s.amounts is not None
    amount = Money(s.amounts.reserved, s.amounts.currency)
    cause = cause_of(s.origin.message)
    _intend(d, Pending(OperationKind.CAPTURE, cause, d.now.wall_ms, amount=amount))


def hold(d: Draft) -> None:
    """The provider is away: nothing new is begun."""
    d.wake_at(d.now.steady + held_again_seconds(d.dice))


def _intend(d: Draft, pending: Pending) -> None:
    assert d.state.pending is None
    d.change(pending=pending, touched_ms=d.now.wall_ms)
    d.calm()
