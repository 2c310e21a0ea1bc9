"""The states of payments and refunds and the only ways between them ("Payment states", "Refund states")."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """A payment's states, in the API's words."""

    PREPARED = "Prepared"
    PAIRED = "Paired"
    INITIATED = "Initiated"
    ISSUED = "IssuedToUser"
    RESERVED = "Reserved"
    CAPTURED = "Captured"
    CANCELLED_BY_USER = "CancelledByUser"
    CANCELLED_BY_CLIENT = "CancelledByClient"
    CANCELLED_BY_PROVIDER = "CancelledByMobilePay"
    EXPIRED = "ExpiredAndCancelled"


class Cause(StrEnum):
    """What moves a payment."""

    PREPARE = "prepare"
    INITIATE = "initiate"
    CHECK_IN = "check_in"
    READY = "ready"
    ACCEPT = "accept"
    DECLINE = "decline"
    CANCEL = "cancel"
    CAPTURE = "capture"
    INACTIVITY = "inactivity"
    RESERVATION_FAILED = "reservation_failed"
    EXPIRY = "expiry"


ACTIVE = frozenset({Status.PREPARED, Status.PAIRED, Status.INITIATED, Status.ISSUED})
OPEN = ACTIVE | {Status.RESERVED}
CHECKED_IN = frozenset({Status.PAIRED, Status.ISSUED})

TRANSITIONS: frozenset[tuple[Status | None, Status, Cause]] = frozenset(
    {
        (None, Status.PREPARED, Cause.PREPARE),
        (None, Status.PAIRED, Cause.PREPARE),
        (None, Status.INITIATED, Cause.INITIATE),
        (None, Status.ISSUED, Cause.INITIATE),
        (Status.PREPARED, Status.PAIRED, Cause.CHECK_IN),
        (Status.PREPARED, Status.INITIATED, Cause.READY),
        (Status.PAIRED, Status.ISSUED, Cause.READY),
        (Status.INITIATED, Status.ISSUED, Cause.CHECK_IN),
        (Status.ISSUED, Status.RESERVED, Cause.ACCEPT),
        (Status.ISSUED, Status.CANCELLED_BY_PROVIDER, Cause.RESERVATION_FAILED),
        (Status.RESERVED, Status.CAPTURED, Cause.CAPTURE),
        (Status.RESERVED, Status.EXPIRED, Cause.EXPIRY),
        *((status, Status.CANCELLED_BY_USER, Cause.DECLINE) for status in CHECKED_IN),
        *((status, Status.CANCELLED_BY_CLIENT, Cause.CANCEL) for status in OPEN),
        *((status, Status.CANCELLED_BY_PROVIDER, Cause.INACTIVITY) for status in ACTIVE),
    }
)


class RefundStatus(StrEnum):
    """A refund's states, in the API's words."""

    INITIATED = "Initiated"
    RESERVED = "Reserved"
    CAPTURED = "Captured"
    CANCELLED_BY_CLIENT = "CancelledByClient"
    CANCELLED_BY_PROVIDER = "CancelledByMobilePay"
    EXPIRED_AND_CAPTURED = "ExpiredAndCaptured"


class RefundCause(StrEnum):
    """What moves a refund."""

    CREATE = "create_refund"
    RESERVE = "reserve"
    RESERVATION_FAILED = "reservation_failed"
    CAPTURE = "capture_refund"
    CANCEL = "cancel_refund"
    EXPIRY = "expiry"


REFUND_OPEN = frozenset({RefundStatus.INITIATED, RefundStatus.RESERVED})
PAID_OUT = frozenset({RefundStatus.CAPTURED, RefundStatus.EXPIRED_AND_CAPTURED})

REFUND_TRANSITIONS: frozenset[tuple[RefundStatus | None, RefundStatus, RefundCause]] = frozenset(
    {
        (None, RefundStatus.INITIATED, RefundCause.CREATE),
        (RefundStatus.INITIATED, RefundStatus.RESERVED, RefundCause.RESERVE),
        (RefundStatus.INITIATED, RefundStatus.CANCELLED_BY_PROVIDER, RefundCause.RESERVATION_FAILED),
        (RefundStatus.RESERVED, RefundStatus.CAPTURED, RefundCause.CAPTURE),
        (RefundStatus.RESERVED, RefundStatus.EXPIRED_AND_CAPTURED, RefundCause.EXPIRY),
        *((status, RefundStatus.CANCELLED_BY_CLIENT, RefundCause.CANCEL) for status in REFUND_OPEN),
    }
)
