"""Dead letters: the record as it came, and beside it why it could not be understood.

Key, value and headers are kept byte for byte, headers without a value too. Ours are appended as text. A
record that already has `dlq.*` headers (someone copied it back without the replay, which strips them) keeps
them as they came as well; a reader takes the last of a name, as Kafka clients do, and so reads ours.
`dlq.replays` comes with a replayed record and is never added here, so the count survives.
"""

from dataclasses import dataclass
from typing import Final

from gateway.codec.records import Headers, RecordParts, Wire
from gateway.domain.vocabulary import DeadLetterReason

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
