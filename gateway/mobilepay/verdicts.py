"""What one HTTP answer says about the operation that asked for it. Pure and total: any answer has one."""

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from gateway.domain.calls import AnyOperation
from gateway.domain.operations import Refusal
from gateway.domain.vocabulary import Reason
from gateway.mobilepay import fields
from gateway.mobilepay.errors import reason_for
from gateway.mobilepay.exchange import Answer
from gateway.mobilepay.successes import Done, read_success

_MAX_RETRY_AFTER_SECONDS: Final = 3600.0
_NOT_TAKEN_IN: Final = frozenset({408, 425})


@dataclass(frozen=True, slots=True)
class Heard:
    """It was done. `unreadable` names the fields that were there and could not be read."""

    outcome: Done
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Unheard:
    """An answer that does not tell the outcome."""

    why: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """429. `retry_after_seconds`: None where the provider did not say."""

    retry_after_seconds: float | None


@dataclass(frozen=True, slots=True)
class Unauthorised:
    """401: nothing took effect."""


@dataclass(frozen=True, slots=True)
class Misaddressed:
    """Not an answer of the API that we mean to ask: a wrong address, or a proxy in between."""

    status: int


Verdict = Heard | Refused | Unheard | Throttled | Unauthorised | Misaddressed


def verdict_of(operation: AnyOperation, answer: Answer, absent: Reason | None, wall_ms: int) -> Verdict:
    """`absent` is what a 404 means on the path asked; `wall_ms` is for a Retry-After that is a date."""
    status, body = answer.status, answer.body
    if 200 <= status < 300:
        read = read_success(operation, body)
        return Unheard("unreadable") if read is None else Heard(*read)
    if 300 <= status < 400:
        return Misaddressed(status)
    if status == 401:
        return Unauthorised()
    if status == 429:
        return Throttled(_retry_after(answer.headers.get("Retry-After"), wall_ms))
    if not 400 <= status < 500 or status in _NOT_TAKEN_IN:
        return Unheard("server_error")
    said = fields.json_object(body) or {}
    code = fields.code(said)
    reason = reason_for(status, code, absent)
    if reason is None:
        return Misaddressed(status)
    return Refused(Refusal(reason, status, code, fields.correlation_id(said)))


def _retry_after(value: str | None, wall_ms: int) -> float | None:
    """Seconds, or an HTTP date (RFC 9110 section 10.2.3)."""
    if value is None:
        return None
    given = value.strip()
    if given.isascii() and given.isdigit():
        return min(float(given[:9]), _MAX_RETRY_AFTER_SECONDS)
    try:
        at = parsedate_to_datetime(given)
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        return min(max(at.timestamp() - wall_ms / 1000, 0.0), _MAX_RETRY_AFTER_SECONDS)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
