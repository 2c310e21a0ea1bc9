"""What a command meets: for each command and each status of the payment (or of the refund), what happens.

The judge refuses by this table, and the documentation's table is made from it. A command of a payment whose
start is not answered waits, so nothing but a cancel ever meets `requested`.
"""

from enum import Enum

from gateway.domain.state import OperationKind
from gateway.domain.vocabulary import PaymentStatus, Reason, RefundStatus


class Meeting(Enum):
    """What happens where a command is neither refused nor becomes an operation of its own."""

    WAITS = "waits until the start is answered"
    OVERTAKES = "overtakes the start"
    ADOPTS = "adopts the payment where it names a posId, else payment_not_found"
    CREATES = "refund, within what was captured"
    CHANGES = "as the refund's status says"


Met = Reason | OperationKind | Meeting

_P, _R, _K, _M = PaymentStatus, RefundStatus, OperationKind, Meeting

_NONE = (_P.NONE,)
_REQUESTED = (_P.REQUESTED,)
_UNREADY = (_P.PREPARED, _P.PAIRED)
_READY = (_P.INITIATED, _P.ISSUED)
_RESERVED = (_P.RESERVED,)
_CAPTURED = (_P.CAPTURED,)
_UNDONE = (_P.CANCELLED, _P.EXPIRED)


def _row(*cells: tuple[tuple[PaymentStatus, ...], Met]) -> dict[PaymentStatus, Met]:
    return {status: met for statuses, met in cells for status in statuses}


_BEGUN = (*_UNREADY, *_READY, *_RESERVED, *_CAPTURED, *_UNDONE)

MEETINGS: dict[str, dict[PaymentStatus, Met]] = {
    "payment.initiate": _row((_NONE, _K.INITIATE), (_REQUESTED, _M.WAITS), (_BEGUN, Reason.PAYMENT_EXISTS)),
    "payment.prepare": _row((_NONE, _K.PREPARE), (_REQUESTED, _M.WAITS), (_BEGUN, Reason.PAYMENT_EXISTS)),
    "payment.ready": _row(
        (_NONE, Reason.PAYMENT_NOT_FOUND),
        (_REQUESTED, _M.WAITS),
        (_UNREADY, _K.READY),
        ((*_READY, *_RESERVED, *_CAPTURED, *_UNDONE), Reason.WRONG_STATUS),
    ),
    "payment.capture": _row(
        (_NONE, Reason.PAYMENT_NOT_FOUND),
        (_REQUESTED, _M.WAITS),
        (_RESERVED, _K.CAPTURE),
        ((*_UNREADY, *_READY, *_CAPTURED, *_UNDONE), Reason.WRONG_STATUS),
    ),
    "payment.cancel": _row(
        (_NONE, Reason.PAYMENT_NOT_FOUND),
        (_REQUESTED, _M.OVERTAKES),
        ((*_UNREADY, *_READY, *_RESERVED), _K.CANCEL),
        ((*_CAPTURED, *_UNDONE), Reason.WRONG_STATUS),
    ),
    "refund.create": _row(
        (_NONE, _M.ADOPTS),
        (_REQUESTED, _M.WAITS),
        (_CAPTURED, _M.CREATES),
        ((*_UNREADY, *_READY, *_RESERVED, *_UNDONE), Reason.WRONG_STATUS),
    ),
    "refund.capture": _row(
        (_NONE, Reason.PAYMENT_NOT_FOUND),
        (_REQUESTED, _M.WAITS),
        (_CAPTURED, _M.CHANGES),
        ((*_UNREADY, *_READY, *_RESERVED, *_UNDONE), Reason.REFUND_NOT_FOUND),
    ),
    "refund.cancel": _row(
        (_NONE, Reason.PAYMENT_NOT_FOUND),
        (_REQUESTED, _M.WAITS),
        (_CAPTURED, _M.CHANGES),
        ((*_UNREADY, *_READY, *_RESERVED, *_UNDONE), Reason.REFUND_NOT_FOUND),
    ),
}

REFUND_MEETINGS: dict[str, dict[RefundStatus, Met]] = {
    "refund.create": {
        _R.NONE: _K.REFUND,
        **dict.fromkeys((s for s in _R if s is not _R.NONE), Reason.REFUND_EXISTS),
    },
    "refund.capture": {
        _R.NONE: Reason.REFUND_NOT_FOUND,
        _R.REQUESTED: _M.WAITS,
        _R.INITIATED: Reason.WRONG_STATUS,
        _R.RESERVED: _K.REFUND_CAPTURE,
        _R.CAPTURED: Reason.WRONG_STATUS,
        _R.CANCELLED: Reason.WRONG_STATUS,
    },
    "refund.cancel": {
        _R.NONE: Reason.REFUND_NOT_FOUND,
        _R.REQUESTED: _M.WAITS,
        _R.INITIATED: _K.REFUND_CANCEL,
        _R.RESERVED: _K.REFUND_CANCEL,
        _R.CAPTURED: Reason.WRONG_STATUS,
        _R.CANCELLED: Reason.WRONG_STATUS,
    },
}


def refusal_by(command: str, status: PaymentStatus) -> Reason | None:
    """Why the payment's status alone refuses the command."""
    met = MEETINGS[command][status]
    return met if isinstance(met, Reason) else None


def refund_refusal_by(command: str, status: RefundStatus) -> Reason | None:
    """Why the refund's status alone refuses the command."""
    met = REFUND_MEETINGS[command][status]
    return met if isinstance(met, Reason) else None
