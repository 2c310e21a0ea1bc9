"""The provider as the rest of the gateway sees it: one method, and whether to begin anything new at all.

Chosen: the process-wide pace lives here and a payment's own pace in its state, so that a provider that is
away, or says "too many", is met once and not by each payment for itself. Refused: a queue in here. What may
not be sent now is deferred at once, since its intent is durable already and its payment must stay free to be
cancelled.
"""

import asyncio
from dataclasses import dataclass

import httpx

from gateway.domain.calls import AnyOperation, AnyOutcome
from gateway.domain.operations import DeferralCause, Deferred, Purpose
from gateway.mobilepay.auth import TokenOptions, TokenSource
from gateway.mobilepay.by_hand import ask_by_hand
from gateway.mobilepay.exchange import Answer, Transport
from gateway.mobilepay.line import Line, Surroundings
from gateway.mobilepay.options import MobilePayOptions, is_vat_number
from gateway.mobilepay.origin import Origin
from gateway.mobilepay.pacing import Admission
from gateway.mobilepay.run import Permit, Run, jittered_ms
from gateway.mobilepay.token_endpoint import Credentials
from gateway.mobilepay.transport import StrictTransport, TransportOptions
from gateway.mobilepay.wire import WireRequest, request_of
from gateway.observability import metrics

_TOKEN_CONNECTIONS = 4
_LOOK_PATIENCE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How the provider stands for this process. `fault` is a configuration fault, for people; `ready` is for
    readiness.
    """

    token_held: bool
    fault: str | None
    breaker_open: bool
    throttled: bool
    in_flight: int
    unanswered: int
    waiting: int
    concurrency_limit: int
    misaddressed: bool

    @property
    def ready(self) -> bool:
        """A provider that is away while a token is held leaves this process ready."""
        return self.token_held and self.fault is None

    @property
    def trouble(self) -> str | None:
        """What stands in the way of calls, for people."""
        if self.fault is not None:
            return f"provider cannot be used, trying again: {self.fault}"
        if self.breaker_open or not self.token_held:
            return "provider out of reach, trying again"
        return None


class MobilePay:
    """The PoS API v10 behind `perform`: one per process and event loop, `start` before use, `close` after."""

    def __init__(
        self,
        options: MobilePayOptions,
        transport: Transport | None = None,
        around: Surroundings | None = None,
    ) -> None:
        around = around or Surroundings()
        self._options = options
        transport = transport or strict_transport(options)
        self._http = httpx.AsyncClient(transport=transport, trust_env=False, follow_redirects=False)
        tokens = TokenSource(
            self._http,
            Credentials(options.token_endpoint, options.client_id, options.client_secret),
            TokenOptions(
                per_merchant=options.token_per_merchant,
                home_merchant=options.merchant_vat_number,
                timeout_seconds=options.token_timeout_seconds,
                refused_pause_seconds=options.fault_pause_seconds,
            ),
            around.steady,
        )
        self._line = Line(options, Origin(options.base_url, transport), tokens, around)
        self._keeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Get a token now and keep one, so that the first call need not wait for it."""
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._line.tokens.keep(), name="provider-token")

    async def close(self) -> None:
        """Calls under way end as cut off."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
            self._keeping = None
        await self._line.tokens.aclose()
        await self._http.aclose()

    @property
    def holding(self) -> bool:
        """Begin no first operation now: the provider is away or throttles, or credentials or address are
        wrong.

        Once in a while it is False all the same, so that where nothing is pending one of them finds out.
        """
        return self._line.holding

    def merchant_known(self, merchant: str | None) -> bool:
        """Whether a call can name its merchant: by the command or the settings, in the header or bound in the
        token.
        """
        if not merchant:
            # The options' own was checked with them.
            return self._options.merchant_vat_number is not None
        return is_vat_number(merchant)

    async def ask(self, request: WireRequest, merchant: str | None = None) -> Answer:
        """One call by hand. Raises `NotAnswered`."""
        return await ask_by_hand(self._line, request, merchant)

    def standing(self) -> Standing:
        line, now = self._line, self._line.around.steady()
        fault = line.misconfiguration.fault
        if fault is None and line.tokens.refused:
            fault = line.tokens.distrust or "the provider refuses the credentials or the token"
        return Standing(
            token_held=line.tokens.has_token,
            fault=fault,
            breaker_open=line.breaker.open,
            throttled=line.throttle.holding(now),
            in_flight=line.slots.in_flight,
            unanswered=line.unanswered_requests,
            waiting=line.slots.waiting,
            concurrency_limit=line.budget.limit(now),
            misaddressed=line.misconfiguration.fault is not None,
        )

    async def perform(self, operation: AnyOperation, permit: Permit) -> AnyOutcome:
        """One run of requests. Whatever the far side does is an outcome; cancelling it drops the request in
        flight.
        """
        line = self._line
        if not self.merchant_known(operation.merchant):
            # It was known when the operation was planned: the settings have changed since.
            return _later(line, DeferralCause.MISCONFIGURED, self._options.fault_pause_seconds)
        now, request = line.around.steady(), request_of(operation)
        if request.first and line.throttle.holding(now):
            return _later(line, DeferralCause.THROTTLED, line.throttle.remaining(now))
        pause = line.misconfiguration.admit(now)
        if pause is not None:
            return _later(line, DeferralCause.MISCONFIGURED, pause)
        admission = line.breaker.admit(now, first=request.first)
        if admission is Admission.DENIED:
            return _later(line, DeferralCause.PROVIDER_AWAY, line.breaker.first_gap_seconds / 2)
        try:
            if request.purpose is Purpose.LOOK:
                wait = line.looks.reserve(now, _LOOK_PATIENCE_SECONDS)
                metrics.PROVIDER_WAIT_SECONDS.labels("look").observe(
                    _LOOK_PATIENCE_SECONDS if wait is None else wait
                )
                if wait is None:
                    return _later(line, DeferralCause.THROTTLED, line.looks.ahead_seconds(now))
                if wait > 0:
                    await line.around.sleep(wait)
            return await Run(line, operation, request, permit).execute()
        finally:
            if admission is Admission.PROBE:
                line.breaker.probed()


def _later(line: Line, cause: DeferralCause, seconds: float) -> Deferred:
    """Nothing of this run has left."""
    return Deferred(cause, jittered_ms(seconds, line))


def strict_transport(options: MobilePayOptions) -> StrictTransport:
    """What carries the requests unless another is given."""
    return StrictTransport(
        TransportOptions(
            max_connections=options.max_concurrent_calls + _TOKEN_CONNECTIONS,
            max_answer_bytes=options.max_answer_bytes,
            tls=options.tls,
            proxy=options.proxy,
        )
    )
