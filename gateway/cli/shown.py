"""Bytes from outside as people and programs may see them."""

import base64
import json
from typing import Any

Shown = str | dict[str, str] | None


def as_json(raw: bytes | None) -> Shown:
    """Text where it is UTF-8, else `{"base64": …}`, so that the very bytes can be had again."""
    if raw is None:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}


def as_text(raw: bytes | None, absent: str = "null") -> str:
    """For people: what is no text as hex; what others wrote must not steer the terminal."""
    if raw is None:
        return absent
    try:
        return printable(raw.decode())
    except UnicodeDecodeError:
        return f"hex {raw.hex()}"


def printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def json_line(fields: Any) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
