"""The endpoints of payments. Each takes the register, the caller, what the request says and the time."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.sandbox import draws, lives, reading
from gateway.sandbox.entities import Caller, Payment, PointOfSale, Terms
from gateway.sandbox.http import Amount, Request, Response, answer
from gateway.sandbox.refusals import Absent, Refusal
from gateway.sandbox.register import Register
from gateway.sandbox.states import ACTIVE, OPEN, Cause, Status

_INITIATE = frozenset(
    {
        "posId",
        "orderId",
        "amount",
        "currencyCode",
        "restrictions",
        "merchantPaymentLabel",
        "plannedCaptureDelay",
    }
)
_PREPARE = frozenset({"posId", "orderId"})
_READY = _INITIATE - _PREPARE
_CAPTURE = frozenset({"amount"})


def initiate(register: Register, caller: Caller, request: Request, key: str, now: float) -> Response:
    body = reading.body_of(request, _INITIATE)
    pos_id, order_id = reading.uuid_in(body, "posId"), reading.text_in(body, "orderId", "1113")
    return _create(
        register, caller, pos_id=pos_id, order_id=order_id, terms=reading.terms_in(body), key=key, now=now
    )


def prepare(register: Register, caller: Caller, request: Request, key: str, now: float) -> Response:
    body = reading.body_of(request, _PREPARE)
    pos_id, order_id = reading.uuid_in(body, "posId"), reading.text_in(body, "orderId", "1113")
    return _create(register, caller, pos_id=pos_id, order_id=order_id, terms=None, key=key, now=now)


def ready(register: Register, caller: Caller, payment_id: str, request: Request, now: float) -> Response:
    """Naturally idempotent: the same terms again are answered as the first time."""
    payment = _own(register, caller, payment_id, "1406")
    terms = reading.terms_in(reading.body_of(request, _READY))
    if payment.status is Status.PREPARED:
        payment.terms = terms
        lives.move(register, payment, Status.INITIATED, Cause.READY, now)
    elif payment.status is Status.PAIRED:
        payment.terms = terms
        lives.move(register, payment, Status.ISSUED, Cause.READY, now)
        lives.await_decision(register, payment, now)
    elif not (payment.effects[Cause.READY] and payment.terms == terms):
        raise Refusal("1303", resource=payment_id)
    return Response(200, resource=payment_id)


def capture(register: Register, caller: Caller, payment_id: str, request: Request, now: float) -> Response:
    payment = _own(register, caller, payment_id, "1407")
    amount = reading.amount_in(reading.body_of(request, _CAPTURE))
    if payment.status is Status.CAPTURED:
        if amount != payment.captured:
            raise Refusal("1307", resource=payment_id)
        return Response(200, resource=payment_id)
    if payment.status is not Status.RESERVED:
        raise Refusal("1304", resource=payment_id)
    if amount > payment.reserved:
        raise Refusal("1305", resource=payment_id)
    if amount < payment.reserved and not payment.partial_capture:
        raise Refusal("1308", resource=payment_id)
    lives.capture(register, payment, amount, now)
    return Response(200, resource=payment_id)


def cancel(register: Register, caller: Caller, payment_id: str, now: float) -> Response:
    payment = _own(register, caller, payment_id, "1408")
    if payment.status is not Status.CANCELLED_BY_CLIENT:
        if payment.status not in OPEN:
            raise Refusal("1300", resource=payment_id)
        lives.move(register, payment, Status.CANCELLED_BY_CLIENT, Cause.CANCEL, now)
    return Response(200, resource=payment_id)


def get_payment(register: Register, caller: Caller, payment_id: str) -> Response:
    payment = _own(register, caller, payment_id, "1411")
    assert payment.status is not None
    terms, user = payment.terms, lives.user_of(payment)
    looked_up = user is not None and payment.reserved_at is not None
    delay = lives.poll_delay_ms(register, "payment", payment_id, payment.status)
    found = answer(
        200,
        {
            "paymentId": payment.payment_id,
            "posId": payment.pos_id,
            "orderId": payment.order_id,
            "amount": Amount(terms.amount) if terms else None,
            "currencyCode": terms.currency if terms else None,
            "restrictions": terms.restrictions if terms else None,
            "merchantPaymentLabel": terms.label if terms else None,
            "plannedCaptureDelay": terms.planned_capture_delay if terms else None,
            "status": payment.status.value,
            "customerToken": draws.token(register.config.seed, "customer", user.phone) if user else None,
            "customerReceiptToken": "" if looked_up else None,
            "loyaltyIds": list(user.loyalty_ids) if user and looked_up else None,
            "paymentExpiresAt": _expires_at(register, payment),
            "partialCapturePossible": payment.partial_capture if payment.status is Status.RESERVED else None,
            "pollDelayInMs": delay,
        },
    )
    return Response(
        found.status,
        found.body,
        found.headers,
        resource=payment_id,
        poll_delay_ms=delay,
        ended=payment.status not in OPEN,
    )


def list_payments(register: Register, caller: Caller, request: Request) -> Response:
    """Active and reserved payments, or the captured ones. An orderId stands for its newest payment alone."""
    pos_id = reading.uuid_parameter(request, "posId")
    order_id = reading.parameter(request, "orderId")
    state = reading.parameter(request, "state")
    if state not in (None, "Captured"):
        raise Refusal("1099", "state can only be Captured")
    if pos_id is None and order_id is None:
        raise Refusal("1109")
    if order_id is not None:
        latest = register.latest_of_order.get((caller, order_id))
        ids = [latest] if latest else []
    elif state == "Captured":
        ids = list(register.captured_of_pos.get(pos_id or "", ()))
    else:
        pos = register.points_of_sale.get(pos_id or "")
        ids = list(pos.open_payments) if pos else []
    wanted = frozenset({Status.CAPTURED}) if state else OPEN
    found = []
    for payment_id in ids:
        payment = register.payments[payment_id]
        fits = payment.owner == caller and pos_id in (None, payment.pos_id) and payment.status in wanted
        if fits:
            found.append(payment_id)
    listed = answer(200, {"paymentIds": found})
    return Response(listed.status, listed.body, listed.headers, listed=tuple(found))


def _create(
    register: Register,
    caller: Caller,
    *,
    pos_id: str,
    order_id: str,
    terms: Terms | None,
    key: str,
    now: float,
) -> Response:
    pos = _usable(register, caller, pos_id)
    if pos.active is not None:
        raise Refusal("1301", resource=pos.active)
    payment = Payment(
        payment_id=register.new_id("payment", caller.integrator, key),
        number=len(register.payments) + 1,
        pos_id=pos_id,
        order_id=order_id,
        owner=caller,
        key=key,
        customer=None,
        terms=terms,
    )
    lives.start(register, payment, pos, Cause.INITIATE if terms else Cause.PREPARE, now)
    made = answer(200, {"paymentId": payment.payment_id})
    return Response(made.status, made.body, made.headers, resource=payment.payment_id)


def _usable(register: Register, caller: Caller, pos_id: str) -> PointOfSale:
    pos = register.points_of_sale.get(pos_id)
    if pos is None and register.config.any_pos:
        pos = register.register_unknown(pos_id, caller)
    if pos is None or pos.deleted:
        raise Refusal("1000")
    register.claim(pos, caller)
    if pos.owner != caller:
        raise Refusal("1400")
    if not register.stores[pos.store_id].activated:
        raise Refusal("1204")
    assert pos.active is None or register.payments[pos.active].status in ACTIVE
    return pos


def _own(register: Register, caller: Caller, payment_id: str, other_merchant: str) -> Payment:
    payment = register.payments.get(payment_id)
    if payment is None:
        raise Absent(404)
    if payment.owner.integrator != caller.integrator:
        raise Refusal("1401", resource=payment_id)
    if payment.owner != caller:
        raise Refusal(other_merchant, resource=payment_id)
    return payment


def _expires_at(register: Register, payment: Payment) -> str | None:
    if payment.reserved_at is None:
        return None
    at = payment.reserved_at + register.config.reservation_seconds
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")
