"""YAML as the AsyncAPI document needs it: blocks, plain keys, and scalars as JSON writes them."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

_PLAIN: Final = re.compile(r"[A-Za-z$][A-Za-z0-9_.$/-]*")
_WORDS: Final = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def write_yaml(value: Any) -> str:
    """A document of dicts, lists and scalars."""
    return "\n".join(_lines(value, "")) + "\n"


def _lines(value: Any, indent: str) -> Iterator[str]:
    match value:
        case dict() if value:
            for name, inner in value.items():
                if isinstance(inner, dict | list) and inner:
                    yield f"{indent}{_key(name)}:"
                    yield from _lines(inner, indent + "  ")
                else:
                    yield f"{indent}{_key(name)}: {_scalar(inner)}"
        case list() if value:
            for inner in value:
                first, *rest = _lines(inner, indent + "  ")
                yield f"{indent}- {first.removeprefix(indent + '  ')}"
                yield from rest
        case _:
            yield indent + _scalar(value)


def _key(name: str) -> str:
    return (
        name
        if _PLAIN.fullmatch(name) and name.lower() not in _WORDS
        else json.dumps(name, ensure_ascii=False)
    )


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
