"""The provider as the lowest seam of httpx sees it, by script, in virtual time."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import httpx

from gateway.domain.operations import Operation, Outcome
from gateway.mobilepay.client import MobilePay
from gateway.mobilepay.line import Surroundings
from gateway.mobilepay.options import MobilePayOptions
from gateway.mobilepay.secret import Secret
from tests.fakes.over_httpx import OverHttpx
from tests.unit.mobilepay.operations import MERCHANT, NOT_AFTER_MS, PAYMENT, POS

SECRET = "s3cr3t-canary"
TOKEN = "t0k3n-canary"


class Time:
    """Sleeping lets the time pass at once."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.wall = NOT_AFTER_MS - 3_600_000
        self.slept: list[float] = []
        self.draw = 0.5

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        self.wall += int(seconds * 1000)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)
        self.pass_(seconds)

    @property
    def around(self) -> Surroundings:
        return Surroundings(lambda: self.now, lambda: self.wall, self.sleep, lambda: self.draw)


class Pass:
    """A permit by hand. `lapses`: how often the last word is a no before it holds again."""

    def __init__(self) -> None:
        self.lapses = 0
        self.renewals = 0
        self.ended = False
        self.withdrawn = False
        self.valid = True

    def holds(self) -> bool:
        if self.lapses:
            self.lapses -= 1
            return False
        return self.valid and not self.withdrawn

    async def renew(self) -> bool:
        self.renewals += 1
        await asyncio.sleep(0)
        self.valid = not self.ended and not self.withdrawn
        return self.valid


Step = httpx.Response | Exception | Callable[[httpx.Request], Awaitable[httpx.Response]]


class NotSent(Exception):
    """Fails before the request leaves."""

    def __init__(self, error: httpx.TransportError) -> None:
        self.error = error


class FarSide(OverHttpx):
    """Plays one step a request; tokens are granted unless `tokens` says otherwise."""

    def __init__(self, time: Time, *steps: Step) -> None:
        self.time = time
        self.steps = list(steps)
        self.sent: list[httpx.Request] = []
        self.times: list[float] = []
        self.tokens: list[httpx.Response | Exception] = []
        self.token_requests = 0
        self.arrivals = 0
        self.before_last_word: Callable[[], None] = lambda: None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        if request.url.path.endswith("/connect/token"):
            return self._token()
        self.arrivals += 1
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, NotSent):
            raise step.error
        self.before_last_word()
        request.extensions["before_send"]()
        self.sent.append(request)
        self.times.append(self.time.now)
        if isinstance(step, httpx.TimeoutException):
            self.time.pass_(request.extensions["timeout"]["read"])
        if isinstance(step, Exception):
            raise step
        if isinstance(step, httpx.Response):
            return httpx.Response(step.status_code, headers=step.headers, content=step.content)
        return await step(request)

    def _token(self) -> httpx.Response:
        self.token_requests += 1
        answer = self.tokens.pop(0) if self.tokens else None
        if isinstance(answer, Exception):
            raise answer
        token = f"{TOKEN}-{self.token_requests}"
        return answer or httpx.Response(200, json={"access_token": token, "expires_in": 3700})

    @property
    def bearers(self) -> list[str]:
        return [request.headers["Authorization"].rpartition("-")[2] for request in self.sent]


def options(**changes: object) -> MobilePayOptions:
    given: dict[str, object] = {
        "client_id": "client",
        "client_secret": Secret(SECRET),
        "client_version": "1.2.3",
        "merchant_vat_number": MERCHANT,
        **changes,
    }
    return MobilePayOptions(**given)  # type: ignore[arg-type]


class Play:
    """A client, its far side and the time."""

    def __init__(self, *steps: Step, **changes: object) -> None:
        self.time = Time()
        self.far = FarSide(self.time, *steps)
        self.client = MobilePay(options(**changes), self.far, self.time.around)
        self.permit = Pass()

    async def perform(self, operation: Operation) -> Outcome:
        return await self.client.perform(operation, self.permit)

    def holding(self) -> bool:
        return self.client.holding


def answer(status: int, body: object = None, **headers: str) -> httpx.Response:
    content = b"" if body is None else json.dumps(body).encode()
    return httpx.Response(status, headers=headers, content=content)


MADE = answer(200, {"paymentId": PAYMENT})
DONE = answer(200)
FAILED = answer(500, {"code": "2000"})
READ = answer(200, {"paymentId": PAYMENT, "posId": POS, "status": "Initiated", "pollDelayInMs": 100})
TIMED_OUT = httpx.ReadTimeout("timed out")
CUT_OFF = httpx.RemoteProtocolError("closed without an answer")
UNREACHABLE = NotSent(httpx.ConnectError("refused"))
