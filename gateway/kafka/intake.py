"""What a partition takes from the feeding consumer: what is expected next, gaps, and when to fetch nothing."""

from collections.abc import Sequence

from gateway.kafka.limits import Limits
from gateway.kafka.log import Log
from gateway.kafka.records import Record


class Intake:
    """`expected` is the offset of the next record to accept, so one past the last that stands in the state."""

    def __init__(self, number: int, log: Log, limits: Limits) -> None:
        self._number = number
        self._log = log
        self._limits = limits
        self._gap: int | None = None
        self.expected = 0
        self.paused = False

    def open_at(self, position: int) -> None:
        """Fetch from `position` on; pauses do not outlive an assignment."""
        self.expected, self._gap, self.paused = position, None, False
        self._log.seek(self._number, position)
        self._log.resume(self._number)

    def close(self) -> None:
        self.paused = True
        self._log.pause(self._number)

    def rewind(self) -> None:
        """What was fetched but not accepted is fetched again."""
        self._log.seek(self._number, self.expected)

    def new(self, records: Sequence[Record]) -> Sequence[Record]:
        """Those of a fetched batch that are not yet accepted; none of it where something before it is missing.

        The client loses a partition's records when a neighbour's batch cannot be decoded, so a gap is read again
        before it is believed; transaction markers and compaction answer the same twice.
        """
        first = records[0].offset
        if first > self.expected and self._gap != first:
            self._gap = first
            self.rewind()
            return ()
        self._gap = None
        if first >= self.expected:
            return records
        return [record for record in records if record.offset >= self.expected]

    def balance(self, waiting: int, uncommitted: int, staged_bytes: int) -> None:
        """Pause above the bounds, resume well below them."""
        limits = self._limits
        bounds = (
            (waiting, limits.max_waiting_commands),
            (uncommitted, limits.max_uncommitted_changes),
            (staged_bytes, limits.max_staged_bytes),
        )
        if not self.paused and any(used >= most for used, most in bounds):
            self.close()
        elif self.paused and all(used <= most // 2 for used, most in bounds):
            self.paused = False
            self._log.resume(self._number)
