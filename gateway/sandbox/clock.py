"""The sandbox's time: seconds since 1970 as a float, which only goes forward.

The server's clock runs on the monotonic clock from the moment it starts, so a change of the machine's time
never makes a poll look early; `advance` moves it ahead for everything at once (expiry, retention of keys,
tokens).
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    def now(self) -> float: ...

    def advance(self, seconds: float) -> None: ...


class RunningClock:
    """Real time, plus whatever it was advanced by."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        return time.monotonic() + self._offset

    def advance(self, seconds: float) -> None:
        self._offset += _forward(seconds)


class StandingClock:
    """Time that moves only when it is told to: for simulations and tests."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += _forward(seconds)


def _forward(seconds: float) -> float:
    if not 0 <= seconds < float("inf"):
        raise ValueError("time goes forward only")
    return seconds
