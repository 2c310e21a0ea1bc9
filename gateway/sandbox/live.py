"""The world as a stream of server-sent events: first all that the page shows, then what has changed.

Whoever watches makes it look, at most once in `TICK_SECONDS` for all of them together; nobody watching costs
nothing. What was seen has a revision, and a viewer gets whatever is newer than the revision it had last: one
that reads slowly misses steps in between and never an end, and nothing is kept for it.

Each event's id is the server's own mark and the revision, so a viewer that comes back goes on where it was, and
one of an earlier server starts anew.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Any, NamedTuple

from gateway.sandbox import view
from gateway.sandbox.http import write_json
from gateway.sandbox.simulator import Sandbox

TICK_SECONDS = 0.25
HEARTBEAT_SECONDS = 15
RETRY_MS = 1000
VIEWERS_MAX = 64
RATE_SECONDS = 2.0
CLOCK_JUMP_SECONDS = 0.05


class Seen(NamedTuple):
    """A part of the page as it was last seen, and the revision in which it changed."""

    revision: int
    signature: object
    members: Any


class View:
    """All that the page shows, with the revision of each part. `refresh` looks at the world, `since` tells what
    is newer than a revision."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.mark = f"{time.time_ns():x}"
        self.revision = 0
        self._payments: dict[str, Seen] = {}
        self._places: dict[str, Seen] = {}
        self._parts: dict[str, Seen] = {}
        self._order: list[str] = []
        self._clock_offset = 0.0
        self._arrivals: deque[tuple[float, int]] = deque()
        self._frames: dict[int, bytes] = {}

    def refresh(self, now: float) -> None:
        """Looks at the world; `now` is the time of the event loop, for the rate of requests and to notice that
        the sandbox's clock was moved."""
        sandbox = self.sandbox
        sandbox.advance()
        register, revision, changed = sandbox.world.register, self.revision + 1, False
        order = view.chosen_places(register, self._order)
        places = [register.points_of_sale[pos_id] for pos_id in order]
        kept: dict[str, Seen] = {}
        for pos in places:
            seen, signature = self._places.get(pos.pos_id), view.place_signature(pos)
            if seen is None or seen.signature != signature:
                seen, changed = Seen(revision, signature, view.place_members(register, pos)), True
            kept[pos.pos_id] = seen
        self._places, kept = kept, {}
        for payment in view.newest_payments(register, places):
            seen, signature = (
                self._payments.get(payment.payment_id),
                view.payment_signature(register, payment),
            )
            if seen is None or seen.signature != signature:
                seen, changed = Seen(revision, signature, view.payment_members(register, payment)), True
            kept[payment.payment_id] = seen
        self._payments = kept
        for name, (state, describe) in self._described(now, order).items():
            seen = self._parts.get(name)
            if seen is None or seen.signature != state:
                self._parts[name], changed = Seen(revision, state, describe()), True
        offset = sandbox.clock.now() - now
        if abs(offset - self._clock_offset) > CLOCK_JUMP_SECONDS:
            self._clock_offset, changed = offset, True
        self._order = order
        if changed:
            self.revision = revision
            self._frames.clear()

    def since(self, revision: int) -> bytes:
        """One event with all that changed after `revision`, 0 for everything; empty if nothing did."""
        if revision == self.revision:
            return b""
        frame = self._frames.get(revision)
        if frame is None:
            frame = self._frames[revision] = self._frame(revision)
        return frame

    def revision_of(self, event_id: str) -> int:
        """The revision that a viewer has who names this event as its last; 0 if it is none of this server."""
        mark, _, number = event_id.partition("-")
        known = mark == self.mark and number.isascii() and number.isdigit() and len(number) < 12
        return int(number) if known and int(number) <= self.revision else 0

    def _frame(self, revision: int) -> bytes:
        members: dict[str, Any] = {"whole": revision == 0, "now": self.sandbox.clock.now()}
        if revision == 0:
            members |= view.constants()
        for name, seen in self._parts.items():
            if seen.revision > revision:
                members[name] = seen.members
        for name, parts in (("places", self._places), ("payments", self._payments)):
            members[name] = [seen.members for seen in parts.values() if seen.revision > revision]
        head = f"id: {self.mark}-{self.revision}\nevent: world\ndata: "
        return head.encode("ascii") + write_json(members) + b"\n\n"

    def _described(self, now: float, order: list[str]) -> dict[str, tuple[object, Callable[[], Any]]]:
        """The parts that are told whole: what they depend on, and how they are told."""
        sandbox = self.sandbox
        register, recorder = sandbox.world.register, sandbox.recorder
        stats = {"perSecond": self._rate(now), "inFlight": sandbox.in_flight, "requests": sandbox.arrivals}
        last = sandbox.requests[-1].number if sandbox.requests else 0
        totals = (register.tally.moves, len(register.points_of_sale))
        breaks = (recorder.violation_counts.total(), recorder.note_counts.total())
        faults = (sandbox.faults.plan, sandbox.fault_counts.total())
        return {
            "order": (order, lambda: order),
            "totals": (totals, lambda: view.totals(register)),
            "breaks": (breaks, lambda: view.breaks(sandbox)),
            "requests": ((last, sandbox.statuses.total()), lambda: view.requests(sandbox)),
            "faults": (faults, lambda: view.faults(sandbox)),
            "stats": (stats, lambda: stats),
        }

    def _rate(self, now: float) -> float:
        """Requests a second over the last seconds."""
        samples = self._arrivals
        samples.append((now, self.sandbox.arrivals))
        while len(samples) > 2 and samples[1][0] <= now - RATE_SECONDS:
            samples.popleft()
        first, arrivals = samples[0]
        spent = max(now - first, TICK_SECONDS)
        rate = (self.sandbox.arrivals - arrivals) / spent
        return round(rate) if rate >= 10 else round(rate, 1)


class Live:
    """One view for all who watch."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.view = View(sandbox)
        self.viewers = 0
        self._due_at = 0.0

    async def events(self, last_event_id: str) -> AsyncGenerator[bytes, None]:
        """The stream of one viewer, without an end."""
        loop = asyncio.get_running_loop()
        self.viewers += 1
        try:
            yield f"retry: {RETRY_MS}\n\n".encode("ascii")
            seen, spoke_at = self.view.revision_of(last_event_id), loop.time()
            while True:
                now = loop.time()
                if now >= self._due_at:
                    self.view.refresh(now)
                    self._due_at = loop.time() + TICK_SECONDS
                frame = self.view.since(seen)
                seen = self.view.revision
                if frame:
                    spoke_at = now
                    yield frame
                elif now - spoke_at >= HEARTBEAT_SECONDS:
                    spoke_at = now
                    yield b": still here\n\n"
                await asyncio.sleep(max(0.01, self._due_at - loop.time()))
        finally:
            self.viewers -= 1
