"""A refund for a payment that the state no longer holds: the payment is looked for at the provider and taken over.

Reads alone, so nothing of it is durable before it is complete: a crash begins it anew. What the provider does not
tell (how much was captured) stays unknown, and the provider's own limit bounds the refunds then.
"""

from dataclasses import replace
from typing import assert_never

from gateway.domain.commands import CreateRefund, Message
from gateway.domain.draft import Draft, cause_of
from gateway.domain.events import Amounts
from gateway.domain.inbox import take
from gateway.domain.memo import Adopting, Reading
from gateway.domain.operations import (
    Accepted,
    Deferred,
    FindPayments,
    FindRefunds,
    Found,
    Observed,
    Outcome,
    PaymentReading,
    ProviderStatus,
    Purpose,
    ReadPayment,
    ReadRefund,
    RefundObserved,
    RefundReading,
    Refusal,
    Rejected,
    Unknown,
)
from gateway.domain.pacing import look_again_seconds
from gateway.domain.refund_draft import RefundDraft
from gateway.domain.refund_lifecycle import refund_status_of
from gateway.domain.state import Refund
from gateway.domain.vocabulary import PaymentStatus, Reason, RefundStatus

MAX_ADOPTED_REFUNDS = 500


def pursue(d: Draft, message: Message) -> None:
    """Ask for the next reading; the payment is taken over once all is read."""
    data, progress = _data(message), d.memo.adopting or Adopting()
    merchant = data.merchant_vat_number
    assert data.pos_id is not None
    if d.now.steady < d.memo.adopting_not_before:
        d.wake_at(d.memo.adopting_not_before)
    elif progress.found is None:
        order_id = data.order_id or data.payment_id
        d.ask_reading(FindPayments(merchant, data.pos_id, order_id, True, Purpose.LOOK), Reading.ADOPTION)
    elif progress.payment is None:
        d.ask_reading(ReadPayment(merchant, progress.found, Purpose.CANDIDATE), Reading.ADOPTION)
    elif progress.unread is None:
        d.ask_reading(FindRefunds(merchant, progress.found, Purpose.LOOK), Reading.ADOPTION)
    elif progress.unread:
        d.ask_reading(ReadRefund(merchant, progress.unread[0], Purpose.CANDIDATE), Reading.ADOPTION)
    else:
        _adopt(d, message, progress.payment, progress.refunds)


def heard(d: Draft, outcome: Outcome) -> None:
    """One GET of an adoption has ended. Its command is still the first that waits."""
    message, progress = d.state.inbox[0], d.memo.adopting or Adopting()
    data = _data(message)
    match outcome:
        case Found(ids) if progress.found is None:
            if len(ids) == 1:
                _go_on(d, replace(progress, found=ids[0]))
            else:
                found = f"{len(ids)} captured payments" if ids else "no captured payment"
                _refuse(d, message, f"the provider has {found} of this order on this point of sale")
        case Found(ids) if len(ids) > MAX_ADOPTED_REFUNDS:
            text = f"a payment with more than {MAX_ADOPTED_REFUNDS} refunds cannot be adopted"
            _refuse(d, message, text, Reason.UNSUPPORTED)
        case Found(ids):
            _go_on(d, replace(progress, unread=ids))
        case Observed(reading):
            if _is_sought(data, reading):
                _go_on(d, replace(progress, payment=reading))
            else:
                _refuse(
                    d, message, "the provider has no captured payment of this order on this point of sale"
                )
        case RefundObserved(reading):
            assert progress.unread
            refunds = (*progress.refunds, reading)
            _go_on(d, replace(progress, unread=progress.unread[1:], refunds=refunds))
        case Rejected(refusal):
            text = f"the provider refused to show the payment: {refusal.reason}"
            _refuse(d, message, text, refusal.reason, refusal)
        case Unknown():
            _again(d, look_again_seconds(d.memo.adopting_tries, d.dice))
        case Deferred(_, after_ms):
            _again(d, after_ms / 1000)
        case Accepted():
            raise AssertionError("an adoption only reads")
        case _:
            assert_never(outcome)


def _is_sought(data: CreateRefund, reading: PaymentReading) -> bool:
    assert data.pos_id is not None
    return (
        reading.status is ProviderStatus.CAPTURED
        and reading.order_id == (data.order_id or data.payment_id)
        and reading.pos_id.lower() == data.pos_id.lower()
    )


def _adopt(d: Draft, message: Message, payment: PaymentReading, readings: tuple[RefundReading, ...]) -> None:
    """The payment is ours from now on; the refund itself is judged next, like any other."""
    data = _data(message)
    currency = payment.amount.currency if payment.amount else data.amount.currency
    paid = payment.amount.value if payment.amount else 0
    refunds = _refunds(message, readings, d.now.wall_ms)
    refunded = sum(r.amount.value for r in refunds if r.status is RefundStatus.CAPTURED)
    d.change(
        status=PaymentStatus.CAPTURED,
        start=None,
        adoption=message,
        provider_payment_id=payment.provider_payment_id,
        amounts=Amounts(currency, requested=paid, reserved=paid, captured=None, refunded=refunded),
        refunds=(*(r for r in d.state.refunds if r.late), *refunds),
        touched_ms=d.now.wall_ms,
    )
    d.calm()
    for refund in refunds:
        r = RefundDraft(d, refund.name)
        r.note(pace=d.now.steady + r.poll_delay_seconds)


def _is_cancelled(reading: RefundReading) -> bool:
    return refund_status_of(reading.status) is RefundStatus.CANCELLED


def _refunds(message: Message, readings: tuple[RefundReading, ...], now_ms: int) -> tuple[Refund, ...]:
    """What the provider has of refunds. Of several under one name the one that may still pay out, or has, counts
    for the name.
    """
    found: dict[str, Refund] = {}
    for reading in sorted(readings, key=lambda each: not _is_cancelled(each)):
        if reading.amount is None:
            continue
        earlier = found.get(reading.refund_id)
        status = refund_status_of(reading.status) or RefundStatus.INITIATED
        refund = Refund(
            reading.refund_id,
            reading.amount,
            cause_of(message),
            status=status,
            provider_refund_id=reading.provider_refund_id,
            poll_delay_ms=reading.poll_delay_ms,
            reserved_ms=now_ms if status is RefundStatus.RESERVED else None,
            late=earlier is not None and earlier.status is not RefundStatus.CANCELLED,
        )
        found[refund.name] = refund
    return tuple(found.values())


def _go_on(d: Draft, progress: Adopting) -> None:
    d.note(adopting=progress, adopting_tries=0)


def _again(d: Draft, seconds: float) -> None:
    d.note(adopting_tries=d.memo.adopting_tries + 1, adopting_not_before=d.now.steady + seconds)


def _refuse(
    d: Draft,
    message: Message,
    text: str,
    reason: Reason = Reason.PAYMENT_NOT_FOUND,
    refusal: Refusal | None = None,
) -> None:
    take(d, message)
    d.note(adopting=None, adopting_tries=0)
    d.reject(message, reason, text, d.words(refusal=refusal) if refusal else None)


def _data(message: Message) -> CreateRefund:
    assert isinstance(message.data, CreateRefund)
    return message.data
