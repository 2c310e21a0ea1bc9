"""Single fields of an answer, read tolerantly: what cannot be read is None, never an exception and never a
guess.
"""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from gateway.domain.money import MAX_VALUE, MIN_VALUE, Currency, Money

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
_TOKEN: Final = re.compile(r"[0-9A-Za-z._:|-]{1,64}")
_NUMBER: Final = re.compile(r"[0-9]{1,16}(\.[0-9]{1,8})?")
_MAX_DIGITS: Final = 18
_CURRENCIES: Final = dict(Currency.__members__)


def json_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object of a body, numbers as int or Decimal; None for anything else."""
    try:
        found = _decoder.decode(body.removeprefix(BOM_UTF8).decode())
    except (ValueError, RecursionError, ArithmeticError):
        return None
    return found if isinstance(found, dict) else None


def text(value: object, max_length: int) -> str | None:
    """A string that can be written again: half of a surrogate pair cannot."""
    if not isinstance(value, str) or len(value) > max_length:
        return None
    return value if value.isascii() or not _SURROGATE.search(value) else None


_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def identifier(value: object) -> str | None:
    """An id that the provider made; it becomes part of paths, so it may not hold anything that has a meaning
    there.
    """
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def code(fields: Mapping[str, Any]) -> str | None:
    """The error code, which some answers write as a number."""
    value = _either(fields, "code")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**_MAX_DIGITS else None
    return _token(value)


def correlation_id(fields: Mapping[str, Any]) -> str | None:
    """Older documents spell it with a capital."""
    return _token(_either(fields, "correlationId"))


def money(amount: object, currency: object) -> Money | None:
    """Major units as a JSON number (or the same in a string) in minor units; None where it is not exact."""
    if isinstance(amount, str) and _NUMBER.fullmatch(amount):
        amount = Decimal(amount)
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        return None
    known = _CURRENCIES.get(currency) if isinstance(currency, str) else None
    if known is None:
        return None
    value = _whole(amount, 100)
    if value is None or not MIN_VALUE <= value <= MAX_VALUE:
        return None
    return Money(value, known)


def milliseconds(value: object, most: int) -> int | None:
    """A duration that is not negative, `most` at most."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    found = _whole(value, 1)
    return None if found is None or found < 0 else min(found, most)


def moment_ms(value: object) -> int | None:
    """ISO 8601 with an offset, in ms of the epoch."""
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return None if parsed.tzinfo is None else (parsed - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None


def _whole(value: int | Decimal, times: int) -> int | None:
    """`value` x `times` where that is an integer of bounded size."""
    if isinstance(value, int):
        return value * times if abs(value) < 10**_MAX_DIGITS else None
    if not value.is_finite() or len(value.as_tuple().digits) > _MAX_DIGITS:
        return None
    if not value:
        return 0
    if not -_MAX_DIGITS < value.adjusted() < _MAX_DIGITS:
        return None
    scaled = value * times
    return int(scaled) if scaled == scaled.to_integral_value() else None


def _token(value: object) -> str | None:
    return value if isinstance(value, str) and _TOKEN.fullmatch(value) else None


def _either(fields: Mapping[str, Any], name: str) -> object:
    found = fields.get(name)
    return fields.get(name[0].upper() + name[1:]) if found is None else found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")


_decoder: Final = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse)
