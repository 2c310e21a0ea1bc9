"""Records as this room reads and writes them: a structural copy of the runtime's, which it must not know."""

from dataclasses import dataclass

Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class RecordParts:
    """One consumed record; `timestamp_ms` is the record's own, in ms of the epoch."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Wire:
    """A record to publish, in bytes. Header values may be null, since dead letters keep those that came."""

    key: bytes | None
    value: bytes | None
    headers: Headers
