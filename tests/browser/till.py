"""A till that talks to a real sandbox over HTTP, as a client does, and the sandbox itself on a port of its own."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx

from gateway.sandbox import SandboxConfig
from gateway.sandbox.server import serve

API = "/pos/v10/"
HEADERS = {"x-mobilepay-merchant-vat-number": "DK12345678", "x-mobilepay-client-system-version": "1.2.3"}


class Till:
    """One client of the sandbox; `keys` are made in a row."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys = 0
        self.http = httpx.AsyncClient(base_url=url, headers=HEADERS, timeout=10)

    async def log_in(self) -> None:
        answer = await self.http.post(
            "/connect/token", data={"grant_type": "client_credentials"}, auth=("till", "secret")
        )
        self.http.headers["authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"

    async def create(self, path: str, body: dict[str, Any]) -> httpx.Response:
        self.keys += 1
        return await self.http.post(
            API + path, json=body, headers={"x-mobilepay-idempotency-key": f"key-{self.keys}"}
        )

    async def initiate(self, pos_id: str, order_id: str, amount: float = 12.5, currency: str = "DKK") -> str:
        """The new payment's id."""
        body = {
            "posId": pos_id,
            "orderId": order_id,
            "amount": amount,
            "currencyCode": currency,
            "plannedCaptureDelay": "None",
        }
        answer = await self.create("payments", body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["paymentId"])

    async def prepare(self, pos_id: str, order_id: str) -> str:
        answer = await self.create("payments/prepare", {"posId": pos_id, "orderId": order_id})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["paymentId"])

    async def refund(self, payment_id: str, refund_order_id: str, amount: float) -> str:
        body = {
            "paymentId": payment_id,
            "refundOrderId": refund_order_id,
            "amount": amount,
            "currencyCode": "DKK",
        }
        answer = await self.create("refunds", body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["refundId"])

    async def flood(self, count: int) -> None:
        """So many payments, each at a point of sale of its own, in one connection and without a pause: a client
        library would take most of the time."""
        target = httpx.URL(self.url)
        reader, writer = await asyncio.open_connection(target.host, target.port)
        names = {
            **HEADERS,
            "authorization": self.http.headers["authorization"],
            "content-type": "application/json",
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in names.items())
        for first in range(0, count, 50):
            for number in range(first, min(first + 50, count)):
                order = {"posId": f"00000000-0000-4000-8000-{number:012d}", "orderId": f"order-{number}"}
                body = json.dumps(order | {"amount": 1, "currencyCode": "DKK", "plannedCaptureDelay": "None"})
                length_line = f"content-length: {len(body)}"
                writer.write(
                    f"POST {API}payments HTTP/1.1\r\nhost: sandbox\r\n{head}"
                    f"x-mobilepay-idempotency-key: f-{number}\r\n{length_line}\r\n\r\n{body}".encode()
                )
            await writer.drain()
            for _ in range(first, min(first + 50, count)):
                answer = await reader.readuntil(b"\r\n\r\n")
                assert answer.startswith(b"HTTP/1.1 200 "), answer
                length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
        writer.close()

    async def act(self, path: str, body: dict[str, Any] | None = None) -> None:
        answer = await self.http.post(API + path, json=body)
        assert answer.status_code == 200, answer.text

    async def user(self, verb: str, pos_id: str, phone: str) -> httpx.Response:
        """check-in, accept or decline, as the page's phone does."""
        return await self.http.post(f"/_sandbox/users/{verb}", json={"posId": pos_id, "phoneNumber": phone})

    async def told(self, name: str, **parameters: Any) -> Any:
        """One of the sandbox's own answers."""
        return (await self.http.get(f"/_sandbox/{name}", params=parameters)).raise_for_status().json()

    async def status(self, order_id: str) -> str:
        return str((await self.told("ledger", orderId=order_id))["status"])


@contextlib.asynccontextmanager
async def sandbox(config: SandboxConfig, port: int = 0) -> AsyncIterator[Till]:
    """A sandbox that serves, with a till that has its token."""
    stop = asyncio.Event()
    announced: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(config, "127.0.0.1", port, announced.set_result, stop=stop))
    till = Till(await asyncio.wait_for(announced, 10))
    try:
        await till.log_in()
        yield till
    finally:
        await till.http.aclose()
        stop.set()
        await asyncio.wait_for(serving, 10)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
