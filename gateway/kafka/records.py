"""Records as the runtime reads and writes them: bytes, with headers whose values may be null."""

from dataclasses import dataclass, field
from enum import StrEnum

Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One consumed record; `timestamp_ms` is the record's own, in ms of the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Channel(StrEnum):
    """Where an outgoing record goes; the runtime knows the topic's name."""

    EVENTS = "events"
    DEAD_LETTERS = "dead_letters"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to publish in the partition's next transaction. `about`: whatever its maker wants to have at hand
    when it is committed.
    """

    channel: Channel
    key: bytes | None
    value: bytes | None
    headers: Headers
    about: object = field(default=None, compare=False, repr=False)
