"""Requests and answers as plain values, and the JSON of this API.

Amounts are decimal numbers in major units on the wire (`12.5` is 12.50 DKK) and integer minor units inside.
They are read as `Decimal` and written from the integer, so that no float ever holds money.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any, NoReturn
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is decoded, `query` raw, header names are in lower case, repeated headers stand repeated."""

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        return [value for header, value in self.headers if header == name]

    def parameters(self) -> dict[str, list[str]]:
        """Query parameters with their values; a parameter that stands empty is as good as absent."""
        if not self.query:
            return {}
        found: dict[str, list[str]] = {}
        for name, value in parse_qsl(self.query):
            found.setdefault(name, []).append(value)
        return found

    def parameter_names(self) -> frozenset[str]:
        """All of them, empty ones too."""
        if not self.query:
            return frozenset()
        return frozenset(name for name, _ in parse_qsl(self.query, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Response:
    """What is sent, and beside it what the recorder wants to know of it (never on the wire): the error
    `code`, the `resource` that the answer is about, the `poll_delay_ms` it tells, the ids it `listed`,
    whether the resource has `ended`."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    stream: Iterator[bytes] | None = None
    code: str = ""
    resource: str = ""
    poll_delay_ms: int | None = None
    listed: tuple[str, ...] = ()
    ended: bool = False


JSON_TYPE = (("content-type", "application/json; charset=utf-8"),)


class UnreadableError(ValueError):
    """The body is not a JSON object."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Minor units that are to be written as a decimal number in major units."""

    minor: int

    def text(self) -> str:
        major, cents = divmod(self.minor, 100)
        return f"{major}.{cents:02d}".rstrip("0").rstrip(".") if cents else str(major)


def _no_constant(name: str) -> NoReturn:
    raise UnreadableError(f"{name} is no JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise UnreadableError("a member stands more than once")
    return members


_READER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_once)
_WRITER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`, decimal numbers as `Decimal`; `UnreadableError` for anything else."""
    try:
        value = _READER.decode(body.decode("utf-8"))
    except (ValueError, RecursionError) as problem:
        raise UnreadableError("the body is not JSON") from problem
    if not isinstance(value, dict):
        raise UnreadableError("the body is not a JSON object")
    return value


def write_object(members: Mapping[str, object]) -> bytes:
    """Compact JSON of an object whose members may be `Amount`; members that are None are left out."""
    parts = [f'"{name}":{_text(value)}' for name, value in members.items() if value is not None]
    return ("{" + ",".join(parts) + "}").encode("utf-8", "backslashreplace")


def _text(value: object) -> str:
    if type(value) is str:
        return encode_basestring(value)
    return value.text() if isinstance(value, Amount) else _WRITER.encode(value)


def write_json(value: object) -> bytes:
    return _WRITER.encode(value).encode("utf-8", "backslashreplace")


def answer(status: int, members: Mapping[str, object]) -> Response:
    return Response(status, write_object(members), JSON_TYPE)
