"""How much of the provider may be asked for, and when. Pure: `now` is steady seconds, a draw lies in [0, 1).

The state here is the process's, not a payment's: it is lost with the process, and nothing correct rests on
it.
"""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

_BACKOFF_FLOOR_SECONDS: Final = 0.05
_BACKOFF_FIRST_SECONDS: Final = 0.2
_BACKOFF_MOST_SECONDS: Final = 2.0


def backoff_seconds(failures: int, draw: float) -> float:
    """Before the request that follows `failures` (1 or more): doubling, with full jitter above a floor."""
    most: float = min(_BACKOFF_MOST_SECONDS, _BACKOFF_FIRST_SECONDS * 2.0 ** min(failures - 1, 10))
    return _BACKOFF_FLOOR_SECONDS + draw * most


@dataclass(slots=True)
class Budget:
    """How many requests may be in flight: `most`, halved by each wave of 429, then growing back evenly over
    time.

    Growth by time and not by answers, since a small budget would have few answers to grow by.
    """

    most: int
    recovery_seconds: float = 30.0
    wave_seconds: float = 1.0
    """A second halving within so short a time would punish one wave of answers twice."""
    _level: float = field(init=False)
    _since: float = field(init=False, default=float("-inf"))

    def __post_init__(self) -> None:
        self._level = float(self.most)

    def limit(self, now: float) -> int:
        return self.most if self._level >= self.most else int(self._grown(now))

    def halve(self, now: float) -> None:
        if now - self._since < self.wave_seconds:
            return
        self._level = max(1.0, self._grown(now) / 2)
        self._since = now

    def _grown(self, now: float) -> float:
        if self._level >= self.most:
            return float(self.most)
        return min(float(self.most), self._level + (now - self._since) * self.most / self.recovery_seconds)


@dataclass(slots=True)
class Throttle:
    """When to ask again after 429: as the provider says, else 1 s, doubling to 60 s while it goes on."""

    first_seconds: float = 1.0
    most_seconds: float = 60.0
    least_seconds: float = 0.1
    _step: float = 0.0
    _until: float = float("-inf")

    def holding(self, now: float) -> bool:
        return now < self._until

    def remaining(self, now: float) -> float:
        return max(0.0, self._until - now)

    def throttled(self, now: float, retry_after_seconds: float | None) -> float:
        """Seconds from now until the same request may be sent again. One wave of answers doubles once."""
        if retry_after_seconds is not None:
            wait = max(self.least_seconds, retry_after_seconds)
        elif now >= self._until:
            self._step = min(self.most_seconds, self._step * 2) if self._step else self.first_seconds
            wait = self._step
        else:
            wait = self._until - now
        self._until = max(self._until, now + wait)
        return wait

    def answered(self, now: float) -> None:
        """An answer that is no 429, once the wait is over, ends the doubling."""
        if now >= self._until:
            self._step = 0.0


@dataclass(slots=True)
class LookLimiter:
    """Evenly spaced looks, so that no second has more than `per_second`."""

    per_second: int
    _next: float = float("-inf")

    def reserve(self, now: float, patience_seconds: float) -> float | None:
        """Seconds to wait for a place that is then taken; None, and none taken, where it is further off than
        that.
        """
        wait = max(0.0, self._next - now)
        if wait > patience_seconds:
            return None
        self._next = now + wait + 1 / self.per_second
        return wait

    def ahead_seconds(self, now: float) -> float:
        """How far off the next free place is."""
        return max(0.0, self._next - now)


class Admission(Enum):
    """FREE: go. PROBE: go, and say when it is over. DENIED: the provider is away, ask later."""

    FREE = auto()
    PROBE = auto()
    DENIED = auto()


@dataclass(slots=True)
class Breaker:
    """Open after `max_failed_runs` runs in a row of which no request was answered; any answer closes it.

    While it is open, pending operations are its probes, few at a time and not in a burst. First operations
    wait; where nothing is pending one of them is let through each `first_gap_seconds`, else it would stay
    open for ever.
    """

    max_failed_runs: int = 5
    max_probes: int = 4
    probe_gap_seconds: float = 0.25
    first_gap_seconds: float = 5.0
    _failed: int = 0
    _probes: int = 0
    _next_probe: float = float("-inf")
    _next_first: float = float("-inf")

    @property
    def open(self) -> bool:
        return self._failed >= self.max_failed_runs

    def holding(self, now: float) -> bool:
        """No first operation now."""
        return self.open and now < self._next_first

    def admit(self, now: float, *, first: bool) -> Admission:
        if not self.open:
            return Admission.FREE
        due = self._next_first if first else self._next_probe
        if now < due or self._probes >= self.max_probes:
            return Admission.DENIED
        self._probes += 1
        self._next_probe = now + self.probe_gap_seconds
        self._next_first = now + self.first_gap_seconds
        return Admission.PROBE

    def probed(self) -> None:
        self._probes -= 1

    def answered(self) -> None:
        self._failed = 0

    def failed(self, now: float) -> None:
        """A whole run went by without an answer."""
        self._failed += 1
        if self.open:
            self._next_first = now + self.first_gap_seconds


@dataclass(slots=True)
class Misconfiguration:
    """What answers as a wrong address does: one try each `pause_seconds` until one is answered as the API
    does.
    """

    pause_seconds: float
    fault: str | None = None
    _retry_at: float = float("-inf")

    def holding(self, now: float) -> bool:
        return self.fault is not None and now < self._retry_at

    def admit(self, now: float) -> float | None:
        """None: go on; the one try is taken. Else the seconds until the next one."""
        if self.fault is None:
            return None
        if now < self._retry_at:
            return self._retry_at - now
        self._retry_at = now + self.pause_seconds
        return None

    def met(self, now: float, fault: str) -> None:
        self.fault = fault
        self._retry_at = now + self.pause_seconds

    def cleared(self) -> None:
        self.fault = None
