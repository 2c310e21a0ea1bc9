"""Which effect runs next: a bounded number at once, the more urgent first, first starts never on the last
places.
"""

from collections import deque
from typing import Generic, TypeVar

from gateway.kafka.handler import Urgency

T = TypeVar("T")


class Executor(Generic[T]):
    """Decides, and runs nothing itself: `submit` and `done` answer with what may start now."""

    def __init__(self, max_running: int, reserved_for_pending: int) -> None:
        assert 0 <= reserved_for_pending < max_running
        self._max_running = max_running
        self._max_first = max_running - reserved_for_pending
        self._running = 0
        self._waiting: dict[Urgency, deque[T]] = {urgency: deque() for urgency in sorted(Urgency)}

    @property
    def running(self) -> int:
        return self._running

    @property
    def waiting(self) -> int:
        return sum(len(queue) for queue in self._waiting.values())

    def submit(self, work: T, urgency: Urgency) -> list[T]:
        self._waiting[urgency].append(work)
        return self._startable()

    def done(self) -> list[T]:
        """A running piece of work has ended."""
        assert self._running > 0
        self._running -= 1
        return self._startable()

    def clear(self) -> None:
        """Forget what waits; what runs goes on and is reported by `done`."""
        for queue in self._waiting.values():
            queue.clear()

    def _startable(self) -> list[T]:
        started: list[T] = []
        for urgency, queue in self._waiting.items():
            if not queue:
                continue
            most = self._max_first if urgency is Urgency.FIRST else self._max_running
            while queue and self._running < most:
                started.append(queue.popleft())
                self._running += 1
        return started
