"""What a partition keeps in memory of its aggregates."""

import asyncio
from typing import Any

import pytest

from gateway.kafka.handler import Performed, Turn, Woken
from tests.contract.runtime.instance import Instance, quiet, turns_alone
from tests.fakes.counter import Effect, World
from tests.fakes.memory_log import MemoryBroker
from tests.fakes.virtual_time import VirtualClock, run

LOOK = Effect("a", 1, adding=False)


class Forgetful:
    """Keeps an aggregate while there is a state to keep for it, by its key."""

    def __init__(self) -> None:
        self.states: dict[str, bytes] = {}

    def handle(self, key: str, *_: object) -> Turn[Any]:
        return Turn(self.states.get(key))


class Asking:
    """Asks for one reading, and notes what it is told."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.told: list[object] = []

    def handle(self, key: str, state: bytes | None, memo: object, running: Any, prompt: Any, now: Any) -> Any:
        self.told.append(prompt)
        return Turn(b"state", effect=LOOK if isinstance(prompt, Woken) else None)

    async def perform(self, key: str, effect: Effect, permit: object) -> str:
        await self.gate.wait()
        return "outcome"


def test_what_ends_while_the_partition_is_opened_anew_is_heard_once_it_is_open() -> None:
    async def story() -> None:
        handler, failures = Asking(), list[BaseException]()
        turns = turns_alone(handler, failures.append)
        turns.opened()
        turns.prompt("c:1", Woken())
        await asyncio.sleep(1)
        turns.drop()
        handler.gate.set()
        await asyncio.sleep(1)
        turns.restore({"c:1": b"state"}, lambda _: 0.0)
        turns.opened()
        assert handler.told[-1] == Performed(LOOK, "outcome") and not failures
        turns.abandon()

    run(story())


def test_a_wake_that_is_due_and_not_taken_is_overdue_and_a_later_one_is_not() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        one = await Instance(broker, world, "a").start()
        await one.opened()
        await asyncio.sleep(5)
        turns = one.partitions._owned[0]._turns
        now = VirtualClock().steady()
        turns._schedule.set("c:1", now + 100)
        assert turns.overdue_seconds(now) == 0 and one.partitions.health()[0].stalled_seconds == 0
        await asyncio.sleep(160)
        assert one.partitions.health()[0].stalled_seconds == pytest.approx(60, abs=1)
        await one.stop()

    run(story())


def test_an_effect_is_performed_under_the_key_of_its_aggregate() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        broker.produce(0, "c:1", b"a:1")
        broker.produce(0, "c:2", b"b:1")
        one = await Instance(broker, world, "a").start()
        await quiet(broker, 2, timeout_seconds=60)
        assert {(attempt.key, attempt.id) for attempt in world.attempts} == {("c:1", "a"), ("c:2", "b")}
        await one.stop()

    run(story())


def test_an_aggregate_of_which_nothing_is_left_leaves_the_memory() -> None:
    async def story() -> None:
        handler, failures = Forgetful(), list[BaseException]()
        turns = turns_alone(handler, failures.append)
        handler.states["kept"] = b"state"
        for key in ("kept", "nothing"):
            turns.prompt(key, Woken())
        assert len(turns) == 1 and turns.held("kept") == (b"state", None)
        del handler.states["kept"]
        turns.prompt("kept", Woken())
        assert len(turns) == 0 and not failures

    run(story())
