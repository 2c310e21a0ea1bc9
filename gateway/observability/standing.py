"""How one payment or point of sale stands for those who watch, kept up as it changes and added up when asked.

Chosen: each turn that changes something says anew how its aggregate stands, and the sum of all is only looked
at by a scrape. Refused: to read the states on a scrape, since a process may hold a million of them. What is
open is looked at one by one, and that is only what is under way. Tuples, since a turn makes some of them.
"""

from collections import Counter
from enum import StrEnum
from typing import NamedTuple


class Matter(StrEnum):
    """What may be open about an aggregate. `word` and `at_ms` of an `Open` mean, in turn: the command's type and
    its own time; the operation and when it was intended (pending, unknown, and as the reason why a payment
    should be reserved no longer); when the approval is over; since when a refund is reserved.
    """

    COMMAND = "command"
    PENDING = "pending"
    UNKNOWN = "unknown"
    PAST_INTENT = "past_intent"
    APPROVAL = "approval"
    REFUND_RESERVED = "refund_reserved"


class Open(NamedTuple):
    matter: Matter
    word: str
    at_ms: int


class Standing(NamedTuple):
    """`counted`: what the aggregate counts as, such as ("payment", "reserved"), once for each; closed lists."""

    counted: tuple[tuple[str, str], ...]
    open: tuple[Open, ...] = ()


class Tally:
    """The standings of one partition's aggregates."""

    def __init__(self) -> None:
        self.counted: Counter[tuple[str, str]] = Counter()
        self._open: dict[str, tuple[Open, ...]] = {}

    def moved(self, key: str, before: Standing | None, after: Standing | None) -> None:
        """The aggregate `key` stood as `before`, and stands as `after`; None: it is not there."""
        if before is not None:
            for word in before.counted:
                self.counted[word] -= 1
        if after is not None:
            for word in after.counted:
                self.counted[word] += 1
        if after is not None and after.open:
            self._open[key] = after.open
        elif before is not None and before.open:
            del self._open[key]

    def opened(self) -> "list[Open]":
        """All that is open."""
        return [one for matters in self._open.values() for one in matters]
