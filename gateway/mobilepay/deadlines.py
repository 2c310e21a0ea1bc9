"""Until when each of many answers must be there: one timer for all, since nearly all are there in time."""

import asyncio
from typing import Any


class Deadlines:
    """For one event loop; times are its own. What is late fails with `TimeoutError`."""

    def __init__(self) -> None:
        self._due: dict[asyncio.Future[Any], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def set(self, late: "asyncio.Future[Any]", at: float | None) -> None:
        """`clear` follows, however it ends. None: there is time without end."""
        if at is None:
            return
        self._due[late] = at
        if self._timer is None or at < self._timer.when():
            self._arm(at)

    def clear(self, late: "asyncio.Future[Any]") -> None:
        self._due.pop(late, None)

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(at, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        for late in [late for late, at in self._due.items() if at <= now]:
            del self._due[late]
            if not late.done():
                late.set_exception(TimeoutError())
        if self._due:
            self._arm(min(self._due.values()))
