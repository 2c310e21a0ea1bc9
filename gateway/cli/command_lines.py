"""Reads the lines of `send`: JSON objects `{"type", "id"?, "source"?, "time"?, "expirytime"?, "data"}`.

Pure: lines in, records to send or problems out. Only the envelope is judged, and the key that the record must
have; what the data means is the gateway's to judge, so an older tool can send a later gateway's commands.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NoReturn
from uuid import NAMESPACE_URL, uuid5

DEFAULT_SOURCE: Final = "/pos-gateway/send"

_FIELDS: Final = ("type", "id", "source", "time", "expirytime", "data")
_KEYS: Final = ("paymentId", "merchantPosId")
_LINES: Final = uuid5(NAMESPACE_URL, "urn:pos-gateway:send")


@dataclass(frozen=True, slots=True)
class CommandLine:
    """One record to send, in CloudEvents binary mode. `line` counts from 1."""

    line: int
    id: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one line; `field` is its path, empty where the line as a whole is meant."""

    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: " + (f"{self.field}: " if self.field else "") + self.message


def read_command_lines(
    lines: Iterable[bytes], source: str = DEFAULT_SOURCE
) -> tuple[list[CommandLine], list[Problem]]:
    """Blank lines are left out. `source` is used where a line names none."""
    commands: list[CommandLine] = []
    problems: list[Problem] = []
    for number, raw in enumerate(lines, start=1):
        if not raw.strip():
            continue
        try:
            commands.append(_read(number, raw, source))
        except _Wrong as wrong:
            problems.append(Problem(number, wrong.field, str(wrong)))
    return commands, problems


class _Wrong(Exception):
    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def _read(number: int, raw: bytes, source: str) -> CommandLine:
    line = _object(raw)
    for name in line:
        if name not in _FIELDS:
            raise _Wrong(_printable(name), f"unknown field; known are {', '.join(_FIELDS)}")
    kind = _text(line, "type")
    if kind is None:
        raise _Wrong("type", "missing")
    data = line.get("data")
    if not isinstance(data, dict):
        raise _Wrong("data", "missing" if data is None else "must be an object")
    source = _text(line, "source") or source
    given = {name: _text(line, name) for name in ("time", "expirytime")}
    for name, value in given.items():
        if value is not None and not _is_time(value):
            raise _Wrong(name, "must be an RFC 3339 time such as 2026-05-04T12:30:00Z")
    body = _compact(data)
    identity = _text(line, "id") or _derived_id({**line, "source": source})
    headers = [("ce_specversion", "1.0"), ("ce_id", identity), ("ce_source", source), ("ce_type", kind)]
    headers += [(f"ce_{name}", value) for name, value in given.items() if value is not None]
    headers.append(("content-type", "application/json"))
    return CommandLine(
        number,
        identity,
        _key(data),
        body,
        tuple((name, value.encode()) for name, value in headers),
    )


def _object(raw: bytes) -> dict[str, Any]:
    try:
        line = json.loads(raw.decode("utf-8"), parse_constant=_not_json, object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise _Wrong("", f"is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise _Wrong("", f"is not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise _Wrong("", "is nested too deeply") from None
    except ValueError:
        raise _Wrong("", "holds a number that is too long") from None
    if not isinstance(line, dict):
        raise _Wrong("", "must be a JSON object")
    return line


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        raise _Wrong(_printable(next(name for name in names if names.count(name) > 1)), "stands twice")
    return fields


def _printable(name: str) -> str:
    return name[:40].encode("ascii", "backslashreplace").decode()


def _not_json(word: str) -> NoReturn:
    raise _Wrong("", f"is not JSON: {word}")


def _text(line: dict[str, Any], name: str) -> str | None:
    value = line.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise _Wrong(name, "must be a text that is not empty")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _Wrong(name, "holds half a surrogate pair") from None
    return value


def _key(data: dict[str, Any]) -> bytes:
    for name in _KEYS:
        value = data.get(name)
        if value is None:
            continue
        if not isinstance(value, str) or not value:
            raise _Wrong(f"data.{name}", "must be a text that is not empty: it is the record's key")
        return value.encode()
    raise _Wrong("data.paymentId", "missing (or data.merchantPosId): it is the record's key")


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text.upper()).tzinfo is not None and "T" in text.upper()
    except ValueError:
        return False


def _derived_id(line: dict[str, Any]) -> str:
    return str(uuid5(_LINES, json.dumps(line, sort_keys=True, separators=(",", ":"))))


def _compact(data: dict[str, Any]) -> bytes:
    try:
        return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise _Wrong("data", "holds half a surrogate pair") from None
