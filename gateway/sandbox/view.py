"""What the sandbox's page shows of the world, as JSON members: what a person needs to see, never all of it.

Amounts are texts in major units, such as "12.50", as JavaScript has no integer that is large enough for all of
them; times are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, Literal

from gateway.sandbox.customers import USERS, User
from gateway.sandbox.entities import Move, Payment, PointOfSale
from gateway.sandbox.page import qr_content
from gateway.sandbox.presets import PRESETS, name_of
from gateway.sandbox.register import Register
from gateway.sandbox.simulator import Sandbox
from gateway.sandbox.states import ACTIVE, Status

PAYMENTS_SHOWN = 200
PLACES_SHOWN = 48
PLACES_SEARCHED = 2_000
MOVES_SHOWN = 4
REFUNDS_SHOWN = 5
RECORDS_SHOWN = 20
REQUESTS_SHOWN = 14

Awaits = Literal["check_in", "decision", "customer", "terms", "capture", ""]
"""Whom a payment waits for: a person to check in, a person to decide, a customer who comes or decides by
themselves, the till to name the amount, the till to capture or cancel; nobody."""


def awaits(payment: Payment) -> Awaits:
    match payment.status:
        case Status.PREPARED | Status.INITIATED:
            return "check_in" if payment.customer is None else "customer"
        case Status.ISSUED:
            alone = payment.customer is None or payment.customer.behaviour == "ignore"
            return "decision" if alone else "customer"
        case Status.PAIRED:
            return "terms"
        case Status.RESERVED:
            return "capture"
        case _:
            return ""


def newest_payments(register: Register, places: Iterable[PointOfSale]) -> list[Payment]:
    """The newest ones, and those that are active on a point of sale that is shown."""
    newest = list(islice(reversed(register.payments.values()), PAYMENTS_SHOWN))
    numbers = {payment.number for payment in newest}
    active = (register.payments[pos.active] for pos in places if pos.active)
    return [*newest, *(payment for payment in active if payment.number not in numbers)]


def chosen_places(register: Register, shown: list[str]) -> list[str]:
    """The points of sale to show: where a person is awaited, those shown before, then those of the newest
    payments, then the first ones there were. Whoever stays keeps the place where a finger may be."""
    wanted = dict.fromkeys(islice(_candidates(register, shown), PLACES_SHOWN))
    stay = [pos_id for pos_id in shown if pos_id in wanted]
    new = wanted.keys() - set(stay)
    if not new:
        return stay
    first = [pos_id for pos_id in islice(register.points_of_sale, PLACES_SEARCHED) if pos_id in new]
    return [*stay, *dict.fromkeys([*first, *(pos_id for pos_id in wanted if pos_id in new)])]


def _candidates(register: Register, shown: list[str]) -> Iterator[str]:
    """Each once, none that is deleted."""
    places, seen = register.points_of_sale, set()
    for pos_id in _in_order_of_interest(register, shown):
        if pos_id not in seen and not places[pos_id].deleted:
            seen.add(pos_id)
            yield pos_id


def _in_order_of_interest(register: Register, shown: list[str]) -> Iterator[str]:
    places = register.points_of_sale
    for pos in chain(
        (places[pos_id] for pos_id in shown), islice(reversed(places.values()), PLACES_SEARCHED)
    ):
        if pos.active and awaits(register.payments[pos.active]) in ("check_in", "decision"):
            yield pos.pos_id
    yield from shown
    for payment in islice(reversed(register.payments.values()), PAYMENTS_SHOWN):
        yield payment.pos_id
    yield from islice(places, PLACES_SEARCHED)


def in_major_units(amount: int) -> str:
    major, cents = divmod(amount, 100)
    return f"{major}.{cents:02d}"


def payment_members(register: Register, payment: Payment) -> dict[str, Any]:
    terms = payment.terms
    refunds = [register.refunds[refund_id] for refund_id in payment.refund_ids[-REFUNDS_SHOWN:]]
    return {
        "number": payment.number,
        "paymentId": payment.payment_id,
        "posId": payment.pos_id,
        "orderId": payment.order_id,
        "status": payment.status,
        "awaits": awaits(payment),
        "user": payment.user,
        "currency": terms.currency if terms else None,
        "requested": in_major_units(terms.amount) if terms else None,
        "changedAt": payment.changed_at,
        "endsAt": _ends_at(register, payment),
        "moves": _moves(payment.moves),
        "refunds": [
            {
                "refundOrderId": refund.order_id,
                "status": refund.status,
                "amount": in_major_units(refund.amount),
                "currency": refund.currency,
                "moves": _moves(refund.moves),
            }
            for refund in refunds
        ],
        "refundsBefore": len(payment.refund_ids) - len(refunds),
    }


def payment_signature(register: Register, payment: Payment) -> tuple[object, ...]:
    """Other than before whenever the members are."""
    refunds = sum(len(register.refunds[refund_id].moves) for refund_id in payment.refund_ids)
    return len(payment.moves), payment.customer is None, payment.user, refunds


def place_members(register: Register, pos: PointOfSale) -> dict[str, Any]:
    store = register.stores[pos.store_id]
    return {
        "posId": pos.pos_id,
        "merchantPosId": pos.merchant_pos_id,
        "name": pos.name,
        "merchant": store.name,
        "brand": store.brand_name,
        "city": store.city,
        "beaconId": pos.beacon_id,
        "beaconTypes": list(pos.beacon_types),
        "qr": qr_content(pos.beacon_id),
        "user": pos.user,
        "userLeavesAt": pos.user_since + register.config.check_in_seconds if pos.user else None,
        "active": pos.active,
        "paymentBeforeCheckIn": pos.payment_before_check_in,
    }


def place_signature(pos: PointOfSale) -> tuple[object, ...]:
    return pos.user, pos.user_since, pos.active


def totals(register: Register) -> dict[str, Any]:
    tally = register.tally
    return {
        "payments": len(register.payments),
        "refunds": len(register.refunds),
        "pointsOfSale": len(register.points_of_sale),
        "statuses": dict(+tally.statuses),
        "refundStatuses": dict(+tally.refund_statuses),
        "currencies": {
            currency: {name: in_major_units(amount) for name, amount in sums.items()}
            for currency, sums in sorted(tally.currencies.items())
        },
    }


def breaks(sandbox: Sandbox) -> dict[str, Any]:
    """Violations and notes: the last violations, newest first."""
    recorder = sandbox.recorder
    return {
        "violations": recorder.violation_counts.total(),
        "violationCounts": dict(recorder.violation_counts),
        "last": [one._asdict() for one in islice(reversed(recorder.violations), RECORDS_SHOWN)],
        "notes": recorder.note_counts.total(),
        "noteCounts": dict(recorder.note_counts.most_common(RECORDS_SHOWN)),
    }


def requests(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The last finished ones, newest first."""
    return [one._asdict() for one in islice(reversed(sandbox.requests), REQUESTS_SHOWN)]


def faults(sandbox: Sandbox) -> dict[str, Any]:
    """`plan` is the name of a preset, empty for a plan of its own; counts per fault over all operations."""
    counts: dict[str, int] = {}
    for name, count in sandbox.fault_counts.items():
        kind = name.partition(":")[2]
        counts[kind] = counts.get(kind, 0) + count
    return {"plan": name_of(sandbox.faults.plan), "counts": counts}


def constants() -> dict[str, Any]:
    """What never changes: the users of the provider's sandbox and the fault plans to choose from."""
    return {
        "users": [{"phone": user.phone, "about": _about(user)} for user in USERS.values()],
        "presets": PRESETS,
        "paymentsShown": PAYMENTS_SHOWN,
    }


def _about(user: User) -> str:
    words = [f"{user.card} card"]
    if user.loyalty_ids:
        words.append("loyalty id")
    if user.partial_capture:
        words.append("partial capture")
    return ", ".join(words)


def _ends_at(register: Register, payment: Payment) -> float | None:
    """When the provider ends it by itself."""
    if payment.status in ACTIVE:
        return payment.changed_at + register.config.inactivity_seconds
    if payment.status is Status.RESERVED and payment.reserved_at is not None:
        return payment.reserved_at + register.config.reservation_seconds
    return None


def _moves(moves: list[Move]) -> list[dict[str, Any]]:
    return [{"at": move.at, "to": move.target, "cause": move.cause} for move in moves[-MOVES_SHOWN:]]
