"""The closed lists of words that commands, events and state records are written in."""

from enum import StrEnum


class PaymentStatus(StrEnum):
    """Where a payment stands. `none`: nothing exists at the provider; `requested`: to be started, or its start
    is unknown.
    """

    NONE = "none"
    REQUESTED = "requested"
    PREPARED = "prepared"
    PAIRED = "paired"
    INITIATED = "initiated"
    ISSUED = "issued"
    RESERVED = "reserved"
    CAPTURED = "captured"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class RefundStatus(StrEnum):
    """Where a refund stands. `none`: nothing exists at the provider; `requested`: to be made, or its making is
    unknown.
    """

    NONE = "none"
    REQUESTED = "requested"
    INITIATED = "initiated"
    RESERVED = "reserved"
    CAPTURED = "captured"
    CANCELLED = "cancelled"


class PlannedCaptureDelay(StrEnum):
    """How long after the reservation the merchant means to capture."""

    NONE = "none"
    LESS_THAN_24_HOURS = "lessThan24Hours"
    LESS_THAN_14_DAYS = "lessThan14Days"


class CaptureMode(StrEnum):
    """Who asks for the capture, of a payment or of a refund: a later command, or the reservation itself."""

    MANUAL = "manual"
    AUTOMATIC = "automatic"


class WhenBusy(StrEnum):
    """What to do while another payment is active on the point of sale."""

    REJECT = "reject"
    WAIT = "wait"


class By(StrEnum):
    """Who brought an end about."""

    CUSTOMER = "customer"
    MERCHANT = "merchant"
    PROVIDER = "provider"


class CapturedBy(StrEnum):
    """What captured a refund: a command, or the 24 hours after which the provider pays it out by itself."""

    COMMAND = "command"
    EXPIRY = "expiry"


class CancelReason(StrEnum):
    """Why a payment ended without a capture."""

    DECLINED = "declined"
    COMMAND = "command"
    APPROVAL_TIMEOUT = "approval_timeout"
    PREPARED_TIMEOUT = "prepared_timeout"
    CANCELLED_BEFORE_START = "cancelled_before_start"
    LATE_EFFECT = "late_effect"
    PROVIDER = "provider"


class Reason(StrEnum):
    """Why a command was rejected."""

    PAYMENT_EXISTS = "payment_exists"
    PAYMENT_NOT_FOUND = "payment_not_found"
    WRONG_STATUS = "wrong_status"
    AMOUNT_ABOVE_RESERVED = "amount_above_reserved"
    PARTIAL_CAPTURE_NOT_POSSIBLE = "partial_capture_not_possible"
    CURRENCY_MISMATCH = "currency_mismatch"
    POINT_OF_SALE_BUSY = "point_of_sale_busy"
    POINT_OF_SALE_NOT_FOUND = "point_of_sale_not_found"
    POINT_OF_SALE_EXISTS = "point_of_sale_exists"
    POINT_OF_SALE_IN_USE = "point_of_sale_in_use"
    BEACON_EXISTS = "beacon_exists"
    STORE_NOT_FOUND = "store_not_found"
    STORE_NOT_ACTIVE = "store_not_active"
    REFUND_EXISTS = "refund_exists"
    REFUND_NOT_FOUND = "refund_not_found"
    REFUND_ABOVE_CAPTURED = "refund_above_captured"
    REFUND_ABOVE_BALANCE = "refund_above_balance"
    REFUND_TOO_LATE = "refund_too_late"
    CANCELLED_BEFORE_START = "cancelled_before_start"
    TOO_MANY_COMMANDS = "too_many_commands"
    EXPIRED = "expired"
    NOT_PERMITTED = "not_permitted"
    INVALID_AT_PROVIDER = "invalid_at_provider"
    REJECTED_BY_PROVIDER = "rejected_by_provider"
    UNSUPPORTED = "unsupported"


class DeadLetterReason(StrEnum):
    """Why a record could not be understood, in the order in which it is judged."""

    TOO_LARGE = "too_large"
    MALFORMED_ENVELOPE = "malformed_envelope"
    MISSING_ID = "missing_id"
    UNKNOWN_TYPE = "unknown_type"
    INVALID_DATA = "invalid_data"
    KEY_MISMATCH = "key_mismatch"
    ID_REUSED = "id_reused"
