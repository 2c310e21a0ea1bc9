"""What a log entry may not show: masked by the field's name, by the value's look, and by the very value.

Patterns are the net under the rule that secrets and phone numbers are not given to a logger at all. They
would rather mask too much: an amount or an offset is a number and has no plus sign, an id is no bearer
token.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from structlog.typing import EventDict

MASK: Final = "****"

MAX_TEXT_CHARACTERS: Final = 2_000
MAX_EXCEPTION_CHARACTERS: Final = 16_000
MAX_MASKED_CHARACTERS: Final = 200_000
MAX_ITEMS: Final = 50
MAX_DEPTH: Final = 4

_SHORTEST_CONCEALED_CHARACTERS: Final = 4

_WORD: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")

_PRIVATE_WORDS: Final = frozenset(
    {
        *("apikey", "authorization", "bearer", "cookie", "credential", "credentials", "passphrase", "passwd"),
        *("password", "secret", "secrets", "token", "tokens", "msisdn", "phone", "phonenumber"),
    }
)

_NAME: Final = (
    r"(?:secret|passw(?:or)?d|token|api[_-]?key|authorization|cookie"
    r"|phone(?:[_-]?number)?|msisdn)[\w.-]{0,30}"
)
_IS: Final = r"\\?[\"']?\s*[:=]\s*(?:b?\\?[\"'])?"
_SCHEME: Final = r"(?:(?:bearer|basic)\s+)?"

_PATTERNS: Final = (
    (re.compile(r"(?i)\b(bearer|basic)(\s+)(?=[\w.~+/*-]{6})[\w.~+/*-]+=*"), rf"\1\2{MASK}"),
    (re.compile(r"\beyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)?"), MASK),
    (re.compile(rf"(?i)({_NAME}{_IS}){_SCHEME}[^\s\"'\\,;&}})\]]+"), rf"\1{MASK}"),
    (re.compile(r"(://)[^\s/@:]*:[^\s/@]+@"), rf"\1{MASK}@"),
    (re.compile(r"(?<![\w+])\+[1-9](?:[ ()-]{0,2}\d){7,14}(?!\d)"), MASK),
    (re.compile(r"(?<![\w.])00(?:45|358)(?:[ -]?\d){6,11}(?!\d)"), MASK),
)

_PLAIN: Final = re.compile(rf"[A-Za-z0-9._/\n-]{{0,{MAX_TEXT_CHARACTERS}}}")
"""No space, colon, equals or plus sign: of the patterns above only those without one can match in such a text."""

_UNPRINTABLE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


class Redaction:
    """Masks entries; `conceal` are values that are masked wherever they stand."""

    def __init__(self, conceal: Iterable[str] = ()) -> None:
        values = {value for value in conceal if len(value) >= _SHORTEST_CONCEALED_CHARACTERS}
        self._values = longest_first = sorted(values, key=len, reverse=True)
        self._concealed = re.compile("|".join(map(re.escape, longest_first))) if values else None

    def processor(self, _logger: Any, _method: str, entry: EventDict) -> EventDict:
        """The structlog processor; it makes a new entry of plain, bounded, printable values."""
        clean: EventDict = {}
        for name, value in entry.items():
            if name == "exception" and isinstance(value, str):
                lines = self._masked(value)[-MAX_EXCEPTION_CHARACTERS:].split("\n")
                clean[name] = "\n".join(map(_printable, lines))
            else:
                clean[self.text(str(name))] = self._value(str(name), value, 0)
        return clean

    def leaves(self, text: str) -> bool:
        """Whether `text`, several values one below the other, is certain to stay as it is. Quick, and False where
        in doubt.
        """
        return (
            _PLAIN.fullmatch(text) is not None
            and "eyJ" not in text
            and "0045" not in text
            and "00358" not in text
            and not any(map(text.__contains__, self._values))
        )

    def text(self, text: str) -> str:
        """`text` without secrets, phone numbers and control characters, shortened to the bound."""
        masked = _printable(self._masked(text))
        if len(masked) > MAX_TEXT_CHARACTERS:
            return f"{masked[:MAX_TEXT_CHARACTERS]}... ({len(text)} characters)"
        return masked

    def _masked(self, text: str) -> str:
        # Masked before it is shortened to its bound: a secret cut in two would match no longer.
        text = text[:MAX_MASKED_CHARACTERS]
        if self._concealed is not None:
            text = self._concealed.sub(MASK, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text

    def _value(self, name: str, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if _is_private(name):
            return MASK
        match value:
            case float():
                return value if math.isfinite(value) else str(value)
            case int():
                return value
            case str():
                return self.text(value)
            case Mapping() if depth < MAX_DEPTH:
                return self._mapping(value, depth)
            case list() | tuple() | set() | frozenset() if depth < MAX_DEPTH:
                return self._items(name, value, depth)
            case _:
                return self.text(_shown(value))

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        clean = {}
        for name, item in list(value.items())[:MAX_ITEMS]:
            clean[self.text(str(name))] = self._value(str(name), item, depth + 1)
        if len(value) > MAX_ITEMS:
            clean["..."] = f"{len(value) - MAX_ITEMS} more"
        return clean

    def _items(self, name: str, value: Iterable[Any], depth: int) -> list[Any]:
        items = list(value)
        # A header is written as a pair of its name and its value.
        if len(items) == 2 and isinstance(items[0], str | bytes) and _is_private(_shown(items[0])):
            return [self.text(_shown(items[0])), MASK]
        clean = [self._value(name, item, depth + 1) for item in items[:MAX_ITEMS]]
        if len(items) > MAX_ITEMS:
            clean.append(f"... {len(items) - MAX_ITEMS} more")
        return clean


def _is_private(name: str) -> bool:
    return any(word.lower() in _PRIVATE_WORDS for word in _WORD.findall(name))


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub(lambda match: match.group().encode("unicode_escape").decode("ascii"), text)


def _shown(value: object) -> str:
    if isinstance(value, bytes | bytearray):
        return bytes(value[: 2 * MAX_TEXT_CHARACTERS]).decode("utf-8", "backslashreplace")
    try:
        return str(value)
    except Exception as fault:
        # An entry must not be lost, nor its writer stopped, because a value cannot be shown.
        return f"<{type(value).__name__} that cannot be shown: {type(fault).__name__}>"
