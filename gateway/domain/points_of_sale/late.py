"""One more look at a creation that was answered as expired: what turns up ten minutes later is removed again.

The look waits while a later creation is unanswered, and never hits the point of sale that is known.
"""

from dataclasses import replace
from typing import assert_never

from gateway.domain.operations import Accepted, Deferred, Found, Observed, Purpose, Rejected, Unknown
from gateway.domain.pacing import look_again_seconds
from gateway.domain.points_of_sale.creating import is_made_by
from gateway.domain.points_of_sale.draft import PointOfSaleDraft
from gateway.domain.points_of_sale.operations import (
    CheckinObserved,
    FindPointsOfSale,
    PointOfSaleObserved,
    PointOfSaleOutcome,
    PointOfSaleReading,
    ReadPointOfSale,
)
from gateway.domain.points_of_sale.state import (
    AbandonedCreation,
    PointOfSaleGlance,
    PointOfSalePending,
    PointOfSaleTask,
    Search,
)


def look(d: PointOfSaleDraft) -> None:
    """Take the next step of the earliest look that is due, or wake for it."""
    if not d.state.abandoned or d.state.pending is not None:
        return
    abandoned, search = _next(d), d.memo.late
    if d.now.wall_ms < abandoned.due_ms:
        d.wake_at_wall(abandoned.due_ms)
    elif d.now.steady < d.memo.late_not_before:
        d.wake_at(d.memo.late_not_before)
    elif search is None or search.unread is None:
        d.note(late=Search(begun=d.now.steady))
        operation = FindPointsOfSale(abandoned.merchant, d.state.merchant_pos_id, Purpose.LOOK)
        d.ask_reading(operation, PointOfSaleGlance.LATE_LOOK)
    elif search.unread:
        candidate = ReadPointOfSale(abandoned.merchant, search.unread[0], Purpose.CANDIDATE)
        d.ask_reading(candidate, PointOfSaleGlance.LATE_LOOK)
    else:
        _close(d, abandoned)


def looked(d: PointOfSaleDraft, outcome: PointOfSaleOutcome) -> None:
    """One GET of a late look has ended."""
    search = d.memo.late
    if search is None or not d.state.abandoned:
        return
    match outcome:
        case Found(ids):
            known = d.state.known.pos_id if d.state.known else None
            d.note(late=replace(search, unread=tuple(i for i in ids if i != known)), late_tries=0)
        case PointOfSaleObserved(reading):
            assert search.unread
            d.note(late=replace(search, unread=search.unread[1:]))
            abandoned = _next(d)
            if is_made_by(reading, abandoned.store_id, abandoned.name):
                _remove(d, reading, abandoned)
        case Rejected() if search.unread:
            d.note(late=replace(search, unread=search.unread[1:]))
        case Rejected() | Unknown() | Deferred():
            wait = look_again_seconds(d.memo.late_tries, d.dice)
            d.note(late=None, late_tries=d.memo.late_tries + 1, late_not_before=d.now.steady + wait)
        case Accepted() | Observed() | CheckinObserved():
            raise AssertionError(f"a look for a point of sale cannot end as {type(outcome).__name__}")
        case _:
            assert_never(outcome)


def _remove(d: PointOfSaleDraft, reading: PointOfSaleReading, abandoned: AbandonedCreation) -> None:
    _close(d, abandoned)
    intent = PointOfSalePending(
        PointOfSaleTask.DELETE,
        abandoned.cause,
        d.now.wall_ms,
        pos_id=reading.pos_id,
        merchant=abandoned.merchant,
    )
    d.intend(intent)


def _close(d: PointOfSaleDraft, abandoned: AbandonedCreation) -> None:
    rest = tuple(a for a in d.state.abandoned if a != abandoned)
    d.change(abandoned=rest, touched_ms=d.now.wall_ms)
    d.note(late=None)


def _next(d: PointOfSaleDraft) -> AbandonedCreation:
    return min(d.state.abandoned, key=lambda a: a.due_ms)
