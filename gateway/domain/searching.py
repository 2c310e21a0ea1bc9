"""A search for what a start has made: a list, then each payment on it, one GET after the other.

The list without a state shows active and reserved payments; a second one shows captured ones (PoS API v10,
GET payments).
"""

from dataclasses import dataclass, replace
from typing import assert_never

from gateway.domain.draft import Draft
from gateway.domain.events import Candidate
from gateway.domain.lifecycle import ACTIVE, status_of
from gateway.domain.memo import Look, Reading
from gateway.domain.operations import (
    Accepted,
    Deferred,
    FindPayments,
    Found,
    Observed,
    Outcome,
    PaymentReading,
    Purpose,
    ReadPayment,
    RefundObserved,
    Rejected,
    Unknown,
)
from gateway.domain.pacing import look_again_seconds, refused_again_seconds
from gateway.domain.state import Start

MAX_CANDIDATES = 10
MAX_INQUIRIES = 3


@dataclass(frozen=True, slots=True)
class Ours:
    """The search found the payment that this start made."""

    reading: PaymentReading


@dataclass(frozen=True, slots=True)
class NothingOurs:
    """The search is complete: what it saw belongs to others."""

    look: Look


def begin(d: Draft, start: Start) -> None:
    """Search for the start's own payment by point of sale and order."""
    d.note(look=Look(begun=d.now.steady))
    _list(d, start, d.merchant)


def inquire(d: Draft, start: Start) -> None:
    """Ask what keeps the point of sale busy, to name it in the refusal."""
    d.note(look=Look(begun=d.now.steady, everything=True))
    _list(d, start, d.merchant)


def go_on(d: Draft, start: Start, look: Look) -> NothingOurs | None:
    """Ask for the next GET of the search; the result where none is left."""
    if look.unread:
        d.ask_reading(ReadPayment(d.merchant, look.unread[0], Purpose.CANDIDATE), Reading.LOOK)
    elif look.unread is None:
        _list(d, start, d.merchant)
    elif not look.captured and not look.everything:
        d.note(look=replace(look, captured=True, unread=None))
        _list(d, start, d.merchant)
    else:
        d.note(look=None)
        return NothingOurs(look)
    return None


def heard(d: Draft, start: Start, look: Look, outcome: Outcome) -> Ours | None:
    """Take one answer of the search in."""
    match outcome:
        case Found(ids):
            known = tuple(c for c in d.memo.foreign if c.payment_id in ids and not look.everything)
            names = {c.payment_id for c in known}
            unread = tuple(i for i in ids if i not in names)[:MAX_CANDIDATES]
            d.note(look=replace(look, unread=unread, seen=(*look.seen, *known)))
        case Observed(reading):
            assert look.unread
            d.note(look=replace(look, unread=look.unread[1:]))
            if not look.everything and is_ours(d, start, reading):
                d.note(look=None)
                return Ours(reading)
            _see(d, reading)
        case Rejected(refusal) if look.unread and refusal.http_status in (403, 404):
            d.note(look=replace(look, unread=look.unread[1:]))
        case Rejected() | Unknown() | Deferred() if look.everything and d.memo.tries + 1 >= MAX_INQUIRIES:
            # The names of what keeps the point of sale busy are a courtesy; the refusal itself is certain.
            d.note(look=replace(look, unread=()))
        case Rejected():
            _begin_again(d, refused_again_seconds(d.memo.tries, d.dice))
        case Unknown():
            _begin_again(d, look_again_seconds(d.memo.tries, d.dice))
        case Deferred(_, after_ms):
            _begin_again(d, after_ms / 1000)
        case Accepted() | RefundObserved():
            raise AssertionError(f"a search for a payment cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)
    return None


def is_told_by_order(d: Draft, start: Start) -> bool:
    """The order sent is the payment's own id, so a payment that bears it was made for this payment."""
    return start.order_id == d.state.payment_id


def is_ours(d: Draft, start: Start, reading: PaymentReading) -> bool:
    """Judged from outside, a payment is ours only if it bears our payment id as its order, on our point of
    sale, for our amount (none, if it is prepared).
    """
    return (
        is_told_by_order(d, start)
        and reading.order_id == start.order_id
        and reading.pos_id.lower() == start.data.pos_id.lower()
        and reading.amount == start.amount
    )


def _list(d: Draft, start: Start, merchant: str | None) -> None:
    look = d.memo.look
    assert look is not None
    order = None if look.everything else start.order_id
    purpose = Purpose.CANDIDATE if look.everything else Purpose.LOOK
    d.ask_reading(FindPayments(merchant, start.data.pos_id, order, look.captured, purpose), Reading.LOOK)


def _see(d: Draft, reading: PaymentReading) -> None:
    look = d.memo.look
    assert look is not None
    candidate = Candidate(reading.provider_payment_id, reading.order_id, reading.word)
    in_the_way = not look.everything or status_of(reading.status) in (*ACTIVE, None)
    if in_the_way:
        d.note(look=replace(look, seen=(*look.seen, candidate)))
    if not look.everything:
        d.note(foreign=(*d.memo.foreign, candidate))


def _begin_again(d: Draft, seconds: float) -> None:
    everything = d.memo.look is not None and d.memo.look.everything
    d.note(
        look=Look(begun=d.now.steady, everything=True) if everything else None,
        tries=d.memo.tries + 1,
        not_before=d.now.steady + seconds,
    )
