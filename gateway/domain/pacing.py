"""When to try again. Everything is a function of the tries so far and of a draw in [0, 1); steady seconds
throughout.
"""

from collections.abc import Callable
from typing import Protocol

Dice = Callable[[], float]

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

KEY_LIFETIME_MS = 23 * HOUR_MS
"""No creating call is repeated later than this after its first sending: the provider keeps keys for 24 h (api
principles).
"""

RESERVATION_LIFETIME_MS = 7 * DAY_MS
REFUND_LIFETIME_MS = DAY_MS
RESERVATION_GRACE_MS = 60_000
LATE_LOOK_MS = 10 * 60_000
DEFAULT_POLL_DELAY_MS = 1_000

_LOOK_FIRST_SECONDS, _LOOK_MOST_SECONDS = 1.0, 10.0
_BUSY_FIRST_SECONDS, _BUSY_MOST_SECONDS = 2.0, 30.0
_HOLD_SECONDS = 1.0
_REFUSED_FIRST_SECONDS, _REFUSED_MOST_SECONDS = 5.0, 60.0


class Instant(Protocol):
    """`wall_ms` since the epoch, for what is written down; `steady` seconds that never jump, for waiting."""

    @property
    def wall_ms(self) -> int: ...

    @property
    def steady(self) -> float: ...


def look_again_seconds(tries: int, dice: Dice) -> float:
    """Before look number `tries` + 1 after an unheard run: 1 s doubling to 10 s, jittered by up to a half
    upwards.
    """
    return _doubling(_LOOK_FIRST_SECONDS, _LOOK_MOST_SECONDS, tries) * (1 + dice() / 2)


def busy_again_seconds(attempt: int, dice: Dice) -> float:
    """Before attempt number `attempt` + 1 on a busy point of sale: 2 s doubling to 30 s, jittered upwards."""
    return _doubling(_BUSY_FIRST_SECONDS, _BUSY_MOST_SECONDS, attempt - 1) * (1 + dice() / 4)


def held_again_seconds(dice: Dice) -> float:
    """Before asking again whether the provider may be called at all."""
    return _HOLD_SECONDS * (0.5 + dice())


def refused_again_seconds(tries: int, dice: Dice) -> float:
    """Before repeating what was refused although nothing that we read explains it."""
    return _doubling(_REFUSED_FIRST_SECONDS, _REFUSED_MOST_SECONDS, tries) * (1 + dice() / 2)


def _doubling(first: float, most: float, tries: int) -> float:
    return min(most, first * 2.0 ** min(tries, 10))
