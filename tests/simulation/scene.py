"""One payment in virtual time, traced: a gateway that can be killed, a log in memory, the simulator."""

import asyncio
import json
import random
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway.app.traced import TracedFlow
from gateway.codec import CommandLimits
from gateway.flow import FlowOptions
from gateway.kafka.opening import PartitionConfig
from gateway.kafka.partitions import Partitions
from gateway.kafka.records import Channel, Record
from gateway.mobilepay.client import MobilePay
from gateway.mobilepay.line import Surroundings
from gateway.mobilepay.options import MobilePayOptions
from gateway.mobilepay.secret import Secret
from gateway.mobilepay.traced import TracedTransport
from gateway.observability.tracing import Tracing
from gateway.sandbox import Sandbox, SandboxConfig
from gateway.sandbox.customers import CustomerPolicy
from gateway.sandbox.draws import Span
from gateway.sandbox.faults import FaultPlan, FaultRule
from tests.fakes.memory_log import MemoryBroker, MemoryLog
from tests.fakes.virtual_time import VirtualClock, run
from tests.simulation.far_side import LoopClock, SandboxTransport
from tests.simulation.process import CLIENT_SECRET, GROUP, LIMITS, MERCHANT, RULES

TRACE, SENDER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{SENDER}-01", f"00-{TRACE}-{SENDER}-00"
POS = "c85916b1-8e17-4275-a388-551e16aa6293"


class Gateway:
    """One process, traced; its spans are all kept."""

    def __init__(
        self, broker: MemoryBroker, sandbox: Sandbox, processor: SpanProcessor, ratio: float
    ) -> None:
        draws = random.Random(1)
        around = Surroundings(
            asyncio.get_running_loop().time, VirtualClock().wall_ms, asyncio.sleep, draws.random
        )
        options = MobilePayOptions(
            "client", Secret(CLIENT_SECRET), "1.0.0", "http://provider", merchant_vat_number=MERCHANT
        )
        tracing = Tracing(processor, "1", ratio, [CLIENT_SECRET])
        wire = SandboxTransport(sandbox, draws, lambda request: None, lambda: asyncio.sleep(0))
        self.provider = MobilePay(options, TracedTransport(wire, tracing), around)
        flow = TracedFlow(
            self.provider, FlowOptions(RULES, CommandLimits(), "/pos-gateway", "0"), draws, tracing
        )
        self.log = MemoryLog(broker, f"gateway-{id(self)}")
        config = PartitionConfig(GROUP, 1, flow.committed)
        self.partitions: Partitions[Any, Any, Any] = Partitions(
            flow, self.log, VirtualClock(), LIMITS, config, draws, print
        )
        self.provider.start()
        self.partitions.assigned([0])
        self._feeder = asyncio.create_task(self._feed())

    async def _feed(self) -> None:
        while True:
            self.partitions.deliver(list(self.log.fetch(0)))
            await asyncio.sleep(0.05)

    async def kill(self) -> None:
        self._feeder.cancel()
        for partition in self.partitions._owned.values():
            partition._driver.cancel()
            partition._turns.abandon()
        await self.provider.close()

    async def stop(self) -> None:
        await self.partitions.drain(3.0)
        self._feeder.cancel()
        await self.provider.close()


class Scene:
    def __init__(self, ratio: float = 1.0) -> None:
        self.exporter = InMemorySpanExporter()
        self.processor: SpanProcessor = SimpleSpanProcessor(self.exporter)
        self.broker = MemoryBroker(1)
        faults = self.of_starts("error_after", times=1)
        customers = CustomerPolicy(
            decline=0, never=0, check_in_seconds=Span(5, 5), decision_seconds=Span(1, 1)
        )
        config = SandboxConfig(
            seed=1, any_pos=True, poll_delay_ms=Span(1000, 1000), customers=customers, faults=faults
        )
        self.sandbox = Sandbox(config, LoopClock())
        self.ratio = ratio

    @staticmethod
    def of_starts(fault: str, times: int) -> FaultPlan:
        return FaultPlan(rules=(FaultRule(fault, operation="initiate", times=times),))

    def gateway(self) -> Gateway:
        return Gateway(self.broker, self.sandbox, self.processor, self.ratio)

    def send(self, type_: str, id_: str, data: dict[str, Any], **headers: str) -> None:
        told = {"ce_specversion": "1.0", "ce_id": id_, "ce_source": "/orders", "ce_type": type_, **headers}
        commands = self.broker.partitions[0].commands
        commands.append(
            Record(
                "commands",
                0,
                len(commands),
                VirtualClock().wall_ms(),
                b"p-1",
                json.dumps({"paymentId": "p-1", **data}).encode(),
                tuple((name, value.encode()) for name, value in told.items()),
            )
        )

    def initiate(self, id_: str = "m-1", **headers: str) -> None:
        amount = {"value": 1250, "currency": "DKK"}
        self.send("payment.initiate", id_, {"posId": POS, "amount": amount}, **headers)

    def types(self) -> list[str]:
        return [header(each.headers, "ce_type") for each in self.broker.published(0, Channel.EVENTS)]

    async def until(self, type_: str) -> None:
        while type_ not in self.types():
            await asyncio.sleep(0.1)

    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()


def header(headers: Iterable[tuple[str, bytes | None]], name: str) -> str:
    return next(value.decode() for key, value in headers if key == name and value is not None)


def played(work: Callable[[Scene], Coroutine[Any, Any, None]], ratio: float = 1.0) -> Scene:
    async def play() -> Scene:
        scene = Scene(ratio)
        await work(scene)
        return scene

    return run(play())


async def over_a_crash(scene: Scene) -> None:
    """A first request that is not heard, a kill while the customer thinks; the next owner captures and refunds."""
    first = scene.gateway()
    scene.initiate(traceparent=SAMPLED, tracestate="shop=1", ce_correlationid="order-7")
    await scene.until("payment.initiated")
    await asyncio.sleep(2.5)
    await first.kill()
    second = scene.gateway()
    await scene.until("payment.reserved")
    scene.send("payment.capture", "m-2", {}, traceparent=SAMPLED)
    await scene.until("payment.captured")
    scene.send("refund.create", "m-3", {"refundId": "r-1", "amount": {"value": 250, "currency": "DKK"}})
    await scene.until("refund.captured")
    await second.stop()
