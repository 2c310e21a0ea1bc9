"""The whole gateway in one process, in virtual time: shops, customers, a broker in memory, instances that
come and go.

One seed decides everything: what shops ask, what customers do, which faults hit, who is killed or cut off,
and when. The same seed gives the same history.
"""

import asyncio
import hashlib
import json
import random
from dataclasses import dataclass, field
from typing import Any

from gateway.codec import CommandLimits
from gateway.codec.notifications import write_checkin_notified
from gateway.domain.commands import Message
from gateway.domain.draft import Rules
from gateway.domain.operations import Outcome
from gateway.flow import Call, FlowOptions, PaymentFlow
from gateway.kafka.limits import Limits
from gateway.kafka.log import BrokerTrouble
from gateway.kafka.opening import PartitionConfig
from gateway.kafka.partitions import Partitions
from gateway.kafka.records import Channel, Headers, Outgoing, Record
from gateway.mobilepay.client import MobilePay
from gateway.mobilepay.line import Surroundings
from gateway.mobilepay.options import MobilePayOptions
from gateway.mobilepay.secret import Secret
from gateway.sandbox import Sandbox, SandboxConfig
from gateway.sandbox.customers import CustomerPolicy
from gateway.sandbox.draws import Span
from gateway.sandbox.faults import FaultPlan
from tests.fakes.memory_log import STEP_SECONDS, MemoryBroker, MemoryLog
from tests.fakes.virtual_time import VirtualClock
from tests.simulation.elsewhere import Elsewhere
from tests.simulation.far_side import LoopClock, SandboxTransport
from tests.simulation.shop import Shop
from tests.simulation.tills import Tills

MERCHANT = "DK12345678"
CLIENT_SECRET = "canary-secret"
RULES = Rules(prepared_timeout_seconds=40)
LIMITS = Limits(fenced_wait_seconds=3.0, commit_timeout_seconds=5.0)
TROUBLE_SHARES = {
    "begin": 0.002,
    "send": 0.001,
    "commit": 0.002,
    "answer": 0.002,
    "fence": 0.02,
    "read": 0.01,
}
SHARES = {
    "error_before": 0.03,
    "error_after": 0.04,
    "timeout_before": 0.02,
    "timeout_after": 0.04,
    "late_effect": 0.03,
    "reset_before": 0.02,
    "reset_after": 0.03,
    "throttled": 0.02,
    "unauthorized": 0.005,
    "malformed_body": 0.01,
    "empty_body": 0.01,
    "wrong_content_type": 0.01,
    "cut_body": 0.01,
    "slow": 0.03,
}


VIOLENCE = ("kill", "release", "stale", "away", "jump", "nothing")


@dataclass(frozen=True)
class Plan:
    """What one run does. All times are seconds."""

    seed: int
    partitions: int = 3
    payments: int = 30
    points_of_sale: int = 12
    old_payments: int = 4
    tills: int = 4
    seconds: float = 60.0
    faults: tuple[str, ...] = tuple(SHARES)
    """Kinds of the provider's faults."""
    violence: tuple[str, ...] = VIOLENCE
    """What befalls the gateway itself."""
    troubles: tuple[str, ...] = tuple(TROUBLE_SHARES)
    """Steps at which the broker fails."""
    misdelivered: bool = True
    outage_hours: float = 0.0
    """The provider is away that long, once, with payments open."""


@dataclass
class Sent:
    """`key` is the paymentId or merchantPosId."""

    id: str
    key: str
    type: str
    data: dict[str, Any]


class Process:
    """One gateway process: client, flow, partitions, and a feeder in the porch's place."""

    def __init__(self, town: "Town", name: str) -> None:
        self.name = name
        self.town = town
        draws = random.Random(f"{town.plan.seed}-{name}")
        self.clock = clock = VirtualClock(boot_origin=draws.uniform(0, 1e6))
        loop = asyncio.get_running_loop()
        around = Surroundings(loop.time, clock.wall_ms, asyncio.sleep, draws.random)
        options = MobilePayOptions(
            client_id="client",
            client_secret=Secret(CLIENT_SECRET),
            client_version="1.0.0",
            base_url="http://provider",
            merchant_vat_number=MERCHANT,
        )
        self.transport = SandboxTransport(town.sandbox, draws)
        self.provider = MobilePay(options, self.transport, around)
        flow_options = FlowOptions(RULES, CommandLimits(), "/pos-gateway", "0.0.0")
        self.log = MemoryLog(town.broker, name)
        self.partitions: Partitions[Message, Call, Outcome] = Partitions(
            PaymentFlow(self.provider, flow_options, draws),
            self.log,
            clock,
            LIMITS,
            PartitionConfig("group", town.plan.partitions),
            draws,
            town.mismatches.append,
        )
        self.provider.start()
        self._feeder = asyncio.create_task(self._feed())

    async def _feed(self) -> None:
        """Batches as they come, and as they should not: twice, an older one again, the later half first."""
        while True:
            for number in range(self.town.plan.partitions):
                records = list(self.log.fetch(number))
                if not records:
                    continue
                half = len(records) // 2
                match self.town.misdelivery():
                    case "twice":
                        self.partitions.deliver(records)
                    case "the later half first" if half:
                        self.partitions.deliver(records[half:])
                        self.log.seek(number, records[0].offset)
                        continue
                    case _:
                        pass
                self.partitions.deliver(records)
            await asyncio.sleep(self.town.tick_seconds)

    async def kill(self) -> None:
        """As SIGKILL: nothing is committed, released or told; requests that left go their way."""
        self._feeder.cancel()
        for partition in self.partitions._owned.values():
            partition._driver.cancel()
            partition._turns.abandon()
        await self.provider.close()

    async def stop(self) -> None:
        await self.partitions.drain(3.0)
        self._feeder.cancel()
        await self.provider.close()


@dataclass
class Town:
    plan: Plan
    sent: list[Sent] = field(default_factory=list)
    mismatches: list[str] = field(default_factory=list)
    cut: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    tick_seconds: float = 0.01
    troubled: bool = False
    """While set, the broker refuses batches, loses answers and hands records over out of order."""

    def __post_init__(self) -> None:
        self.draws = random.Random(self.plan.seed)
        self.broker = MemoryBroker(self.plan.partitions, self._step)
        shares = {kind: share for kind, share in SHARES.items() if kind in self.plan.faults}
        faults = FaultPlan(probabilities={"*": shares, "token": {}} if shares else {})
        config = SandboxConfig(
            seed=self.plan.seed,
            any_pos=True,
            poll_delay_ms=Span(200, 3000),
            customers=CustomerPolicy(decline=0.15, never=0.15),
        )
        self._faults = faults
        self.old: dict[str, int] = {}
        self.shop = Shop(self.draws, self.send, self.plan.points_of_sale)
        self.sandbox = Sandbox(config, LoopClock())
        self.tills = Tills(self.draws, self.send_to_till, self.notify, self.sandbox)
        self._names = iter(range(1_000))
        self._notified = 0

    async def _step(self, owner: str, step: str, partition: int) -> None:
        await asyncio.sleep(STEP_SECONDS * self.draws.uniform(0.5, 5))
        while owner in self.cut:
            await asyncio.sleep(0.5)
        share = TROUBLE_SHARES.get(step, 0.0) if step in self.plan.troubles else 0.0
        if self.troubled and self.draws.random() < share:
            # At `answer` the commit stands and its producer does not hear so.
            raise BrokerTrouble(f"on purpose, at {step}")

    def misdelivery(self) -> str:
        share = self.draws.random() if self.troubled and self.plan.misdelivered else 1.0
        return "twice" if share < 0.03 else "the later half first" if share < 0.05 else ""

    def process(self) -> Process:
        return Process(self, f"gateway-{next(self._names)}")

    def send(self, type_: str, payment_id: str, data: dict[str, Any]) -> None:
        self._send(type_, payment_id, {"paymentId": payment_id, **data})

    def send_to_till(self, type_: str, merchant_pos_id: str, data: dict[str, Any]) -> None:
        self._send(type_, merchant_pos_id, {"merchantPosId": merchant_pos_id, **data})

    def _send(self, type_: str, key: str, data: dict[str, Any]) -> None:
        id_ = f"m-{len(self.sent)}"
        headers: Headers = (
            ("ce_specversion", b"1.0"),
            ("ce_id", id_.encode()),
            ("ce_source", b"/orders"),
            ("ce_type", type_.encode()),
        )
        self._append(key, json.dumps(data).encode(), headers)
        self.sent.append(Sent(id_, key, type_, data))

    def notify(self, merchant_pos_id: str) -> None:
        """What the gateway's own port makes of a notification; no answer is owed to it."""
        self._notified += 1
        wire = write_checkin_notified(merchant_pos_id, f"n-{self._notified}")
        self._append(merchant_pos_id, wire.value, wire.headers)

    def _append(self, key: str, value: bytes | None, headers: Headers) -> None:
        number = int(hashlib.sha256(key.encode()).hexdigest(), 16) % self.plan.partitions
        log = self.broker.partitions[number]
        offset, wall_ms = log.beginning + len(log.commands), VirtualClock().wall_ms()
        log.commands.append(Record("commands", number, offset, wall_ms, key.encode(), value, headers))

    def events(self) -> list[dict[str, Any]]:
        found = []
        for number in range(self.plan.partitions):
            for record in self.broker.published(number, Channel.EVENTS):
                found.append(_event(record))
        return found

    def dead_letters(self) -> list[Outgoing]:
        numbers = range(self.plan.partitions)
        return [r for n in numbers for r in self.broker.published(n, Channel.DEAD_LETTERS)]

    # The life of the town.

    async def live(self) -> None:
        """Shops, violence, then peace: all must come to rest by itself."""
        numbers = list(range(self.plan.partitions))
        await self._make_old_payments()
        first = self.process()
        first.partitions.assigned(numbers)
        shops = asyncio.create_task(self._shop())
        owner = first
        self.troubled = True
        while not shops.done():
            await asyncio.sleep(self.draws.uniform(2, 12))
            if self.plan.violence:
                owner = await self._replace(owner, numbers)
        if self.plan.outage_hours:
            owner.transport.away = True
            await asyncio.sleep(self.plan.outage_hours * 3600)
            owner.transport.away = False
        await shops
        self.sandbox.faults.replace(FaultPlan())
        self.cut.clear()
        self.troubled = False
        await self._rest()
        await owner.stop()

    async def _make_old_payments(self) -> None:
        """Captured by another system; nothing of them is in any state."""
        other = Elsewhere(self.sandbox, MERCHANT)
        for number in range(self.plan.old_payments):
            order_id, value = f"accept-old-{number}", self.draws.randrange(100, 50_000)
            await other.captured(order_id, value)
            self.old[order_id] = value
        self.sandbox.faults.replace(self._faults)

    async def _replace(self, owner: Process, numbers: list[int]) -> Process:
        following = self.process()
        match self.draws.choice(self.plan.violence):
            case "kill":
                await owner.kill()
                await asyncio.sleep(self.draws.uniform(0.01, 8))
            case "release":
                await owner.partitions.revoked(numbers)
                await owner.stop()
            case "stale":
                # The broker hears nothing of it any more, but it can still call the provider.
                self.cut.add(owner.name)
                await asyncio.sleep(self.draws.uniform(0.01, 8))
                following.partitions.assigned(numbers)
                await asyncio.sleep(self.draws.uniform(0.1, 12))
                self.cut.discard(owner.name)
                await asyncio.sleep(self.draws.uniform(0.1, 3))
                await owner.partitions.revoked(numbers)
                await owner.stop()
                return following
            case "away":
                owner.transport.away = True
                await asyncio.sleep(self.draws.uniform(0.5, 20))
                owner.transport.away = False
                await following.stop()
                return owner
            case "jump":
                # As a clock that is set right: the steady ones go on as they did.
                owner.clock.jump(self.draws.choice([-20_000, -500, 500, 20_000]))
                await following.stop()
                return owner
            case _:
                await following.stop()
                return owner
        following.partitions.assigned(numbers)
        return following

    async def _shop(self) -> None:
        plan, draws = self.plan, self.draws
        started = 0
        end = asyncio.get_running_loop().time() + plan.seconds
        while asyncio.get_running_loop().time() < end or started < plan.payments:
            await asyncio.sleep(draws.expovariate(plan.payments / plan.seconds))
            if started < plan.payments:
                started += 1
                self.shop.start(f"pay-{started}")
            if self.old and draws.random() < 0.15:
                order_id = draws.choice(list(self.old))
                self.shop.give_back_of(order_id, self.old.pop(order_id))
            if draws.random() < 0.15 and self.sent:
                self._again(draws.choice(self.sent))
            if plan.tills and draws.random() < 0.4:
                self.tills.ask(draws.randrange(plan.tills))
            for event in self.events():
                (self.shop if "paymentId" in event else self.tills).follow(event)

    def _again(self, sent: Sent) -> None:
        """The same message once more, as an upstream outbox does."""
        for log in self.broker.partitions:
            for record in log.commands:
                if dict(record.headers)["ce_id"] == sent.id.encode():
                    offset = log.beginning + len(log.commands)
                    again = Record(
                        record.topic,
                        record.partition,
                        offset,
                        record.timestamp_ms,
                        record.key,
                        record.value,
                        record.headers,
                    )
                    log.commands.append(again)
                    return

    async def _rest(self) -> None:
        """Nothing more happens for a while, within two virtual days."""
        self.tick_seconds = 1.0
        quiet_for, seen = 0.0, -1
        deadline = asyncio.get_running_loop().time() + 2 * 86_400
        while quiet_for < 1_000:
            await asyncio.sleep(50)
            count = len(self.events())
            unanswered = {s.id for s in self.sent} - self.answers().keys()
            quiet_for = quiet_for + 50 if count == seen and not unanswered else 0.0
            seen = count
            late = asyncio.get_running_loop().time() > deadline
            assert not late, f"seed {self.plan.seed}: never at rest, unanswered: {sorted(unanswered)[:5]}"

    def answers(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for event in self.events():
            if "commandId" in event:
                found.setdefault(event["commandId"], []).append(event)
        return found

    def history_hash(self) -> str:
        text = json.dumps(self.events(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _event(record: Outgoing) -> dict[str, Any]:
    headers = {name: (value or b"").decode() for name, value in record.headers}
    data: dict[str, Any] = json.loads(record.value or b"")
    return {**data, "type": headers["ce_type"], "eventId": headers["ce_id"]}
