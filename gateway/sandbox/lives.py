"""How payments live: each way in which a payment moves, with what follows from it for its point of sale, its
customer and its timers. Endpoints and customers alike go through here.
"""

from __future__ import annotations

from gateway.sandbox import draws
from gateway.sandbox.customers import USERS, User, pick_user, plan_visit
from gateway.sandbox.entities import Payment, PointOfSale
from gateway.sandbox.register import Register
from gateway.sandbox.states import ACTIVE, OPEN, Cause, Status


def start(register: Register, payment: Payment, pos: PointOfSale, cause: Cause, now: float) -> None:
    """A new payment, with or without a user who is checked in already."""
    config = register.config
    register.payments[payment.payment_id] = payment
    register.latest_of_order[payment.owner, payment.order_id] = payment.payment_id
    who = (payment.pos_id, payment.order_id)
    register.visits[who] += 1
    pos.active = payment.payment_id
    pos.open_payments[payment.payment_id] = None
    if pos.user is not None:
        payment.user = pos.user
        move(register, payment, Status.PAIRED if cause is Cause.PREPARE else Status.ISSUED, cause, now)
        return
    move(register, payment, Status.PREPARED if cause is Cause.PREPARE else Status.INITIATED, cause, now)
    if not config.customers.automatic:
        return
    visit = plan_visit(config.customers, config.seed, *who, register.visits[who])
    if visit.behaviour != "never":
        payment.customer = visit
        register.schedule(now + visit.check_in_seconds, "customer_comes", payment.payment_id)


def move(register: Register, payment: Payment, target: Status, cause: Cause, now: float) -> None:
    payment.move(target, cause, now)
    register.tally.payment_moved(payment)
    pos = register.points_of_sale[payment.pos_id]
    if target in ACTIVE:
        at = now + register.config.inactivity_seconds
        register.schedule(at, "inactivity", payment.payment_id, len(payment.moves))
        return
    if pos.active == payment.payment_id:
        pos.active = None
        pos.user = None
    if target not in OPEN:
        pos.open_payments.pop(payment.payment_id, None)


def customer_comes(register: Register, payment: Payment, now: float) -> None:
    """The automatic customer checks in, unless the payment has ended or somebody else was there first."""
    if payment.customer is None or payment.user is not None or payment.status not in ACTIVE:
        return
    terms = payment.terms
    refused = _cards_refused(payment) if payment.customer.behaviour != "fail" else frozenset()
    user = pick_user(
        register.config.seed,
        payment.payment_id,
        terms.currency if terms else None,
        payment.customer.phone,
        refused,
    )
    pos = register.points_of_sale[payment.pos_id]
    check_in(register, pos, user, now)
    pair(register, payment, user.phone, now)


def check_in(register: Register, pos: PointOfSale, user: User, now: float) -> None:
    """A user is there; the owner of a point of sale with a callbackAlias is to be told."""
    pos.user, pos.user_since = user.phone, now
    if pos.callback_alias is not None:
        register.notify(pos, now)


def pair(register: Register, payment: Payment, phone: str, now: float) -> None:
    """A user checks in where the payment waits for one."""
    payment.user = phone
    if payment.status is Status.PREPARED:
        move(register, payment, Status.PAIRED, Cause.CHECK_IN, now)
    elif payment.status is Status.INITIATED:
        move(register, payment, Status.ISSUED, Cause.CHECK_IN, now)
        await_decision(register, payment, now)


def await_decision(register: Register, payment: Payment, now: float) -> None:
    """The payment was issued to its user: an automatic customer makes up their mind after a while."""
    if payment.customer is not None and payment.customer.behaviour != "ignore":
        at = now + payment.customer.decision_seconds
        register.schedule(at, "customer_decides", payment.payment_id, len(payment.moves))


def customer_decides(register: Register, payment: Payment, now: float) -> None:
    behaviour = payment.customer.behaviour if payment.customer else "ignore"
    if behaviour == "accept":
        approve(register, payment, now)
    elif behaviour == "decline":
        move(register, payment, Status.CANCELLED_BY_USER, Cause.DECLINE, now)
    elif behaviour == "fail":
        move(register, payment, Status.CANCELLED_BY_PROVIDER, Cause.RESERVATION_FAILED, now)


def approve(register: Register, payment: Payment, now: float) -> None:
    """The user accepts: the amount is reserved, unless the payment refuses their kind of card."""
    config = register.config
    user = user_of(payment)
    if user is not None and user.card in _cards_refused(payment):
        move(register, payment, Status.CANCELLED_BY_PROVIDER, Cause.RESERVATION_FAILED, now)
        return
    assert payment.terms is not None
    payment.reserved = payment.terms.amount
    payment.reserved_at = now
    payment.partial_capture = config.partial_capture == "always" or (
        config.partial_capture == "by_user" and user is not None and user.partial_capture
    )
    move(register, payment, Status.RESERVED, Cause.ACCEPT, now)
    at = now + config.reservation_seconds
    register.schedule(at, "reservation_expires", payment.payment_id, len(payment.moves))


def capture(register: Register, payment: Payment, amount: int, now: float) -> None:
    payment.captured = amount
    payment.captured_at = now
    move(register, payment, Status.CAPTURED, Cause.CAPTURE, now)
    register.captured_of_pos.setdefault(payment.pos_id, []).append(payment.payment_id)


def poll_delay_ms(register: Register, kind: str, resource: str, status: str) -> int:
    span = register.config.poll_delay_ms
    if span.low == span.high:
        return int(span.low)
    return int(span.at(draws.fraction(register.config.seed, "poll", kind, resource, status)))


def user_of(payment: Payment) -> User | None:
    return USERS.get(payment.user) if payment.user else None


def _cards_refused(payment: Payment) -> frozenset[str]:
    restrictions = (payment.terms.restrictions if payment.terms else None) or {}
    return frozenset(
        card for card in ("debit", "credit") if restrictions.get(f"{card}CardDisallowed") is True
    )
