"""Several real gateways, the provider's simulator and the topics of one run on real brokers."""

import asyncio
import contextlib
import json
import signal
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from gateway.demo.ground import create_topics, kafka_settings, topics_of
from gateway.demo.processes import Child, NotReady, free_port, get
from gateway.kafka.topics import TopicPlan, plans
from gateway.kafka.transactions import TopicNames
from tests.chaos.brokers import HERE, Brokers
from tests.contract.runtime.proxy import Proxy

PARTITIONS = 12
IN_FLIGHT = "gateway_provider_requests_in_flight "
CLIENT_ID, SECRET = "chaos", "canary-client-secret"
SEED = 5
SETTLE_SECONDS = 5


class Fleet:
    """`size` gateways, each with its own HTTP port, and room for one more; the first reaches the brokers by
    the wire that can be cut. Every start is a process with a log of its own and a client version of its own, by
    which the provider's books tell who called.
    """

    def __init__(
        self, brokers: Brokers, folder: Path, scenario: dict[str, Any], size: int, **more: str
    ) -> None:
        self.run = f"chaos-{uuid.uuid4().hex[:8]}"
        self.brokers = brokers
        self.folder = folder
        self.topics = topics_of(self.run)
        self.sandbox_port = free_port()
        self.road = Proxy(free_port(), self.sandbox_port)
        """Between all gateways and the provider."""
        self.settings = kafka_settings(brokers.bootstrap, self.run) | {
            "GATEWAY_POS__BASE_URL": f"http://{HERE}:{self.road.port}",
            "GATEWAY_POS__CLIENT_ID": CLIENT_ID,
            "GATEWAY_POS__CLIENT_SECRET": SECRET,
            "GATEWAY_POS__MERCHANT_VAT_NUMBER": "DK12345678",
            "GATEWAY_POS__SETTLE_SECONDS": str(SETTLE_SECONDS),
            # Some prepared payments are forgotten on purpose.
            "GATEWAY_PREPARED_TIMEOUT_SECONDS": "8",
            "GATEWAY_HTTP__HOST": HERE,
            **more,
        }
        path = folder / "scenario.json"
        path.write_text(json.dumps(scenario | {"seed": SEED}), encoding="utf-8")
        arguments = ["sandbox", "--port", str(self.sandbox_port), "--scenario", str(path)]
        self.sandbox = Child("sandbox", arguments, self.settings, folder)
        self.size = self.spare = size
        self.ports = [free_port() for _ in range(size + 1)]
        self._gateways: list[Child | None] = [None] * (size + 1)
        self._starts: Counter[int] = Counter()

    @property
    def plans(self) -> list[TopicPlan]:
        names = TopicNames(*(self.topics[name] for name in ("commands", "events", "state", "dlq")))
        return list(plans(names))

    @property
    def running(self) -> list[int]:
        return [number for number, gateway in enumerate(self._gateways) if gateway is not None]

    @property
    def owners(self) -> list[int]:
        """Those that have opened a partition since they were started."""
        logs = {number: self.folder / f"gateway-{self.version(number)}.log" for number in self.running}
        return [number for number, log in logs.items() if b'"partition open"' in log.read_bytes()]

    def version(self, number: int) -> str:
        """Of the gateway's latest start, as it calls itself at the provider; its log has the same name."""
        return f"1.{number}.{self._starts[number]}"

    def start(self, number: int) -> None:
        self._starts[number] += 1
        more = {
            "GATEWAY_HTTP__PORT": str(self.ports[number]),
            "GATEWAY_POS__CLIENT_VERSION": self.version(number),
        }
        if number == 0:
            more["GATEWAY_KAFKA__BOOTSTRAP_SERVERS"] = self.brokers.wired_bootstrap
        gateway = Child(f"gateway-{self.version(number)}", ["run"], self.settings | more, self.folder)
        gateway.start()
        self._gateways[number] = gateway

    def stop(self, number: int) -> None:
        """SIGTERM, to its end."""
        gateway, self._gateways[number] = self._gateways[number], None
        if gateway is not None:
            gateway.stop()

    def kill(self, number: int) -> None:
        """SIGKILL."""
        gateway, self._gateways[number] = self._gateways[number], None
        if gateway is not None:
            gateway.kill()

    def freeze(self, number: int) -> None:
        gateway = self._gateways[number]
        assert gateway is not None
        gateway.send_signal(signal.SIGSTOP)

    def thaw(self, number: int) -> None:
        gateway = self._gateways[number]
        if gateway is not None:
            with contextlib.suppress(ProcessLookupError):
                gateway.send_signal(signal.SIGCONT)

    def wait_for(self, number: int, path: str = "/readyz") -> None:
        gateway = self._gateways[number]
        assert gateway is not None
        gateway.wait_for(self.ports[number], path)

    def page(self, number: int, path: str) -> tuple[int, bytes]:
        """Status and body; 0 where nobody answers."""
        try:
            return get(self.ports[number], path)
        except OSError:
            return 0, b""

    def calls_in_flight(self, number: int) -> int:
        """Of one gateway, as its own metrics tell."""
        text = self.page(number, "/metrics")[1].decode()
        return next(
            (int(float(line.split()[-1])) for line in text.splitlines() if line.startswith(IN_FLIGHT)), 0
        )

    def logs(self) -> dict[str, bytes]:
        """All that the gateways have written, by file."""
        return {path.name: path.read_bytes() for path in sorted(self.folder.glob("gateway-*.log"))}


@contextlib.asynccontextmanager
async def open_fleet(
    brokers: Brokers, folder: Path, scenario: dict[str, Any], size: int, **more: str
) -> AsyncIterator[Fleet]:
    """Topics made, the sandbox and all gateways ready; all ended on leaving."""
    fleet = Fleet(brokers, folder, scenario, size, **more)
    async with fleet.road:
        try:
            await asyncio.to_thread(create_topics, fleet.settings, PARTITIONS)
            await asyncio.to_thread(fleet.sandbox.start)
            await asyncio.to_thread(fleet.sandbox.wait_for, fleet.sandbox_port, "/_sandbox/stats")
            for number in range(size):
                await asyncio.to_thread(fleet.start, number)
            for number in range(size):
                await asyncio.to_thread(fleet.wait_for, number)
            yield fleet
        finally:
            for number in fleet.running:
                fleet.thaw(number)
            await asyncio.gather(*(asyncio.to_thread(fleet.stop, number) for number in fleet.running))
            await asyncio.to_thread(fleet.sandbox.stop)


async def all_alive(fleet: Fleet, seconds: float = 60.0) -> None:
    """Every gateway that runs answers /livez; one that did not come up is started anew."""
    deadline = time.monotonic() + seconds
    for number in fleet.running:
        try:
            await asyncio.to_thread(fleet.wait_for, number, "/livez")
        except NotReady:
            if time.monotonic() > deadline:
                raise
            await asyncio.to_thread(fleet.stop, number)
            await asyncio.to_thread(fleet.start, number)
