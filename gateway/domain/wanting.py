"""Whether a pending start is still wanted, and until when its call may be sent."""

from enum import Enum, auto

from gateway.domain import searching
from gateway.domain.commands import PreparePayment
from gateway.domain.draft import Draft
from gateway.domain.pacing import KEY_LIFETIME_MS
from gateway.domain.state import Pending, Start
from gateway.domain.vocabulary import CancelReason


class Unwanted(Enum):
    """Why no further request of a start leaves."""

    OVERTAKEN = auto()
    APPROVAL_TIME_PASSED = auto()
    EXPIRED = auto()


def unwanted(d: Draft) -> Unwanted | None:
    start, pending = start_of(d), pending_of(d)
    if start.overtaken_by is not None:
        return Unwanted.OVERTAKEN
    if d.now.wall_ms > not_after_ms(start, pending):
        return Unwanted.EXPIRED
    if d.now.wall_ms >= approval_deadline_ms(d, start, pending) and d.memo.unheard:
        return Unwanted.APPROVAL_TIME_PASSED
    return None


def is_sought(d: Draft) -> bool:
    """The start is unwanted, and what it made can be told from a neighbour's payment only by looking.

    Where the order sent is not the payment's id, a payment found by that order may belong to somebody else;
    then the same call names the resource once more, while its key is young.
    """
    start = start_of(d)
    if unwanted(d) is None:
        return False
    return searching.is_told_by_order(d, start) or d.now.wall_ms > not_after_ms(start, pending_of(d))


def not_after_ms(start: Start, pending: Pending) -> int:
    return min(start.message.expires_at_ms, pending.first_sent_ms + KEY_LIFETIME_MS)


def approval_deadline_ms(d: Draft, start: Start, pending: Pending) -> int:
    """Until when the customer may approve; of a prepared payment, until when the shop may ready it."""
    data = start.data
    if isinstance(data, PreparePayment):
        seconds = d.rules.prepared_timeout_seconds
    else:
        seconds = data.approval_timeout_seconds or d.rules.approval_timeout_seconds
    return pending.first_sent_ms + seconds * 1000


def timeout_reason(start: Start) -> CancelReason:
    """Why a start is cancelled whose time has passed."""
    prepares = isinstance(start.data, PreparePayment)
    return CancelReason.PREPARED_TIMEOUT if prepares else CancelReason.APPROVAL_TIMEOUT


def start_of(d: Draft) -> Start:
    assert d.state.start is not None
    return d.state.start


def pending_of(d: Draft) -> Pending:
    assert d.state.pending is not None
    return d.state.pending
