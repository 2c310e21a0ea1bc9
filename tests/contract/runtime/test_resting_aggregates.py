"""A partition opens once its changelog is read; its aggregates come to the handler one by one, each once."""

import asyncio
from collections import Counter as Count
from typing import Any

from gateway.kafka.handler import Arrived, Restored, Turn
from gateway.kafka.health import Phase
from gateway.kafka.opening import TURNS_AT_ONCE
from tests.contract.runtime.instance import Instance, audit, events, quiet
from tests.fakes.counter import Effect, World
from tests.fakes.memory_log import MemoryBroker
from tests.fakes.virtual_time import run

KEYS = TURNS_AT_ONCE * 4


class Watched:
    """What the handler of an instance was told, in order."""

    def __init__(self, instance: Instance) -> None:
        self.prompts: list[tuple[str, str]] = []
        self.phases: list[Phase] = []
        self._instance = instance
        self._handle = instance.counter.handle
        instance.counter.handle = self._told  # type: ignore[method-assign]

    def _told(
        self, key: str, state: bytes | None, memo: Any, running: Any, prompt: Any, now: Any
    ) -> Turn[Effect]:
        self.prompts.append((key, type(prompt).__name__))
        if isinstance(prompt, Restored):
            self.phases.append(self._instance.partitions.health()[0].phase)
        return self._handle(key, state, memo, running, prompt, now)

    def restored(self) -> list[str]:
        return [key for key, name in self.prompts if name == Restored.__name__]


async def owned_before(broker: MemoryBroker, world: World) -> dict[str, list[str]]:
    """A state of many keys, whose owner is gone."""
    commands = {f"c:{number}": [f"first-{number}"] for number in range(KEYS)}
    for key, (name,) in commands.items():
        broker.produce(0, key, f"{name}:1".encode())
    one = await Instance(broker, world, "a").start()
    await quiet(broker, KEYS)
    await one.stop()
    return commands


def test_it_is_open_before_all_are_given_back_and_all_are_given_back_once() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        await owned_before(broker, world)
        two = Instance(broker, world, "b")
        watched = Watched(two)
        await two.start()
        await two.opened()
        await asyncio.sleep(1)
        assert set(watched.phases) == {Phase.OPEN}
        assert set(Count(watched.restored()).values()) == {1}
        assert set(watched.restored()) == {f"c:{number}" for number in range(KEYS)}
        await two.stop()

    run(story())


def test_a_command_finds_its_aggregate_though_nothing_has_asked_for_it_before() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        commands = await owned_before(broker, world)
        oldest = "c:0"
        broker.produce(0, oldest, b"second-0:1")
        commands[oldest].append("second-0")
        two = Instance(broker, world, "b")
        watched = Watched(two)
        await two.start()
        await two.opened()
        assert two.partitions.held(oldest, oldest.encode()) is not None
        await quiet(broker, KEYS + 1)
        audit(broker, world, commands)
        assert [event["sum"] for event in events(broker)[oldest]] == [1, 2]
        told = [name for key, name in watched.prompts if key == oldest]
        assert told[:2] == [Restored.__name__, Arrived.__name__]
        await two.stop()

    run(story())


def test_a_handler_that_fails_on_one_of_them_closes_the_partition_which_opens_anew() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        commands = await owned_before(broker, world)
        two = Instance(broker, world, "b")
        watched, failed = Watched(two), []
        handle = two.counter.handle

        def once(key: str, state: Any, memo: Any, running: Any, prompt: Any, now: Any) -> Turn[Effect]:
            if key == "c:3" and not failed:
                failed.append(key)
                raise RuntimeError("on purpose")
            return handle(key, state, memo, running, prompt, now)

        two.counter.handle = once  # type: ignore[method-assign]
        await two.start()
        await asyncio.sleep(30)
        assert two.partitions.health()[0].phase is Phase.OPEN
        assert failed and Count(watched.restored())["c:3"] == 1
        broker.produce(0, "c:3", b"second-3:1")
        commands["c:3"].append("second-3")
        await quiet(broker, KEYS + 1)
        audit(broker, world, commands)
        await two.stop()

    run(story())
