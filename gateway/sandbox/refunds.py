"""The endpoints and the life of refunds ("Refund states"): an untouched one pays itself out after a day."""

from __future__ import annotations

from gateway.sandbox import draws, lives, reading
from gateway.sandbox.entities import Caller, Payment, Refund
from gateway.sandbox.http import Amount, Request, Response, answer
from gateway.sandbox.refusals import Absent, Refusal
from gateway.sandbox.register import Register
from gateway.sandbox.states import PAID_OUT, REFUND_OPEN, RefundCause, RefundStatus, Status

_CREATE = frozenset({"paymentId", "refundOrderId", "amount", "currencyCode"})
_COUNTED = REFUND_OPEN | PAID_OUT
FAILING_PREFIX = "fail"
"""A refundOrderId that starts so is not reserved but CancelledByMobilePay."""


def create_refund(register: Register, caller: Caller, request: Request, key: str, now: float) -> Response:
    body = reading.body_of(request, _CREATE)
    payment_id = reading.uuid_in(body, "paymentId")
    order_id = reading.text_in(body, "refundOrderId", "1114")
    amount = reading.amount_in(body)
    currency = reading.choice_in(body, "currencyCode", reading.CURRENCIES)
    payment = register.payments.get(payment_id)
    if payment is None:
        raise Refusal("1001")
    if payment.owner != caller:
        raise Refusal("1401", resource=payment_id)
    _check(register, payment, amount, currency, now)
    refund = Refund(
        refund_id=register.new_id("refund", caller.integrator, key),
        number=len(register.refunds) + 1,
        payment_id=payment_id,
        order_id=order_id,
        owner=caller,
        key=key,
        amount=amount,
        currency=currency,
    )
    register.refunds[refund.refund_id] = refund
    payment.refund_ids.append(refund.refund_id)
    _move_balance(register, payment, -amount)
    move(register, refund, RefundStatus.INITIATED, RefundCause.CREATE, now)
    config = register.config
    wait = config.refund_reserve_seconds.at(draws.fraction(config.seed, "refund", payment_id, order_id))
    register.schedule(now + wait, "refund_is_reserved", refund.refund_id, len(refund.moves))
    made = answer(200, {"refundId": refund.refund_id})
    return Response(made.status, made.body, made.headers, resource=refund.refund_id)


def capture_refund(register: Register, caller: Caller, refund_id: str, now: float) -> Response:
    """Naturally idempotent. An unknown refund is 404 with the code 1004."""
    refund = _own(register, caller, refund_id, Refusal("1004"))
    if refund.status is not RefundStatus.CAPTURED:
        if refund.status is not RefundStatus.RESERVED:
            raise Refusal("1351", resource=refund_id)
        move(register, refund, RefundStatus.CAPTURED, RefundCause.CAPTURE, now)
    return Response(200, resource=refund_id)


def cancel_refund(register: Register, caller: Caller, refund_id: str, now: float) -> Response:
    """Naturally idempotent."""
    refund = _own(register, caller, refund_id, Absent(404))
    if refund.status is not RefundStatus.CANCELLED_BY_CLIENT:
        if refund.status not in REFUND_OPEN:
            raise Refusal("1352", resource=refund_id)
        move(register, refund, RefundStatus.CANCELLED_BY_CLIENT, RefundCause.CANCEL, now)
        _move_balance(register, register.payments[refund.payment_id], refund.amount)
    return Response(200, resource=refund_id)


def get_refund(register: Register, caller: Caller, refund_id: str) -> Response:
    refund = _own(register, caller, refund_id, Absent(404))
    assert refund.status is not None
    delay = lives.poll_delay_ms(register, "refund", refund_id, refund.status)
    found = answer(
        200,
        {
            "refundId": refund.refund_id,
            "paymentId": refund.payment_id,
            "refundOrderId": refund.order_id,
            "amount": Amount(refund.amount),
            "currencyCode": refund.currency,
            "status": refund.status.value,
            "pollDelayInMs": delay,
        },
    )
    return Response(
        found.status,
        found.body,
        found.headers,
        resource=refund_id,
        poll_delay_ms=delay,
        ended=refund.status not in REFUND_OPEN,
    )


def list_refunds(register: Register, caller: Caller, request: Request) -> Response:
    payment_id = reading.uuid_parameter(request, "paymentId")
    if payment_id is None:
        raise Refusal("1110")
    payment = register.payments.get(payment_id)
    found = payment.refund_ids if payment and payment.owner == caller else []
    listed = answer(200, {"refundIds": found})
    return Response(listed.status, listed.body, listed.headers, resource=payment_id, listed=tuple(found))


def refund_is_reserved(register: Register, refund: Refund, now: float) -> None:
    if refund.order_id.startswith(FAILING_PREFIX):
        move(register, refund, RefundStatus.CANCELLED_BY_PROVIDER, RefundCause.RESERVATION_FAILED, now)
        _move_balance(register, register.payments[refund.payment_id], refund.amount)
        return
    move(register, refund, RefundStatus.RESERVED, RefundCause.RESERVE, now)
    at = now + register.config.refund_expiry_seconds
    register.schedule(at, "refund_expires", refund.refund_id, len(refund.moves))


def move(register: Register, refund: Refund, target: RefundStatus, cause: RefundCause, now: float) -> None:
    refund.move(target, cause, now)
    register.tally.refund_moved(refund)


def refunded(register: Register, payment: Payment) -> int:
    """Minor units that were paid out of a payment."""
    refunds = (register.refunds[refund_id] for refund_id in payment.refund_ids)
    return sum(refund.amount for refund in refunds if refund.status in PAID_OUT)


def _check(register: Register, payment: Payment, amount: int, currency: str, now: float) -> None:
    resource = payment.payment_id
    if payment.status is not Status.CAPTURED or payment.terms is None or payment.captured_at is None:
        raise Refusal("1354", resource=resource)
    if payment.terms.currency != currency:
        raise Refusal("1365", resource=resource)
    if now - payment.captured_at > register.config.refund_window_seconds:
        raise Refusal("1366", resource=resource)
    earlier = (register.refunds[refund_id] for refund_id in payment.refund_ids)
    taken = sum(refund.amount for refund in earlier if refund.status in _COUNTED)
    if taken + amount > payment.captured:
        raise Refusal("1367", resource=resource)
    balance = register.stores[register.points_of_sale[payment.pos_id].store_id].balance
    if balance is not None and amount > balance:
        raise Refusal("1368", resource=resource)


def _move_balance(register: Register, payment: Payment, amount: int) -> None:
    store = register.stores[register.points_of_sale[payment.pos_id].store_id]
    if store.balance is not None:
        store.balance += amount


def _own(register: Register, caller: Caller, refund_id: str, unknown: Absent | Refusal) -> Refund:
    refund = register.refunds.get(refund_id)
    if refund is None:
        raise unknown
    if refund.owner != caller:
        raise Refusal("1402", resource=refund_id)
    return refund
