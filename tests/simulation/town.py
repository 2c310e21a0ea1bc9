"""The whole gateway in one process, in virtual time: shops, customers, a broker in memory, instances that
come and go.

One seed decides everything: what shops ask, what customers do, which faults hit, who is killed or cut off,
and when. The same seed gives the same history.
"""

import asyncio
import hashlib
import json
import random
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from gateway.codec.notifications import write_checkin_notified
from gateway.kafka.changelog import checkpoint_entry, read_checkpoint
from gateway.kafka.log import BrokerTrouble, Fenced, Staged
from gateway.kafka.records import Channel, Headers, Outgoing, Record
from gateway.sandbox import Sandbox, SandboxConfig
from gateway.sandbox.customers import CustomerPolicy
from gateway.sandbox.draws import Span
from gateway.sandbox.faults import FaultPlan
from tests.chaos.verdict import Opening, Sample, Write
from tests.fakes.memory_log import STEP_SECONDS, Fate, MemoryBroker, MemoryLog
from tests.fakes.virtual_time import VirtualClock, run
from tests.simulation.elsewhere import Elsewhere
from tests.simulation.far_side import LoopClock
from tests.simulation.group import VIOLENCE, Group
from tests.simulation.process import MERCHANT, Process
from tests.simulation.shop import Shop
from tests.simulation.tills import Tills

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

LOOK_SECONDS = 5.0

POISON: tuple[tuple[bytes | None, dict[str, bytes]], ...] = (
    (b"{not json", {}),
    (None, {}),
    (b'{"paymentId": "poison", "amount": {"value": "12.50", "currency": "DKK"}}', {}),
    (b'{"paymentId": "another"}', {}),
    (b'{"paymentId": "poison"}', {"ce_type": b"payment.explode"}),
    (b'{"paymentId": "poison"}', {"ce_id": b""}),
    (b"\xff\xfe" * 40, {"ce_source": b"\xff"}),
)
"""Value, and what differs in the headers; the key is `poison`."""


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
    poison: bool = True
    """Records that cannot be understood, among the commands."""
    undecodable: bool = True
    """A batch that no client can decode, until an operator has the partition moved past it."""
    versions: bool = True
    """A group half upgraded: some processes write a state that the others cannot read."""
    traced: bool = False
    """Spans are made of all that happens."""
    outage_hours: float = 0.0
    """The provider is away that long, once, with payments open."""
    first_crash: int = 0
    """The step at which the first process crashes; 0: it does not."""


def in_peace(seed: int, **others: Any) -> Plan:
    """A plan without a fault of anybody's but the senders'; `others` as in `Plan`."""
    peace = Plan(
        seed, faults=(), violence=(), troubles=(), misdelivered=False, undecodable=False, versions=False
    )
    return replace(peace, **others)


@dataclass
class Sent:
    """`key` is the paymentId or merchantPosId."""

    id: str
    key: str
    type: str
    data: dict[str, Any]


@dataclass
class Town:
    plan: Plan
    sent: list[Sent] = field(default_factory=list)
    poisoned: list[Record] = field(default_factory=list)
    mismatches: list[str] = field(default_factory=list)
    cut: set[str] = field(default_factory=set)
    changes: list[Write] = field(default_factory=list)
    """Requests that change something, as they left; by the aggregate that they are for."""
    fences: list[Opening] = field(default_factory=list)
    looks: dict[int, list[Sample]] = field(default_factory=dict)
    """By partition: how it stood, again and again."""
    steps: int = 0
    """How often a process asked the brokers or the provider for something, or heard of them."""
    steps_to_rest: int = 0
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
        self.group = Group(self)
        self._notified = 0
        self._told: dict[int, list[dict[str, Any]]] = {n: [] for n in range(self.plan.partitions)}
        self._read: dict[int, int] = dict.fromkeys(range(self.plan.partitions), 0)
        self._ends: set[asyncio.Task[None]] = set()

    async def _step(self, owner: str, step: str, partition: int) -> None:
        process = self.group.names.get(owner)
        if process is not None:
            await process.step()
        await asyncio.sleep(STEP_SECONDS * self.draws.uniform(0.5, 5))
        while owner in self.cut:
            await asyncio.sleep(0.5)
        share = TROUBLE_SHARES.get(step, 0.0) if step in self.plan.troubles else 0.0
        if self.troubled and self.draws.random() < share:
            # At `answer` the commit stands and its producer does not hear so.
            raise BrokerTrouble(f"on purpose, at {step}")
        if step == "fence" and process is not None:
            self.fences.append(Opening(asyncio.get_running_loop().time(), owner, partition))

    def crashed(self, process: Process) -> None:
        """It ends here and now, wherever its other tasks stand."""
        process.ended = True
        task = asyncio.create_task(process.kill())
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)

    def left(self, process: Process, aggregate: str, request: httpx.Request) -> None:
        """A request for a call of the aggregate is on its way."""
        if aggregate and not request.url.path.startswith("/integrator-authentication"):
            self.changes.append(Write(asyncio.get_running_loop().time(), process.name, aggregate))

    def misdelivery(self) -> str:
        share = self.draws.random() if self.troubled and self.plan.misdelivered else 1.0
        return "twice" if share < 0.03 else "the later half first" if share < 0.05 else ""

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

    def partition_of(self, key: str) -> int:
        return int(hashlib.sha256(key.encode()).hexdigest(), 16) % self.plan.partitions

    def _append(self, key: str, value: bytes | None, headers: Headers) -> Record:
        number = self.partition_of(key)
        log = self.broker.partitions[number]
        offset, wall_ms = log.beginning + len(log.commands), VirtualClock().wall_ms()
        record = Record("commands", number, offset, wall_ms, key.encode(), value, headers)
        log.commands.append(record)
        self._stir()
        return record

    def _stir(self) -> None:
        for process in self.group.names.values():
            process.log.stirred.set()

    def _poison(self) -> None:
        value, differs = self.draws.choice(POISON)
        headers = {
            "ce_specversion": b"1.0",
            "ce_id": f"poison-{len(self.poisoned)}".encode(),
            "ce_source": b"/orders",
            "ce_type": b"payment.capture",
        } | differs
        self.poisoned.append(self._append("poison", value, tuple(headers.items())))

    def events(self) -> list[dict[str, Any]]:
        """All that `read_committed` shows, partition by partition."""
        for number, log in enumerate(self.broker.partitions):
            for written in log.published[self._read[number] :]:
                if written.transaction.fate is Fate.OPEN:
                    break
                self._read[number] += 1
                item = written.item
                committed = written.transaction.fate is Fate.COMMITTED
                if committed and isinstance(item, Outgoing) and item.channel is Channel.EVENTS:
                    self._told[number].append(_event(item))
        return [event for told in self._told.values() for event in told]

    def dead_letters(self) -> list[Outgoing]:
        numbers = range(self.plan.partitions)
        return [r for n in numbers for r in self.broker.published(n, Channel.DEAD_LETTERS)]

    # The life of the town.

    async def live(self) -> None:
        """Shops, violence, then peace: all must come to rest by itself."""
        await self._make_old_payments()
        self.group.begin()
        shops, looking = asyncio.create_task(self._shop()), asyncio.create_task(self._look())
        operator = asyncio.create_task(self._spoil_and_skip())
        self.troubled = True
        while not shops.done():
            await asyncio.sleep(self.draws.uniform(2, 12))
            if self.plan.violence:
                await self.group.befall()
        if self.plan.outage_hours:
            for process in self.group.processes:
                process.transport.away = True
            await asyncio.sleep(self.plan.outage_hours * 3600)
            for process in self.group.processes:
                process.transport.away = False
        await shops
        self.sandbox.faults.replace(FaultPlan())
        self.cut.clear()
        self.troubled = False
        await self.group.settle()
        looking.cancel()
        await asyncio.wait_for(self._until(operator), 3_600)
        await self._rest()
        self.steps_to_rest = self.steps
        await self.group.stop()

    async def _until(self, task: "asyncio.Task[None]") -> None:
        """Until it has ended, while whoever crashes is replaced, as ever."""
        while not task.done():
            await asyncio.sleep(LOOK_SECONDS)
            self.group.replace_the_crashed(newest=self.group.newest_state)
        await task

    async def _look(self) -> None:
        """How far each partition has come, and whether its owner tells of trouble, if it has one that can."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for number, owner in self.group.owners.items():
                offset, lag = self.lag(number)
                seen = owner is None or owner.ended or owner.name in self.cut or owner.says(number)
                now = asyncio.get_running_loop().time()
                self.looks.setdefault(number, []).append(Sample(now, {number: lag}, {number: offset}, seen))

    def lag(self, number: int) -> tuple[int, int]:
        """The group's offset, and how many records lie behind it."""
        log = self.broker.partitions[number]
        offset = log.group_offset or log.beginning
        return offset, log.beginning + len(log.commands) - offset

    async def _spoil_and_skip(self) -> None:
        """Something undecodable lies in a partition for a while, until its operator has had enough of it."""
        if not self.plan.undecodable:
            return
        draws = self.draws
        await asyncio.sleep(draws.uniform(0, self.plan.seconds))
        number = draws.randrange(self.plan.partitions)
        log = self.broker.partitions[number]
        bad = log.beginning + len(log.commands)
        log.commands.append(Record("commands", number, bad, VirtualClock().wall_ms(), None, None, ()))
        log.undecodable.add(bad)
        self._stir()
        while not await self._skip(number, bad):
            await asyncio.sleep(draws.uniform(5, 20))

    async def _skip(self, number: int, bad: int) -> bool:
        """As `partitions skip` does: fence, look where it stands, move the checkpoint alone."""
        entries = self.broker.changelog(number)
        stands = [read_checkpoint(entry) for entry in entries if entry.key == b"checkpoint"]
        if not stands or stands[-1].position != bad:
            # Past it already where the answer to an earlier commit of ours was lost.
            return bool(stands) and stands[-1].position > bad
        try:
            producer = await MemoryLog(self.broker, "operator").fence(number)
            entries = self.broker.changelog(number)
            checkpoint = [read_checkpoint(entry) for entry in entries if entry.key == b"checkpoint"][-1]
            if checkpoint.position == bad:
                moved = checkpoint_entry(replace(checkpoint, position=bad + 1))
                await producer.commit(Staged((moved,), (), None))
        except (BrokerTrouble, Fenced):
            return False
        return True

    async def _make_old_payments(self) -> None:
        """Captured by another system; nothing of them is in any state."""
        other = Elsewhere(self.sandbox, MERCHANT)
        for number in range(self.plan.old_payments):
            order_id, value = f"accept-old-{number}", self.draws.randrange(100, 50_000)
            await other.captured(order_id, value)
            self.old[order_id] = value
        self.sandbox.faults.replace(self._faults)

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
            if plan.poison and draws.random() < 0.1:
                self._poison()
            if plan.tills and draws.random() < 0.4:
                self.tills.ask(draws.randrange(plan.tills))
            for event in self.events():
                (self.shop if "paymentId" in event else self.tills).follow(event)

    def _again(self, sent: Sent) -> None:
        """The same message once more, as an upstream outbox does."""
        for log in self.broker.partitions:
            for record in log.commands:
                if dict(record.headers).get("ce_id") == sent.id.encode():
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
                    self._stir()
                    return

    async def _rest(self) -> None:
        """Nothing more happens for a while, within two virtual days."""
        quiet_for, seen = 0.0, -1
        deadline = asyncio.get_running_loop().time() + 2 * 86_400
        while quiet_for < 1_000:
            await asyncio.sleep(50)
            self.group.replace_the_crashed(newest=self.group.newest_state)
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


def history(plan: Plan) -> Town:
    """The whole of it, in virtual time."""

    async def live() -> Town:
        town = Town(plan)
        await town.live()
        return town

    return run(live())


def _event(record: Outgoing) -> dict[str, Any]:
    headers = {name: (value or b"").decode() for name, value in record.headers}
    data: dict[str, Any] = json.loads(record.value or b"")
    return {**data, "type": headers["ce_type"], "eventId": headers["ce_id"]}
