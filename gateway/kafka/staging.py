"""What the next transaction will hold: the latest bytes of each changed state, and records in their order."""

from collections.abc import Callable

from gateway.kafka.changelog import state_entry
from gateway.kafka.log import Entry
from gateway.kafka.records import Outgoing


class TooLarge(Exception):
    """A turn made a record that no topic takes; to try again would only make it again."""


class Staging:
    """`staged` is called when there is something to commit. Cuts count from 1; `next_cut` takes what comes."""

    def __init__(self, max_record_bytes: int, staged: Callable[[], None]) -> None:
        self._max_record_bytes = max_record_bytes
        self._staged = staged
        self._changed: dict[str, bytes | None] = {}
        self._records: list[Outgoing] = []
        self.next_cut = 1
        self.bytes = 0

    @property
    def size(self) -> int:
        return len(self._changed) + len(self._records)

    def state(self, key: str, state: bytes | None) -> None:
        """Stage a state in place of an earlier one of this cut; None is its tombstone. Raises TooLarge."""
        self.bytes += self._checked(_size(state), f"the state of {key}") - _size(self._changed.pop(key, None))
        self._changed[key] = state
        self._staged()

    def record(self, record: Outgoing, what: str) -> None:
        """Stage a record to publish; `what` it is, for people. Raises TooLarge."""
        size = _size(record.key) + _size(record.value)
        for name, value in record.headers:
            size += len(name) + _size(value)
        self.bytes += self._checked(size, what)
        self._records.append(record)
        self._staged()

    def cut(self, version: int) -> tuple[int, tuple[Entry, ...], tuple[Outgoing, ...]]:
        """Take all that was staged, in one go: what comes later belongs to the next cut."""
        number = self.next_cut
        self.next_cut += 1
        entries = tuple(state_entry(key, state, version) for key, state in self._changed.items())
        records = tuple(self._records)
        self._changed, self._records, self.bytes = {}, [], 0
        return number, entries, records

    def forget(self) -> None:
        """Nothing of it was committed, and the count begins anew."""
        self._changed, self._records, self.next_cut, self.bytes = {}, [], 1, 0

    def _checked(self, size: int, what: str) -> int:
        if size > self._max_record_bytes:
            raise TooLarge(f"{what} has {size} bytes, at most {self._max_record_bytes} can be written")
        return size


def _size(value: bytes | None) -> int:
    return 0 if value is None else len(value)
