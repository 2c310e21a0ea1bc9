"""Everything that exists in one sandbox, with the indexes to find it and the timers of what is still to
happen."""

from __future__ import annotations

import heapq
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from gateway.sandbox import draws
from gateway.sandbox.config import PointOfSaleEntry, SandboxConfig, StoreEntry
from gateway.sandbox.entities import Caller, Payment, PointOfSale, Refund, Store
from gateway.sandbox.notifications import Notification, notification
from gateway.sandbox.tally import Tally

NOTICES_MAX = 10_000

TimerKind = Literal[
    "customer_comes",
    "customer_decides",
    "inactivity",
    "reservation_expires",
    "refund_is_reserved",
    "refund_expires",
    "user_leaves",
]


class Timer(NamedTuple):
    """Something to happen to `subject` at `at`; void if the subject has made other than `moves` moves by then
    (-1: whatever it did)."""

    at: float
    serial: int
    kind: TimerKind
    subject: str
    moves: int


@dataclass(slots=True)
class Register:
    """`integrator` "" marks a point of sale that belongs to whichever client uses it first."""

    config: SandboxConfig
    stores: dict[str, Store] = field(default_factory=dict)
    points_of_sale: dict[str, PointOfSale] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)
    by_beacon: dict[str, str] = field(default_factory=dict)
    by_merchant_pos_id: dict[tuple[Caller, str], str] = field(default_factory=dict)
    latest_of_order: dict[tuple[Caller, str], str] = field(default_factory=dict)
    captured_of_pos: dict[str, list[str]] = field(default_factory=dict)
    visits: Counter[tuple[str, str]] = field(default_factory=Counter)
    uses_of_key: Counter[tuple[str, str]] = field(default_factory=Counter)
    timers: list[Timer] = field(default_factory=list)
    timer_serial: int = 0
    tally: Tally = field(default_factory=Tally)
    notices: deque[Notification] = field(default_factory=lambda: deque(maxlen=NOTICES_MAX))
    """Check-ins that nobody was told of yet."""
    noticed: int = 0

    def __post_init__(self) -> None:
        for store in self.config.stores:
            self._add_store(store)
        for entry in self.config.points_of_sale:
            self._add_entry(entry)

    def new_id(self, kind: str, integrator: str, key: str) -> str:
        """The id of what a creating POST makes: a matter of seed, client and key, and of how often the key
        made one (a key is forgotten in time)."""
        self.uses_of_key[integrator, key] += 1
        return draws.identifier(self.config.seed, kind, integrator, key, self.uses_of_key[integrator, key])

    def add_point_of_sale(self, pos: PointOfSale) -> None:
        self.points_of_sale[pos.pos_id] = pos
        self.by_beacon[pos.beacon_id] = pos.pos_id
        self.by_merchant_pos_id[pos.owner, pos.merchant_pos_id] = pos.pos_id

    def remove_point_of_sale(self, pos: PointOfSale) -> None:
        """Deleted: its ids are free again, while its reserved payments can still be captured or cancelled."""
        pos.deleted = True
        del self.by_beacon[pos.beacon_id]
        del self.by_merchant_pos_id[pos.owner, pos.merchant_pos_id]

    def claim(self, pos: PointOfSale, caller: Caller) -> None:
        """A point of sale that belongs to no client yet becomes the caller's."""
        if pos.owner.integrator == "" and pos.owner.merchant == caller.merchant:
            del self.by_merchant_pos_id[pos.owner, pos.merchant_pos_id]
            pos.owner = caller
            self.by_merchant_pos_id[caller, pos.merchant_pos_id] = pos.pos_id

    def register_unknown(self, pos_id: str, caller: Caller) -> PointOfSale:
        """A point of sale seen for the first time, with a store of the caller's merchant (`any_pos`)."""
        store = next((one for one in self.stores.values() if one.merchant == caller.merchant), None)
        if store is None:
            store_id = draws.identifier(self.config.seed, "store", caller.merchant)
            brand = "POSFI12345" if caller.merchant.startswith("FI") else "POSDK12345"
            store = self._add_store(StoreEntry(store_id, caller.merchant, brand_id=brand))
        pos = PointOfSale(
            pos_id=pos_id,
            merchant_pos_id=pos_id,
            store_id=store.store_id,
            owner=caller,
            name="Register",
            beacon_id=draws.identifier(self.config.seed, "beacon", pos_id),
            beacon_types=("QR",),
            callback_alias=None,
            payment_before_check_in=False,
        )
        self.add_point_of_sale(pos)
        return pos

    def notify(self, pos: PointOfSale, now: float) -> None:
        self.noticed += 1
        store = self.stores[pos.store_id]
        self.notices.append(notification(self.config.seed, self.noticed, pos, store, now))

    def schedule(self, at: float, kind: TimerKind, subject: str, moves: int = -1) -> None:
        self.timer_serial += 1
        heapq.heappush(self.timers, Timer(at, self.timer_serial, kind, subject, moves))

    def due(self, now: float) -> Timer | None:
        """Takes the earliest timer that is due."""
        if self.timers and self.timers[0].at <= now:
            return heapq.heappop(self.timers)
        return None

    def _add_store(self, entry: StoreEntry) -> Store:
        store = Store(
            store_id=entry.store_id,
            merchant=entry.merchant_vat,
            name=entry.name,
            street=entry.street,
            zip_code=entry.zip_code,
            city=entry.city,
            brand_name=entry.brand_name,
            brand_id=entry.brand_id,
            location_id=entry.location_id,
            activated=entry.activated,
            balance=entry.balance,
        )
        self.stores[store.store_id] = store
        return store

    def _add_entry(self, entry: PointOfSaleEntry) -> None:
        merchant = self.stores[entry.store_id].merchant
        self.add_point_of_sale(
            PointOfSale(
                pos_id=entry.pos_id,
                merchant_pos_id=entry.merchant_pos_id,
                store_id=entry.store_id,
                owner=Caller(entry.integrator or "", merchant),
                name=entry.name,
                beacon_id=entry.beacon_id,
                beacon_types=entry.beacon_types,
                callback_alias=entry.callback_alias,
                payment_before_check_in=entry.payment_before_check_in,
            )
        )
