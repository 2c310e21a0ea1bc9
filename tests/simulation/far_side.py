"""The sandbox's world behind the client's lowest seam, in virtual time: no sockets, the same bytes."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import httpx

from gateway.sandbox import Sandbox
from gateway.sandbox.http import Request
from gateway.sandbox.simulator import Exchange
from tests.fakes.over_httpx import OverHttpx

ORIGIN_SECONDS = 1_790_000_000.0


class LoopClock:
    """The sandbox's time on the virtual loop; the same origin as the gateway's."""

    def now(self) -> float:
        return ORIGIN_SECONDS + asyncio.get_running_loop().time()

    def advance(self, seconds: float) -> None:
        raise AssertionError("time moves by itself here")


class SandboxTransport(OverHttpx):
    """What leaves is served by a task of its own, which goes on when the client gives up, as a server does."""

    def __init__(
        self,
        sandbox: Sandbox,
        draws: random.Random,
        leaves: Callable[[httpx.Request], None],
        step: Callable[[], Awaitable[None]],
    ) -> None:
        self._leaves = leaves
        self._step = step
        self._sandbox = sandbox
        self._draws = draws
        self._serving: set[asyncio.Task[None]] = set()
        self.away = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(self._draws.uniform(0.0001, 0.003))
        await self._step()
        if self.away:
            raise httpx.ConnectError("the provider is away", request=request)
        last_word = request.extensions.get("before_send")
        if last_word is not None:
            last_word()
        self._leaves(request)
        answer: asyncio.Future[httpx.Response] = asyncio.get_running_loop().create_future()
        gone = asyncio.Event()
        exchange = self._sandbox.begin(_told(request))
        task = asyncio.create_task(self._serve(exchange, answer, gone))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        timeout = request.extensions.get("timeout", {}).get("read")
        try:
            await self._step()
            heard = await asyncio.wait_for(asyncio.shield(answer), timeout)
            await self._step()
            return heard
        except TimeoutError:
            raise httpx.ReadTimeout("no answer in time", request=request) from None
        finally:
            gone.set()
            if not answer.done():
                self._sandbox.finish(exchange, gone=True)
            if answer.done() and not answer.cancelled():
                answer.exception()

    async def _serve(
        self, exchange: Exchange, answer: "asyncio.Future[httpx.Response]", gone: asyncio.Event
    ) -> None:
        fate, sandbox = exchange.fate, self._sandbox
        await asyncio.sleep(fate.before_seconds)
        sandbox.perform(exchange)
        await asyncio.sleep(fate.after_seconds)
        if fate.ending == "silence":
            await gone.wait()
        sandbox.finish(exchange, gone=gone.is_set())
        if answer.done() or gone.is_set():
            return
        if fate.ending == "answer" and exchange.shown is not None:
            shown = exchange.shown
            answer.set_result(httpx.Response(shown.status, headers=list(shown.headers), content=shown.body))
        else:
            answer.set_exception(httpx.ReadError(f"the answer ended: {fate.ending}"))


def _told(request: httpx.Request) -> Request:
    headers = tuple((name.decode().lower(), value.decode()) for name, value in request.headers.raw)
    return Request(request.method, request.url.path, request.url.query.decode(), headers, request.content)
