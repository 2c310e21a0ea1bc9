"""The sandbox's own endpoints under /_sandbox: its books, what it saw, and its faults and clock. No
credentials: the sandbox is for a machine of one's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, NamedTuple

from gateway.sandbox import ledger, phone
from gateway.sandbox.http import JSON_TYPE, Request, Response, write_json
from gateway.sandbox.reading import parameter
from gateway.sandbox.refusals import Refusal
from gateway.sandbox.scenario import ScenarioError, read_faults
from gateway.sandbox.simulator import Sandbox

PREFIX = "/_sandbox/"
LINES = (("content-type", "application/jsonl; charset=utf-8"),)


class _MeaninglessError(ValueError):
    """A request to the sandbox itself that makes no sense; the message says why."""


def answer_admin(sandbox: Sandbox, request: Request) -> Response:
    """404 and 405 as usual, 400 with `{"error": …}` for what cannot be read."""
    methods = ENDPOINTS.get(request.path.removeprefix(PREFIX))
    if methods is None:
        return Response(404)
    answer = methods.get(request.method)
    if answer is None:
        return Response(405)
    sandbox.advance()
    try:
        return answer(sandbox, request)
    except (_MeaninglessError, ScenarioError) as problem:
        return _json({"error": str(problem)}, 400)
    except Refusal as refusal:
        return _json({"error": refusal.detail}, 400)


def _ledger(sandbox: Sandbox, request: Request) -> Response:
    """?after=N&limit=M&orderId=…: payments as JSON lines; the last line's `number` is the next `after`."""
    after, limit = _whole(request, "after", 0), _whole(request, "limit", 1_000_000_000)
    return Response(
        200, headers=LINES, stream=ledger.lines(sandbox, after, limit, parameter(request, "orderId"))
    )


def _totals(sandbox: Sandbox, request: Request) -> Response:
    return _json(ledger.totals(sandbox))


def _violations(sandbox: Sandbox, request: Request) -> Response:
    recorder = sandbox.recorder
    return _json(
        {
            "total": recorder.violation_counts.total(),
            "counts": dict(recorder.violation_counts),
            "violations": _tail(recorder.violations, request),
        }
    )


def _notes(sandbox: Sandbox, request: Request) -> Response:
    recorder = sandbox.recorder
    return _json(
        {
            "total": recorder.note_counts.total(),
            "counts": dict(recorder.note_counts),
            "notes": _tail(recorder.notes, request),
        }
    )


def _requests(sandbox: Sandbox, request: Request) -> Response:
    """?limit=M: the last finished requests as JSON lines, oldest first."""
    rows = _tail(sandbox.requests, request)
    return Response(200, b"".join(write_json(row) + b"\n" for row in rows), LINES)


def _deliveries(sandbox: Sandbox, request: Request) -> Response:
    """?limit=M: the last tries to tell of a check-in, oldest first."""
    return _json(
        {"waiting": len(sandbox.world.register.notices), "tries": _tail(sandbox.deliveries, request)}
    )


def _stats(sandbox: Sandbox, request: Request) -> Response:
    return _json(
        {
            "now": sandbox.clock.now(),
            "inFlight": sandbox.in_flight,
            "inFlightMax": sandbox.in_flight_max,
            "requests": sandbox.arrivals,
            "operations": dict(sandbox.operations),
            "statuses": {str(status or "none"): count for status, count in sandbox.statuses.items()},
            "faults": dict(sandbox.fault_counts),
            "violations": sandbox.recorder.violation_counts.total(),
            "payments": len(sandbox.world.register.payments),
            "refunds": len(sandbox.world.register.refunds),
        }
    )


def _show_faults(sandbox: Sandbox, request: Request) -> Response:
    return _json(
        json.loads(json.dumps(asdict(sandbox.faults.plan), default=dict).replace("Infinity", "null"))
    )


def _change_faults(sandbox: Sandbox, request: Request) -> Response:
    """The whole fault plan is replaced; `{}` ends all faults. Counts of rules begin anew."""
    sandbox.faults.replace(read_faults(_body(request)))
    return _json({})


def _advance(sandbox: Sandbox, request: Request) -> Response:
    """`{"advance_seconds": 86400}`: time moves ahead, and what falls due happens."""
    body = _body(request)
    seconds = body.get("advance_seconds")
    if (
        body.keys() != {"advance_seconds"}
        or isinstance(seconds, bool)
        or not isinstance(seconds, int | float)
    ):
        raise _MeaninglessError("advance_seconds: must be a number, and the only field")
    try:
        sandbox.clock.advance(seconds)
    except ValueError as problem:
        raise _MeaninglessError(f"advance_seconds: {problem}") from problem
    sandbox.advance()
    return _json({"now": sandbox.clock.now()})


def _revoke(sandbox: Sandbox, request: Request) -> Response:
    """All tokens are invalid from now on; new ones are given out."""
    sandbox.world.tokens.revoke_all()
    return _json({})


ENDPOINTS: dict[str, dict[str, Callable[[Sandbox, Request], Response]]] = {
    "ledger": {"GET": _ledger},
    "ledger/totals": {"GET": _totals},
    "violations": {"GET": _violations},
    "notes": {"GET": _notes},
    "requests": {"GET": _requests},
    "notifications": {"GET": _deliveries},
    "stats": {"GET": _stats},
    "faults": {"GET": _show_faults, "POST": _change_faults},
    "clock": {"POST": _advance},
    "tokens": {"DELETE": _revoke},
    "users/check-in": {"POST": phone.check_in},
    "users/accept": {"POST": phone.accept},
    "users/decline": {"POST": phone.decline},
}


def _json(value: object, status: int = 200) -> Response:
    return Response(status, write_json(value), JSON_TYPE)


def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.body or b"{}")
    except ValueError as problem:
        raise _MeaninglessError("the body is not JSON") from problem
    if not isinstance(body, dict):
        raise _MeaninglessError("the body is not a JSON object")
    return body


def _whole(request: Request, name: str, default: int) -> int:
    value = parameter(request, name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 12):
        raise _MeaninglessError(f"{name}: must be a whole number")
    return int(value)


def _tail(rows: Iterable[NamedTuple], request: Request) -> list[dict[str, Any]]:
    found = [row._asdict() for row in rows]
    limit = _whole(request, "limit", len(found))
    return found[-limit:] if limit else []
