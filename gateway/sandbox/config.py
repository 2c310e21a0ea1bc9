"""What the sandbox can be told; a scenario file has the same names (see `gateway.sandbox.scenario`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gateway.sandbox.customers import CustomerPolicy
from gateway.sandbox.draws import Span
from gateway.sandbox.faults import FaultPlan
from gateway.sandbox.formats import as_beacon, as_uuid, valid_brand, valid_id, valid_location, valid_vat
from gateway.sandbox.tokens import Client

DEFAULT_MERCHANT_VAT = "DK12345678"
DEFAULT_STORE_ID = "401b5617-ae5e-4f1a-9a59-5a446dbb3caa"
BEACON_TYPES = ("QR", "NFC", "Bluetooth")
DAY_SECONDS = 86_400
_POLL_DELAY_MS = Span(1000, 1000)
_REFUND_RESERVE_SECONDS = Span(0.1, 1.0)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


@dataclass(frozen=True, slots=True)
class StoreEntry:
    """A store that exists from the start. `balance` in minor units bounds its refunds; null is without
    limit."""

    store_id: str = DEFAULT_STORE_ID
    merchant_vat: str = DEFAULT_MERCHANT_VAT
    name: str = "Cafeteria"
    street: str = "Havnegade 1"
    zip_code: str = "1058"
    city: str = "Copenhagen"
    brand_name: str = "Canteens"
    brand_id: str = "POSDK12345"
    location_id: str = "10001"
    activated: bool = True
    balance: int | None = None

    def __post_init__(self) -> None:
        _require(as_uuid(self.store_id) == self.store_id, "store_id must be a UUID in lower case")
        _require(valid_vat(self.merchant_vat), "merchant_vat must be DK or FI and 8 digits")
        _require(valid_brand(self.brand_id), "brand_id must be MPPOS, POSDK or POSFI and 5 digits")
        _require(valid_location(self.location_id), "location_id must have exactly 5 characters")


@dataclass(frozen=True, slots=True)
class PointOfSaleEntry:
    """A point of sale that exists from the start; it belongs to its store's merchant. Without `integrator` it
    belongs to whichever client uses it first."""

    pos_id: str
    merchant_pos_id: str
    beacon_id: str
    store_id: str = DEFAULT_STORE_ID
    name: str = "Register"
    beacon_types: tuple[str, ...] = ("QR",)
    callback_alias: str | None = None
    payment_before_check_in: bool = False
    integrator: str | None = None

    def __post_init__(self) -> None:
        _require(as_uuid(self.pos_id) == self.pos_id, "pos_id must be a UUID in lower case")
        _require(valid_id(self.merchant_pos_id), "merchant_pos_id must be 1 to 36 valid characters")
        _require(as_beacon(self.beacon_id) == self.beacon_id, "beacon_id must be 15 digits or a UUID")
        _require(set(self.beacon_types) <= set(BEACON_TYPES), "beacon_types must be of QR, NFC, Bluetooth")


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """Everything about one sandbox. Times are in seconds unless the name says another unit."""

    seed: int = 0
    any_pos: bool = False
    """Register an unknown posId on first sight instead of answering 1000."""
    clients: tuple[Client, ...] = ()
    """Credentials that the token endpoint takes; none configured: any non-empty ones."""
    require_ibm_client_id: bool = False
    token_lifetime_seconds: int = 3700
    poll_delay_ms: Span = _POLL_DELAY_MS
    """`pollDelayInMs` of each resource; a range is drawn for each resource and state."""
    poll_tolerance_ms: float = 5.0
    """How much early the recorder lets a poll be."""
    wait_tolerance_seconds: float | None = None
    """How much longer than 2 s for a write and 0.5 s for a read a client may wait for an answer; null: a longer
    wait is a note and no violation, as a client that was stopped by a test cannot hang up."""
    inactivity_seconds: float = 900.0
    """An active payment that nobody touches so long is CancelledByMobilePay."""
    check_in_seconds: float = 600.0
    """A user who is checked in and has no payment leaves after that."""
    reservation_seconds: float = 7.0 * DAY_SECONDS
    key_retention_seconds: float = 1.0 * DAY_SECONDS
    key_use_limit_seconds: float = 23.0 * 3600
    """The recorder's limit for using a key again."""
    requests_per_call_max: int = 6
    replay_refusals: bool = True
    """A key answers again with a 409 that it was answered with; off: only with a success."""
    partial_capture: Literal["by_user", "always", "never"] = "by_user"
    refund_reserve_seconds: Span = _REFUND_RESERVE_SECONDS
    refund_expiry_seconds: float = 1.0 * DAY_SECONDS
    refund_window_seconds: float = 90.0 * DAY_SECONDS
    notifications_url: str | None = None
    """Whom to tell of check-ins at points of sale with a callbackAlias, http or https; null: nobody."""
    notification_retry_seconds: float = 5.0
    self_certification: bool = False
    """Each call that changes something first gets no answer, then a 500, and only then works."""
    stores: tuple[StoreEntry, ...] = (StoreEntry(),)
    points_of_sale: tuple[PointOfSaleEntry, ...] = ()
    customers: CustomerPolicy = field(default_factory=CustomerPolicy)
    faults: FaultPlan = field(default_factory=FaultPlan)
    records_max: int = 10_000
    """Requests, violations and notes that the recorder remembers, each; older ones are only counted."""

    def __post_init__(self) -> None:
        _require(self.token_lifetime_seconds > 0, "token_lifetime_seconds must be positive")
        _require(self.requests_per_call_max > 0, "requests_per_call_max must be positive")
        _require(self.records_max > 0, "records_max must be positive")
        for name in ("inactivity_seconds", "check_in_seconds", "reservation_seconds"):
            _require(getattr(self, name) > 0, f"{name} must be positive")
        url = self.notifications_url
        _require(
            url is None or url.startswith(("http://", "https://")), "notifications_url must be http or https"
        )
        known = {store.store_id for store in self.stores}
        _require(len(known) == len(self.stores), "stores: a store_id stands twice")
        for number, entry in enumerate(self.points_of_sale):
            _require(entry.store_id in known, f"points_of_sale[{number}].store_id: no such store")
        for attribute in ("pos_id", "merchant_pos_id", "beacon_id"):
            values = {getattr(entry, attribute) for entry in self.points_of_sale}
            _require(len(values) == len(self.points_of_sale), f"points_of_sale: a {attribute} stands twice")
