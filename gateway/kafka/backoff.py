"""How long a partition waits before it opens anew after a failure."""

import random

from gateway.kafka.clock import Clock
from gateway.kafka.limits import Limits


class Backoff:
    """Doubles with jitter up to a bound, and begins anew after an opening that has lasted.

    One that opens and fails at once, on a command that our own code cannot take, would otherwise fence and restore
    without a pause, and lose its neighbours' time with its own.
    """

    def __init__(self, limits: Limits, clock: Clock, draws: random.Random) -> None:
        self._limits = limits
        self._clock = clock
        self._draws = draws
        self._failures = 0
        self._open_since: float | None = None

    def opened(self) -> None:
        self._open_since = self._clock.steady()

    def pause_seconds(self) -> float:
        """After one more failure."""
        limits, since = self._limits, self._open_since
        lasted = since is not None and self._clock.steady() - since >= limits.reopen_most_seconds
        self._failures = 1 if lasted else self._failures + 1
        self._open_since = None
        doubled: float = limits.reopen_first_seconds * 2.0 ** min(self._failures - 1, 10)
        return min(limits.reopen_most_seconds, doubled) * (0.5 + self._draws.random() / 2)
