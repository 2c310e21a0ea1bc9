"""One call: a run of a few requests with the same key and body, until one is answered (api principles, error
handling).

A request leaves only with the permit's last word, given with the connection in hand and no await before the
first byte. Reads need it too: a stale owner that goes on polling beside the new one would break the pace that
the provider asks for. What a run has sent and not heard of is counted there and nowhere else, so the count is
true however it ends.
"""

from math import ceil
from typing import Protocol, assert_never

import httpx

from gateway.domain.calls import AnyOperation, AnyOutcome
from gateway.domain.operations import (
    DeferralCause,
    Deferred,
    Observed,
    ProviderRefundStatus,
    ProviderStatus,
    RefundObserved,
    Rejected,
    Unknown,
)
from gateway.mobilepay.errors import CODES
from gateway.mobilepay.exchange import Answer
from gateway.mobilepay.line import Line, requests_of, urgency_of
from gateway.mobilepay.pacing import backoff_seconds
from gateway.mobilepay.slots import Urgency
from gateway.mobilepay.token_endpoint import TokenRefused, TokenUnavailable
from gateway.mobilepay.verdicts import (
    Heard,
    Misaddressed,
    Refused,
    Throttled,
    Unauthorised,
    Unheard,
    Verdict,
    verdict_of,
)
from gateway.mobilepay.wire import WireRequest
from gateway.observability import metrics

_WAITED_FOR_PLACE = metrics.PROVIDER_WAIT_SECONDS.labels("place")
_WAITED_FOR_CONNECTION = metrics.PROVIDER_WAIT_SECONDS.labels("connection")

_MAX_LAPSES = 10
_AWAY_SECONDS = 1.0
_UNKNOWN = (ProviderStatus.UNKNOWN, ProviderRefundStatus.UNKNOWN)


class Permit(Protocol):
    """The right of one running operation to change something; each answer is about this moment only."""

    def holds(self) -> bool: ...

    async def renew(self) -> bool: ...

    @property
    def withdrawn(self) -> bool: ...


class _Withheld(Exception):
    """The request was not sent. `cause` None: the permit ran out meanwhile, and may be had again."""

    def __init__(self, cause: DeferralCause | None) -> None:
        super().__init__(cause)
        self.cause = cause


class Run:
    """`requests` may have reached the provider, 401 and 429 included; `unheard` of them told no outcome."""

    def __init__(self, line: Line, operation: AnyOperation, request: WireRequest, permit: Permit) -> None:
        self._line = line
        self._operation = operation
        self._permit = permit
        self._request = request
        self._merchant = line.merchant(operation.merchant)
        self._most = requests_of(request, line.options.max_requests_per_call)
        self._requests = 0
        self._unheard = 0
        self._failures = 0
        self._sent = False
        self._begun = 0.0
        self._verdict: Verdict = Unheard("not_sent")

    async def execute(self) -> AnyOutcome:
        lapses = 0
        while True:
            try:
                verdict = await self._exchange()
            except _Withheld as withheld:
                lapses += 1
                if withheld.cause is None and lapses < _MAX_LAPSES:
                    continue
                return self._withheld(withheld.cause)
            except TokenRefused:
                return self._deferred(DeferralCause.UNAUTHORISED, self._line.options.fault_pause_seconds)
            except TokenUnavailable:
                return self._unanswered(tried=False)
            outcome = self._outcome(verdict)
            if outcome is not None:
                return outcome
            self._failures += 1
            if self._failures >= self._most:
                return self._unanswered(tried=True)
            await self._line.around.sleep(backoff_seconds(self._failures, self._line.around.dice()))

    async def _exchange(self) -> Verdict:
        try:
            await self._line.tokens.call(self._merchant, self._send)
        except httpx.RequestError as error:
            verdict = Unheard(_kind(error) if self._sent else "not_sent")
            metrics.PROVIDER_REQUESTS.labels(self._request.name, verdict.why).inc()
            return verdict
        return self._verdict

    async def _send(self, authorization: str) -> Answer:
        """One request, its permit and its slot waited for with the token in hand."""
        line, request = self._line, self._request
        self._sent = False
        await self._permitted()
        urgency = Urgency.PENDING if self._requests and request.changes else urgency_of(request)
        asked = line.around.steady()
        await line.slots.acquire(urgency)
        begun = self._begun = line.around.steady()
        _WAITED_FOR_PLACE.observe(begun - asked)
        try:
            heading = line.heading(self._merchant, authorization)
            answer = await line.origin.send(request, heading, line.limits(request), self._last_word)
        finally:
            line.slots.release()
            if self._sent:
                metrics.PROVIDER_REQUESTS_IN_FLIGHT.dec()
                seconds = line.around.steady() - begun
                metrics.PROVIDER_REQUEST_SECONDS.labels(request.name).observe(seconds)
        self._verdict = verdict_of(self._operation, answer, request.absent, line.around.wall_ms())
        metrics.PROVIDER_REQUESTS.labels(request.name, _result(self._verdict)).inc()
        return answer

    async def _permitted(self) -> None:
        permit = self._permit
        if permit.withdrawn:
            raise _Withheld(DeferralCause.WITHDRAWN)
        if not permit.holds() and not await permit.renew():
            raise _Withheld(DeferralCause.WITHDRAWN if permit.withdrawn else DeferralCause.PERMIT_ENDED)

    def _last_word(self) -> None:
        """Called by the transport with the connection in hand; raising sends nothing."""
        latest = self._request.not_after_ms
        if self._permit.withdrawn:
            raise _Withheld(DeferralCause.WITHDRAWN)
        if not self._permit.holds():
            raise _Withheld(None)
        if latest is not None and self._line.around.wall_ms() > latest:
            raise _Withheld(DeferralCause.TOO_LATE)
        self._sent = True
        self._requests += 1
        metrics.PROVIDER_REQUESTS_IN_FLIGHT.inc()
        _WAITED_FOR_CONNECTION.observe(self._line.around.steady() - self._begun)

    def _outcome(self, verdict: Verdict) -> AnyOutcome | None:
        """The run's end, or None where the next request is due."""
        line = self._line
        match verdict:
            case Heard(outcome, unreadable):
                line.answered()
                for name in unreadable:
                    metrics.PROVIDER_UNREADABLE_FIELDS.labels(name).inc()
                if isinstance(outcome, Observed | RefundObserved) and outcome.reading.status in _UNKNOWN:
                    metrics.PROVIDER_UNKNOWN_STATUSES.inc()
                return outcome
            case Refused(refusal):
                line.answered()
                code = refusal.code if refusal.code in CODES else "other" if refusal.code else "none"
                metrics.PROVIDER_REFUSALS.labels(self._request.name, code).inc()
                return Rejected(refusal, self._unheard)
            case Throttled(retry_after_seconds):
                return self._deferred(DeferralCause.THROTTLED, line.throttled(retry_after_seconds))
            case Unauthorised():
                line.reached()
                return self._deferred(DeferralCause.UNAUTHORISED, line.options.fault_pause_seconds)
            case Misaddressed():
                line.misaddressed(verdict)
                return self._deferred(DeferralCause.MISCONFIGURED, line.options.fault_pause_seconds)
            case Unheard():
                self._unheard += self._sent
                return None
            case _:
                assert_never(verdict)

    def _withheld(self, cause: DeferralCause | None) -> Deferred:
        """A call that was called off may be asked for at once; one whose owner is leaving need not hurry."""
        if cause in (DeferralCause.WITHDRAWN, DeferralCause.TOO_LATE):
            return Deferred(cause, 0, self._unheard, self._requests)
        return self._deferred(cause or DeferralCause.PERMIT_ENDED, _AWAY_SECONDS)

    def _unanswered(self, *, tried: bool) -> AnyOutcome:
        """No request of the run was answered. A write of which no byte left has no unknown outcome."""
        self._line.unanswered()
        if self._unheard or (tried and not self._request.changes):
            return Unknown(self._unheard)
        return self._deferred(DeferralCause.PROVIDER_AWAY, _AWAY_SECONDS)

    def _deferred(self, cause: DeferralCause, after_seconds: float) -> Deferred:
        return Deferred(cause, jittered_ms(after_seconds, self._line), self._unheard, self._requests)


def jittered_ms(seconds: float, line: Line) -> int:
    """Never sooner than asked for, and not all at once."""
    return ceil(seconds * 1000 * (1 + line.around.dice() / 4))


def _kind(error: httpx.RequestError) -> str:
    return "timeout" if isinstance(error, httpx.TimeoutException) else "cut_off"


def _result(verdict: Verdict) -> str:
    match verdict:
        case Heard():
            return "ok"
        case Refused():
            return "refused"
        case Throttled():
            return "throttled"
        case Unauthorised():
            return "unauthorised"
        case Misaddressed():
            return "misaddressed"
        case Unheard(why):
            return why
        case _:
            assert_never(verdict)
