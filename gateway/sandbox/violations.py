"""The breaks of the protocol by their names, and the form in which they are remembered."""

from __future__ import annotations

from typing import NamedTuple

from gateway.sandbox.calls import Sighting

VIOLATIONS: dict[str, str] = {
    "polled_too_early": "a resource was polled before its last pollDelayInMs had passed",
    "too_many_requests": "more requests of one call than allowed, without an answered look between them",
    "key_reused": "an idempotency key was sent with another request than its first",
    "key_used_too_late": "an idempotency key was sent later than it may be counted on",
    "second_key": "a new idempotency key for a call whose earlier key has no known outcome",
    "second_resource": "one idempotency key made two resources",
    "changed_call": "a call was repeated with another body before its outcome was known",
    "opposite_decision": "capture and cancel of one payment or refund, before the other was settled",
    "concurrent_requests": "two requests of one call at the same time",
    "waited_too_long": "an answer was awaited longer than 2 s for a write or 0.5 s for a read",
    "malformed_header": "a header missing, repeated or invalid",
    "missing_key": "a creating POST without an idempotency key",
    "missing_token": "a call without a bearer token",
    "invalid_request": "a request that the API's formats forbid",
    "unknown_parameter": "a query parameter that the endpoint does not have",
    "unexpected_body": "a body where the endpoint takes none",
    "unknown_path": "a path or method that the API does not have",
}


class Record(NamedTuple):
    """A violation or a note; `at` in seconds since 1970, `request` the number of the request."""

    number: int
    at: float
    name: str
    operation: str
    resource: str
    request: int
    explanation: str


def record(number: int, name: str, sighting: Sighting, now: float, explanation: str) -> Record:
    operation = sighting.operation.value if sighting.operation else ""
    return Record(number, now, name, operation, sighting.subject, sighting.number, explanation)
