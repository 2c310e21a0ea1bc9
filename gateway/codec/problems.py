"""What is wrong with the data of a command, in words: the field's path and the problem, never the value."""

import re
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.codec.formats import LONGEST_TEXT_CHARACTERS, PATTERN_PROBLEMS, TEXT_PATTERN

_SHOWN_PROBLEMS: Final = 5
_TEXT: Final = re.compile(TEXT_PATTERN)

_MUST_BE: Final = {
    "missing": "missing",
    "string_type": "must be a string",
    "string_unicode": "has half a surrogate pair",
    "string_too_short": f"must have 1 to {LONGEST_TEXT_CHARACTERS} characters",
    "string_too_long": f"must have 1 to {LONGEST_TEXT_CHARACTERS} characters",
    "int_type": "must be an integer",
    "int_from_float": "must be an integer",
    "bool_type": "must be true or false",
    "dataclass_type": "must be an object",
    "tuple_type": "must be an array",
}


def problems_of(error: ValidationError) -> str:
    """`amount.value: must be an integer; posId: missing`, the first five and how many more there are."""
    details = error.errors(include_url=False, include_context=True, include_input=True)
    told = [f"{_path(detail)}: {_problem(detail)}" for detail in details[:_SHOWN_PROBLEMS]]
    if len(details) > len(told):
        told.append(f"and {len(details) - len(told)} more")
    return "; ".join(told)


def _path(detail: ErrorDetails) -> str:
    return ".".join(map(str, detail["loc"]))


def _problem(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    match kind:
        case "greater_than_equal":
            return f"must be at least {context['ge']}"
        case "less_than_equal":
            return f"must be at most {context['le']}"
        case "enum" | "literal_error":
            return f"must be {context['expected']}"
        case "string_pattern_mismatch":
            pattern = str(context["pattern"])
            place = _foreign_character(detail["input"]) if pattern == TEXT_PATTERN else ""
            return PATTERN_PROBLEMS[pattern] + place
        case "too_long":
            return f"must have at most {context['max_length']} entries"
        case "each_once":
            return detail["msg"]
        case _:
            return _MUST_BE.get(kind, "is wrong")


def _foreign_character(text: str) -> str:
    for position, character in enumerate(text):
        if _TEXT.fullmatch(character) is None:
            return f": U+{ord(character):04X} at position {position}"
    return ""
