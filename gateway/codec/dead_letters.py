"""Dead letters: the record as it came, and beside it why it could not be understood.

Key, value and headers are kept byte for byte, headers without a value too. Ours are appended as text. A
record that already has `dlq.*` headers (someone copied it back without the replay, which strips them) keeps
them as they came as well; a reader takes the last of a name, as Kafka clients do, and so reads ours.
`dlq.replays` comes with a replayed record and is never added here, so the count survives.

A batch that the Kafka client cannot decode has no bytes to keep. Passing over it leaves a record of its own,
with the reason `skipped` and what is known in its value.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.codec.records import Headers, RecordParts, Wire
from gateway.codec.times import write_time
from gateway.domain.vocabulary import DeadLetterReason

PREFIX: Final = "dlq."
REPLAYS: Final = "dlq.replays"
SKIPPED: Final = "skipped"
"""The reason of the record that an operator leaves who passes over a batch that cannot be decoded."""

_LONGEST_MESSAGE_CHARACTERS: Final = 500


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`message` names the field and the problem, never a value; `type` is None where it is no known one."""

    reason: DeadLetterReason
    message: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the record lay."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Skip:
    """An operator's act: the commands from `origin` up to, but not with, `next_offset` are passed over unread.

    `error` is the decoder's, `by` who did it, `at_ms` when (ms of the epoch).
    """

    origin: Origin
    next_offset: int
    error: str
    by: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Note:
    """What the `dlq.*` headers of a dead letter tell; None where one is missing or cannot be read.

    `replays` counts how often the record was sent again before it came here.
    """

    reason: str | None
    message: str | None
    topic: str | None
    partition: int | None
    offset: int | None
    timestamp_ms: int | None
    version: str | None
    replays: int


def read_note(headers: Sequence[tuple[str, bytes | None]]) -> Note:
    """The last header of each name counts, but of the replays the highest, so that no copy resets them."""
    last = {name: value for name, value in headers if name.startswith(PREFIX)}
    replays = [_number(value) for name, value in headers if name == REPLAYS]
    return Note(
        reason=_text(last.get("dlq.reason")),
        message=_text(last.get("dlq.message")),
        topic=_text(last.get("dlq.topic")),
        partition=_number(last.get("dlq.partition")),
        offset=_number(last.get("dlq.offset")),
        timestamp_ms=_number(last.get("dlq.timestamp")),
        version=_text(last.get("dlq.version")),
        replays=max((count for count in replays if count is not None), default=0),
    )


def as_it_came(headers: Sequence[tuple[str, bytes | None]]) -> Headers:
    """The headers without all that dead-lettering and replaying have added."""
    return tuple((name, value) for name, value in headers if not name.startswith(PREFIX))


def write_skip(skip: Skip, version: str) -> Wire:
    """The record of a skipped batch; it has no key, as the commands in the batch may have had any."""
    origin, count = skip.origin, skip.next_offset - skip.origin.offset
    what = f"{count} offsets that cannot be decoded ({skip.error}) were skipped by {skip.by}"
    body = {
        "topic": origin.topic,
        "partition": origin.partition,
        "offset": origin.offset,
        "nextOffset": skip.next_offset,
        "error": skip.error,
        "skippedBy": skip.by,
        "skippedAt": write_time(skip.at_ms),
    }
    headers: Headers = tuple(
        (name, value.encode("utf-8", "replace"))
        for name, value in (
            ("content-type", "application/json"),
            ("dlq.reason", SKIPPED),
            ("dlq.message", what[:_LONGEST_MESSAGE_CHARACTERS]),
            ("dlq.topic", origin.topic),
            ("dlq.partition", str(origin.partition)),
            ("dlq.offset", str(origin.offset)),
            ("dlq.timestamp", str(skip.at_ms)),
            ("dlq.version", version),
        )
    )
    value = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Wire(None, value, headers)


def write_dead_letter(record: RecordParts, origin: Origin, letter: DeadLetter, version: str) -> Wire:
    """The dead letter of `record`; `version` is that of the distribution."""
    added: Headers = tuple(
        (name, value.encode("utf-8", "replace"))
        for name, value in (
            ("dlq.reason", letter.reason.value),
            ("dlq.message", letter.message[:_LONGEST_MESSAGE_CHARACTERS]),
            ("dlq.topic", origin.topic),
            ("dlq.partition", str(origin.partition)),
            ("dlq.offset", str(origin.offset)),
            ("dlq.timestamp", str(record.timestamp_ms)),
            ("dlq.version", version),
        )
    )
    return Wire(record.key, record.value, (*record.headers, *added))


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")


def _number(value: bytes | None) -> int | None:
    """A count or an offset; longer ones are nobody's."""
    return int(value) if value is not None and value.isdigit() and len(value) <= 19 else None
