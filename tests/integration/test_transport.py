"""Every way in which an answer can fail, played by a bare socket: class, count of requests, slot."""

import asyncio
import re
import socket
import ssl
import time
import warnings
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import trustme

from gateway.mobilepay.framing import BEFORE_SEND
from gateway.mobilepay.tls import TlsFiles
from gateway.mobilepay.transport import StrictTransport, TransportOptions
from tests.integration.raw_server import OK, Peer, RawServer, Script

pytestmark = pytest.mark.asyncio

BODY = b'{"amount":12.5}'
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
SENT = (httpx.ReadError, httpx.ReadTimeout, httpx.WriteTimeout, httpx.RemoteProtocolError)


def post(
    url: str,
    content: bytes = BODY,
    *,
    method: str = "POST",
    connect: float | None = 2.0,
    read: float | None = 2.0,
    write: float | None = 2.0,
    pool: float | None = 2.0,
    gate: Callable[[], None] | None = None,
) -> httpx.Request:
    extensions: dict[str, object] = {
        "timeout": {"connect": connect, "read": read, "write": write, "pool": pool}
    }
    if gate is not None:
        extensions[BEFORE_SEND] = gate
    return httpx.Request(
        method, url, headers={"Accept-Encoding": "identity"}, content=content, extensions=extensions
    )


@pytest_asyncio.fixture
async def transport() -> AsyncIterator[StrictTransport]:
    transport = StrictTransport()
    yield transport
    assert transport.in_flight == 0, "a slot was kept"
    await transport.aclose()


async def body(response: httpx.Response) -> bytes:
    return await response.aread()


async def gone(server: RawServer) -> None:
    """The client's end of a connection is closed."""
    await asyncio.wait_for(server.gone.acquire(), 2)


def saying(*parts: bytes, then: str) -> Script:
    """Read a request, send the parts one segment after the other, then `fin`, `rst` or `stay`."""

    async def script(peer: Peer) -> None:
        await peer.request()
        for part in parts:
            await peer.send(part)
            await asyncio.sleep(0.02)
        if then == "fin":
            peer.fin()
        elif then == "rst":
            peer.rst()
        await peer.until_gone()

    return script


def after_one_answer(script: Script) -> Script:
    """The same on a kept-alive connection."""

    async def second(peer: Peer) -> None:
        await peer.answer()
        await script(peer)

    return second


FAULTS = {
    "closed without an answer": (saying(then="fin"), httpx.RemoteProtocolError),
    "reset without an answer": (saying(then="rst"), httpx.ReadError),
    "silence": (saying(then="stay"), httpx.ReadTimeout),
    "interim answer, then silence": (
        saying(b"HTTP/1.1 100 Continue\r\n\r\n", then="stay"),
        httpx.ReadTimeout,
    ),
    "no HTTP": (saying(b"\x16\x03\x01\x00\x02", then="stay"), httpx.RemoteProtocolError),
    "wrong protocol": (saying(b"HTTX/1.1 200 OK\r\n\r\n", then="stay"), httpx.RemoteProtocolError),
    "HTTP/2.0": (
        saying(b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", then="stay"),
        httpx.RemoteProtocolError,
    ),
    "status of four digits": (saying(b"HTTP/1.1 2000 OK\r\n\r\n", then="stay"), httpx.RemoteProtocolError),
    "head cut": (saying(HEAD + b"Content-Le", then="fin"), httpx.RemoteProtocolError),
    "head cut by reset": (saying(HEAD + b"Content-Le", then="rst"), httpx.ReadError),
    "length no number": (saying(HEAD + b"Content-Length: x\r\n\r\n", then="stay"), httpx.RemoteProtocolError),
    "two lengths": (
        saying(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok", then="stay"),
        httpx.RemoteProtocolError,
    ),
    "length and chunks": (
        saying(HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", then="stay"),
        httpx.RemoteProtocolError,
    ),
    "control character": (saying(HEAD + b"X: a\0b\r\n\r\n", then="stay"), httpx.RemoteProtocolError),
    "endless line": (saying(HEAD + b"X: " + b"a" * 20_000, then="stay"), httpx.RemoteProtocolError),
    "endless head": (saying(HEAD + b"X: a\r\n" * 2_000, then="stay"), httpx.RemoteProtocolError),
    "upgrade": (
        saying(b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", then="stay"),
        httpx.RemoteProtocolError,
    ),
    "first chunk malformed": (saying(CHUNKED + b"zz\r\n", then="stay"), httpx.RemoteProtocolError),
    "later chunk malformed": (
        saying(CHUNKED + b"2\r\nok\r\n", b"zz\r\n", then="stay"),
        httpx.RemoteProtocolError,
    ),
    "chunk without its end": (saying(CHUNKED, b"2\r\nokay\r\n", then="stay"), httpx.RemoteProtocolError),
    "body cut": (saying(HEAD + b"Content-Length: 9\r\n\r\nok", then="fin"), httpx.ReadError),
    "body cut by reset": (saying(HEAD + b"Content-Length: 9\r\n\r\nok", then="rst"), httpx.ReadError),
    "chunks cut": (saying(CHUNKED + b"5\r\nok", then="fin"), httpx.ReadError),
    "last chunk missing": (saying(CHUNKED + b"2\r\nok\r\n", then="fin"), httpx.ReadError),
    "body without a length, reset before its first byte": (
        saying(HEAD + b"\r\n", then="rst"),
        httpx.ReadError,
    ),
    "body without a length, reset": (saying(HEAD + b"\r\nok", then="rst"), httpx.ReadError),
    "body stalls": (saying(HEAD + b"Content-Length: 9\r\n\r\nok", then="stay"), httpx.ReadTimeout),
    "more than its length": (saying(OK + b"more", then="stay"), httpx.RemoteProtocolError),
    "encoded unasked": (
        saying(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok", then="stay"),
        httpx.RemoteProtocolError,
    ),
}


@pytest.mark.parametrize("reused", [False, True], ids=["fresh", "reused"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failed_answer_is_never_called_unsent_and_never_asked_for_twice(
    transport: StrictTransport, fault: str, method: str, reused: bool
) -> None:
    script, kind = FAULTS[fault]
    async with RawServer(after_one_answer(script) if reused else script) as server:
        if reused:
            assert await body(await transport.handle_async_request(post(server.url))) == b"ok"
        with pytest.raises(SENT) as caught:
            await transport.handle_async_request(post(server.url, method=method, read=0.25))
        assert type(caught.value) is kind
        assert caught.value.__context__ is None and caught.value.__cause__ is None
        await gone(server)
        assert (server.connections, len(server.requests)) == (1, 2 if reused else 1)


WHOLE = {
    "length": (OK, b"ok", True),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    "chunks": (CHUNKED + b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n", b"ok", True),
    "after interim answers": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n" + OK, b"ok", True),
    "last of its connection": (HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nok", b"ok", False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok", False),
    "answered twice": (OK + OK, b"ok", False),
}


@pytest.mark.parametrize("case", WHOLE)
async def test_a_whole_answer_is_returned_and_its_connection_kept_only_if_it_is_clean(
    transport: StrictTransport, case: str
) -> None:
    data, expected, kept = WHOLE[case]

    async def script(peer: Peer) -> None:
        while True:
            await peer.answer(data)

    async with RawServer(script) as server:
        for _ in range(2):
            response = await transport.handle_async_request(post(server.url))
            assert await body(response) == expected
        assert (server.connections, len(server.requests)) == (1 if kept else 2, 2)


async def test_one_connection_serves_answers_of_every_kind_in_a_row(transport: StrictTransport) -> None:
    kept = [(data, expected) for data, expected, stays in WHOLE.values() if stays] * 2

    async def script(peer: Peer) -> None:
        for data, _ in kept:
            await peer.request()
            # In pieces, as a slow network brings it.
            for at in range(0, len(data), 7):
                await peer.send(data[at : at + 7])
                await asyncio.sleep(0)

    async with RawServer(script) as server:
        for _, expected in kept:
            assert await body(await transport.handle_async_request(post(server.url))) == expected
        assert (server.connections, len(server.requests)) == (1, len(kept))


async def test_a_connection_that_nobody_uses_is_closed() -> None:
    transport = StrictTransport(TransportOptions(keepalive_seconds=0.1))

    async def script(peer: Peer) -> None:
        await peer.answer()
        await peer.until_gone()

    async with RawServer(script) as server:
        for _ in range(2):
            await transport.handle_async_request(post(server.url))
            await gone(server)
        assert server.connections == 2
        await transport.aclose()


async def test_calls_beside_each_other_each_have_their_own_time_out(transport: StrictTransport) -> None:
    async def ask(read: float) -> float:
        begun = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            await transport.handle_async_request(post(server.url, read=read))
        return time.monotonic() - begun

    async with RawServer(saying(then="stay")) as server:
        reads = (0.6, 0.2, 0.4)
        for read, took in zip(reads, await asyncio.gather(*map(ask, reads)), strict=True):
            assert read - 0.01 < took < read + 0.5


async def test_a_body_without_a_length_ends_with_a_clean_close(transport: StrictTransport) -> None:
    async with RawServer(saying(HEAD + b"\r\no", b"k", then="fin")) as server:
        assert await body(await transport.handle_async_request(post(server.url))) == b"ok"


async def test_a_redirect_is_an_answer_and_a_cookie_is_not_kept(transport: StrictTransport) -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.answer(
                b"HTTP/1.1 307 T\r\nLocation: /other\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n"
                b"Content-Length: 0\r\n\r\n"
            )

    async with RawServer(script) as server, httpx.AsyncClient(transport=transport) as client:
        for _ in range(2):
            response = await client.post(server.url, content=BODY)
            assert response.status_code == 307 and response.headers["Location"] == "/other"
        assert len(server.requests) == 2
        assert not any(b"ookie" in request for request in server.requests)


async def test_the_bytes_sent_are_the_request_as_given_and_nothing_else(transport: StrictTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer()

    async with RawServer(script) as server:
        headers = [
            (b"hOsT", b"api.example"),
            (b"X-MobilePay-Idempotency-Key", b"2d74d4d1"),
            (b"x-twice", b"1"),
            (b"X-Latin", b"\xe6\xf8"),
            (b"x-twice", b"2"),
            (b"Content-Length", b"2"),
        ]
        url = server.url + "?orderId=a%20b%2Fc&empty="
        await transport.handle_async_request(httpx.Request("POST", url, headers=headers, content=b"{}"))
        assert server.requests == [
            b"POST /pos/v10/payments?orderId=a%20b%2Fc&empty= HTTP/1.1\r\n"
            + b"".join(name + b": " + value + b"\r\n" for name, value in headers)
            + b"\r\n{}"
        ]


@pytest.mark.parametrize(
    "request_",
    [
        httpx.Request("POST", "http://127.0.0.1:1/", headers={"X-A": "b\r\nX-C: d"}),
        httpx.Request("POST", "http://127.0.0.1:1/", headers=[(b"X-A\n", b"b")]),
        httpx.Request("PO ST", "http://127.0.0.1:1/"),
        httpx.Request("HEAD", "http://127.0.0.1:1/"),
        httpx.Request("POST", "http://127.0.0.1:1/", headers={"Content-Length": "3"}, content=b"{}"),
        httpx.Request("POST", "http://127.0.0.1:1/", headers={"Transfer-Encoding": "chunked"}, content=b"{}"),
    ],
    ids=["value", "name", "method", "no body ever", "length", "chunked"],
)
async def test_a_request_whose_frame_is_unclear_is_not_sent(
    transport: StrictTransport, request_: httpx.Request
) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        await transport.handle_async_request(request_)


async def test_an_answer_that_nobody_asked_for_is_never_read_as_ours(transport: StrictTransport) -> None:
    spoken = asyncio.Event()

    async def late_second_answer(peer: Peer) -> None:
        await peer.answer()
        await asyncio.sleep(0.02)
        await peer.send(HEAD + b"Content-Length: 5\r\n\r\nwrong")
        spoken.set()
        await peer.until_gone()

    async def proper(peer: Peer) -> None:
        await peer.answer()

    async with RawServer(late_second_answer, proper) as server:
        await transport.handle_async_request(post(server.url))
        await spoken.wait()
        await asyncio.sleep(0.02)
        with pytest.raises(httpx.ConnectError):
            await transport.handle_async_request(post(server.url))
        assert len(server.requests) == 1
        await gone(server)
        assert await body(await transport.handle_async_request(post(server.url))) == b"ok"


@pytest.mark.parametrize("at", [1, 4, 15, 30])
async def test_an_answer_that_began_before_the_request_left_is_never_read_as_ours(
    transport: StrictTransport, at: int
) -> None:
    """Its beginning came in one segment with the answer before, its rest after the request."""
    wrong = HEAD + b"Content-Length: 5\r\n\r\nwrong"

    async def script(peer: Peer) -> None:
        await peer.answer(OK + wrong[:at])
        await peer.answer(wrong[at:])
        await peer.until_gone()

    async with RawServer(script) as server:
        assert await body(await transport.handle_async_request(post(server.url))) == b"ok"
        with pytest.raises(httpx.RemoteProtocolError):
            await transport.handle_async_request(post(server.url))
        await gone(server)


async def test_a_connection_closed_while_idle_is_not_used(transport: StrictTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer()
        peer.fin()

    async with RawServer(script) as server:
        for _ in range(3):
            assert await body(await transport.handle_async_request(post(server.url))) == b"ok"
            await asyncio.sleep(0.02)
        assert (server.connections, len(server.requests)) == (3, 3)


@pytest.mark.parametrize("chunked", [False, True])
async def test_an_answer_is_bounded_in_size(chunked: bool) -> None:
    transport = StrictTransport(TransportOptions(max_answer_bytes=100_000))

    def answer(size: int) -> bytes:
        if chunked:
            return CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size)
        return HEAD + b"Content-Length: %d\r\n\r\n%b" % (size, b"x" * size)

    async with RawServer(
        saying(answer(100_000), then="stay"), saying(answer(100_001), then="stay")
    ) as server:
        assert len(await body(await transport.handle_async_request(post(server.url)))) == 100_000
        with pytest.raises(httpx.RemoteProtocolError):
            await transport.handle_async_request(post(server.url.replace("127.0.0.1", "localhost")))
        await gone(server)
        await transport.aclose()


async def test_a_trickling_server_does_not_outlast_the_read_timeout(transport: StrictTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        for byte in HEAD + b"Content-Length: 1000\r\n\r\n" + b"x" * 1000:
            await peer.send(bytes([byte]))
            await asyncio.sleep(0.01)

    async with RawServer(script) as server:
        begun = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            await transport.handle_async_request(post(server.url, read=0.3))
        assert 0.29 < time.monotonic() - begun < 1.5


@pytest.mark.parametrize(("write", "read"), [(0.2, 5.0), (5.0, 0.2)])
async def test_what_was_not_written_in_time_is_never_written(
    transport: StrictTransport, write: float, read: float
) -> None:
    rest: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    resume = asyncio.Event()

    async def script(peer: Peer) -> None:
        await resume.wait()
        rest.set_result(await peer.until_gone())

    large = b"x" * 20_000_000
    async with RawServer(script, receive_buffer=4096) as server:
        with pytest.raises(httpx.WriteTimeout):
            await transport.handle_async_request(post(server.url, large, write=write, read=read))
        resume.set()
        assert len(await asyncio.wait_for(rest, 5)) < len(large)


async def test_a_large_request_arrives_whole(transport: StrictTransport) -> None:
    async with RawServer(saying(OK, then="stay")) as server:
        await transport.handle_async_request(post(server.url, b"x" * 3_000_000))
        assert server.requests[0].endswith(b"\r\n\r\n" + b"x" * 3_000_000)


async def test_an_answer_before_the_request_is_read_is_heard_and_the_connection_dropped(
    transport: StrictTransport,
) -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await peer.until_gone()

    async def slow_greeting(peer: Peer) -> None:
        await asyncio.sleep(0.05)
        await script(peer)

    async with RawServer(slow_greeting) as server:
        response = await transport.handle_async_request(post(server.url, b"x" * 3_000_000))
        assert response.status_code == 413


async def test_nobody_listening_and_no_such_name_are_unsent(transport: StrictTransport) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for url in (f"http://127.0.0.1:{port}/", "http://no-such-host.invalid/"):
            with pytest.raises(httpx.ConnectError):
                await transport.handle_async_request(post(url))


async def test_a_connection_that_is_not_made_in_time_is_unsent(transport: StrictTransport) -> None:
    async def mute(peer: Peer) -> None:
        await peer.until_gone()

    # A server that takes the connection but never answers the TLS greeting.
    async with RawServer(mute) as server:
        with pytest.raises(httpx.ConnectTimeout):
            await transport.handle_async_request(post(server.url.replace("http:", "https:"), connect=0.2))
        await gone(server)
        assert server.requests == []


async def test_the_pool_has_a_time_out_of_its_own_and_its_slots_come_back() -> None:
    transport = StrictTransport(TransportOptions(max_connections=2))
    release = asyncio.Event()

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await release.wait()
            await peer.send(OK)

    async with RawServer(script) as server:
        held = [asyncio.create_task(transport.handle_async_request(post(server.url))) for _ in range(2)]
        await until(lambda: len(server.requests) == 2)
        with pytest.raises(httpx.PoolTimeout):
            await transport.handle_async_request(post(server.url, pool=0.1, connect=5.0))
        waiting = asyncio.create_task(transport.handle_async_request(post(server.url)))
        given_up = asyncio.create_task(transport.handle_async_request(post(server.url)))
        await asyncio.sleep(0.02)
        assert (transport.in_flight, server.connections, len(server.requests)) == (2, 2, 2)
        given_up.cancel()
        release.set()
        for task in (*held, waiting):
            assert (await task).status_code == 200
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert (transport.in_flight, server.connections, len(server.requests)) == (0, 2, 3)
        await transport.aclose()


@pytest.mark.parametrize("phase", ["connect", "write", "head", "body"])
async def test_a_cancelled_call_drops_its_connection_and_frees_its_slot(phase: str) -> None:
    transport = StrictTransport(TransportOptions(max_connections=1))
    reached = asyncio.Event()

    async def script(peer: Peer) -> None:
        if phase in ("head", "body"):
            await peer.request()
        if phase == "body":
            await peer.send(HEAD + b"Content-Length: 9\r\n\r\nok")
        reached.set()
        if phase == "write":
            await asyncio.sleep(0.2)
        await peer.until_gone()

    async with RawServer(script, saying(OK, then="stay"), receive_buffer=4096) as server:
        url = server.url.replace("http:", "https:") if phase == "connect" else server.url
        content = b"x" * 20_000_000 if phase == "write" else BODY
        call = asyncio.create_task(transport.handle_async_request(post(url, content)))
        await reached.wait()
        await asyncio.sleep(0.05)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert transport.in_flight == 0
        await gone(server)
        assert (await transport.handle_async_request(post(server.url))).status_code == 200
        assert server.connections == 2
        await transport.aclose()


async def test_closing_ends_calls_under_way(transport: StrictTransport) -> None:
    async with RawServer(saying(then="stay")) as server:
        call = asyncio.create_task(transport.handle_async_request(post(server.url)))
        await until(lambda: len(server.requests) == 1)
        await transport.aclose()
        with pytest.raises(SENT):
            await call


async def test_the_gate_is_asked_with_the_connection_held_and_the_request_leaves_before_anything_else_runs(
    transport: StrictTransport,
) -> None:
    """The server is a socket in this very thread: what it has tells what had been sent by then."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        seen: list[object] = []
        ends: list[socket.socket] = []

        def gate() -> None:
            if not ends:
                ends.append(listener.accept()[0])
                ends[0].setblocking(False)
            try:
                seen.append(ends[0].recv(65536))
            except BlockingIOError:
                seen.append("held, nothing sent")
            loop.call_soon(lambda: seen.append(ends[0].recv(65536)))

        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        for content in (BODY, b"", BODY):
            seen.clear()
            call = asyncio.create_task(transport.handle_async_request(post(url, content, gate=gate)))
            await until(lambda: len(seen) == 2)
            assert seen[0] == "held, nothing sent"
            first = seen[1]
            assert (
                isinstance(first, bytes)
                and first.startswith(b"POST / HTTP/1.1\r\n")
                and first.endswith(content)
            )
            ends[0].send(OK)
            assert (await call).status_code == 200
        ends[0].close()


class LeaseTooOld(Exception):
    pass


@pytest.mark.parametrize("reused", [False, True], ids=["fresh", "reused"])
@pytest.mark.parametrize(
    "refusal",
    [LeaseTooOld(), TimeoutError(), OSError(5, "x"), httpx.ReadError("x"), asyncio.CancelledError()],
)
async def test_what_the_gate_raises_reaches_the_caller_itself_and_nothing_is_sent(
    transport: StrictTransport, refusal: BaseException, reused: bool
) -> None:
    def refuse() -> None:
        raise refusal

    async def script(peer: Peer) -> None:
        while True:
            await peer.answer()

    async with RawServer(script) as server:
        if reused:
            await transport.handle_async_request(post(server.url))
        with pytest.raises(type(refusal)) as caught:
            await transport.handle_async_request(post(server.url, gate=refuse))
        assert caught.value is refusal
        assert transport.in_flight == 0
        assert len(server.requests) == int(reused)
        assert (await transport.handle_async_request(post(server.url))).status_code == 200
        assert server.connections == 1, "the connection stays usable"


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.002)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_tls(
    authority: trustme.CA, *, name: str = "127.0.0.1", clients: trustme.CA | None = None
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        clients.configure_trust(context)
    return context


def files(tmp_path: Path, authority: trustme.CA, *, client: bool = False) -> TlsFiles:
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca)
    if not client:
        return TlsFiles(ca_file=str(ca))
    own, key = tmp_path / "own.pem", tmp_path / "own.key"
    issued = authority.issue_cert("gateway.example")
    issued.cert_chain_pems[0].write_to_path(own)
    issued.private_key_pem.write_to_path(key)
    return TlsFiles(ca_file=str(ca), cert_file=str(own), key_file=str(key))


async def test_own_authority_and_client_certificate(tmp_path: Path, authority: trustme.CA) -> None:
    transport = StrictTransport(TransportOptions(tls=files(tmp_path, authority, client=True)))

    async def script(peer: Peer) -> None:
        while True:
            await peer.answer()

    async with RawServer(script, tls=server_tls(authority, clients=authority)) as server:
        for _ in range(2):
            assert await body(await transport.handle_async_request(post(server.url))) == b"ok"
        assert server.connections == 1
        await transport.aclose()


async def test_an_unknown_authority_a_wrong_name_and_an_old_version_are_unsent(
    tmp_path: Path, authority: trustme.CA
) -> None:
    public, own = TlsFiles(), files(tmp_path, authority)
    old = server_tls(authority)
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    cases = [
        (public, server_tls(authority)),
        (own, server_tls(authority, name="other.example")),
        (own, old),
    ]
    for trusted, context in cases:
        transport = StrictTransport(TransportOptions(tls=trusted))
        async with RawServer(saying(OK, then="stay"), tls=context) as server:
            with pytest.raises(httpx.ConnectError):
                await transport.handle_async_request(post(server.url))
            assert (server.requests, transport.in_flight) == ([], 0)
            await transport.aclose()


@pytest.mark.parametrize(
    "fault", ["closed without an answer", "reset without an answer", "silence", "body cut"]
)
async def test_faults_over_tls(tmp_path: Path, authority: trustme.CA, fault: str) -> None:
    script, _ = FAULTS[fault]
    transport = StrictTransport(TransportOptions(tls=files(tmp_path, authority)))
    async with RawServer(script, tls=server_tls(authority)) as server:
        with pytest.raises(SENT):
            await transport.handle_async_request(post(server.url, read=0.3))
        await gone(server)
        assert (len(server.requests), transport.in_flight) == (1, 0)
        await transport.aclose()


async def test_a_forwarding_proxy_gets_the_whole_target_and_its_credentials() -> None:
    async with RawServer(saying(OK, then="stay")) as proxy:
        transport = StrictTransport(TransportOptions(proxy=f"http://user:p%40ss@127.0.0.1:{proxy.port}"))
        assert "p@ss" not in repr(transport) and "p%40ss" not in repr(
            TransportOptions(proxy="http://u:p%40ss@h")
        )
        response = await transport.handle_async_request(post("http://api.example:81/pos/v10/payments"))
        assert response.status_code == 200
        head = proxy.requests[0].split(b"\r\n\r\n")[0]
        assert head.startswith(
            b"POST http://api.example:81/pos/v10/payments HTTP/1.1\r\nHost: api.example:81\r\n"
        )
        assert head.endswith(b"\r\nProxy-Authorization: Basic dXNlcjpwQHNz")
        await transport.aclose()


async def test_a_tunnel_carries_tls_to_the_origin_and_the_proxy_sees_no_request(
    tmp_path: Path, authority: trustme.CA
) -> None:
    async with RawServer(saying(OK, then="stay"), tls=server_tls(authority)) as origin:
        asked: list[bytes] = []

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            there, back = await asyncio.open_connection("127.0.0.1", origin.port)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

            async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
                while data := await source.read(65536):
                    sink.write(data)
                sink.close()

            await asyncio.gather(pump(reader, back), pump(there, writer), return_exceptions=True)

        async with await asyncio.start_server(relay, "127.0.0.1", 0) as proxy:
            port = proxy.sockets[0].getsockname()[1]
            options = TransportOptions(
                tls=files(tmp_path, authority), proxy=f"http://user:pass@127.0.0.1:{port}"
            )
            transport = StrictTransport(options)
            assert await body(await transport.handle_async_request(post(origin.url))) == b"ok"
            assert re.match(rb"CONNECT 127\.0\.0\.1:\d+ HTTP/1\.1\r\n", asked[0])
            assert b"Proxy-Authorization: Basic dXNlcjpwYXNz" in asked[0]
            assert b"roxy" not in origin.requests[0]
            await transport.aclose()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Auth\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 502 Bad\r\n\r\n",
        b"",
        b"nonsense\r\n\r\n",
    ],
)
async def test_a_proxy_that_does_not_let_us_through_is_unsent(answer: bytes) -> None:
    async with RawServer(saying(answer, then="fin")) as proxy:
        transport = StrictTransport(TransportOptions(proxy=f"http://user:pass@127.0.0.1:{proxy.port}"))
        with pytest.raises(httpx.ProxyError) as caught:
            await transport.handle_async_request(post("https://api.example/"))
        assert caught.value.__context__ is None, "aiohttp's error holds the proxy's credentials"
        assert transport.in_flight == 0
        await transport.aclose()
    transport = StrictTransport(TransportOptions(proxy=f"http://127.0.0.1:{proxy.port}"))
    with pytest.raises(httpx.ProxyError):
        await transport.handle_async_request(post("https://api.example/"))
    await transport.aclose()
