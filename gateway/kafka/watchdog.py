"""How long due work has made no progress: no client shows a stall, so the partition watches itself.

Counted from when the work became due, not from the last progress: after an idle night the first command is no
stall. Refused: to count each attempt to open as progress, or what it reads anew, since a partition that fails to
open for ever would never be seen.
"""

from gateway.kafka.clock import Clock

OVERDUE_SECONDS = 1.0
"""A wake that is due for less is on its way."""


class Watchdog:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due_since: float | None = None
        self._arrived_at = self._tried_at = clock.steady()
        self._lagging_since: float | None = None
        self._furthest = 0
        self._opened = False

    def due(self) -> None:
        """There is something to commit, or the partition is to be opened."""
        if self._due_since is None:
            self._due_since = self._clock.steady()

    def opened(self) -> None:
        """The partition is open, and its first transaction is due. Counts once: what opens again and again and
        never commits stands still all the same.
        """
        if not self._opened:
            self._opened, self._due_since = True, self._clock.steady()

    def progress(self, still_due: bool) -> None:
        """Something was committed."""
        self._furthest, self._opened = 0, False
        self._due_since = self._clock.steady() if still_due else None

    def restored(self, count: int) -> None:
        """So many steps of the restore are done; only what no earlier attempt has reached is progress."""
        if count > self._furthest:
            self._furthest = count
            self._due_since = self._clock.steady()

    def tried(self) -> None:
        """The far side was asked, which is progress too."""
        self._tried_at = self._clock.steady()

    def arrived(self) -> None:
        """Commands were fetched."""
        self._arrived_at = self._clock.steady()

    def stalled_seconds(self, overdue_seconds: float, lag: int | None) -> float:
        """`overdue_seconds`: of the earliest wake. `lag`: commands not fetched; None where none shall be.

        The lag is looked at here alone, so it counts from the first look that sees it.
        """
        now = self._clock.steady()
        if not lag:
            self._lagging_since = None
        elif self._lagging_since is None:
            self._lagging_since = now
        stalls = [0.0]
        if self._due_since is not None:
            stalls.append(now - max(self._due_since, self._tried_at))
        if overdue_seconds > OVERDUE_SECONDS:
            stalls.append(min(overdue_seconds, now - self._tried_at))
        if self._lagging_since is not None:
            stalls.append(now - max(self._lagging_since, self._arrived_at))
        return max(stalls)
