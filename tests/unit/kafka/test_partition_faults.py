"""Faults of the handler, the load and the group that must cost no more than themselves."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.kafka.handler import Permit
from gateway.kafka.health import Phase
from gateway.kafka.log import BrokerTrouble, Entry, Staged
from gateway.kafka.records import Channel, Record
from tests.contract.runtime.instance import LIMITS, Instance, answered, checkpoint, quiet
from tests.fakes.counter import Effect, World
from tests.fakes.memory_log import (
    STEP_SECONDS,
    Fate,
    MemoryBroker,
    MemoryProducer,
    Transaction,
    Written,
)
from tests.fakes.virtual_time import run


def effects_alive() -> int:
    return sum("_perform" in repr(task.get_coro()) for task in asyncio.all_tasks())


def test_a_release_leaves_no_effect_behind_neither_running_nor_waiting() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        world.gate = asyncio.Event()
        limits = replace(LIMITS, max_running_effects=4, reserved_for_pending_effects=1)
        for i in range(12):
            broker.produce(0, f"c:{i}", f"{i}:1".encode())
        one = await Instance(broker, world, "a", limits).start()
        await one.opened()
        await asyncio.sleep(1)
        assert effects_alive() == 3
        begun = len(world.attempts)
        one.stop_feeding()
        await one.partitions.revoked([0])
        await asyncio.sleep(60)
        assert effects_alive() == 0
        assert len(world.attempts) == begun

    run(story())


def test_a_stopped_partition_lets_go_of_calls_that_wait_for_its_lease() -> None:
    async def story() -> None:
        broker, world, answers = MemoryBroker(), World(), list[bool]()
        one = Instance(broker, world, "a", replace(LIMITS, max_record_bytes=2000))

        async def waiting(key: str, effect: Effect, permit: Permit) -> bool:
            await asyncio.sleep(1.0)
            answers.append(await permit.renew())
            return False

        one.counter.perform = waiting  # type: ignore[method-assign]
        await one.start()
        await one.opened()
        broker.produce(0, "c:1", b"x:1")
        await asyncio.sleep(0.5)
        broker.produce(0, "c:2", b"y" * 3000)
        await asyncio.sleep(5)
        health = one.partitions.health()[0]
        assert health.phase is Phase.STOPPED
        assert "the dead letter of offset 1 has 3003 bytes" in (health.reason or "")
        assert answers == [False]
        assert effects_alive() == 0
        await one.partitions.revoked([0])
        assert one.partitions.health() == {}, "who no longer owns it alerts nobody"

    run(story())


def test_i2_an_effect_that_is_cancelled_from_within_does_not_hold_its_key_for_ever() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        one = Instance(broker, world, "a")
        perform, calls = one.counter.perform, 0

        async def cancelled(key: str, effect: Effect, permit: Permit) -> bool:
            nonlocal calls
            calls += 1
            if calls == 1:
                raise asyncio.CancelledError
            return await perform(key, effect, permit)

        one.counter.perform = cancelled  # type: ignore[method-assign]
        await one.start()
        broker.produce(0, "c:1", b"x:1")
        await quiet(broker, 1, timeout_seconds=60)
        assert one.partitions.health()[0].running == 0
        await one.stop()

    run(story())


def test_a_partition_that_is_not_open_yet_says_that_it_is_being_opened() -> None:
    async def story() -> None:
        one = await Instance(MemoryBroker(), World(), "a").start()
        phases = set()
        while (phase := one.partitions.health()[0].phase) is not Phase.OPEN:
            phases.add(phase)
            await asyncio.sleep(STEP_SECONDS / 10)
        assert phases == {Phase.OPENING}
        await one.stop()

    run(story())


def test_a_command_that_the_handler_cannot_take_is_tried_ever_more_slowly() -> None:
    async def story() -> None:
        broker = MemoryBroker()
        one = Instance(broker, World(), "a")
        tries = 0

        def poisoned(record: Record) -> Any:
            nonlocal tries
            tries += 1
            raise ValueError("a fault of ours")

        one.counter.accept = poisoned  # type: ignore[method-assign]
        await one.start()
        broker.produce(0, "c:1", b"x:1")
        await asyncio.sleep(120)
        assert 8 <= tries <= 30
        await one.stop()

    run(story())


def test_i10_a_partition_that_cannot_be_opened_is_told_and_an_idle_one_is_not() -> None:
    async def story() -> None:
        away = False

        async def stepping(owner: str, name: str, partition: int) -> None:
            await asyncio.sleep(STEP_SECONDS)
            if away and name in ("fence", "begin"):
                raise BrokerTrouble("away")

        broker = MemoryBroker(step=stepping)
        one = await Instance(broker, World(), "a").start()
        await one.opened()
        await asyncio.sleep(100)
        broker.produce(0, "c:1", b"x:1")
        assert one.partitions.health()[0].stalled_seconds == 0
        away = True
        await asyncio.sleep(90)
        health = one.partitions.health()[0]
        assert health.phase is Phase.OPENING
        assert health.stalled_seconds > 85
        away = False
        await quiet(broker, 1)
        assert one.partitions.health()[0].stalled_seconds == 0
        await one.stop()

    run(story())


def test_i2_a_group_offset_beyond_the_end_passes_no_command() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        for i in range(4):
            broker.produce(0, "c:1", f"{i}:1".encode())
        broker.partitions[0].group_offset = 99
        one = await Instance(broker, world, "a").start()
        await asyncio.sleep(5)
        health = one.partitions.health()[0]
        assert health.phase is Phase.STOPPED
        assert "99" in (health.reason or "")
        assert checkpoint(broker) is None
        await one.stop()

    run(story())


def test_a_record_in_the_state_topic_that_is_none_of_ours_keeps_the_partition_closed() -> None:
    async def story() -> None:
        broker = MemoryBroker()
        foreign = Entry(b"\xff\xfe", b"1", (("v", b"1"),))
        broker.partitions[0].changelog.append(Written(Transaction(0, "x", Fate.COMMITTED), foreign))
        one = await Instance(broker, World(), "a").start()
        await asyncio.sleep(5)
        assert one.partitions.health()[0].phase is Phase.STOPPED
        await one.stop()

    run(story())


def test_trouble_during_a_drain_opens_for_what_runs_and_accepts_nothing() -> None:
    async def story() -> None:
        broken = False

        async def stepping(owner: str, name: str, partition: int) -> None:
            await asyncio.sleep(STEP_SECONDS)
            if broken and name == "begin":
                raise BrokerTrouble("away")

        broker, world = MemoryBroker(step=stepping), World(seconds=5.0)
        one = await Instance(broker, world, "a").start()
        await one.opened()
        broker.produce(0, "c:1", b"x:1")
        await asyncio.sleep(1)
        draining = asyncio.create_task(one.partitions.drain(20.0))
        await asyncio.sleep(0.1)
        broken = True
        one.partitions._owned[0]._turns._ask_for_lease()
        await asyncio.sleep(0.2)
        broken = False
        broker.produce(0, "c:2", b"y:1")
        await draining
        assert answered(broker) == 1, "what ran was heard and is answered"
        mark = checkpoint(broker)
        assert mark is not None
        assert mark.position == 1, "what came meanwhile is the next owner's"
        assert [attempt.id for attempt in world.attempts] == ["x"]

    run(story())


def test_a_partition_assigned_again_without_a_revocation_goes_on() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        one = await Instance(broker, world, "a").start()
        broker.produce(0, "c:1", b"x:1")
        await quiet(broker, 1)
        one.log.positions[0] = 0
        one.partitions.assigned([0])
        broker.produce(0, "c:1", b"y:1")
        await quiet(broker, 2, timeout_seconds=10)
        await one.stop()

    run(story())


def test_a_flood_of_large_records_is_committed_in_bounded_transactions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Unbounded, each transaction takes longer than the one before, until none ends within its time-out."""
    sizes: list[int] = []
    commit = MemoryProducer.commit

    async def measured(self: MemoryProducer, staged: Staged) -> None:
        sizes.append(sum(len(record.value or b"") for record in staged.records))
        await asyncio.sleep(sizes[-1] / 50e6)
        await commit(self, staged)

    monkeypatch.setattr(MemoryProducer, "commit", measured)

    async def story() -> None:
        broker = MemoryBroker()
        one = Instance(broker, World(), "a")
        one.log.max_batch_records = 20
        for _ in range(300):
            broker.produce(0, "k", b"z" * 900_000)
        await one.start()
        while len(broker.published(0, Channel.DEAD_LETTERS)) < 300:
            await asyncio.sleep(0.1)
        assert max(sizes) <= LIMITS.max_staged_bytes + 900_000
        mark = checkpoint(broker)
        assert mark is not None
        assert mark.position == 300
        await one.stop()

    run(story())


def test_i10_a_partition_that_opens_again_and_again_and_never_commits_stands_still() -> None:
    async def story() -> None:
        refusing = False

        async def step(owner: str, name: str, partition: int) -> None:
            await asyncio.sleep(STEP_SECONDS)
            if refusing and name == "send":
                raise BrokerTrouble("nothing can be written")

        broker = MemoryBroker(step=step)
        one = await Instance(broker, World(), "a").start()
        await one.opened()
        refusing = True
        broker.produce(0, "c:1", b"x:1")
        await asyncio.sleep(120)
        assert one.partitions.health()[0].stalled_seconds > 60
        refusing = False
        await quiet(broker, 1, timeout_seconds=60)
        assert one.partitions.health()[0].stalled_seconds == 0
        await one.stop()

    run(story())
