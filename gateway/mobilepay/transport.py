"""The transport under httpx: a request at most once on the wire, and a true answer to "was it sent?".

httpx 0.28's own pool does O(n) work a request, and the adapters at hand call requests unsent that the server
has read, or send some twice. So this one stands on aiohttp's connector and parser alone: without its
`ClientSession` there is no redirect, cookie, invented header, netrc, decompression or second sending that
must be switched off.

What is raised says what is known:

- `ConnectError`, `ConnectTimeout`, `PoolTimeout`, `ProxyError`, `LocalProtocolError`, `UnsupportedProtocol`:
  no byte of the request left.
- `ReadError`, `ReadTimeout`, `WriteTimeout`, `RemoteProtocolError`: some or all may have left, the outcome is
  unknown.

Revisit when httpx has a new pool, or aiohttp changes what the tests against a raw socket hold fast.
"""

import asyncio
import time
from collections import defaultdict, deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import aiohttp
import httpx
from aiohttp.http import HttpProcessingError
from yarl import URL

from gateway.mobilepay.answer import response_of, told
from gateway.mobilepay.connection import Connection
from gateway.mobilepay.deadlines import Deadlines
from gateway.mobilepay.exchange import Address, Answer, Outgoing, Transport
from gateway.mobilepay.framing import frame, outgoing_of
from gateway.mobilepay.pacing import Budget
from gateway.mobilepay.slots import Slots, Urgency
from gateway.mobilepay.tls import TlsFiles, tls_context

_NO_TIMEOUTS: Final = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
_MAX_ORIGINS: Final = 16


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """`proxy`: an http or https URL, with userinfo if it wants some; the environment's own is not read."""

    max_connections: int = 256
    keepalive_seconds: float = 15.0
    max_answer_bytes: int = 1_048_576
    tls: TlsFiles = field(default_factory=TlsFiles)
    proxy: str | None = field(default=None, repr=False)


class _Progress:
    """How far one request has come; names what went wrong."""

    __slots__ = ("connecting", "refusal", "sent", "writing")

    def __init__(self) -> None:
        self.connecting = False
        self.sent = False
        self.writing = False
        self.refusal: BaseException | None = None

    def kind(self, error: Exception, *, proxied: bool) -> type[httpx.TransportError]:
        if isinstance(error, TimeoutError):
            if self.sent:
                return httpx.WriteTimeout if self.writing else httpx.ReadTimeout
            return httpx.ConnectTimeout if self.connecting else httpx.PoolTimeout
        if not self.sent:
            return httpx.ProxyError if proxied and not isinstance(error, _ORIGIN_TLS) else httpx.ConnectError
        if isinstance(error, (HttpProcessingError, aiohttp.ServerDisconnectedError)):
            return httpx.RemoteProtocolError
        return httpx.ReadError


_ORIGIN_TLS: Final = (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError)


class StrictTransport(Transport):
    """HTTP/1.1 over pooled connections, for one event loop.

    Time-outs are the request's (`request.extensions["timeout"]`, seconds): `pool` waits for one of
    `max_connections` slots; `connect` covers name look-up, proxy and TLS; `write` handing the request to the
    kernel; `read` is one total from the first byte out to the last byte of the answer in, writing included,
    so that neither a trickling server nor a slow upload outlives it. The answer is read whole,
    `max_answer_bytes` at most. A call that fails or is cancelled aborts its connection: what the kernel has
    not taken by then is never sent. Ask for `Accept-Encoding: identity`: an encoded answer is a protocol
    error, since its size is unbounded.
    """

    def __init__(self, options: TransportOptions | None = None) -> None:
        self._options = options or TransportOptions()
        self._tls = tls_context(self._options.tls)
        self._proxy, self._proxy_headers = _proxy(self._options.proxy)
        self._slots = Slots(Budget(self._options.max_connections), time.monotonic)
        self._connector: aiohttp.TCPConnector | None = None
        self._origins: dict[Address, aiohttp.ClientRequest] = {}
        self._idle: defaultdict[Address, deque[Connection]] = defaultdict(deque)
        self._deadlines = Deadlines()
        self._sweeping: asyncio.TimerHandle | None = None

    @property
    def in_flight(self) -> int:
        """How many slots are held now."""
        return self._slots.in_flight

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return response_of(await self.exchange(outgoing_of(request)))
        except httpx.RequestError as failure:
            failure.request = request
            raise

    async def exchange(self, outgoing: Outgoing) -> Answer:
        """The same without httpx's own objects. Raises httpx's transport errors, and what `before_send` raises."""
        scheme = outgoing.origin.scheme
        if scheme not in ("http", "https"):
            raise httpx.UnsupportedProtocol(f"not http or https: {scheme!r}")
        forwarded = self._proxy is not None and scheme == "http"
        wire = frame(outgoing, self._proxy_headers if forwarded else None)
        progress = _Progress()
        try:
            return await self._call(outgoing, wire, progress)
        except (OSError, aiohttp.ClientError, HttpProcessingError) as error:
            if error is progress.refusal:
                raise
            kind = progress.kind(error, proxied=self._proxy is not None)
            failure = kind(told(error))
        # Raised out here: aiohttp's errors hold headers, and must not travel on as this one's context.
        raise failure

    async def aclose(self) -> None:
        """Close every connection; calls under way fail as cut off."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._idle.clear()
        if self._connector is not None:
            await self._connector.close(abort_ssl=True)

    async def _call(self, outgoing: Outgoing, wire: bytes, progress: _Progress) -> Answer:
        loop, limits = asyncio.get_running_loop(), outgoing.limits
        if not self._slots.take():
            async with asyncio.timeout(limits.get("pool")):
                await self._slots.acquire(Urgency.PENDING)
        try:
            connection = self._idle_one(outgoing.origin)
            if connection is None:
                progress.connecting = True
                async with asyncio.timeout(limits.get("connect")):
                    connection = await self._connect(outgoing.origin)
            try:
                waiting = self._send(connection, outgoing, wire, progress)
                answer_by = _after(loop.time(), limits.get("read"))
                if connection.writing_paused:
                    await self._finish_writing(connection, progress, limits.get("write"), answer_by)
                self._deadlines.set(waiting, answer_by)
                try:
                    answer = await waiting
                finally:
                    self._deadlines.clear(waiting)
            except BaseException as fault:
                if fault is progress.refusal:
                    self._keep(outgoing.origin, connection)
                else:
                    connection.close()
                raise
            self._keep(outgoing.origin, connection)
            return answer
        finally:
            self._slots.release()

    def _idle_one(self, address: Address) -> Connection | None:
        """The one used last, so that those that are too many grow old."""
        oldest = asyncio.get_running_loop().time() - self._options.keepalive_seconds
        idle = self._idle[address]
        while idle:
            connection = idle.pop()
            if connection.alive and connection.idle_since >= oldest:
                return connection
            connection.close()
        return None

    async def _connect(self, address: Address) -> Connection:
        if self._connector is None:
            self._connector = aiohttp.TCPConnector(limit=0, ssl=self._tls, force_close=True)
        origin = self._origins.get(address)
        if origin is None:
            if len(self._origins) >= _MAX_ORIGINS:
                self._origins.clear()
            # The connector asks a request only where it goes and by which proxy: one serves all of an origin.
            origin = self._origins[address] = aiohttp.ClientRequest(
                "GET",
                URL.build(scheme=address.scheme, host=address.host, port=address.port),
                loop=asyncio.get_running_loop(),
                proxy=self._proxy,
                proxy_headers=self._proxy_headers,
            )
        made = await self._connector.connect(origin, [], _NO_TIMEOUTS)
        return Connection(made, self._options.max_answer_bytes)

    def _keep(self, address: Address, connection: Connection) -> None:
        if not connection.reusable:
            connection.close()
            return
        loop = asyncio.get_running_loop()
        connection.rest(loop.time())
        self._idle[address].append(connection)
        if self._sweeping is None:
            self._sweeping = loop.call_later(self._options.keepalive_seconds, self._sweep)

    def _sweep(self) -> None:
        """Close what has been idle for too long."""
        loop, keepalive = asyncio.get_running_loop(), self._options.keepalive_seconds
        oldest = loop.time() - keepalive
        for address, idle in list(self._idle.items()):
            while idle and (idle[0].idle_since <= oldest or not idle[0].alive):
                idle.popleft().close()
            if not idle:
                del self._idle[address]
        self._sweeping = loop.call_later(keepalive, self._sweep) if self._idle else None

    def _send(
        self, connection: Connection, outgoing: Outgoing, wire: bytes, progress: _Progress
    ) -> "asyncio.Future[Answer]":
        """Synchronous on purpose: between the gate's word and the first byte nothing else may run."""
        connection.check()
        if outgoing.before_send is not None:
            try:
                outgoing.before_send()
            except BaseException as refusal:
                progress.refusal = refusal
                raise
        progress.sent = True
        return connection.ask(wire)

    async def _finish_writing(
        self, connection: Connection, progress: _Progress, write: float | None, answer_by: float | None
    ) -> None:
        """Wait until the kernel has taken most of a large request; small ones never come to wait."""
        progress.writing = True
        bounds = (_after(asyncio.get_running_loop().time(), write), answer_by)
        async with asyncio.timeout_at(min([at for at in bounds if at is not None], default=None)):
            # A connection that breaks here may have brought its answer first; if not, reading it tells.
            with suppress(OSError, aiohttp.ClientError):
                await connection.taken()
        progress.writing = False


def _after(now: float, seconds: float | None) -> float | None:
    return None if seconds is None else now + seconds


def _proxy(url: str | None) -> tuple[URL | None, dict[str, str]]:
    """The proxy without its userinfo, and the headers that it is to see."""
    if url is None:
        return None, {}
    parsed = URL(url)
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError("the proxy must be an http or https URL")
    if parsed.user is None:
        return parsed, {}
    credentials = aiohttp.encode_basic_auth(parsed.user, parsed.password or "")
    return parsed.with_user(None), {"Proxy-Authorization": credentials}
