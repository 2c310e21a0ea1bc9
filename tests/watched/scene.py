"""A shop's load on a real gateway while a real Prometheus watches: fair weather, an outage of the provider, the
way back, a throttled spell; and a little of whatever else a metric tells of.
"""

import asyncio
import contextlib
import json
import os
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition

from gateway.demo.ground import command, create_topics, kafka_settings, topics_of
from gateway.demo.processes import Child, free_port, get, post
from gateway.demo.wire import Wire, connected
from tests.chaos.trade import Trade
from tests.contract.runtime.bad_batches import produce_header_that_is_no_text
from tests.watched.prometheus import Prometheus, scraping
from tests.watched.traced_wire import TracedWire

PARTITIONS = 4
SPOILED = 1
PAYMENTS_PER_SECOND = 6
REPEATS = 12_000
QUERY_TOKEN = "operators-0nly"
SECRET = "canary-client-secret"
STORE_ID = "401b5617-ae5e-4f1a-9a59-5a446dbb3caa"

USUAL: dict[str, Any] = {
    "latency_seconds": [0.01, 0.12],
    "probabilities": {
        "*": {"error_before": 0.01, "timeout_after": 0.01, "unknown_state": 0.01, "unknown_code": 0.005},
        "token": {},
    },
}
AWAY: dict[str, Any] = {"probabilities": {"*": {"timeout_before": 0.7, "timeout_after": 0.3}, "token": {}}}
THROTTLING: dict[str, Any] = {"probabilities": {"*": {"throttled": 0.6}, "token": {}}}
SPELLS: tuple[tuple[str, dict[str, Any], float], ...] = (
    ("fair", USUAL, 5.0),
    ("a batch that cannot be decoded", USUAL, 4.0),
    ("provider away", AWAY, 12.0),
    ("a second gateway joins", USUAL, 8.0),
    ("throttled", THROTTLING, 3.0),
    ("it leaves", USUAL, 5.0),
    ("a sender repeats itself", USUAL, 4.0),
)
SCENARIO: dict[str, Any] = {
    "seed": 11,
    "any_pos": True,
    "poll_delay_ms": [300, 800],
    "token_lifetime_seconds": 25,
    "refund_reserve_seconds": [0.5, 2.0],
    "notification_retry_seconds": 1.0,
    "customers": {"decline": 0.1, "never": 0.05, "check_in_seconds": [0.1, 1], "decision_seconds": [0.2, 2]},
    "faults": USUAL,
}


@dataclass(frozen=True)
class Scene:
    prometheus: Prometheus
    gateway_port: int
    sandbox_port: int
    settings: dict[str, str]
    wire: list[Wire] = field(default_factory=list)
    """One, once the load has begun."""
    spells: list[tuple[str, float]] = field(default_factory=list)
    """Those that have begun, and when."""

    def names(self) -> dict[str, str]:
        """What the runbooks' commands name."""
        event = next(one for one in self.wire[0].events if one.type == "payment.captured")
        listed = command(["dlq", "list", "--json"], self.settings)
        letter = json.loads(listed.stdout.splitlines()[0])
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "GATEWAY": f"http://127.0.0.1:{self.gateway_port}",
            "PAYMENT": event.payment_id,
            "POS": event.data["posId"],
            "QUERY_TOKEN": QUERY_TOKEN,
            "DEAD_LETTER": f"{letter['partition']}:{letter['offset']}",
            "PARTITION": "0",
            "OFFSET": "0",
            "SINCE": "10s",
        }


@contextlib.contextmanager
def played(bootstrap: str, folder: Path) -> Iterator[Scene]:
    """The scene once all spells are over; the load goes on until the end."""
    run = f"watched-{uuid.uuid4().hex[:8]}"
    sandbox_port, gateway_port, notifications = free_port(), free_port(), free_port()
    settings = kafka_settings(bootstrap, run) | {
        "GATEWAY_POS__BASE_URL": f"http://127.0.0.1:{sandbox_port}",
        "GATEWAY_POS__CLIENT_ID": "watched",
        "GATEWAY_POS__CLIENT_SECRET": SECRET,
        "GATEWAY_POS__MERCHANT_VAT_NUMBER": "DK12345678",
        "GATEWAY_POS__SETTLE_SECONDS": "3",
        "GATEWAY_PREPARED_TIMEOUT_SECONDS": "8",
        "GATEWAY_HTTP__HOST": "127.0.0.1",
        "GATEWAY_HTTP__PORT": str(gateway_port),
        "GATEWAY_HTTP__QUERY_TOKEN": QUERY_TOKEN,
        "GATEWAY_NOTIFICATIONS__PORT": str(notifications),
    }
    scenario = folder / "scenario.json"
    told_at = f"http://127.0.0.1:{notifications}/notifications/check-in"
    scenario.write_text(json.dumps(SCENARIO | {"notifications_url": told_at}), encoding="utf-8")
    sandbox = Child(
        "sandbox", ["sandbox", "--port", str(sandbox_port), "--scenario", str(scenario)], {}, folder
    )
    gateway = Child("gateway", ["run"], settings, folder)
    second_port = free_port()
    second_settings = {name: value for name, value in settings.items() if "NOTIFICATIONS" not in name}
    second_settings["GATEWAY_HTTP__PORT"] = str(second_port)
    second = Child("second", ["run"], second_settings, folder)
    create_topics(settings, PARTITIONS)
    stop = threading.Event()
    try:
        sandbox.start()
        sandbox.wait_for(sandbox_port, "/_sandbox/stats")
        gateway.start()
        gateway.wait_for(gateway_port, "/readyz")
        with scraping(folder, free_port(), (gateway_port, second_port)) as prometheus:
            scene = Scene(prometheus, gateway_port, sandbox_port, settings)
            load = _Load(bootstrap, run, scene, notifications, second, stop)
            load.start()
            load.over.wait()
            try:
                yield scene
            finally:
                stop.set()
                load.join()
            assert load.fault is None, load.fault
    finally:
        second.stop()
        gateway.stop()
        sandbox.stop()


class _Load(threading.Thread):
    """The shop, in a thread of its own, so that what looks on may be as slow as it likes."""

    def __init__(
        self,
        bootstrap: str,
        run: str,
        scene: Scene,
        notifications: int,
        second: Child,
        stop: threading.Event,
    ) -> None:
        super().__init__(name="load")
        self._second = second
        self._broker = bootstrap
        self._topics = topics_of(run)
        self._scene = scene
        self._notifications = notifications
        self._stop_asked = stop
        self.over = threading.Event()
        self.fault: BaseException | None = None

    def run(self) -> None:
        try:
            asyncio.run(self._play())
        # Told by whoever waits for the load.
        except Exception as fault:
            self.fault = fault
        finally:
            self.over.set()

    async def _play(self) -> None:
        async with connected(self._broker, self._topics) as wire, self._producer() as producer:
            self._scene.wire.append(wire)
            traced = TracedWire(wire)
            trade = Trade(traced, 3)  # type: ignore[arg-type]
            beside = [
                asyncio.create_task(work)
                for work in (trade.sell(PAYMENTS_PER_SECOND), trade.follow(), self._oddities(producer))
            ]
            try:
                for name, faults, seconds in SPELLS:
                    if name == "a second gateway joins":
                        await asyncio.to_thread(self._second.start)
                    elif name == "it leaves":
                        await asyncio.to_thread(self._second.stop)
                    elif name == "a batch that cannot be decoded":
                        await self._spoil()
                    elif name == "provider away":
                        await asyncio.to_thread(self._skip)
                    elif name == "a sender repeats itself":
                        await traced.repeat(REPEATS)
                    self._scene.spells.append((name, time.time()))
                    await asyncio.to_thread(post, self._scene.sandbox_port, "/_sandbox/faults", faults)
                    await self._wait(seconds, beside)
                self.over.set()
                await self._wait(float("inf"), beside)
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)

    async def _wait(self, seconds: float, beside: "list[asyncio.Task[None]]") -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while loop.time() < deadline and not self._stop_asked.is_set():
            for task in beside:
                if task.done() and task.exception() is not None:
                    task.result()
            await asyncio.sleep(0.1)

    async def _spoil(self) -> None:
        where = TopicPartition(self._topics["commands"], SPOILED)
        await produce_header_that_is_no_text(self._broker, where, [(b"spoiled", b"{}", [])])

    def _skip(self) -> None:
        """What an operator does then."""
        listed = command(["partitions", "list", "--json"], self._scene.settings).stdout
        stopped = [json.loads(line) for line in listed.splitlines() if json.loads(line)["stopped"]]
        assert [one["partition"] for one in stopped] == [SPOILED], listed
        offset = str(stopped[0]["position"])
        command(["partitions", "skip", "--partition", str(SPOILED), "--offset", offset], self._scene.settings)

    @contextlib.asynccontextmanager
    async def _producer(self) -> AsyncIterator[AIOKafkaProducer]:
        producer = AIOKafkaProducer(bootstrap_servers=self._broker)
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def _oddities(self, producer: AIOKafkaProducer) -> None:
        """Points of sale, notifications of none, fields that nobody knows, misplaced records."""
        await asyncio.sleep(2)
        for number in range(1, 10_000):
            till = f"till-{number}"
            await self._command(
                producer,
                "point-of-sale.create",
                till,
                {
                    "merchantPosId": till,
                    "storeId": STORE_ID,
                    "name": f"Till {number}",
                    "supportedBeaconTypes": ["QR"],
                    "colour": "red",
                },
                partition=number % PARTITIONS,
            )
            await asyncio.to_thread(self._notify, _notification(number))
            await asyncio.to_thread(self._notify, "nonsense")
            await asyncio.sleep(1)

    def _notify(self, body: Any) -> None:
        with contextlib.suppress(OSError):
            post(self._notifications, "/notifications/check-in", body)

    async def _command(
        self, producer: AIOKafkaProducer, type_: str, key: str, data: dict[str, Any], partition: int
    ) -> None:
        attributes = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "/watched", "type": type_}
        await producer.send_and_wait(
            self._topics["commands"],
            json.dumps(data).encode(),
            key=key.encode(),
            headers=[(f"ce_{name}", value.encode()) for name, value in attributes.items()],
            partition=partition,
        )


def _notification(number: int) -> dict[str, str]:
    return {"MerchantPosId": f"nobody-{number}"}


def scraped(scene: Scene, accept: str = "") -> bytes:
    """The metrics page as Prometheus gets it in its text format."""
    return get(scene.gateway_port, "/metrics")[1]
