"""What was read back and has not been given to the handler yet.

A partition opens as soon as its changelog is read: a turn for each of 100,000 payments would hold back all of them
for seconds, and most have nothing to do. Each comes to the handler when something asks for it, else in its order
behind the work of the moment, the latest written first, since what is under way was written last.
"""

from collections.abc import Callable
from itertools import islice


class Resting:
    """`write_after`: steady seconds until which the last owner may still act on a key, judged when it is taken."""

    def __init__(self) -> None:
        self._states: dict[str, bytes] = {}
        self._write_after: Callable[[str], float] = lambda key: 0.0

    def __len__(self) -> int:
        return len(self._states)

    def fill(self, states: dict[str, bytes], write_after: Callable[[str], float]) -> None:
        """All that was read, in the order of the changelog."""
        self._states, self._write_after = dict(states), write_after

    def take(self, key: str) -> tuple[bytes, float] | None:
        """The state of a key and its `write_after`, once."""
        state = self._states.pop(key, None)
        return None if state is None else (state, self._write_after(key))

    def newest(self, most: int) -> list[str]:
        return list(islice(reversed(self._states), most))

    def clear(self) -> None:
        self._states = {}
