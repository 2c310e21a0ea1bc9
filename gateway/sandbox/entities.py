"""What exists at the provider: stores, points of sale, payments, refunds. Amounts are integer minor units."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.sandbox.customers import Visit
from gateway.sandbox.states import (
    REFUND_TRANSITIONS,
    TRANSITIONS,
    Cause,
    RefundCause,
    RefundStatus,
    Status,
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a token and the headers stand for; `merchant` is a VAT number."""

    integrator: str
    merchant: str


class Move(NamedTuple):
    """One step of a payment or refund, for the ledger; `at` in seconds since 1970."""

    at: float
    source: str | None
    target: str
    cause: str


@dataclass(slots=True)
class Store:
    store_id: str
    merchant: str
    name: str
    street: str
    zip_code: str
    city: str
    brand_name: str
    brand_id: str
    location_id: str
    activated: bool
    balance: int | None
    """Minor units that refunds may take from it; None is without limit."""


@dataclass(slots=True)
class PointOfSale:
    pos_id: str
    merchant_pos_id: str
    store_id: str
    owner: Caller
    name: str
    beacon_id: str
    beacon_types: tuple[str, ...]
    callback_alias: str | None
    payment_before_check_in: bool
    deleted: bool = False
    active: str | None = None
    """The payment that blocks it."""
    user: str | None = None
    """Phone number of the user who is checked in."""
    user_since: float = 0.0
    open_payments: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class Terms:
    """What `initiate` and `ready` say about the money."""

    amount: int
    currency: str
    planned_capture_delay: str
    restrictions: dict[str, bool | None] | None
    label: str | None


@dataclass(slots=True)
class Payment:
    payment_id: str
    number: int
    """Position in the ledger, from 1."""
    pos_id: str
    order_id: str
    owner: Caller
    key: str
    customer: Visit | None
    """What the automatic customer does; None leaves it to the user simulation."""
    terms: Terms | None = None
    status: Status | None = None
    changed_at: float = 0.0
    user: str | None = None
    partial_capture: bool = False
    reserved: int = 0
    captured: int = 0
    reserved_at: float | None = None
    captured_at: float | None = None
    refund_ids: list[str] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)

    def move(self, target: Status, cause: Cause, now: float) -> None:
        """The only way in which a payment changes its state; another than a documented one is a bug here."""
        if (self.status, target, cause) not in TRANSITIONS:
            raise AssertionError(f"no transition {self.status} -> {target} by {cause}")
        self.moves.append(Move(now, self.status, target, cause))
        self.effects[cause] += 1
        self.status = target
        self.changed_at = now


@dataclass(slots=True)
class Refund:
    refund_id: str
    number: int
    payment_id: str
    order_id: str
    owner: Caller
    key: str
    amount: int
    currency: str
    status: RefundStatus | None = None
    changed_at: float = 0.0
    moves: list[Move] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)

    def move(self, target: RefundStatus, cause: RefundCause, now: float) -> None:
        """The only way in which a refund changes its state; another than a documented one is a bug here."""
        if (self.status, target, cause) not in REFUND_TRANSITIONS:
            raise AssertionError(f"no transition {self.status} -> {target} by {cause}")
        self.moves.append(Move(now, self.status, target, cause))
        self.effects[cause] += 1
        self.status = target
        self.changed_at = now
