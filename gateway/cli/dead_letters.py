"""Dead letters as the commands select and show them. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.cli.shown import as_json, as_text
from gateway.codec.dead_letters import PREFIX, Note, read_note
from gateway.codec.records import RecordParts
from gateway.codec.times import write_time


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record of the dead letters' topic, and where it lies there."""

    partition: int
    offset: int
    record: RecordParts

    @property
    def note(self) -> Note:
        return read_note(self.record.headers)

    @property
    def place(self) -> str:
        return f"{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class Filter:
    """None, or no reason, lets everything through. `since_ms`: when it became a dead letter."""

    reasons: Sequence[str] = ()
    key: str | None = None
    payment: str | None = None
    since_ms: int | None = None

    def takes(self, letter: DeadLetter) -> bool:
        record = letter.record
        if self.reasons and letter.note.reason not in self.reasons:
            return False
        if self.since_ms is not None and record.timestamp_ms < self.since_ms:
            return False
        if self.key is not None and record.key != self.key.encode():
            return False
        return self.payment is None or self.payment in _payments(record)


def summary(letter: DeadLetter) -> dict[str, Any]:
    """What a list says of it, as JSON."""
    note, record = letter.note, letter.record
    envelope = _envelope(record)
    return {
        "partition": letter.partition,
        "offset": letter.offset,
        "time": write_time(record.timestamp_ms),
        "reason": note.reason,
        "message": note.message,
        "key": as_json(record.key),
        "id": envelope.get("id"),
        "source": envelope.get("source"),
        "type": envelope.get("type"),
        "origin": {
            "topic": note.topic,
            "partition": note.partition,
            "offset": note.offset,
            "timestamp": None if note.timestamp_ms is None else write_time(note.timestamp_ms),
        },
        "version": note.version,
        "replays": note.replays,
    }


def whole(letter: DeadLetter) -> dict[str, Any]:
    """All of it: the headers as they came in their order, the gateway's own apart, and the value."""
    record = letter.record
    came = [(name, value) for name, value in record.headers if not name.startswith(PREFIX)]
    added = [(name, value) for name, value in record.headers if name.startswith(PREFIX)]
    return {
        **summary(letter),
        "headers": [{"name": name, "value": as_json(value)} for name, value in came],
        "dlqHeaders": [{"name": name, "value": as_json(value)} for name, value in added],
        "value": as_json(record.value),
        "valueBytes": None if record.value is None else len(record.value),
    }


COLUMNS = ("dead letter", "time", "reason", "key", "type", "id", "replays", "message")


def row(letter: DeadLetter) -> tuple[str, ...]:
    note, record = letter.note, letter.record
    envelope = _envelope(record)
    return (
        letter.place,
        write_time(record.timestamp_ms),
        as_text((note.reason or "-").encode()),
        as_text(record.key),
        as_text((envelope.get("type") or "-").encode()),
        as_text((envelope.get("id") or "-").encode()),
        str(note.replays),
        as_text((note.message or "-").encode()),
    )


def _envelope(record: RecordParts) -> dict[str, str]:
    """id, source, type as far as they can be told, in either mode."""
    members = _object(record.value)
    names = ("id", "source", "type")
    headers = {name: value for name, value in record.headers if value is not None}
    found = {
        name: headers[f"ce_{name}"].decode("utf-8", "replace") for name in names if f"ce_{name}" in headers
    }
    if not found and "specversion" in members:
        found = {name: members[name] for name in names if isinstance(members.get(name), str)}
    return {name: value.encode("utf-8", "replace").decode() for name, value in found.items()}


def _payments(record: RecordParts) -> set[str]:
    """Whom it may be about: its key, and what its data names."""
    members = _object(record.value)
    inner = members.get("data")
    named = [one.get("paymentId") for one in (members, inner) if isinstance(one, dict)]
    key = [] if record.key is None else [record.key.decode("utf-8", "replace")]
    return {name for name in (*named, *key) if isinstance(name, str)}


def _object(value: bytes | None) -> dict[str, Any]:
    try:
        found = json.loads(value or b"")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
