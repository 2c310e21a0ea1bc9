"""One gateway process in miniature: partitions over a memory log, fed as the porch feeds them, and the
auditor of all.
"""

import asyncio
import json
import random
import zlib
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from gateway.kafka.changelog import CHECKPOINT_KEY, Checkpoint, read_checkpoint
from gateway.kafka.health import Phase
from gateway.kafka.limits import Limits
from gateway.kafka.opening import PartitionConfig
from gateway.kafka.partitions import Partitions
from gateway.kafka.records import Channel
from gateway.kafka.turns import Turns
from tests.fakes.counter import Command, Counter, Effect, World
from tests.fakes.memory_log import MemoryBroker, MemoryLog
from tests.fakes.virtual_time import VirtualClock

LIMITS = Limits(fenced_wait_seconds=2.0, commit_timeout_seconds=3.0)
FEED_SECONDS = 0.003


def turns_alone(handler: Any, failed: Callable[[BaseException], None]) -> Turns[Any, Any, Any]:
    """Those of one partition, with nobody who commits what they stage."""
    return Turns(handler, VirtualClock(), LIMITS, lambda: None, lambda: None, failed)


class Instance:
    """`kill` ends it as SIGKILL does: nothing is committed, released or closed."""

    def __init__(
        self,
        broker: MemoryBroker,
        world: World,
        name: str,
        limits: Limits = LIMITS,
        group_id: str = "group",
        partition_count: int | None = None,
        version: int = 1,
    ) -> None:
        self.name = name
        self.broker = broker
        self.log = MemoryLog(broker, name)
        self.counter = Counter(world, name, version)
        self.mismatches: list[str] = []
        count = len(broker.partitions) if partition_count is None else partition_count
        self.partitions: Partitions[Command, Effect, bool] = Partitions(
            self.counter,
            self.log,
            VirtualClock(boot_origin=1000.0 * (zlib.crc32(name.encode()) % 7)),
            limits,
            PartitionConfig(group_id, count),
            random.Random(name),
            self.mismatches.append,
        )
        self._feeder: asyncio.Task[None] | None = None

    async def start(self, *numbers: int) -> "Instance":
        self.partitions.assigned(numbers or range(len(self.broker.partitions)))
        self._feeder = asyncio.create_task(self._feed())
        return self

    async def _feed(self) -> None:
        while True:
            for number in range(len(self.broker.partitions)):
                records = self.log.fetch(number)
                if records:
                    self.partitions.deliver(records)
            await asyncio.sleep(FEED_SECONDS)

    async def opened(self, number: int = 0) -> None:
        while self.partitions.health()[number].phase is not Phase.OPEN:
            await asyncio.sleep(0.01)

    def stop_feeding(self) -> None:
        if self._feeder is not None:
            self._feeder.cancel()

    def kill(self) -> None:
        self.stop_feeding()
        for partition in self.partitions._owned.values():
            partition._driver.cancel()
            partition._turns.abandon()

    async def stop(self) -> None:
        self.stop_feeding()
        await self.partitions.drain(1.0)


def events(broker: MemoryBroker) -> dict[str, list[dict[str, int | str]]]:
    """All committed events by key, in order."""
    found: dict[str, list[dict[str, int | str]]] = defaultdict(list)
    for number in range(len(broker.partitions)):
        for record in broker.published(number, Channel.EVENTS):
            found[(record.key or b"").decode()].append(json.loads(record.value or b""))
    return found


def answered(broker: MemoryBroker) -> int:
    return sum(len(told) for told in events(broker).values())


def checkpoint(broker: MemoryBroker, number: int = 0) -> Checkpoint | None:
    entries = [e for e in broker.changelog(number) if e.key == CHECKPOINT_KEY]
    return read_checkpoint(entries[-1]) if entries else None


async def quiet(broker: MemoryBroker, commands: int, timeout_seconds: float = 600.0) -> None:
    """Wait until as many events are out as commands went in."""
    deadline = asyncio.get_running_loop().time() + timeout_seconds
    while answered(broker) < commands:
        assert asyncio.get_running_loop().time() < deadline, f"{answered(broker)} of {commands} answered"
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)


def audit(broker: MemoryBroker, world: World, commands: dict[str, list[str]]) -> None:
    """Each command answered exactly once, in its key's order, with one effect; never two owners in turn at
    once.
    """
    told = events(broker)
    for key, ids in commands.items():
        assert [event["id"] for event in told[key]] == ids, f"{key}: answered once and in order"
        assert [event["sequence"] for event in told[key]] == list(range(1, len(ids) + 1))
    everything = {i for ids in commands.values() for i in ids}
    assert set(world.added) == everything
    owners: dict[str, list[str]] = defaultdict(list)
    for attempt in world.attempts:
        if not owners[attempt.key] or owners[attempt.key][-1] != attempt.owner:
            owners[attempt.key].append(attempt.owner)
    for key, turns in owners.items():
        assert len(turns) == len(set(turns)), f"{key}: a stale owner acted again: {turns}"


async def at_its_effect(broker: MemoryBroker, world: World, name: str = "a", key: str = "c:1") -> Instance:
    """An owner whose effect for the command `x` is under way, and stays so until the world's gate opens."""
    world.gate = asyncio.Event()
    owner = await Instance(broker, world, name).start()
    broker.produce(0, key, b"x:1")
    await owner.opened()
    await asyncio.sleep(1)
    return owner
