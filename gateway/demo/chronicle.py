"""The events among themselves: whether each says what its type allows, and follows from the one before."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.demo.evidence import Event
from gateway.demo.finding import Finding

STATUS_TOLD = {
    "payment.prepared": ("prepared",),
    "payment.paired": ("paired",),
    "payment.initiated": ("initiated",),
    "payment.issued": ("issued",),
    "payment.reserved": ("reserved",),
    "payment.captured": ("captured",),
    "payment.cancelled": ("cancelled", "none"),
    "payment.expired": ("expired",),
    "refund.initiated": ("captured",),
    "refund.reserved": ("captured",),
    "refund.captured": ("captured",),
    "refund.cancelled": ("captured",),
}
"""Events of other types change no status."""

REFUND_STATUS_TOLD = {
    "refund.initiated": "initiated",
    "refund.reserved": "reserved",
    "refund.captured": "captured",
    "refund.cancelled": "cancelled",
}

REASONS = frozenset(
    {
        "payment_exists",
        "payment_not_found",
        "wrong_status",
        "amount_above_reserved",
        "partial_capture_not_possible",
        "currency_mismatch",
        "point_of_sale_busy",
        "point_of_sale_not_found",
        "store_not_active",
        "refund_exists",
        "refund_not_found",
        "refund_above_captured",
        "refund_above_balance",
        "refund_too_late",
        "cancelled_before_start",
        "too_many_commands",
        "expired",
        "not_permitted",
        "invalid_at_provider",
        "rejected_by_provider",
    }
)
"""Why a command about a payment may be rejected; nothing that the shop asks for is unsupported."""

_UNTOLD = ("none", "requested")
_RANK = {
    **dict.fromkeys(_UNTOLD, 0),
    "prepared": 1,
    "paired": 2,
    "initiated": 2,
    "issued": 3,
    "reserved": 4,
    **dict.fromkeys(("captured", "cancelled", "expired"), 5),
}


def read(events: Sequence[Event]) -> Iterator[Finding]:
    """What contradicts itself or comes out of its order."""
    by_payment: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_payment[event.payment_id].append(event)
    for payment_id, told in by_payment.items():
        yield from _payment(payment_id, told)
        refunds: dict[str, list[Event]] = defaultdict(list)
        for event in told:
            if event.refund_id is not None:
                refunds[event.refund_id].append(event)
        for refund_id, about in refunds.items():
            yield from _refund(f"{payment_id} {refund_id}", about)


def _payment(payment_id: str, told: Sequence[Event]) -> Iterator[Finding]:
    status, refunded = "none", 0
    for event in told:
        name, now = f"{payment_id} {event.data['sequence']} {event.type}", str(event.data["status"])
        if event.type in STATUS_TOLD:
            if now not in STATUS_TOLD[event.type]:
                yield Finding("I5", f"{name}: says status {now}")
            elif event.type.startswith("payment.") and not _may_follow(status, now):
                yield Finding("I6", f"{name}: says status {now} after {status}")
        elif now not in _unchanged(status):
            yield Finding("I5", f"{name}: says status {now} after {status}")
        if event.type == "command.rejected" and event.data.get("reason") not in REASONS:
            yield Finding("I2", f"{name}: rejected as {event.data.get('reason')}")
        status = now
        if event.type == "refund.captured":
            refunded += int(event.data["refundAmount"]["value"])
        amounts: Mapping[str, Any] = event.data.get("amounts", {})
        if amounts.get("refunded", refunded) != refunded:
            yield Finding("I5", f"{name}: says {amounts['refunded']} refunded, told were {refunded}")
        if int(amounts.get("refunded", 0)) > int(amounts.get("captured", refunded)):
            yield Finding("I4", f"{name}: {amounts['refunded']} refunded of {amounts['captured']}")


def _refund(name: str, about: Sequence[Event]) -> Iterator[Finding]:
    status = "none"
    for event in about:
        now = event.data.get("refundStatus")
        if event.type in REFUND_STATUS_TOLD:
            told = REFUND_STATUS_TOLD[event.type]
            if now != told:
                yield Finding("I5", f"{name}: {event.type} says status {now}")
            if _RANK[told] <= _RANK[status]:
                yield Finding("I6", f"{name}: {event.type} after {status}")
            status = told
        elif event.type == "command.rejected":
            if now not in _unchanged(status):
                yield Finding("I5", f"{name}: {event.type} says status {now} after {status}")
        elif event.type != "payment.unknown":
            yield Finding("I5", f"{name}: {event.type} is about no refund")


def _unchanged(status: str) -> tuple[str, ...]:
    """What an event may say that changes no status: the last one told; that of a start nobody tells."""
    return _UNTOLD if status in _UNTOLD else (status,)


def _may_follow(before: str, now: str) -> bool:
    """A payment goes ahead and never back, skipping what nobody read; what came to nothing may start again."""
    return before in _UNTOLD or _RANK[before] < _RANK[now]
