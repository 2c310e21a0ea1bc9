"""A provider that costs little: it answers each call after a set delay, from a process of its own.

Payments stand at Initiated for ever. `GET /bench/late` tells by how much each poll came after its time (ms), and
forgets them; `/bench/calls` how many requests there were.
"""

import argparse
import asyncio
import json
import time
import uuid
from typing import cast

TOKEN = b'{"access_token":"' + b"x" * 800 + b'","expires_in":86400,"token_type":"Bearer"}'
READING = (
    b'{"paymentId":"%s","posId":"c85916b1-8e17-4275-a388-551e16aa6293","orderId":"%s","amount":12.5,'
    b'"currencyCode":"DKK","merchantPaymentLabel":null,"plannedCaptureDelay":"None","status":"Initiated",'
    b'"paymentExpiresAt":null,"partialCapturePossible":null,"pollDelayInMs":%d}'
)


class Far:
    """What all connections share; times are seconds of the monotonic clock."""

    def __init__(self, delay_seconds: float, poll_delay_ms: int) -> None:
        self.delay_seconds = delay_seconds
        self.poll_delay_ms = poll_delay_ms
        self.orders: dict[bytes, bytes] = {}
        self.read_at: dict[bytes, float] = {}
        self.late_ms: list[float] = []
        self.calls = 0

    def answer(self, method: bytes, path: bytes, body: bytes) -> bytes:
        if path.startswith(b"/bench/"):
            return self._told(path)
        self.calls += 1
        if path.endswith(b"/connect/token"):
            return TOKEN
        if method == b"POST":
            name = str(uuid.uuid4()).encode()
            self.orders[name] = str(json.loads(body)["orderId"]).encode()
            return b'{"paymentId":"%s"}' % name
        name = path.rpartition(b"/")[2]
        now, before = time.monotonic(), self.read_at.get(name)
        if before is not None:
            self.late_ms.append((now - before) * 1000 - self.poll_delay_ms)
        self.read_at[name] = now
        return READING % (name, self.orders.get(name, b"?"), self.poll_delay_ms)

    def _told(self, path: bytes) -> bytes:
        if path == b"/bench/late":
            told, self.late_ms = self.late_ms, []
            return json.dumps(told).encode()
        return json.dumps(self.calls).encode()


class Connection(asyncio.Protocol):
    """HTTP/1.1 with one request at a time, each with a Content-Length or without a body."""

    def __init__(self, far: Far) -> None:
        self._far = far
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, found, body = self._held.partition(b"\r\n\r\n")
        if not found:
            return
        line, _, fields = head.partition(b"\r\n")
        length = 0
        at = fields.lower().find(b"content-length:")
        if at >= 0:
            length = int(fields[at + 15 :].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._held = body[length:]
        method, path, _ = line.split(b" ")
        text = self._far.answer(method, path, body[:length])
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        if self._far.delay_seconds:
            loop = asyncio.get_running_loop()
            loop.call_later(self._far.delay_seconds, self._transport.write, answer % (len(text), text))
        else:
            self._transport.write(answer % (len(text), text))


async def serve(far: Far) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(far), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    reader = argparse.ArgumentParser()
    reader.add_argument("--delay-ms", type=float, default=0.0)
    reader.add_argument("--poll-delay-ms", type=int, default=3_600_000)
    given = reader.parse_args()
    asyncio.run(serve(Far(given.delay_ms / 1000, given.poll_delay_ms)))


if __name__ == "__main__":
    main()
