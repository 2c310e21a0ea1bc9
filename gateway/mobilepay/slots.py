"""Places for requests in flight, given out by urgency: what is under way is never starved by what would
begin.
"""

import asyncio
from collections.abc import Callable
from enum import IntEnum
from heapq import heappop, heappush
from itertools import count

from gateway.mobilepay.pacing import Budget


class Urgency(IntEnum):
    """Lower first. PENDING: captures, cancels and repeats."""

    PENDING = 0
    READ = 1
    FIRST = 2


class Slots:
    """As many as the budget allows at the moment; in the order of urgency, then of asking. For one event
    loop.
    """

    def __init__(self, budget: Budget, clock: Callable[[], float]) -> None:
        self._budget = budget
        self._clock = clock
        self._in_flight = 0
        self._waiting: list[tuple[Urgency, int, asyncio.Future[None]]] = []
        self._numbers = count()

    @property
    def in_flight(self) -> int:
        return self._in_flight

    @property
    def waiting(self) -> int:
        return sum(not ticket.done() for _, _, ticket in self._waiting)

    def release(self) -> None:
        """Whoever has acquired a place gives it back once."""
        self._in_flight -= 1
        self._give()

    def take(self) -> bool:
        """A place where one is free and nobody waits for it."""
        self._give()
        if self._waiting or self._in_flight >= self._budget.limit(self._clock()):
            return False
        self._in_flight += 1
        return True

    async def acquire(self, urgency: Urgency) -> None:
        """Wait for a place; cancelled, it has none."""
        if self.take():
            return
        ticket = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (urgency, next(self._numbers), ticket))
        try:
            await ticket
        except asyncio.CancelledError:
            if ticket.done() and not ticket.cancelled():
                # The place came in the same moment as the end: it goes to the next.
                self._in_flight -= 1
                self._give()
            raise

    def _give(self) -> None:
        while self._waiting:
            ticket = self._waiting[0][2]
            if not ticket.done():
                if self._in_flight >= self._budget.limit(self._clock()):
                    return
                self._in_flight += 1
                ticket.set_result(None)
            heappop(self._waiting)
