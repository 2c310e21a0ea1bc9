"""One HTTP/1.1 answer from a connection, whole and bounded, or an error that says it was none (RFC 9112)."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp
import httpx
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError

from gateway.mobilepay.exchange import Answer

DISTRUSTED: Final = "its certificate is not trusted"
_RAW = ("utf-8", "surrogateescape")


async def read_answer(protocol: ResponseHandler, max_bytes: int) -> Answer:
    """The next answer; interim ones (1xx) are passed over.

    Raises aiohttp's errors: HttpProcessingError for what is no answer to us, the others for a cut connection.
    """
    message, payload = await protocol.read()
    while 100 <= message.code < 200 and message.code != 101:
        message, payload = await protocol.read()
    if message.version.major != 1 or message.code == 101:
        raise HttpProcessingError(message="another protocol than HTTP/1.1")
    if message.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise HttpProcessingError(message="a content encoding that was not asked for")
    if payload.is_eof():
        body = await _read(payload, max_bytes)
    else:
        with _told_of_loss(protocol, payload):
            body = await _read(payload, max_bytes)
    lost = protocol.exception()
    if body and isinstance(lost, OSError) and not (message.chunked or "Content-Length" in message.headers):
        # An answer that says no length ends with a clean close; the parser takes a reset for one too.
        raise lost
    return Answer(message.code, message.headers, body)


def response_of(answer: Answer) -> httpx.Response:
    """The same for httpx's client, which would keep cookies and send them along with later requests."""
    given = ((name.encode(*_RAW), value.encode(*_RAW)) for name, value in answer.headers.items())
    return httpx.Response(
        answer.status,
        headers=[(name, value) for name, value in given if name.lower() != b"set-cookie"],
        stream=httpx.ByteStream(answer.body),
        extensions={"http_version": b"HTTP/1.1"},
    )


def told(error: Exception) -> str:
    """The error for people, without a byte of the answer: it may hold what belongs in no log."""
    match error:
        case aiohttp.ClientResponseError():
            return f"the proxy answered {error.status}"
        case HttpProcessingError():
            return error.message.partition(":")[0]
        case aiohttp.ServerDisconnectedError():
            return "closed without an answer"
        case aiohttp.ClientPayloadError():
            return "the answer was cut off"
        case aiohttp.ClientConnectorCertificateError():
            reason = getattr(error.certificate_error, "verify_message", "") or "the host's name"
            return f"{DISTRUSTED}: {reason}"
        case TimeoutError():
            return "timed out"
        case _:
            return str(error) or type(error).__name__


async def _read(payload: aiohttp.StreamReader, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := await payload.readany():
        size += len(part)
        if size > max_bytes:
            raise HttpProcessingError(message=f"an answer above {max_bytes} bytes")
        parts.append(part)
    return b"".join(parts)


@contextmanager
def _told_of_loss(protocol: ResponseHandler, payload: aiohttp.StreamReader) -> Iterator[None]:
    """Wake the body's reader when a later part is malformed: aiohttp tells that to the connection alone."""
    closed = protocol.closed
    if closed is None or closed.done():
        raise payload.exception() or protocol.exception() or aiohttp.ServerDisconnectedError()

    def tell(_: object) -> None:
        fault = protocol.exception()
        if fault is not None and payload.exception() is None and not payload.is_eof():
            payload.set_exception(fault)

    closed.add_done_callback(tell)
    try:
        yield
    finally:
        closed.remove_done_callback(tell)
        # Exactly one is left, so that losing the connection while idle is no exception nobody retrieved.
        closed.remove_done_callback(_retrieve)
        closed.add_done_callback(_retrieve)


def _retrieve(closed: asyncio.Future[None]) -> None:
    if not closed.cancelled():
        closed.exception()
