"""The user simulation: what a user does in the app, on behalf of a test. It needs a token and no other
header.

The documents know 200, 401 and 500 here; what cannot be done is answered 400 with 1099 and a message that
says why.
"""

from __future__ import annotations

from gateway.sandbox import lives, reading
from gateway.sandbox.customers import User, user_of
from gateway.sandbox.entities import Payment, PointOfSale
from gateway.sandbox.formats import as_beacon
from gateway.sandbox.http import Request, Response
from gateway.sandbox.refusals import Refusal
from gateway.sandbox.register import Register
from gateway.sandbox.states import CHECKED_IN, Cause, Status

_USER = frozenset({"beaconId", "phoneNumber"})
_BEACON = frozenset({"beaconId"})


def check_in(register: Register, request: Request, now: float) -> Response:
    body = reading.body_of(request, _USER)
    arrive(register, _place(register, body), user_in(body), now)
    return Response(200)


def accept(register: Register, request: Request, now: float) -> Response:
    body = reading.body_of(request, _USER)
    approve(register, _place(register, body), user_in(body), now)
    return Response(200)


def cancel(register: Register, request: Request, now: float) -> Response:
    decline(register, _place(register, reading.body_of(request, _BEACON)), now)
    return Response(200)


def arrive(register: Register, pos: PointOfSale, user: User, now: float) -> None:
    """A user checks in: a waiting payment is paired with them or issued to them."""
    payment = active_payment(register, pos)
    if pos.payment_before_check_in and payment is None:
        raise Refusal("1099", "this point of sale takes a check-in only once a payment is there")
    if payment is not None and payment.status in CHECKED_IN and payment.user != user.phone:
        raise Refusal("1099", "another user is checked in and has a payment")
    lives.check_in(register, pos, user, now)
    register.schedule(now + register.config.check_in_seconds, "user_leaves", pos.pos_id)
    if payment is not None and payment.status not in CHECKED_IN:
        payment.customer = None
        lives.pair(register, payment, user.phone, now)


def approve(register: Register, pos: PointOfSale, user: User, now: float) -> None:
    payment = active_payment(register, pos)
    if payment is None or payment.status is not Status.ISSUED:
        raise Refusal("1099", "no payment is issued to a user there")
    if payment.user != user.phone:
        raise Refusal("1099", "the payment is issued to another user")
    lives.approve(register, payment, now)


def decline(register: Register, pos: PointOfSale, now: float) -> None:
    payment = active_payment(register, pos)
    if payment is None or payment.status not in CHECKED_IN:
        raise Refusal("1099", "no payment that a user could cancel is there")
    lives.move(register, payment, Status.CANCELLED_BY_USER, Cause.DECLINE, now)


def user_leaves(register: Register, pos: PointOfSale, now: float) -> None:
    """Nothing came of a check-in: the user is gone, unless they checked in anew or have a payment."""
    stayed = now - pos.user_since
    if pos.user is not None and pos.active is None and stayed >= register.config.check_in_seconds:
        pos.user = None


def _place(register: Register, body: dict[str, object]) -> PointOfSale:
    beacon = as_beacon(body.get("beaconId"))
    pos_id = register.by_beacon.get(beacon or "")
    if pos_id is None:
        raise Refusal("1099", "no point of sale has this beaconId")
    return register.points_of_sale[pos_id]


def user_in(body: dict[str, object]) -> User:
    phone = body.get("phoneNumber")
    user = user_of(phone) if isinstance(phone, str) else None
    if user is None:
        raise Refusal("1099", "phoneNumber is of no sandbox user")
    return user


def active_payment(register: Register, pos: PointOfSale) -> Payment | None:
    return register.payments[pos.active] if pos.active else None
