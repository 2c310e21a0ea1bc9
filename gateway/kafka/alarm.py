"""One timer of the event loop for all wake times of a partition."""

import asyncio
from collections.abc import Callable


class Alarm:
    """Calls `ring` once at the time set last, or a little before it where an earlier one was set."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None

    def set(self, at: float | None) -> None:
        """Steady seconds; None: not at all. An earlier time that was set rings too, which costs one look."""
        if self._timer is not None:
            if at is not None and self._timer.when() <= at:
                return
            self.clear()
        if at is not None:
            self._timer = asyncio.get_running_loop().call_at(at, self._rung)

    def clear(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _rung(self) -> None:
        self._timer = None
        self._ring()
