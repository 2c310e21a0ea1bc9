"""The shop's side of a run: starts at a steady pace or in bursts, and what each event leads to."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

from gateway.demo.evidence import ENDED_AT_PROVIDER, REFUND_ENDED_AT_PROVIDER
from gateway.demo.processes import get
from gateway.demo.shop import Message, Shop
from gateway.demo.wire import Wire
from gateway.domain.pacing import DEFAULT_POLL_DELAY_MS

BURST = 400
PAYMENTS_MAX = 99_000
REST_SECONDS = 4.0
PACE_SECONDS = DEFAULT_POLL_DELAY_MS / 1000
"""As a gateway assumes where nothing was told: the first answer of all may come too late to be heard."""

HABITS = {"shared_share": 0.02, "prepared_share": 0.15, "refund_share": 0.4}
SHARES = {"error_before": 0.01, "error_after": 0.02, "timeout_after": 0.01, "reset_after": 0.02}
FAULTS = {
    "latency_seconds": [0.02, 0.2],
    "slow_seconds": [0.9, 1.7],
    "probabilities": {
        "*": SHARES | {"late_effect": 0.005, "throttled": 0.01},
        "initiate": SHARES | {"slow": 0.9},
        "token": {},
    },
}
SCENARIO = {
    "any_pos": True,
    # One pace for all, so that a poll after one whose answer was not heard is told from one that comes too early.
    "poll_delay_ms": [DEFAULT_POLL_DELAY_MS, DEFAULT_POLL_DELAY_MS],
    "customers": {"decline": 0.1, "never": 0.03, "check_in_seconds": [0.2, 2], "decision_seconds": [0.2, 2]},
    "faults": FAULTS,
}


class Trade:
    """`heard` has the time (seconds since 1970) at which each event was read, by its id."""

    def __init__(self, wire: Wire, seed: int) -> None:
        self.wire = wire
        self.heard: dict[str, float] = {}
        self._shop = Shop(seed, PAYMENTS_MAX, **HABITS)
        self._opening: Iterator[list[Message]] = self._shop.opening()

    async def start_payments(self, count: int, pause_seconds: float = 0.0) -> None:
        for _ in range(count):
            for message in next(self._opening):
                await self.wire.send(message)
            if pause_seconds:
                await asyncio.sleep(pause_seconds)
        await self.wire.flush()

    async def sell(self, per_second: float) -> None:
        """Until it is cancelled."""
        while True:
            await self.start_payments(1)
            await asyncio.sleep(1 / per_second)

    async def follow(self) -> None:
        """Until it is cancelled."""
        while True:
            for event in await self.wire.read():
                self.heard.setdefault(event.id, time.time())
                for message in self._shop.follow(event):
                    await self.wire.send(message)

    async def rest(self, sandbox_port: int, patience_seconds: float) -> float:
        """Until all is answered, at rest at the provider, and nothing more comes; how many seconds that took."""
        begun = quiet_since = time.monotonic()
        seen = -1
        while time.monotonic() - begun < patience_seconds:
            await asyncio.sleep(0.5)
            if len(self.wire.events) != seen:
                seen, quiet_since = len(self.wire.events), time.monotonic()
            if time.monotonic() - quiet_since < REST_SECONDS:
                continue
            if not self.wire.unanswered and _at_rest(await asyncio.to_thread(totals, sandbox_port)):
                break
        return time.monotonic() - begun


def totals(sandbox_port: int) -> dict[str, Any]:
    """The provider's sums and counts by status."""
    found: dict[str, Any] = json.loads(get(sandbox_port, "/_sandbox/ledger/totals")[1])
    return found


def _at_rest(found: dict[str, Any]) -> bool:
    payments, refunds = set(found["statuses"]), set(found["refundStatuses"])
    return payments <= ENDED_AT_PROVIDER.keys() and refunds <= REFUND_ENDED_AT_PROVIDER.keys()
