"""JSON as other services may send it: what two readers could understand differently is refused.

NaN and Infinity are no JSON. An object with a field twice is kept as a `Repeated` one, so that the caller
can say which part of the message it spoils. A field whose value is null is taken as not given, as most
producers mean it.
"""

import json
import math
from typing import Any, Final, NoReturn

from pydantic_core import PydanticSerializationError, to_json

_LONGEST_NUMBER_CHARACTERS: Final = 400
_SHOWN_NAME_CHARACTERS: Final = 40


class NotJson(Exception):
    """`str()` says what is wrong and where, and shows nothing of the text."""


class Repeated(dict[str, Any]):
    """An object in which one field, `name`, stands more than once."""

    name: str


def read_json(raw: bytes) -> object:
    """Raises `NotJson`. Integers too long to be meant come as infinity, which no field takes."""
    try:
        return _decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise NotJson(f"is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"is not JSON at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise NotJson("is nested too deeply") from None


def write_json(value: object) -> bytes:
    """Compact, by the writer that is quickest. The provider's words may hold half a surrogate pair, which has no
    bytes and which it refuses; what tells of them must still be written.
    """
    try:
        return to_json(value)
    except PydanticSerializationError:
        return _encode(value).encode("utf-8", "replace")


def repeated_name(value: object) -> str | None:
    """The name of a field that stands twice in an object anywhere in `value`, fit to be shown."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Repeated):
            return shown_name(one.name)
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        waiting += [value for value in inner if isinstance(value, (dict, list))]
    return None


def shown_name(name: str) -> str:
    """A field's name from outside: printable ASCII of bounded length."""
    return name[:_SHOWN_NAME_CHARACTERS].encode("unicode_escape").decode("ascii")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        spoilt = Repeated(fields)
        spoilt.name = next(name for position, name in enumerate(names) if name in names[:position])
        return spoilt
    if any(value is None for value in fields.values()):
        return {name: value for name, value in fields.items() if value is not None}
    return fields


def _refuse_constant(word: str) -> NoReturn:
    raise NotJson(f"is not JSON: {word} is no JSON number")


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_NUMBER_CHARACTERS else math.inf


_decode: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_refuse_constant, parse_int=_integer
).decode
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
