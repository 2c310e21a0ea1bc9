"""What every measurement stands on: the cheap provider, contenders as processes, a reader of events."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from gateway.demo.ground import create_topics, kafka_settings, topics_of
from gateway.demo.processes import free_port, get

POS = "c85916b1-8e17-4275-a388-551e16aa6293"
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
START_SECONDS = 60.0


def told(measurement: str, **figures: Any) -> dict[str, Any]:
    """One JSON line."""
    line = {
        "measurement": measurement,
        **{k: round(v, 3) if isinstance(v, float) else v for k, v in figures.items()},
    }
    print(json.dumps(line), flush=True)
    return line


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE


@contextlib.contextmanager
def process(command: list[str], settings: Mapping[str, str] | None = None, out: Any = None) -> Iterator[Any]:
    """A child that is killed on leaving."""
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdout=out or log,
            stderr=log,
            env={**os.environ, **(settings or {})},
        )
        try:
            yield child
        finally:
            gone = child.poll()
            child.kill()
            child.wait()
            if gone is not None:
                log.seek(0)
                print(f"{command} ended with {gone}: {log.read()[-2000:].decode()}", file=sys.stderr)


@contextlib.contextmanager
def provider(delay_ms: float = 0.0, poll_delay_ms: int = 3_600_000) -> Iterator[int]:
    """Its port."""
    command = ["tests.bench.provider", "--delay-ms", str(delay_ms), "--poll-delay-ms", str(poll_delay_ms)]
    with process(command, out=subprocess.PIPE) as child:
        yield int(child.stdout.readline())


@dataclass
class Run:
    """Topics of one contender, and who may play on them."""

    bootstrap: str
    port: int
    in_flight: int
    partitions: int = 4
    name: str = field(default_factory=lambda: f"bench-{uuid.uuid4().hex[:8]}")
    http_port: int = field(default_factory=free_port)

    @property
    def settings(self) -> dict[str, str]:
        return kafka_settings(self.bootstrap, self.name) | {
            "GATEWAY_POS__BASE_URL": f"http://127.0.0.1:{self.port}",
            "GATEWAY_POS__CLIENT_ID": "bench",
            "GATEWAY_POS__CLIENT_SECRET": "bench",
            "GATEWAY_POS__MERCHANT_VAT_NUMBER": "DK12345678",
            "GATEWAY_POS__MAX_CONCURRENT_CALLS": str(self.in_flight),
            "GATEWAY_APPROVAL_TIMEOUT_SECONDS": "86400",
            "GATEWAY_HTTP__HOST": "127.0.0.1",
            "GATEWAY_HTTP__PORT": str(self.http_port),
            "GATEWAY_LOG__LEVEL": "warning",
        }

    def create(self) -> None:
        create_topics(self.settings, self.partitions)

    @contextlib.contextmanager
    def contender(self, kind: str) -> Iterator[int]:
        """`gateway`, or one of the floors; its process id."""
        if kind == "gateway":
            command, settings = ["gateway", "run"], self.settings
        else:
            url = f"http://127.0.0.1:{self.port}"
            command = ["tests.bench.floors", kind, url, self.bootstrap, self.name, str(self.in_flight)]
            settings = {}
        with process(command, settings) as child:
            yield child.pid

    async def ready(self) -> None:
        """The gateway owns all partitions and has read their state; with none assigned it would be ready too."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                status, body = await asyncio.to_thread(get, self.http_port, "/readyz")
                if status == 200 and body.count(b"partition-") >= self.partitions:
                    return
            await asyncio.sleep(0.05)
        raise AssertionError("the gateway does not become ready")


def command(payment_id: str) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    data = {"paymentId": payment_id, "posId": POS, "amount": {"value": 1250, "currency": "DKK"}}
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"m-" + payment_id.encode()),
        ("ce_source", b"/bench"),
        ("ce_type", b"payment.initiate"),
    ]
    return payment_id.encode(), json.dumps(data).encode(), headers


class Desk:
    """Sends commands of one run and reads its events as they are committed; times are of the monotonic clock."""

    def __init__(self, run: Run, producer: AIOKafkaProducer, reader: AIOKafkaConsumer) -> None:
        self._run = run
        self._producer = producer
        self._reader = reader
        self.sent: dict[bytes, float] = {}
        self.answered: dict[bytes, float] = {}

    async def send(self, payment_id: str) -> None:
        key, value, headers = command(payment_id)
        self.sent[key] = time.monotonic()
        await self._producer.send(topics_of(self._run.name)["commands"], value, key=key, headers=headers)

    async def send_all(self, names: list[str]) -> None:
        for name in names:
            await self.send(name)
        await self._producer.flush()

    async def send_steadily(self, names: list[str], per_second: float) -> None:
        """By the clock, so that a late one makes no other late."""
        begun = time.monotonic()
        for number, name in enumerate(names):
            await asyncio.sleep(max(0.0, begun + number / per_second - time.monotonic()))
            await self.send(name)
        await self._producer.flush()

    async def read(self, count: int, timeout_seconds: float = 120.0) -> None:
        """Until so many are answered in all."""
        deadline = time.monotonic() + timeout_seconds
        while len(self.answered) < count:
            assert time.monotonic() < deadline, f"{len(self.answered)} of {count} answered"
            for records in (await self._reader.getmany(timeout_ms=50)).values():
                now = time.monotonic()
                for record in records:
                    self.answered.setdefault(record.key, now)

    def latencies(self) -> list[float]:
        """Seconds from send to the committed event, sorted."""
        return sorted(self.answered[key] - at for key, at in self.sent.items() if key in self.answered)


@contextlib.asynccontextmanager
async def desk(run: Run) -> AsyncIterator[Desk]:
    producer = AIOKafkaProducer(bootstrap_servers=run.bootstrap, linger_ms=1)
    reader = AIOKafkaConsumer(
        topics_of(run.name)["events"],
        bootstrap_servers=run.bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    await producer.start()
    await reader.start()
    try:
        yield Desk(run, producer, reader)
    finally:
        await producer.stop()
        await reader.stop()
