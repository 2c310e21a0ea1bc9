"""A storm by seed over the log in memory: owners die, are cut off and come back, calls land late, the broker
stumbles; and a witness that looks at each request at the moment at which it leaves.

The witness knows what no owner knows: the epoch of everybody's fence, when each acknowledged transaction was asked
for, and when each request takes effect at the far side, which may be after its sender is gone.
"""

import asyncio
import random
from collections import defaultdict
from dataclasses import dataclass, field

from gateway.kafka.handler import Permit
from gateway.kafka.health import Phase
from gateway.kafka.limits import Limits
from gateway.kafka.log import BrokerTrouble, Entry
from tests.contract.runtime.instance import Instance, events
from tests.fakes.counter import Counter, Effect, World, read_state
from tests.fakes.memory_log import STEP_SECONDS, Fate, MemoryBroker

LIMITS = Limits(fenced_wait_seconds=2.0, commit_timeout_seconds=4.0, reopen_most_seconds=2.0)
SESSION_SECONDS = 3.0
TOLERANCE_SECONDS = 1e-3


@dataclass(frozen=True, slots=True)
class Request:
    at: float
    lands_at: float
    owner: str
    epoch: int
    id: str


@dataclass
class Witness(World):
    """The far side. What it finds wrong is collected, since a raise would only close a partition."""

    draws: random.Random = field(default_factory=random.Random)
    storm: "Storm | None" = None
    requests: dict[str, list[Request]] = field(default_factory=lambda: defaultdict(list))
    wrong: list[str] = field(default_factory=list)

    async def add(self, owner: str, key: str, effect: Effect) -> None:
        assert self.storm is not None
        loop = asyncio.get_running_loop()
        late = self.draws.random() < 0.3
        seconds = (
            self.draws.uniform(0.1, LIMITS.write_timeout_seconds) if late else self.draws.uniform(0, 0.1)
        )
        partition, now = self.storm.partition_of(key), loop.time()
        epoch = self.storm.epochs[owner, partition]
        request = Request(now, now + seconds, owner, epoch, effect.id)
        self._look_at(request, partition, key)
        self.requests[key].append(request)
        # It is on its way: that the sender dies, or gives up the call, does not stop it.
        loop.call_later(seconds, self.added.setdefault, effect.id, effect.number)
        await asyncio.sleep(seconds)

    def _look_at(self, request: Request, partition: int, key: str) -> None:
        assert self.storm is not None
        what = f"{request.id} of {key} by {request.owner} at {request.at:.3f}"
        for before in self.requests[key]:
            if before.epoch > request.epoch:
                self.wrong.append(f"{what}: a later owner, {before.owner}, has acted already")
            elif before.epoch < request.epoch and before.lands_at > request.at + TOLERANCE_SECONDS:
                self.wrong.append(f"{what}: a request of {before.owner} is still on its way")
        if not self.storm.intended(partition, key, request):
            self.wrong.append(f"{what}: no intent is committed")
        asked_at = self.storm.acknowledged.get((request.owner, partition, request.epoch), float("-inf"))
        left = asked_at + LIMITS.lease_seconds - request.at
        if left < LIMITS.write_timeout_seconds - TOLERANCE_SECONDS:
            self.wrong.append(f"{what}: {left:.3f} s of the lease are left")


class Storm:
    """`rage` for a while, then `calm` until all is done; `verdict` is what the witness and the log say."""

    def __init__(self, seed: int, partitions: int = 2, keys: int = 6) -> None:
        self.draws = random.Random(seed)
        self.keys = keys
        self.world = Witness(draws=random.Random(seed + 1), storm=self)
        self.broker = MemoryBroker(partitions, self._step)
        self.epochs: dict[tuple[str, int], int] = {}
        self.acknowledged: dict[tuple[str, int, int], float] = {}
        self.seen_intents: set[tuple[int, str, str]] = set()
        self._asked_at: dict[tuple[str, int], float] = {}
        self._silent: dict[str, asyncio.Event] = {}
        self._slowly_answered: set[str] = set()
        self._raging = True
        self._away_until = 0.0
        self._names = iter(range(10_000))
        self._owner: dict[int, Instance] = {}
        self._instances: list[Instance] = []
        self.commands: dict[str, list[str]] = {f"c:{n}": [] for n in range(keys)}
        self.happened: dict[str, int] = defaultdict(int)

    def partition_of(self, key: str) -> int:
        return int(key.removeprefix("c:")) % len(self.broker.partitions)

    def intended(self, partition: int, key: str, request: Request) -> bool:
        """The latest committed state of the key holds the operation; of an owner who has been fenced but still
        has its lease, an earlier one did: the new owner may have looked, and settled it, meanwhile.
        """
        log = self.broker.partitions[partition]
        for written in reversed(log.changelog):
            item = written.item
            if not isinstance(item, Entry) or item.key != key.encode():
                continue
            if written.transaction.fate is Fate.COMMITTED:
                doing = read_state(item.value)["doing"]
                if doing is not None and doing[0] == request.id:
                    return True
                if request.epoch == log.epoch:
                    return False
        return (partition, key, request.id) in self.seen_intents

    async def _step(self, owner: str, step: str, partition: int) -> None:
        now = asyncio.get_running_loop().time()
        if step == "begin":
            self._asked_at[owner, partition] = now
        await asyncio.sleep(self._delay_seconds())
        if step == "answer" and owner in self._slowly_answered:
            await asyncio.sleep(self.draws.uniform(1.0, 4.0))
        while owner in self._silent:
            await self._silent[owner].wait()
        if asyncio.get_running_loop().time() < self._away_until:
            raise BrokerTrouble("away")
        if self._raging and step in ("begin", "send", "commit", "answer") and self.draws.random() < 0.004:
            self.happened[f"fault at {step}"] += 1
            raise BrokerTrouble(f"lost at {step}")
        # From here to the log's own next statement nothing comes in between.
        if step == "fence":
            self.epochs[owner, partition] = self.broker.partitions[partition].epoch + 1
        elif step == "answer":
            self._remember(partition)
            key = (owner, partition, self.epochs[owner, partition])
            self.acknowledged[key] = self._asked_at[owner, partition]

    def _remember(self, partition: int) -> None:
        """What was ever committed as an intent; compaction forgets it."""
        for written in self.broker.partitions[partition].changelog[-20:]:
            item = written.item
            if not isinstance(item, Entry) or not item.key.startswith(b"c:"):
                continue
            doing = read_state(item.value)["doing"]
            if doing is not None and written.transaction.fate is Fate.COMMITTED:
                self.seen_intents.add((partition, item.key.decode(), str(doing[0])))

    def _delay_seconds(self) -> float:
        if self._raging and self.draws.random() < 0.01:
            return self.draws.uniform(0.1, 5.0)
        return STEP_SECONDS * self.draws.uniform(0.5, 3)

    async def rage(self, seconds: float) -> None:
        for _ in range(2):
            await self._start()
        for number in range(len(self.broker.partitions)):
            self._give(number, self._instances[number % 2])
        end = asyncio.get_running_loop().time() + seconds
        beside = [asyncio.create_task(self._send(end))]
        acts = (self._kill, self._hand_over, self._cut_off, self._disturb_feed, self._compact, self._go_away)
        while asyncio.get_running_loop().time() < end:
            await asyncio.sleep(self.draws.expovariate(1 / 2.5))
            act = self.draws.choice(acts)
            self.happened[act.__name__] += 1
            beside.append(asyncio.create_task(act()))
        await asyncio.gather(*beside)

    async def calm(self, timeout_seconds: float = 300.0) -> None:
        self._raging = False
        wanted = sum(map(len, self.commands.values()))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        while (count := sum(map(len, events(self.broker).values()))) < wanted:
            assert loop.time() < deadline, f"{count} of {wanted} answered: {self.health()}"
            await asyncio.sleep(0.2)
        await asyncio.sleep(30)

    def health(self) -> dict[int, object]:
        return {n: owner.partitions.health().get(n) for n, owner in self._owner.items()}

    def verdict(self) -> list[str]:
        wrong = list(self.world.wrong)
        told = events(self.broker)
        for key, ids in self.commands.items():
            if [event["id"] for event in told[key]] != ids:
                wrong.append(f"{key}: not answered once and in order")
            if [event["sequence"] for event in told[key]] != list(range(1, len(ids) + 1)):
                wrong.append(f"{key}: gaps in the sequence")
        if set(self.world.added) != {name for ids in self.commands.values() for name in ids}:
            wrong.append("what was asked is not what was done")
        for number, owner in self._owner.items():
            health = owner.partitions.health()[number]
            if health.phase is not Phase.OPEN or health.stalled_seconds > 0 or health.lag or health.waiting:
                wrong.append(f"partition {number} is not at rest: {health}")
        return wrong

    async def end(self) -> set[str]:
        """Everybody leaves; the names of what is still running then."""
        for instance in self._instances:
            await instance.stop()
        await asyncio.sleep(LIMITS.write_timeout_seconds + 1)
        return {task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}}  # type: ignore[arg-type]

    # What happens.

    async def _start(self) -> Instance:
        instance = Instance(self.broker, self.world, f"i{next(self._names)}", LIMITS)
        counter = instance.counter

        async def perform(key: str, effect: Effect, permit: Permit) -> bool:
            """A run of up to three requests, as a provider's client makes them where no answer is heard."""
            for _ in range(2 if effect.adding else 0):
                if self.draws.random() < 0.5:
                    break
                if not permit.holds() and not await permit.renew():
                    return False
                await self.world.add(instance.name, key, effect)
                await asyncio.sleep(self.draws.uniform(0.05, 0.6))
            return await Counter.perform(counter, key, effect, permit)

        counter.perform = perform  # type: ignore[method-assign]
        instance.partitions.assigned([])
        instance._feeder = asyncio.create_task(instance._feed())
        self._instances.append(instance)
        return instance

    def _give(self, number: int, instance: Instance) -> None:
        self._owner[number] = instance
        instance.partitions.assigned([number])

    async def _send(self, end: float) -> None:
        number = 0
        while asyncio.get_running_loop().time() < end:
            key = f"c:{self.draws.randrange(self.keys)}"
            self.commands[key].append(str(number))
            self.broker.produce(self.partition_of(key), key, f"{number}:1".encode())
            number += 1
            await asyncio.sleep(self.draws.expovariate(4.0))

    def _someone(self) -> Instance:
        well = [one for one in self._instances if one.name not in self._silent]
        return self.draws.choice(well)

    async def _kill(self) -> None:
        if len(self._instances) - len(self._silent) < 2:
            return
        victim = self._someone()
        self._instances.remove(victim)
        victim.kill()
        await self._start()
        await asyncio.sleep(self.draws.choice([0.1, SESSION_SECONDS]))
        for number in [n for n, owner in self._owner.items() if owner is victim]:
            self._give(number, self._someone())

    async def _hand_over(self) -> None:
        number = self.draws.choice(sorted(self._owner))
        giver = self._owner[number]
        if giver.name in self._silent or giver not in self._instances:
            return
        if self.draws.random() < 0.5:
            await giver.partitions.revoked([number])
            if self._owner[number] is giver:
                self._give(number, self._someone())
            return
        for _ in range(200):
            if giver.partitions.health().get(number) is None or giver.partitions.health()[number].running:
                break
            await asyncio.sleep(0.01)
        # The group does not wait for the release; its mark is committed, and the answer to that is late.
        self._slowly_answered.add(giver.name)
        release = asyncio.create_task(giver.partitions.revoked([number]))
        await asyncio.sleep(self.draws.uniform(0.02, 0.2))
        taker = self._someone()
        if self._owner[number] is giver and taker is not giver:
            self._give(number, taker)
        await release
        self._slowly_answered.discard(giver.name)
        if self._owner[number] is giver:
            self._give(number, self._someone())

    async def _cut_off(self) -> None:
        """Its session ends, others take over; once back it hears of the revocation, if late."""
        if len(self._instances) - len(self._silent) < 2:
            return
        victim = self._someone()
        back = self._silent[victim.name] = asyncio.Event()
        await asyncio.sleep(SESSION_SECONDS)
        lost = [n for n, owner in self._owner.items() if owner is victim]
        for number in lost:
            self._give(number, self._someone())
        await asyncio.sleep(self.draws.uniform(0, 15))
        del self._silent[victim.name]
        back.set()
        await asyncio.sleep(self.draws.uniform(0, 1.5))
        await victim.partitions.revoked([n for n in lost if self._owner[n] is not victim])

    async def _disturb_feed(self) -> None:
        """Records are lost before the handler, or come again."""
        number = self.draws.choice(sorted(self._owner))
        log = self._owner[number].log
        log.seek(number, max(0, log.positions.get(number, 0) - self.draws.randint(0, 5)))
        for _ in range(500):
            await asyncio.sleep(STEP_SECONDS)
            if log.fetch(number):
                return

    async def _compact(self) -> None:
        self.broker.compact(self.draws.choice(sorted(self._owner)))

    async def _go_away(self) -> None:
        self._away_until = asyncio.get_running_loop().time() + self.draws.uniform(0.5, 5)
