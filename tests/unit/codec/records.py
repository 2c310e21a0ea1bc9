"""Command records as a sender would write them, for these tests."""

import json
from typing import Any

from gateway.codec import CommandLimits, RecordParts

NOW_MS = 1_777_898_700_000
NOW = "2026-05-04T12:45:00Z"
POS = "5f1c9b8e-0000-4000-8000-94c0bdd1c4bb"
LIMITS = CommandLimits()

ATTRIBUTES = {"specversion": "1.0", "id": "m-1", "source": "/orders", "type": "payment.initiate"}
INITIATE: dict[str, Any] = {"paymentId": "p-1", "posId": POS, "amount": {"value": 1250, "currency": "DKK"}}


def attributes(**changes: Any) -> dict[str, Any]:
    """The usual attributes with changes; None takes one away."""
    return {name: value for name, value in {**ATTRIBUTES, **changes}.items() if value is not None}


def data(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**INITIATE, **changes}.items() if value is not ...}


def binary(
    given: dict[str, str] | None = None,
    body: Any = INITIATE,
    *,
    key: bytes | None = b"p-1",
    more: tuple[tuple[str, bytes | None], ...] = (),
    timestamp_ms: int = NOW_MS,
) -> RecordParts:
    """`body` is bytes, None or something to write as JSON."""
    value = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    named = attributes() if given is None else given
    headers = tuple((f"ce_{name}", text.encode()) for name, text in named.items())
    return RecordParts(key, value, (*headers, *more), timestamp_ms)


def structured(
    given: dict[str, Any] | None = None,
    body: Any = INITIATE,
    *,
    key: bytes | None = b"p-1",
    more: tuple[tuple[str, bytes | None], ...] = (),
    timestamp_ms: int = NOW_MS,
) -> RecordParts:
    """`body` ... leaves the data out."""
    members = {**(attributes() if given is None else given)}
    if body is not ...:
        members["data"] = body
    return structured_bytes(json.dumps(members).encode(), key=key, more=more, timestamp_ms=timestamp_ms)


def structured_bytes(
    value: bytes | None,
    *,
    key: bytes | None = b"p-1",
    more: tuple[tuple[str, bytes | None], ...] = (),
    timestamp_ms: int = NOW_MS,
) -> RecordParts:
    kind = ("content-type", b"application/cloudevents+json; charset=UTF-8")
    return RecordParts(key, value, (kind, *more), timestamp_ms)
