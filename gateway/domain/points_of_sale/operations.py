"""What the domain asks of a provider about a point of sale, and what may be read there."""

from dataclasses import dataclass

from gateway.domain.operations import (
    Accepted,
    Deferred,
    FindPayments,
    Found,
    Observed,
    Purpose,
    ReadPayment,
    Rejected,
    Unknown,
)


@dataclass(frozen=True, slots=True)
class MakePointOfSale:
    """Make a point of sale under `key`; `first` and `not_after_ms` as in `Initiate`."""

    merchant: str | None
    key: str
    merchant_pos_id: str
    store_id: str
    name: str
    supported_beacon_types: tuple[str, ...]
    beacon_id: str | None
    callback_alias: str | None
    require_payment_before_checkin: bool
    first: bool
    not_after_ms: int


@dataclass(frozen=True, slots=True)
class RemovePointOfSale:
    """Remove a point of sale; payments that are reserved there stay what they are."""

    merchant: str | None
    pos_id: str


@dataclass(frozen=True, slots=True)
class ReadPointOfSale:
    merchant: str | None
    pos_id: str
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class FindPointsOfSale:
    """List the ids of the points of sale that bear a merchant's own id: one at most."""

    merchant: str | None
    merchant_pos_id: str
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class ReadCheckin:
    """Read who is checked in at a point of sale."""

    merchant: str | None
    pos_id: str
    purpose: Purpose


PointOfSaleWrite = MakePointOfSale | RemovePointOfSale
PointOfSaleRead = ReadPointOfSale | FindPointsOfSale | ReadCheckin
PointOfSaleOperation = PointOfSaleWrite | PointOfSaleRead | FindPayments | ReadPayment


@dataclass(frozen=True, slots=True)
class PointOfSaleReading:
    """One answered reading of a point of sale. `qr_content` is the text of its QR code, where it has a beacon."""

    pos_id: str
    merchant_pos_id: str
    store_id: str
    name: str
    beacon_id: str | None = None
    supported_beacon_types: tuple[str, ...] = ()
    qr_content: str | None = None


@dataclass(frozen=True, slots=True)
class CheckinReading:
    """One answered reading of a check-in. `loyalty_ids` None: not looked up yet; empty: the customer has none."""

    checked_in: bool
    loyalty_ids: tuple[str, ...] | None
    poll_delay_ms: int


@dataclass(frozen=True, slots=True)
class PointOfSaleObserved:
    """A point of sale was read."""

    reading: PointOfSaleReading


@dataclass(frozen=True, slots=True)
class CheckinObserved:
    """A check-in was read."""

    reading: CheckinReading


PointOfSaleOutcome = (
    Accepted | PointOfSaleObserved | CheckinObserved | Observed | Found | Rejected | Unknown | Deferred
)
