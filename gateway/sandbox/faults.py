"""What goes wrong on purpose: which fault hits a request, decided from the plan, the seed and the request's
identity.

A request's identity is (operation, subject, attempt): the subject is the idempotency key of a creating POST,
the resource's id of everything else, and the attempt counts that operation on that subject. So a plan of
probabilities hits the same requests in every run of one seed, whatever order they arrive in. Rules come
first, in their order; `nth` alone goes by arrival.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal, get_args

from gateway.sandbox.draws import Span, fraction
from gateway.sandbox.http import JSON_TYPE, Amount, Response, write_object
from gateway.sandbox.operations import OF_REFUNDS, Operation
from gateway.sandbox.refusals import failed, unheard_of

Kind = Literal[
    "slow",
    "error_before",
    "error_after",
    "timeout_before",
    "timeout_after",
    "late_effect",
    "reset_before",
    "reset_after",
    "throttled",
    "throttled_bare",
    "unauthorized",
    "token_expired",
    "unknown_code",
    "unknown_state",
    "extra_fields",
    "malformed_body",
    "empty_body",
    "wrong_content_type",
    "cut_body",
]
KINDS: tuple[str, ...] = get_args(Kind)
OPERATIONS = frozenset({"*", *Operation})

_NO_LATENCY = Span(0, 0)
_SLOW_SECONDS = Span(0.3, 3.0)
_LATE_SECONDS = Span(2.5, 6.0)

STUBBORN_ATTEMPTS = 2

Ending = Literal["answer", "silence", "reset", "cut"]


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One exact rule. All that is given must fit: `operation` ("*" is all), `nth` request of that operation
    since the start, `attempt` of the same call, `order_id_prefix` of the payment or refund, seconds since the
    sandbox started (`from_seconds`, `until_seconds`), `probability`; it fires `times` times at most."""

    fault: str
    operation: str = "*"
    nth: int | None = None
    attempt: int | None = None
    order_id_prefix: str | None = None
    probability: float = 1.0
    from_seconds: float = 0.0
    until_seconds: float = math.inf
    times: int | None = None
    delay_seconds: float | None = None
    """Overrides the plan's `slow_seconds` or `late_seconds`."""
    status: int | None = None
    """Overrides the plan's `error_status`."""

    def __post_init__(self) -> None:
        if self.fault not in KINDS:
            raise ValueError(f"fault must be one of {', '.join(KINDS)}")
        _check_operation(self.operation)
        if not 0 <= self.probability <= 1:
            raise ValueError("probability must lie between 0 and 1")
        if self.status is not None and not 500 <= self.status <= 599:
            raise ValueError("status must lie between 500 and 599")
        if self.delay_seconds is not None and not 0 <= self.delay_seconds <= 3600:
            raise ValueError("delay_seconds must lie between 0 and 3600")


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """`probabilities` is per operation ("*" for those not named) and kind, each 0 to 1 and 1 at most in sum.
    `latency` is what every answer takes without any fault."""

    probabilities: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    rules: tuple[FaultRule, ...] = ()
    latency_seconds: Span = _NO_LATENCY
    slow_seconds: Span = _SLOW_SECONDS
    late_seconds: Span = _LATE_SECONDS
    retry_after_seconds: int = 1
    error_status: int = 500

    def __post_init__(self) -> None:
        for operation, shares in self.probabilities.items():
            _check_operation(operation)
            for kind in shares:
                if kind not in KINDS:
                    raise ValueError(f"probabilities.{operation}.{kind}: must be one of {', '.join(KINDS)}")
            if any(not 0 <= share <= 1 for share in shares.values()) or sum(shares.values()) > 1 + 1e-9:
                raise ValueError(f"probabilities.{operation}: must be 0 to 1 each and 1 at most in sum")
        if not 500 <= self.error_status <= 599:
            raise ValueError("error_status must lie between 500 and 599")
        if self.retry_after_seconds < 0:
            raise ValueError("retry_after_seconds must not be negative")


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one request: wait, take effect or not, wait, end. `kind` is empty where nothing is
    wrong."""

    kind: str = ""
    before_seconds: float = 0.0
    effect: bool = True
    after_seconds: float = 0.0
    ending: Ending = "answer"
    status: int = 500
    retry_after_seconds: int = 1


@dataclass(slots=True)
class Faults:
    """The plan at work; it counts what rules with `nth` and `times` need."""

    seed: int
    plan: FaultPlan
    started_at: float
    fired: dict[int, int] = field(default_factory=dict)

    def replace(self, plan: FaultPlan) -> None:
        self.plan = plan
        self.fired = {}

    def fate(
        self, operation: Operation, subject: str, attempt: int, *, nth: int, order_id: str, now: float
    ) -> Fate:
        plan = self.plan
        latency = plan.latency_seconds
        if not plan.rules and not plan.probabilities and latency.high == 0:
            return _CLEAN
        identity = (operation, subject, attempt)
        before = latency.at(fraction(self.seed, "latency", *identity)) if latency.high else 0.0
        for number, rule in enumerate(plan.rules):
            if self._fits(number, rule, identity, nth=nth, order_id=order_id, now=now):
                self.fired[number] = self.fired.get(number, 0) + 1
                return self._made(rule.fault, identity, before, rule)
        shares = plan.probabilities.get(operation, plan.probabilities.get("*"))
        if not shares:
            return Fate(before_seconds=before)
        share = fraction(self.seed, "fault", *identity)
        edge = 0.0
        for kind, width in shares.items():
            edge += width
            if share < edge:
                return self._made(kind, identity, before, None)
        return Fate(before_seconds=before)

    def stubborn(self, operation: Operation, subject: str, attempt: int) -> Fate:
        """The self-certification's way with a call: no answer, then a 500; whether either takes effect is
        drawn."""
        effect = fraction(self.seed, "stubborn", operation, subject, attempt) < 0.5
        latency = self.plan.latency_seconds.low
        if attempt == 1:
            return Fate(f"timeout_{'after' if effect else 'before'}", latency, effect, ending="silence")
        return Fate(f"error_{'after' if effect else 'before'}", latency, effect, status=500)

    def _fits(
        self,
        number: int,
        rule: FaultRule,
        identity: tuple[Operation, str, int],
        *,
        nth: int,
        order_id: str,
        now: float,
    ) -> bool:
        operation, _, attempt = identity
        return (
            rule.operation in ("*", operation)
            and rule.nth in (None, nth)
            and rule.attempt in (None, attempt)
            and (rule.order_id_prefix is None or order_id.startswith(rule.order_id_prefix))
            and rule.from_seconds <= now - self.started_at < rule.until_seconds
            and (rule.times is None or self.fired.get(number, 0) < rule.times)
            and (rule.probability >= 1 or fraction(self.seed, "rule", number, *identity) < rule.probability)
        )

    def _made(
        self, kind: str, identity: tuple[Operation, str, int], before: float, rule: FaultRule | None
    ) -> Fate:
        share = fraction(self.seed, "delay", *identity)
        own = rule.delay_seconds if rule else None
        slow = own if own is not None else self.plan.slow_seconds.at(share)
        late = own if own is not None else self.plan.late_seconds.at(share)
        status = (rule.status if rule else None) or self.plan.error_status
        wait = self.plan.retry_after_seconds
        if kind == "slow":
            return Fate(kind, before, True, slow)
        if kind in ("error_before", "error_after"):
            return Fate(kind, before, kind == "error_after", status=status)
        if kind in ("timeout_before", "timeout_after"):
            return Fate(kind, before, kind == "timeout_after", ending="silence")
        if kind == "late_effect":
            return Fate(kind, before + late, ending="silence")
        if kind in ("reset_before", "reset_after"):
            return Fate(kind, before, kind == "reset_after", ending="reset")
        if kind in WITHOUT_EFFECT:
            return Fate(kind, before, False, retry_after_seconds=wait)
        return Fate(kind, before, ending="cut" if kind == "cut_body" else "answer")


_CLEAN = Fate()


def spoil(fate: Fate, operation: Operation, response: Response, correlation_id: str) -> Response:
    """What the caller gets to see instead of `response`, where the fate ends with an answer."""
    origin = "PoS" if operation in OF_REFUNDS else None
    match fate.kind:
        case "error_before" | "error_after":
            return failed(fate.status, correlation_id, origin)
        case "throttled":
            return Response(429, headers=(("retry-after", str(fate.retry_after_seconds)),))
        case "throttled_bare":
            return Response(429)
        case "unauthorized" | "token_expired":
            return Response(401)
        case "unknown_code":
            return unheard_of(correlation_id, origin)
        case "unknown_state":
            return _reworded(response, {"status": UNKNOWN_STATE}, only="status")
        case "extra_fields":
            return _reworded(response, {"futureField": {"of": ["a", 1, None]}, "futureFlag": True})
        case "malformed_body":
            return Response(response.status, b'{"paymentId": "3974eae6-e36f-', JSON_TYPE)
        case "empty_body":
            return Response(response.status)
        case "wrong_content_type":
            page = b"<html><body><h1>Welcome</h1></body></html>"
            return Response(response.status, page, (("content-type", "text/html"),))
        case _:
            return response


def _reworded(response: Response, members: Mapping[str, object], only: str = "") -> Response:
    """The same answer with other members; unchanged where it is no JSON object, or has no member `only`."""
    if not response.body.startswith(b"{"):
        return response
    body = json.loads(response.body, parse_float=Decimal)
    if only and only not in body:
        return response
    told = {name: _exactly(value) for name, value in {**body, **members}.items()}
    return replace(response, body=write_object(told), ended=response.ended and not only)


def _exactly(value: object) -> object:
    return Amount(int(value * 100)) if isinstance(value, Decimal) else value


UNKNOWN_STATE = "RejectedByMobilePayDueToAgeRestrictions"
"""A state of an older version of the API."""

WITHOUT_EFFECT = frozenset({"throttled", "throttled_bare", "unauthorized", "token_expired", "unknown_code"})
SPOILED = frozenset({"error_before", "error_after", "malformed_body", "empty_body", "wrong_content_type"})


def _check_operation(operation: str) -> None:
    if operation not in OPERATIONS:
        raise ValueError(f"operation {operation!r} must be * or one of {', '.join(Operation)}")
