"""Wake times: one for each key, in a heap whose outdated entries are passed over."""

import heapq
from itertools import count


class Schedule:
    """Times are steady seconds; keys that are due together come in the order in which they were set."""

    def __init__(self) -> None:
        self._times: dict[str, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, str]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._times)

    def set(self, key: str, at: float | None) -> None:
        """Replace the key's wake time; None removes it."""
        if at is None:
            self._times.pop(key, None)
            return
        current = self._times.get(key)
        if current is not None and current[0] == at:
            return
        number = next(self._numbers)
        self._times[key] = (at, number)
        heapq.heappush(self._heap, (at, number, key))
        if len(self._heap) > 64 and len(self._heap) > 4 * len(self._times):
            self._heap = [(t, n, k) for k, (t, n) in self._times.items()]
            heapq.heapify(self._heap)

    def next_at(self) -> float | None:
        """The earliest wake time."""
        self._drop_outdated()
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> str | None:
        """Take one key whose time has come."""
        self._drop_outdated()
        if not self._heap or self._heap[0][0] > now:
            return None
        _, _, key = heapq.heappop(self._heap)
        del self._times[key]
        return key

    def _drop_outdated(self) -> None:
        while self._heap:
            _, number, key = self._heap[0]
            current = self._times.get(key)
            if current is not None and current[1] == number:
                return
            heapq.heappop(self._heap)
