"""How one partition stands, for readiness, liveness and metrics."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.observability.standing import Tally


class Phase(StrEnum):
    OPENING = "opening"
    OPEN = "open"
    STOPPED = "stopped"
    CLOSING = "closing"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class PartitionHealth:
    """`stalled_seconds`: how long work that is due has made no progress. `offset`: where an undecodable
    batch begins. `lag`: commands beyond `position`; `unaccepted_seconds`: for how long, at most, the
    oldest of them has lain there. `tally`: how the aggregates stand.
    """

    phase: Phase
    reason: str | None
    offset: int | None
    stalled_seconds: float
    lag: int | None
    waiting: int
    running: int
    runnable: int
    uncommitted: int
    position: int
    paused: bool
    unaccepted_seconds: float
    tally: Tally
