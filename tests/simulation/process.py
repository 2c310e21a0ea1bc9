"""One gateway process of a history: client, flow, partitions, and a feeder in the porch's place."""

import asyncio
import random
from contextvars import ContextVar
from typing import TYPE_CHECKING

import httpx
from opentelemetry.sdk.trace import SpanProcessor

from gateway.app.telling import ToldFlow
from gateway.app.traced import TracedFlow
from gateway.codec import CommandLimits
from gateway.domain.calls import AnyOutcome
from gateway.domain.commands import Message
from gateway.domain.draft import Rules
from gateway.flow import Call, FlowOptions, PaymentFlow
from gateway.kafka.handler import Permit
from gateway.kafka.health import Phase
from gateway.kafka.limits import Limits
from gateway.kafka.opening import PartitionConfig
from gateway.kafka.partitions import Partitions
from gateway.mobilepay.client import MobilePay
from gateway.mobilepay.line import Surroundings
from gateway.mobilepay.options import MobilePayOptions
from gateway.mobilepay.secret import Secret
from gateway.mobilepay.traced import TracedTransport
from gateway.observability.tracing import Tracing
from tests.fakes.memory_log import MemoryBroker, MemoryLog
from tests.fakes.virtual_time import VirtualClock
from tests.simulation.far_side import SandboxTransport

if TYPE_CHECKING:
    from tests.simulation.town import Town

MERCHANT = "DK12345678"
CLIENT_SECRET = "canary-secret"
GROUP = "group"
RULES = Rules(prepared_timeout_seconds=40)
LIMITS = Limits(fenced_wait_seconds=3.0, commit_timeout_seconds=5.0)

TICK_SECONDS = 0.05
"""Between two fetches."""

CALLED_FOR: ContextVar[str] = ContextVar("called_for", default="")
"""The aggregate whose call is under way."""


def version_of(name: str) -> str:
    """What the process calls itself at the provider."""
    return f"1.0.{name.split('-')[1]}"


class HistoryFlow(ToldFlow):
    """The flow as it runs, of one version of the state or the next; a call knows whose it is."""

    def __init__(self, *arguments: object, version: int) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.state_version = version

    async def perform(self, key: str, effect: Call, permit: Permit) -> AnyOutcome:
        CALLED_FOR.set(key if effect.changes else "")
        return await super().perform(key, effect, permit)


class TracedHistoryFlow(HistoryFlow, TracedFlow):
    """The same with traces, which go nowhere; that they fail is no small matter here."""

    def _broken(self, fault: Exception) -> None:
        raise fault


class _FedLog(MemoryLog):
    """Tells its feeder when there may be something to feed."""

    def __init__(self, broker: MemoryBroker, owner: str) -> None:
        super().__init__(broker, owner)
        self.stirred = asyncio.Event()

    def resume(self, partition: int) -> None:
        super().resume(partition)
        self.stirred.set()

    def seek(self, partition: int, offset: int) -> None:
        super().seek(partition, offset)
        self.stirred.set()


class Process:
    """`newer`: it writes the next version of the state, which the others cannot read."""

    def __init__(self, town: "Town", name: str, newer: bool) -> None:
        self.name = name
        self.newer = newer
        self.town = town
        self.ended = False
        self.steps_to_crash: int | None = None
        draws = random.Random(f"{town.plan.seed}-{name}")
        self.clock = clock = VirtualClock(boot_origin=draws.uniform(0, 1e6))
        loop = asyncio.get_running_loop()
        around = Surroundings(loop.time, clock.wall_ms, asyncio.sleep, draws.random)
        options = MobilePayOptions(
            client_id="client",
            client_secret=Secret(CLIENT_SECRET),
            client_version=version_of(name),
            base_url="http://provider",
            merchant_vat_number=MERCHANT,
        )
        self.transport = SandboxTransport(town.sandbox, draws, self._leaves, self.step)
        tracing = Tracing(SpanProcessor(), "0.0.0") if town.plan.traced else None
        wire = self.transport if tracing is None else TracedTransport(self.transport, tracing)
        self.provider = MobilePay(options, wire, around)
        flow_options = FlowOptions(RULES, CommandLimits(), "/pos-gateway", "0.0.0")
        version = PaymentFlow.state_version + newer
        self.log = _FedLog(town.broker, name)
        flow: ToldFlow = HistoryFlow(self.provider, flow_options, draws, version=version)
        if tracing is not None:
            flow = TracedHistoryFlow(self.provider, flow_options, draws, tracing, version=version)
        self.partitions: Partitions[Message, Call, AnyOutcome] = Partitions(
            flow,
            self.log,
            clock,
            LIMITS,
            PartitionConfig(GROUP, town.plan.partitions, flow.committed),
            draws,
            town.mismatches.append,
        )
        self.provider.start()
        self._feeder = asyncio.create_task(self._feed())

    def _leaves(self, request: httpx.Request) -> None:
        self.town.left(self, CALLED_FOR.get(), request)

    async def step(self) -> None:
        """Something outside is about to be asked, or has just answered: where a planned crash happens."""
        self.town.steps += 1
        if self.steps_to_crash is None:
            return
        self.steps_to_crash -= 1
        if self.steps_to_crash <= 0:
            self.steps_to_crash = None
            self.town.crashed(self)
            await asyncio.Event().wait()

    async def _feed(self) -> None:
        """Batches as they come, and as they should not: twice, an older one again, the later half first."""
        torn: set[int] = set()
        while True:
            await self.log.stirred.wait()
            self.log.stirred.clear()
            await asyncio.sleep(TICK_SECONDS)
            for number in range(self.town.plan.partitions):
                bad = self.log.undecodable_at(number)
                if bad is not None:
                    self.log.pause(number)
                    self.partitions.undecodable(number, bad, "on purpose")
                records = list(self.log.fetch(number))
                if not records:
                    continue
                self.log.stirred.set()
                half = len(records) // 2
                match self.town.misdelivery():
                    case "twice":
                        self.partitions.deliver(records)
                    case "the later half first" if half and number not in torn:
                        # Not twice in a row: a gap that is read again and stays is the log's own.
                        torn.add(number)
                        self.partitions.deliver(records[half:])
                        self.log.seek(number, records[0].offset)
                        continue
                    case _:
                        pass
                torn.discard(number)
                self.partitions.deliver(records)

    def says(self, number: int) -> bool:
        """Whether it tells of trouble with the partition."""
        health = self.partitions.health().get(number)
        return health is None or health.phase is not Phase.OPEN or health.stalled_seconds > 0

    async def kill(self) -> None:
        """As SIGKILL: nothing is committed, released or told; requests that left go their way."""
        self.ended = True
        self._feeder.cancel()
        for partition in self.partitions._owned.values():
            partition._driver.cancel()
            partition._turns.abandon()
        await self.provider.close()

    async def stop(self) -> None:
        self.ended = True
        await self.partitions.drain(3.0)
        self._feeder.cancel()
        await self.provider.close()
