"""Time as the runtime reads it; whatever decides is told the time and never asks."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Three times that must not be mixed."""

    def wall_ms(self) -> int:
        """Milliseconds of the epoch, for what is written down."""
        ...

    def steady(self) -> float:
        """Seconds on the event loop's time base, for waiting."""
        ...

    def boottime(self) -> float:
        """Seconds that go on while the machine sleeps, for the lease."""
        ...


class SystemClock:
    """The machine's clocks; CLOCK_BOOTTIME, where there is one, runs out a suspended owner's lease."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def steady(self) -> float:
        return asyncio.get_running_loop().time()

    def boottime(self) -> float:
        if hasattr(time, "CLOCK_BOOTTIME"):
            return time.clock_gettime(time.CLOCK_BOOTTIME)
        return time.monotonic()
