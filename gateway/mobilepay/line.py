"""This process's side of the provider: who calls, how the far side stands, and what may be in flight."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from gateway.domain.operations import Purpose
from gateway.domain.pacing import Dice
from gateway.mobilepay.auth import TokenSource
from gateway.mobilepay.heading import Heading
from gateway.mobilepay.options import MobilePayOptions
from gateway.mobilepay.origin import Origin
from gateway.mobilepay.pacing import Breaker, Budget, LookLimiter, Misconfiguration, Throttle
from gateway.mobilepay.slots import Slots, Urgency
from gateway.mobilepay.verdicts import Misaddressed
from gateway.mobilepay.wire import Identification, WireRequest, common_headers
from gateway.observability.logs import get_logger

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Time and chance. `steady` seconds never jump; `wall_ms` since the epoch is compared with commands'
    expiries.
    """

    steady: Callable[[], float] = time.monotonic
    wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    dice: Dice = random.SystemRandom().random


@dataclass(slots=True)
class Line:
    """Shared by all runs; every change to it is one synchronous step."""

    options: MobilePayOptions
    origin: Origin
    tokens: TokenSource
    around: Surroundings
    budget: Budget = field(init=False)
    slots: Slots = field(init=False)
    looks: LookLimiter = field(init=False)
    throttle: Throttle = field(init=False, default_factory=Throttle)
    breaker: Breaker = field(init=False, default_factory=Breaker)
    misconfiguration: Misconfiguration = field(init=False)
    unanswered_requests: int = field(init=False, default=0)
    heading: Callable[[str | None, str], Heading] = field(init=False, repr=False)
    """The headers that each request of a merchant under an Authorization has, Host included."""
    _limits: tuple[Mapping[str, float], Mapping[str, float]] = field(init=False)

    def __post_init__(self) -> None:
        options = self.options
        both = {"pool": options.connect_timeout_seconds, "connect": options.connect_timeout_seconds}
        reads, writes = options.read_timeout_seconds, options.write_timeout_seconds
        self._limits = both | {"write": reads, "read": reads}, both | {"write": writes, "read": writes}
        self.heading = lru_cache(64)(self._heading)
        self.budget = Budget(self.options.max_concurrent_calls)
        self.slots = Slots(self.budget, self.around.steady)
        self.looks = LookLimiter(self.options.max_looks_per_second)
        self.misconfiguration = Misconfiguration(self.options.fault_pause_seconds)

    @property
    def holding(self) -> bool:
        now = self.around.steady()
        return (
            self.tokens.refused
            or self.misconfiguration.holding(now)
            or self.breaker.holding(now)
            or self.throttle.holding(now)
        )

    def merchant(self, named: str | None) -> str | None:
        return named or self.options.merchant_vat_number

    def limits(self, request: WireRequest) -> Mapping[str, float]:
        """Seconds, as httpx's transports take them; the provider's limits count from the request to its
        answer.
        """
        return self._limits[request.changes]

    def _heading(self, merchant: str | None, authorization: str) -> Heading:
        options = self.options
        who = Identification(
            options.client_version,
            options.client_id if options.send_ibm_client_id else None,
            None if options.token_per_merchant else merchant,
        )
        return self.origin.heading(common_headers(who, authorization))

    def answered(self) -> None:
        """The API itself answered: whatever stood in the way before does so no more."""
        self.misconfiguration.cleared()
        self.throttle.answered(self.around.steady())
        self.reached()

    def reached(self) -> None:
        """Something answered, though not as the API does where all is well."""
        self.breaker.answered()

    def unanswered(self) -> None:
        """A whole run without an answer."""
        self.breaker.failed(self.around.steady())

    def throttled(self, retry_after_seconds: float | None) -> float:
        """Seconds until the same request may be sent again."""
        now = self.around.steady()
        self.budget.halve(now)
        self.reached()
        already = self.throttle.holding(now)
        wait = self.throttle.throttled(now, retry_after_seconds)
        if not already:
            limit = self.budget.limit(now)
            _log.warning("the provider asks for fewer requests", wait_seconds=wait, concurrency_limit=limit)
        return wait

    def misaddressed(self, verdict: Misaddressed) -> None:
        text = f"answered {verdict.status} without a word of the API: is the address right?"
        self.misconfiguration.met(self.around.steady(), text)
        self.reached()


def urgency_of(request: WireRequest) -> Urgency:
    if request.first:
        return Urgency.FIRST
    return Urgency.PENDING if request.changes else Urgency.READ


_PACED = ("read_payment", "read_refund", "read_checkin")


def requests_of(request: WireRequest, most: int) -> int:
    """Looks, and GETs of one payment, refund or check-in, are one request a run: what goes unanswered is asked
    again at the reader's own pace, since the provider's pace for a resource holds for repeated requests too.
    """
    paced = request.purpose is Purpose.LOOK or request.name in _PACED
    return 1 if paced else most
