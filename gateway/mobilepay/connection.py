"""One HTTP/1.1 connection and the answers on it, each whole and bounded, or an error that says it was none
(RFC 9112).

aiohttp's connector makes it and aiohttp's parser reads it. What stands between them there (a queue and a reader,
woken once for the head and once for the body) cost more than both: here an answer is one future.
"""

import asyncio
from contextlib import suppress

import aiohttp
from aiohttp.base_protocol import BaseProtocol
from aiohttp.connector import Connection as Made
from aiohttp.http import HttpProcessingError, HttpResponseParser, RawResponseMessage, StreamWriter

from gateway.mobilepay.exchange import Answer


class Connection(BaseProtocol):
    """Taken over from the connector. Raises aiohttp's errors for one that is of no use any more."""

    def __init__(self, made: Made, max_answer_bytes: int) -> None:
        handler, transport = made.protocol, made.transport
        if handler is None or transport is None or transport.is_closing():
            made.close()
            raise aiohttp.ClientConnectionError("the connection was closed before it was used")
        super().__init__(asyncio.get_running_loop())
        self._made = made
        self._handler = handler
        self._link = transport
        self._max_answer_bytes = max_answer_bytes
        self._answers: HttpResponseParser
        self._waiting: asyncio.Future[Answer] | None = None
        self._head: RawResponseMessage | None = None
        self._body: aiohttp.StreamReader | None = None
        self._spoke_unasked = handler.should_close
        self.idle_since = 0.0
        self.transport = transport
        transport.set_protocol(self)

    @property
    def alive(self) -> bool:
        return not self._link.is_closing()

    @property
    def reusable(self) -> bool:
        """Nothing is left of the last request and its answer, and the far side goes on."""
        head = self._head
        return (
            not self._spoke_unasked
            and (head is None or not head.should_close)
            and not self._link.is_closing()
            # Answered before it had read the request: the rest of it must not lead the next one.
            and not self._link.get_write_buffer_size()
        )

    def check(self) -> None:
        """Raises aiohttp's errors where a request may not leave on it."""
        if self._link.is_closing():
            raise aiohttp.ClientConnectionError("the connection was closed before it was used")
        if self._spoke_unasked:
            # Read as our answer, it would be another's.
            raise aiohttp.ClientConnectionError("the server sent something before it was asked")

    def ask(self, wire: bytes) -> "asyncio.Future[Answer]":
        """Send a request now; its answer, or aiohttp's error: HttpProcessingError for what is no answer to us, the
        others for a cut connection.
        """
        # A new one each time: what another answer had begun before must not be the beginning of ours. Its streams
        # never hold the connection back, since no answer may be as long as that.
        self._answers = HttpResponseParser(
            self, self._loop, self._max_answer_bytes, read_until_eof=True, auto_decompress=False
        )
        self._waiting = self._loop.create_future()
        self._link.write(wire)
        return self._waiting

    async def taken(self) -> None:
        """Wait until the kernel has taken most of the request."""
        await StreamWriter(self, self._loop).drain()

    def rest(self, now: float) -> None:
        """Wait for the next request, and hold nothing of the last answer meanwhile."""
        self._waiting = self._head = self._body = None
        self.idle_since = now

    def close(self) -> None:
        """Drop it at once: a mere close would first send what is still buffered, after the caller gave up."""
        waiting = self._waiting
        if waiting is not None and waiting.done() and not waiting.cancelled():
            # Nobody may have come to ask for it.
            waiting.exception()
        self._link.abort()
        self._made.close()

    def data_received(self, data: bytes) -> None:
        waiting = self._waiting
        if waiting is None or waiting.done():
            self._spoke_unasked = True
            return
        try:
            messages, _, _ = self._answers.feed_data(data)
            for message, body in messages:
                if self._head is not None:
                    self._spoke_unasked = True
                elif not _is_interim(message):
                    self._head, self._body = _ours(message), body
            self._go_on(waiting)
        except HttpProcessingError as fault:
            waiting.set_exception(fault)
        # Whatever else the parser raises, it is no answer.
        except Exception:
            waiting.set_exception(HttpProcessingError())

    def connection_lost(self, lost: BaseException | None) -> None:
        super().connection_lost(lost)
        self._handler.connection_lost(lost)
        self._made.close()
        waiting = self._waiting
        if waiting is None or waiting.done():
            return
        if self._head is None:
            gone = aiohttp.ServerDisconnectedError() if lost is None else aiohttp.ClientOSError(*lost.args)
            waiting.set_exception(gone)
            return
        if lost is None:
            # An answer that says no length ends with a clean close; of any other this says that it is cut off.
            with suppress(HttpProcessingError):
                self._answers.feed_eof()
                self._go_on(waiting)
        if not waiting.done():
            waiting.set_exception(aiohttp.ClientPayloadError())

    def pause_reading(self) -> None:
        """Asked for by the parser's streams: the bound on an answer stands in for it."""

    def resume_reading(self, resume_parser: bool = True) -> None:
        """As above."""

    def _go_on(self, waiting: "asyncio.Future[Answer]") -> None:
        head, body = self._head, self._body
        if head is None or body is None:
            return
        if body.total_bytes > self._max_answer_bytes:
            raise HttpProcessingError(message=f"an answer above {self._max_answer_bytes} bytes")
        if body.is_eof():
            waiting.set_result(Answer(head.code, head.headers, body.read_nowait()))


def _is_interim(message: RawResponseMessage) -> bool:
    return 100 <= message.code < 200 and message.code != 101


def _ours(message: RawResponseMessage) -> RawResponseMessage:
    if message.version.major != 1 or message.code == 101:
        raise HttpProcessingError(message="another protocol than HTTP/1.1")
    if message.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise HttpProcessingError(message="a content encoding that was not asked for")
    return message
