"""What a user would write by hand: the same calls and the same events as the gateway's, without its rules.

`aiohttp` and `strict` (httpx on this project's transport) are floors: a consumer, the calls, and one transaction
for all that has ended meanwhile, with the offsets. No state, no order, no retries; what is under way when they end
is lost. `faststream` is a subscriber as its documentation shows it, over httpx as it comes; it may lose events.
"""

import argparse
import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faststream import FastStream
from faststream.kafka import KafkaBroker, KafkaMessage

from gateway.mobilepay.framing import BEFORE_SEND
from gateway.mobilepay.transport import StrictTransport, TransportOptions

KEY = "X-MobilePay-Idempotency-Key"
PLAIN = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Authorization": "Bearer " + "x" * 800,
    "X-MobilePay-Client-System-Version": "0.1.0",
    "X-MobilePay-Merchant-Vat-Number": "DK12345678",
}
COMMIT_SECONDS = 0.005
COMMIT_BACKOFF_MS = 10
"""By itself the client waits 100 ms when the broker is not yet done with the last transaction, as one command in
ten would meet.
"""
Call = Callable[[str, str, "bytes | None", dict[str, str]], Awaitable[bytes]]
"""Method, path, body, headers to the answer's body."""


@contextlib.asynccontextmanager
async def over_aiohttp(url: str, in_flight: int) -> AsyncIterator[Call]:
    connector = aiohttp.TCPConnector(limit=in_flight)
    async with aiohttp.ClientSession(url, connector=connector, headers=PLAIN) as session:

        async def call(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
            async with session.request(method, path, data=body, headers=headers) as answer:
                return await answer.read()

        yield call


@contextlib.asynccontextmanager
async def over_httpx(url: str, in_flight: int, strict: bool) -> AsyncIterator[Call]:
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    own = StrictTransport(TransportOptions(max_connections=in_flight)) if strict else None
    extensions: dict[str, Any] = {BEFORE_SEND: lambda: None} if strict else {}
    client = httpx.AsyncClient(base_url=url, transport=own, limits=limits, headers=PLAIN, timeout=10.0)
    async with client:

        async def call(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
            answer = await client.request(method, path, content=body, headers=headers, extensions=extensions)
            return answer.content

        yield call


async def carry_out(call: Call, value: bytes) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """One command: the payment is made, read back and told."""
    data = json.loads(value)
    body = {
        "posId": data["posId"],
        "orderId": data["paymentId"],
        "amount": data["amount"]["value"] / 100,
        "currencyCode": data["amount"]["currency"],
        "plannedCaptureDelay": "None",
    }
    key = str(uuid.uuid5(uuid.NAMESPACE_URL, data["paymentId"]))
    sent = json.dumps(body, separators=(",", ":")).encode()
    made = json.loads(
        await call("POST", "/pos/v10/payments", sent, {"Content-Type": "application/json", KEY: key})
    )
    read = json.loads(await call("GET", f"/pos/v10/payments/{made['paymentId']}", None, {}))
    event = {"paymentId": data["paymentId"], "status": read["status"].lower(), "sequence": 1}
    headers = [("ce_specversion", b"1.0"), ("ce_id", key.encode()), ("ce_type", b"payment.initiated")]
    return data["paymentId"].encode(), json.dumps(event).encode(), headers


async def floor(call: Call, bootstrap: str, run: str, in_flight: int) -> None:
    consumer = AIOKafkaConsumer(
        f"{run}.commands",
        bootstrap_servers=bootstrap,
        group_id=run,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=run, retry_backoff_ms=COMMIT_BACKOFF_MS
    )
    await consumer.start()
    await producer.start()
    free = asyncio.Semaphore(in_flight)
    done: list[tuple[bytes, bytes, list[tuple[str, bytes]]]] = []
    offsets: dict[TopicPartition, int] = {}

    async def one(value: bytes) -> None:
        try:
            done.append(await carry_out(call, value))
        finally:
            free.release()

    async def commit() -> None:
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            if not done:
                continue
            taken = done[:]
            done.clear()
            async with producer.transaction():
                for key, value, headers in taken:
                    await producer.send(f"{run}.events", value, key=key, headers=headers)
                await producer.send_offsets_to_transaction(offsets, run)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(commit())
        while True:
            for where, records in (await consumer.getmany(timeout_ms=50)).items():
                for record in records:
                    await free.acquire()
                    tasks.create_task(one(record.value))
                    offsets[where] = record.offset + 1


async def subscriber(call: Call, bootstrap: str, run: str, in_flight: int) -> None:
    broker = KafkaBroker(bootstrap, logger=None)
    publisher = broker.publisher(f"{run}.events")

    @broker.subscriber(
        f"{run}.commands", group_id=run, auto_offset_reset="earliest", max_workers=in_flight, no_reply=True
    )
    async def on_command(message: KafkaMessage) -> None:
        key, value, headers = await carry_out(call, message.body)
        await publisher.publish(value, key=key, headers={name: text.decode() for name, text in headers})

    await FastStream(broker).run()


async def play(kind: str, url: str, bootstrap: str, run: str, in_flight: int) -> None:
    match kind:
        case "aiohttp":
            async with over_aiohttp(url, in_flight) as call:
                await floor(call, bootstrap, run, in_flight)
        case "strict":
            async with over_httpx(url, in_flight, strict=True) as call:
                await floor(call, bootstrap, run, in_flight)
        case _:
            async with over_httpx(url, in_flight, strict=False) as call:
                await subscriber(call, bootstrap, run, in_flight)


def main() -> None:
    reader = argparse.ArgumentParser()
    reader.add_argument("kind", choices=("aiohttp", "strict", "faststream"))
    for name in ("url", "bootstrap", "run"):
        reader.add_argument(name)
    reader.add_argument("in_flight", type=int)
    given = reader.parse_args()
    asyncio.run(play(given.kind, given.url, given.bootstrap, given.run, given.in_flight))


if __name__ == "__main__":
    main()
