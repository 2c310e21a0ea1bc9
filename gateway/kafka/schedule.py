"""Wake times: one for each key, in a heap whose outdated entries are passed over."""

import heapq
from itertools import count


class Schedule:
    """Times are steady seconds; keys that are due together come in the order in which they were set.

    A key's entry in the heap is the very tuple that it has in the dictionary; another one is outdated.
    """

    def __init__(self) -> None:
        self._entries: dict[str, tuple[float, int, str]] = {}
        self._heap: list[tuple[float, int, str]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._entries)

    def set(self, key: str, at: float | None) -> None:
        """Replace the key's wake time; None removes it."""
        if at is None:
            self._entries.pop(key, None)
            return
        current = self._entries.get(key)
        if current is not None and current[0] == at:
            return
        self._entries[key] = entry = (at, next(self._numbers), key)
        heapq.heappush(self._heap, entry)
        if len(self._heap) > 64 and len(self._heap) > 2 * len(self._entries):
            self._heap = list(self._entries.values())
            heapq.heapify(self._heap)

    def next_at(self) -> float | None:
        """The earliest wake time."""
        self._drop_outdated()
        return self._heap[0][0] if self._heap else None

    def overdue_seconds(self, now: float) -> float:
        """How long the earliest has been due; 0 where none is."""
        at = self.next_at()
        return 0.0 if at is None else max(0.0, now - at)

    def pop_due(self, now: float) -> str | None:
        """Take one key whose time has come."""
        self._drop_outdated()
        if not self._heap or self._heap[0][0] > now:
            return None
        _, _, key = heapq.heappop(self._heap)
        del self._entries[key]
        return key

    def _drop_outdated(self) -> None:
        while self._heap and self._entries.get(self._heap[0][2]) is not self._heap[0]:
            heapq.heappop(self._heap)
