"""The sandbox over HTTP: a plain ASGI application on uvicorn, with its hand on the transport where faults
need it.

A request waits out its fate while an eye is kept on its client: one that hangs up ends the exchange for the
recorder, though the effect, if it is still to come, comes all the same (as it would at a provider that is
only slow). A reset is a real one: SO_LINGER 0, then abort, so that the peer reads ECONNRESET.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from gateway.sandbox.admin import PREFIX, answer_admin
from gateway.sandbox.clock import Clock, RunningClock
from gateway.sandbox.config import SandboxConfig
from gateway.sandbox.http import Request, Response
from gateway.sandbox.live import VIEWERS_MAX, Live
from gateway.sandbox.notifications import deliver_all
from gateway.sandbox.openapi import answer_document
from gateway.sandbox.page import LIVE_PATH, STREAM, answer_page
from gateway.sandbox.simulator import Exchange, Sandbox
from gateway.sandbox.stream import write_stream

BODY_MAX_BYTES = 65_536
SHUTDOWN_SECONDS = 2
GC_SECONDS = 1

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class SandboxApp:
    """ASGI application of one sandbox. `stopping` releases every request that is being kept waiting."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.live = Live(sandbox)
        self.stopping = asyncio.Event()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = await _read(scope, receive)
        if request is None:
            await _write(Response(413), send)
        elif (page := answer_page(request) or answer_document(request)) is not None:
            await _write(page, send)
        elif request.path == LIVE_PATH and request.method == "GET":
            await self._follow(request, receive, send)
        elif request.path.startswith(PREFIX):
            await _write(answer_admin(self.sandbox, request), send)
        else:
            transport = scope.get("state", {}).get("transport")
            await self._serve(self.sandbox.begin(request), transport, receive, send)

    async def _follow(self, request: Request, receive: Receive, send: Send) -> None:
        """The stream of one who watches, as long as there are not too many of them."""
        if self.live.viewers >= VIEWERS_MAX:
            await _write(Response(503, headers=(("retry-after", "5"),)), send)
            return
        events = self.live.events("".join(request.values("last-event-id")))
        gone, stopping = _hung_up(receive), self.stopping.wait()
        await write_stream(STREAM, events, send, hung_up=gone, stopping=stopping)

    async def _serve(
        self, exchange: Exchange, transport: asyncio.Transport | None, receive: Receive, send: Send
    ) -> None:
        sandbox, fate = self.sandbox, exchange.fate
        if fate.before_seconds:
            await self._wait(exchange, fate.before_seconds, receive)
        sandbox.perform(exchange)
        if fate.after_seconds:
            await self._wait(exchange, fate.after_seconds, receive)
        if fate.ending == "silence":
            await self._wait(exchange, None, receive)
        gone = transport is not None and transport.is_closing()
        sandbox.finish(exchange, gone=gone)
        if fate.ending == "answer" and exchange.shown is not None:
            await _write(exchange.shown, send)
        elif transport is not None and fate.ending == "cut" and exchange.shown is not None:
            transport.write(_cut(exchange.shown))
            transport.close()
        elif transport is not None:
            _reset(transport)

    async def _wait(self, exchange: Exchange, seconds: float | None, receive: Receive) -> None:
        """Waits so long (None: until the client hangs up). A client that hangs up does not shorten a wait for
        an effect, only the recorder learns of it then."""
        hung_up = asyncio.ensure_future(_hung_up(receive))
        stopped = asyncio.ensure_future(self.stopping.wait())
        loop = asyncio.get_running_loop()
        end = None if seconds is None else loop.time() + seconds
        try:
            await asyncio.wait({hung_up, stopped}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if hung_up.done():
                self.sandbox.finish(exchange, gone=True)
                if end is not None and not stopped.done():
                    await asyncio.wait({stopped}, timeout=max(0.0, end - loop.time()))
        finally:
            hung_up.cancel()
            stopped.cancel()


async def serve(
    config: SandboxConfig,
    host: str,
    port: int,
    announce: Callable[[str], None],
    *,
    clock: Clock | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serves until `stop` is set, or for ever. `announce` gets the base URL once requests are taken; port 0
    takes a free one. OSError if the address cannot be had."""
    app = SandboxApp(Sandbox(config, clock or RunningClock()))
    listener = _listen(host, port)
    server = _Server(
        uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=2048,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
    )
    stop = stop or asyncio.Event()
    courier = asyncio.create_task(_tell_of_check_ins(app.sandbox)) if config.notifications_url else None
    shown = f"[{host}]" if ":" in host else host
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        opened = asyncio.create_task(server.opened.wait())
        await asyncio.wait({serving, opened}, return_when=asyncio.FIRST_COMPLETED)
        opened.cancel()
        if server.started:
            announce(f"http://{shown}:{listener.getsockname()[1]}")
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
    finally:
        if courier is not None:
            courier.cancel()
        app.stopping.set()
        server.should_exit = True
        await serving
        listener.close()


def run(config: SandboxConfig, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT, then returns; the way of the command line."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        tending = asyncio.create_task(_tend_memory())
        try:
            await serve(config, host, port, announce, stop=stop)
        finally:
            tending.cancel()

    asyncio.run(main())


async def _tell_of_check_ins(sandbox: Sandbox) -> None:
    config, notices = sandbox.config, sandbox.world.register.notices
    url = config.notifications_url or ""
    await deliver_all(
        notices, sandbox.advance, url, config.notification_retry_seconds, sandbox.deliveries.append
    )


async def _tend_memory() -> None:
    """Collects young garbage each second and takes what is left out of the collector's sight. The world only
    grows, and a full collection over its millions of objects would stop every request for longer than its
    client waits."""
    gc.disable()
    while True:
        gc.collect()
        gc.freeze()
        await asyncio.sleep(GC_SECONDS)


class _Server(uvicorn.Server):
    """uvicorn that tells when it is open, and without its signal handlers: they re-raise the signal at the
    end, and the exit would not be clean."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.opened = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.opened.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """Hands the connection's transport to the application, in the scope's state."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.app_state: dict[str, Any] = {**self.app_state, "transport": transport}


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=2048)
    listener.setblocking(False)
    return listener


async def _read(scope: Message, receive: Receive) -> Request | None:
    """None for a body that is too large."""
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        body += message.get("body", b"")
        if len(body) > BODY_MAX_BYTES:
            return None
        more = message.get("more_body", False)
    return Request(
        scope["method"],
        scope["path"],
        scope["query_string"].decode("latin-1"),
        tuple((name.decode("latin-1"), _header(value)) for name, value in scope["headers"]),
        body,
    )


def _header(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


async def _write(response: Response, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    if response.stream is None:
        headers.append((b"content-length", str(len(response.body)).encode("ascii")))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})
        return
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    for chunk in response.stream:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _cut(response: Response) -> bytes:
    """An answer that promises more than it brings."""
    promised = len(response.body) + 20
    lines = (
        f"HTTP/1.1 {response.status} OK",
        "content-type: application/json",
        f"content-length: {promised}",
        "\r\n",
    )
    return "\r\n".join(lines).encode("ascii") + response.body[: max(1, len(response.body) // 2)]


def _reset(transport: asyncio.Transport) -> None:
    """RST instead of FIN."""
    sock = transport.get_extra_info("socket")
    if sock is not None and not transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
