"""One call: a run of a few requests with the same key and body, until one is answered (api principles, error
handling).

A request leaves only with the permit's last word, given with the connection in hand and no await before the
first byte. Reads need it too: a stale owner that goes on polling beside the new one would break the pace that
the provider asks for. What a run has sent and not heard of is counted there and nowhere else, so the count is
true however it ends.
"""

from functools import lru_cache
from math import ceil
from typing import Final, Protocol, assert_never

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
_became = lru_cache(256)(metrics.PROVIDER_REQUESTS.labels)
_took = lru_cache(64)(metrics.PROVIDER_REQUEST_SECONDS.labels)

_MAX_LAPSES = 10
_AWAY_SECONDS = 1.0
_READ = (Observed, RefundObserved)
_UNKNOWN = (ProviderStatus.UNKNOWN, ProviderRefundStatus.UNKNOWN)


_NOT_SENT: Final = Unheard("not_sent")


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

    __slots__ = (
        "_begun",
        "_failures",
        "_line",
        "_merchant",
        "_most",
        "_operation",
        "_permit",
        "_request",
        "_requests",
        "_sent",
        "_unheard",
        "_verdict",
    )

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
        self._verdict: Verdict = _NOT_SENT

    async def execute(self) -> AnyOutcome:
        lapses = 0
        while True:
            try:
                await self._line.tokens.call(self._merchant, self._send)
                verdict = self._verdict
            except httpx.RequestError as error:
                verdict = Unheard(_kind(error) if self._sent else "not_sent")
                _became(self._request.name, verdict.why).inc()
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

    async def _send(self, authorization: str) -> Answer:
        """One request, its permit and its slot waited for with the token in hand."""
        line, request = self._line, self._request
        self._sent = False
        if self._permit.withdrawn or not self._permit.holds():
            await self._renewed()
        steady = line.around.steady
        asked = begun = steady()
        if not line.slots.take():
            await line.slots.acquire(self._urgency())
            begun = steady()
        self._begun = begun
        _WAITED_FOR_PLACE.observe(begun - asked)
        try:
            heading = line.heading(self._merchant, authorization)
            answer = await line.origin.send(request, heading, line.limits(request), self._last_word)
        finally:
            line.slots.release()
            if self._sent:
                line.unanswered_requests -= 1
                _took(request.name).observe(steady() - begun)
        self._verdict = verdict_of(self._operation, answer, request.absent, line.around.wall_ms())
        _became(request.name, _result(self._verdict)).inc()
        return answer

    async def _renewed(self) -> None:
        permit = self._permit
        if permit.withdrawn:
            raise _Withheld(DeferralCause.WITHDRAWN)
        if not await permit.renew():
            raise _Withheld(DeferralCause.WITHDRAWN if permit.withdrawn else DeferralCause.PERMIT_ENDED)

    def _urgency(self) -> Urgency:
        request = self._request
        return Urgency.PENDING if self._requests and request.changes else urgency_of(request)

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
        self._line.unanswered_requests += 1
        _WAITED_FOR_CONNECTION.observe(self._line.around.steady() - self._begun)

    def _outcome(self, verdict: Verdict) -> AnyOutcome | None:
        """The run's end, or None where the next request is due."""
        line = self._line
        match verdict:
            case Heard(outcome, unreadable):
                line.answered()
                for name in unreadable:
                    metrics.PROVIDER_UNREADABLE_FIELDS.labels(name).inc()
                if isinstance(outcome, _READ) and outcome.reading.status in _UNKNOWN:
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
