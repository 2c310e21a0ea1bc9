"""CPU of this process per POST, ours against httpx's own transport in the same run: `python
tests/bench/bench_transport.py`.

The server is another process that answers each request after `--delay` ms; the rounds alternate, the least
counts.
"""

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

import httpx

from gateway.mobilepay.framing import BEFORE_SEND
from gateway.mobilepay.transport import StrictTransport, TransportOptions

BODY = b'{"posId":"1b8e1a84-9ff1-4a0c-8ba6-3f8ee2ff7d39","orderId":"p-1","amount":12.5,"currencyCode":"DKK"}'
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 52\r\n\r\n"
    b'{"paymentId":"2d74d4d1-8fec-5a48-8590-95d199cebe96"}'
)
HEADERS = {
    "Accept-Encoding": "identity",
    "Authorization": "Bearer " + "x" * 800,
    "Content-Type": "application/json",
    "X-MobilePay-Client-System-Version": "1.0.0",
    "X-MobilePay-Idempotency-Key": "2d74d4d1-8fec-5a48-8590-95d199cebe96",
}
Post = Callable[[], Awaitable[httpx.Response]]


class _Server(asyncio.Protocol):
    delay = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._held = b""

    def data_received(self, data: bytes) -> None:
        self._held += data
        if self._held.endswith(BODY):
            self._held = b""
            asyncio.get_running_loop().call_later(self.delay, self._transport.write, ANSWER)


def serve(delay: float, port: Connection) -> None:
    async def main() -> None:
        _Server.delay = delay
        server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


async def measure(post: Post, in_flight: int, requests: int) -> tuple[float, float]:
    """(CPU us per request, requests per second)"""
    left = requests

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            response = await post()
            if response.status_code != 200:
                raise AssertionError(response)

    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return (time.process_time() - cpu) / requests * 1e6, requests / (time.perf_counter() - begun)


async def compare(url: str, in_flight: int, requests: int, rounds: int) -> None:
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    direct = StrictTransport(TransportOptions(max_connections=in_flight))
    strict = StrictTransport(TransportOptions(max_connections=in_flight))
    timeout = httpx.Timeout(5.0)
    async with (
        httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(limits=limits), timeout=timeout) as theirs,
        httpx.AsyncClient(transport=strict, timeout=timeout) as ours,
    ):
        extensions = {BEFORE_SEND: lambda: None}

        def by_hand() -> Awaitable[httpx.Response]:
            request = httpx.Request(
                "POST",
                url,
                headers=HEADERS,
                content=BODY,
                extensions={"timeout": timeout.as_dict(), **extensions},
            )
            return direct.handle_async_request(request)

        ways: dict[str, Post] = {
            "httpx, its own transport": lambda: theirs.post(url, content=BODY, headers=HEADERS),
            "httpx, strict transport": lambda: ours.post(
                url, content=BODY, headers=HEADERS, extensions=extensions
            ),
            "strict transport alone": by_hand,
        }
        best: dict[str, tuple[float, float]] = {}
        for _ in range(rounds):
            for name, post in ways.items():
                best[name] = min(
                    best.get(name, (float("inf"), 0.0)), await measure(post, in_flight, requests)
                )
        for name, (cpu, rate) in best.items():
            print(
                f"{in_flight:5} in flight  {name:26} {cpu:7.0f} us CPU a POST {rate:8.0f} POST/s", flush=True
            )
    await direct.aclose()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--delay", type=float, default=5.0, help="ms until the server answers")
    options.add_argument("--in-flight", type=int, nargs="+", default=[64, 256])
    options.add_argument("--requests", type=int, default=1500)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    server = spawn.Process(target=serve, args=(given.delay / 1000, there), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{here.recv()}/pos/v10/payments"
    try:
        for in_flight in given.in_flight:
            asyncio.run(compare(url, in_flight, given.requests, given.rounds))
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()
