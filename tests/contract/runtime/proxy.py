"""A TCP proxy whose wire can be cut, so that nothing passes and nobody is told, or whose connections break."""

import asyncio
import contextlib
import time


def listeners(port: int, behind: int, proxied: int, controller: int) -> dict[str, str]:
    """Of a broker: one listener at `port`, one `behind` a proxy, whose clients are sent to `proxied`."""
    here = "127.0.0.1"
    return {
        "listeners": f"PLAINTEXT://{here}:{port},PROXIED://{here}:{behind},CONTROLLER://{here}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{here}:{port},PROXIED://{here}:{proxied}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }


class Proxy:
    """Between clients of `port` and a server on loopback.

    `cut` holds back every byte in both directions; `break_all` resets each connection, and what was held back is
    lost; `lose_next_answer_to` resets the one by which the next request of a kind has just gone through.
    """

    def __init__(self, port: int, target_port: int) -> None:
        self.port = port
        self._target_port = target_port
        self._passes = asyncio.Event()
        self._passes.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._losing: int | None = None
        self.broken = 0
        self.broken_at: list[float] = []
        """Seconds since the epoch of each `break_all`."""
        self.lost = 0

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        self._passes.clear()

    def mend(self) -> None:
        self._passes.set()

    def break_all(self) -> None:
        # Both ends hear of it, so that a server does not go on with what its client believes lost.
        for writer in self._writers:
            writer.transport.abort()
        self.broken += len(self._tasks)
        self.broken_at.append(time.time())

    def lose_next_answer_to(self, api_key: int) -> None:
        """The request reaches the server, its answer nobody (26: EndTxn, so a commit)."""
        self._losing = api_key

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writers = {writer}
        self._writers.add(writer)
        try:
            await self._passes.wait()
            if not writer.is_closing():
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
                writers.add(far_writer)
                self._writers.add(far_writer)
                await asyncio.gather(
                    self._pump(reader, far_writer, writer, asks=True), self._pump(far_reader, writer, writer)
                )
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            self._writers -= writers
            for one in writers:
                one.close()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
        asks: bool = False,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await self._passes.wait()
                if client.is_closing():
                    break
                # A small request comes in one piece: four bytes of length, then its kind.
                if asks and int.from_bytes(data[4:6]) == self._losing:
                    self._losing = None
                    self.lost += 1
                    client.transport.abort()
                writer.write(data)
                await writer.drain()
        writer.close()
