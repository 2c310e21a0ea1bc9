"""Replays: which dead letters may be sent again, and what the record then is.

Pure: dead letters in, records to send or reasons against it out. A replayed record has its key, value and
headers as they first came, so the same message identity: where the gateway has accepted it meanwhile, the
replay is a repeat and has no second effect. All `dlq.*` headers go but `dlq.replays`, which rises by one.

The age of a command is part of what it says, so a replay keeps it: `ce_time` stands as it came, and a record
without one keeps its own timestamp, which then counts as that. Renewing sets `ce_time` to the present, as a
header or as the member `time` in structured mode, whose other bytes stay. `ce_expirytime` is never renewed: it
is the sender's own word on when it no longer wants the effect, and nobody here knows whether it still does.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.codec.dead_letters import REPLAYS, SKIPPED, as_it_came, read_note
from gateway.codec.records import Headers, RecordParts
from gateway.codec.times import write_time

MAX_REPLAYS: Final = 3

_CE_TIME: Final = "ce_time"
_STRUCTURED: Final = b"application/cloudevents+json"
_SPACE: Final = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Replay:
    """What is sent: a record with a timestamp of its own; None leaves it to the producer, so to the present."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int | None


class Obstacle(StrEnum):
    """Why a dead letter is not sent again."""

    SKIPPED = "a skipped batch holds nothing that could be sent"
    TOO_OFTEN = "it has been replayed 3 times and came back each time"


def replay(letter: RecordParts, now_ms: int, renew_time: bool) -> Replay | Obstacle:
    """`letter` as it lies in the dead letters; `now_ms` is used where the time is renewed."""
    note = read_note(letter.headers)
    if note.reason == SKIPPED:
        return Obstacle.SKIPPED
    if note.replays >= MAX_REPLAYS:
        return Obstacle.TOO_OFTEN
    headers, value = as_it_came(letter.headers), letter.value
    is_structured = _is_structured(headers)
    names_time = _time_span(value) is not None if is_structured else _names_time(headers)
    if renew_time and is_structured:
        value = _with_time(value, now_ms)
    elif renew_time:
        headers = _renewed(headers, now_ms)
    keeps = not names_time and not renew_time
    counted = (*headers, (REPLAYS, str(note.replays + 1).encode()))
    return Replay(letter.key, value, counted, note.timestamp_ms if keeps else None)


class Lineages:
    """Which dead letters came back after a replay: the newest of a line is to be sent again, the older ones are
    superseded, since otherwise each round would double the records. Some 100 bytes a dead letter.
    """

    def __init__(self) -> None:
        self._highest: dict[bytes, int] = {}

    def add(self, letter: RecordParts) -> None:
        line, count = _line(letter), read_note(letter.headers).replays
        self._highest[line] = max(count, self._highest.get(line, 0))

    def superseded(self, letter: RecordParts) -> bool:
        """Whether a replay of it has come back as another dead letter that was added."""
        return read_note(letter.headers).replays < self._highest.get(_line(letter), 0)


def _line(letter: RecordParts) -> bytes:
    """What a record and its replays have in common, whether or not the time was renewed."""
    headers, value = as_it_came(letter.headers), letter.value
    if _is_structured(headers):
        span = _time_span(value)
        if value is not None and span is not None:
            value = value[: span[0]] + value[span[1] :]
    kept = tuple(header for header in headers if header[0] != _CE_TIME)
    return hashlib.sha256(repr((letter.key, value, kept)).encode()).digest()


def _is_structured(headers: Headers) -> bool:
    kinds = [value for name, value in headers if name == "content-type"]
    return bool(kinds) and kinds[-1] is not None and kinds[-1].strip().lower().startswith(_STRUCTURED)


def _names_time(headers: Headers) -> bool:
    return any(name == _CE_TIME and value for name, value in headers)


def _renewed(headers: Headers, now_ms: int) -> Headers:
    now = write_time(now_ms).encode()
    return tuple((name, now if name == _CE_TIME and value else value) for name, value in headers)


def _with_time(value: bytes | None, now_ms: int) -> bytes | None:
    span = _time_span(value)
    if value is None or span is None:
        return value
    return value[: span[0]] + f'"{write_time(now_ms)}"'.encode() + value[span[1] :]


def _time_span(value: bytes | None) -> tuple[int, int] | None:
    """Where the member `time` of a structured value has its string, in bytes; None where it is not there just
    once.
    """
    try:
        text = (value or b"").decode()
        spans = [
            (start, end)
            for name, said, start, end in _members(text)
            if name == "time" and isinstance(said, str)
        ]
    except (ValueError, RecursionError):
        return None
    if len(spans) != 1:
        return None
    (start, end) = spans[0]
    return len(text[:start].encode()), len(text[:end].encode())


def _members(text: str) -> Iterable[tuple[object, object, int, int]]:
    """The members of the outermost object with the places of their values. Raises ValueError."""
    decoder = json.JSONDecoder()
    at = _after(text, 0, "{")
    while True:
        name, end = decoder.raw_decode(text, _blank(text, at))
        start = _blank(text, _after(text, end, ":"))
        said, end = decoder.raw_decode(text, start)
        yield name, said, start, end
        at = _blank(text, end)
        if text[at : at + 1] == "}":
            return
        at = _after(text, at, ",")


def _blank(text: str, at: int) -> int:
    while text[at : at + 1] and text[at] in _SPACE:
        at += 1
    return at


def _after(text: str, at: int, mark: str) -> int:
    at = _blank(text, at)
    if text[at : at + 1] != mark:
        raise ValueError(f"{mark} expected")
    return at + 1
