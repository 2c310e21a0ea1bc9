"""A server on a bare socket that answers with exactly the bytes a test wants, and counts what it was sent."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from types import TracebackType

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Peer:
    """The server's end of one connection."""

    def __init__(
        self, server: "RawServer", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer

    async def request(self) -> bytes:
        """Read one whole request and count it; raises IncompleteReadError or ConnectionError when it ends
        before.
        """
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        whole = head + await self._reader.readexactly(length)
        self._server.requests.append(whole)
        return whole

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self, data: bytes = OK) -> None:
        await self.request()
        await self.send(data)

    async def until_gone(self) -> bytes:
        """What else arrives until the client's end is closed or reset."""
        rest = bytearray()
        try:
            while data := await self._reader.read(65536):
                rest += data
        except ConnectionError:
            pass
        self._server.gone.release()
        return bytes(rest)

    def fin(self) -> None:
        self._writer.close()

    def rst(self) -> None:
        """Close with a reset (SO_LINGER of 0)."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


class RawServer:
    """Plays one script a connection: the first connection the first script, the last script for all that
    follow.

    `requests` are those received whole; `gone` is released once for each client seen to leave by
    `until_gone`.
    """

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None, receive_buffer: int = 0) -> None:
        self._scripts = scripts
        self._tls = tls
        self._receive_buffer = receive_buffer
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.requests: list[bytes] = []
        self.gone = asyncio.Semaphore(0)

    async def __aenter__(self) -> "RawServer":
        sock = socket.socket()
        if self._receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        sock.bind(("127.0.0.1", 0))
        self.port: int = sock.getsockname()[1]
        self._server = await asyncio.start_server(self._play, sock=sock, ssl=self._tls, limit=4096)
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/pos/v10/payments"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        script = self._scripts[min(self.connections, len(self._scripts) - 1)]
        self.connections += 1
        try:
            await script(Peer(self, reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            # The client left, or the test is over; asyncio's streams would print a cancelled handler.
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
