"""Checks what a request says, field by field, and refuses it with the API's code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.sandbox.entities import Terms
from gateway.sandbox.formats import as_minor_units, as_uuid, valid_text
from gateway.sandbox.http import Request, UnreadableError, read_object
from gateway.sandbox.refusals import Absent, Refusal

CURRENCIES = ("DKK", "EUR")
CAPTURE_DELAYS = ("None", "LessThan24Hours", "LessThan14Days")


def body_of(request: Request, fields: frozenset[str]) -> dict[str, Any]:
    """The JSON object of the request; 415 for another content type, 1099 for anything unreadable or any field
    that the schema does not have (it says `additionalProperties: false`)."""
    kinds = request.values("content-type")
    kind = kinds[0].partition(";")[0].strip().lower() if len(kinds) == 1 else ""
    if kind not in ("application/json", "text/json") and not (
        kind.startswith("application/") and kind.endswith("+json")
    ):
        raise Absent(415)
    try:
        body = read_object(request.body)
    except UnreadableError as problem:
        raise Refusal("1099", str(problem)) from problem
    unknown = body.keys() - fields
    if unknown:
        raise Refusal("1099", f"the schema has no {sorted(unknown)[0][:40]!r}")
    return body


def uuid_in(body: Mapping[str, Any], name: str) -> str:
    found = as_uuid(body.get(name))
    if found is None:
        raise Refusal("1099", f"{name} must be a UUID")
    return found


def text_in(body: Mapping[str, Any], name: str, code: str) -> str:
    """1 to 36 valid characters, else `code`."""
    value = body.get(name)
    if not valid_text(value) or value == "":
        raise Refusal(code)
    return str(value)


def optional_text_in(body: Mapping[str, Any], name: str, code: str) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    if not valid_text(value):
        raise Refusal(code)
    return str(value)


def amount_in(body: Mapping[str, Any]) -> int:
    """Minor units."""
    amount = as_minor_units(body.get("amount"))
    if amount is None:
        raise Refusal("1102")
    return amount


def choice_in(body: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
    value = body.get(name)
    if value not in choices:
        raise Refusal("1099", f"{name} must be one of {', '.join(choices)}")
    return str(value)


def terms_in(body: Mapping[str, Any]) -> Terms:
    return Terms(
        amount_in(body),
        choice_in(body, "currencyCode", CURRENCIES),
        choice_in(body, "plannedCaptureDelay", CAPTURE_DELAYS),
        _restrictions_in(body),
        optional_text_in(body, "merchantPaymentLabel", "1117"),
    )


def _restrictions_in(body: Mapping[str, Any]) -> dict[str, bool | None] | None:
    value = body.get("restrictions")
    if value is None:
        return None
    if not isinstance(value, dict) or not value.keys() <= {"debitCardDisallowed", "creditCardDisallowed"}:
        raise Refusal("1099", "restrictions has debitCardDisallowed and creditCardDisallowed only")
    if any(not isinstance(flag, bool | None) for flag in value.values()):
        raise Refusal("1099", "restrictions must be true or false")
    return value


def parameter(request: Request, name: str) -> str | None:
    """The query parameter's one value, None if it is absent."""
    values = request.parameters().get(name, [])
    if len(values) > 1:
        raise Refusal("1099", f"{name} stands more than once")
    return values[0] if values else None


def uuid_parameter(request: Request, name: str) -> str | None:
    value = parameter(request, name)
    if value is None:
        return None
    found = as_uuid(value)
    if found is None:
        raise Refusal("1099", f"{name} must be a UUID")
    return found
