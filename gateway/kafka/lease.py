"""The lease: until when this owner may change something outside, judged by its own clock alone.

It runs from the moment before the commit request of the last acknowledged transaction was sent, never from
its answer: whoever fences us later does so after the broker took that request, so a new owner that waits a
whole lease after its fence never acts at the same time. Refused: counting from the acknowledgement (it may
have been delayed for as long as one likes), and the group session (a heartbeat says nothing of who may
write).
"""


class Lease:
    """All times are boottime seconds. A lease that has ended never holds again."""

    def __init__(self, lease_seconds: float, write_timeout_seconds: float, not_before: float) -> None:
        self._lease_seconds = lease_seconds
        self._write_timeout_seconds = write_timeout_seconds
        self._not_before = not_before
        self._until = float("-inf")
        self._ended = False

    @property
    def ended(self) -> bool:
        return self._ended

    @property
    def not_before(self) -> float:
        """The previous owner may have acted until then."""
        return self._not_before

    def acknowledged(self, requested_at: float) -> None:
        """A transaction whose commit request was sent after `requested_at` has been acknowledged."""
        self._until = max(self._until, requested_at + self._lease_seconds)

    def end(self) -> None:
        self._ended = True

    def holds(self, now: float) -> bool:
        """A write that begins now also ends inside the lease."""
        return (
            not self._ended and now >= self._not_before and now + self._write_timeout_seconds <= self._until
        )
