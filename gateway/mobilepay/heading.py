"""Headers as the lines that go on the wire."""

from collections.abc import Sequence

import httpx

Fields = Sequence[tuple[bytes, bytes]]


def lines_of(fields: Fields) -> bytes:
    """Raises `LocalProtocolError` for what would blur where a line or the head ends, for any reader."""
    lines = b"".join([b"%b: %b\r\n" % field for field in fields])
    if lines.count(b"\n") != len(fields) or lines.count(b"\r") != len(fields) or b"\0" in lines:
        raise httpx.LocalProtocolError("a control character in the head of the request")
    return lines


class Heading:
    """Headers that many requests have in common, made into lines once."""

    __slots__ = ("fields", "lines")

    def __init__(self, fields: Fields) -> None:
        self.fields = tuple(fields)
        self.lines = lines_of(fields)
