"""The partition runtime over the log in memory, in virtual time: what must hold of any handler."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from gateway.kafka.changelog import CHECKPOINT_KEY, Checkpoint, checkpoint_entry, state_entry
from gateway.kafka.handler import Permit
from gateway.kafka.health import Phase
from gateway.kafka.limits import Limits
from gateway.kafka.log import BrokerTrouble, Entry
from gateway.kafka.records import Channel
from tests.contract.runtime.instance import (
    LIMITS,
    Instance,
    answered,
    at_its_effect,
    audit,
    checkpoint,
    events,
    quiet,
)
from tests.fakes.counter import Effect, World, read_state
from tests.fakes.memory_log import STEP_SECONDS, Fate, MemoryBroker, Transaction, Written
from tests.fakes.virtual_time import run

Story = Callable[[], Coroutine[Any, Any, None]]


def test_commands_of_a_key_in_order_and_of_many_keys_beside_each_other() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(partitions=2), World(seconds=1.0)
        commands: dict[str, list[str]] = {}
        for i in range(20):
            for k in range(10):
                key = f"c:{k}"
                broker.produce(k % 2, key, f"{k}-{i}:1".encode())
                commands.setdefault(key, []).append(f"{k}-{i}")
        one = await Instance(broker, world, "a").start()
        await quiet(broker, 200)
        # 20 effects of a second each for a key, ten keys at once: far from 200 seconds.
        assert world.attempts[-1].at < 25
        audit(broker, world, commands)
        await one.stop()

    run(story())


def test_accepted_is_durable_at_once_though_the_work_takes_long() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World(seconds=60.0)
        for i in range(5):
            broker.produce(0, "c:1", f"{i}:1".encode())
        one = await Instance(broker, world, "a").start()
        await one.opened()
        await asyncio.sleep(1.5)
        mark = checkpoint(broker)
        assert mark is not None
        assert mark.position == 5
        assert broker.partitions[0].group_offset == 5
        [state] = [e.value for e in broker.changelog(0) if e.key == b"c:1"][-1:]
        assert len(read_state(state)["todo"]) == 4
        one.kill()

    run(story())


def test_an_intent_is_committed_before_its_effect_begins() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        one = await Instance(broker, world, "a").start()
        await one.opened()
        seen = []

        async def watch() -> None:
            for entry in broker.changelog(0):
                if entry.key == b"c:1" and read_state(entry.value)["doing"] is not None:
                    seen.append(read_state(entry.value)["doing"][0])

        world_add = world.add

        async def add(owner: str, key: str, effect: Any) -> None:
            await watch()
            assert effect.id in seen, "an effect without its intent"
            await world_add(owner, key, effect)

        world.add = add  # type: ignore[method-assign]
        for i in range(30):
            broker.produce(0, "c:1", f"{i}:1".encode())
        await quiet(broker, 30)
        await one.stop()

    run(story())


@pytest.mark.parametrize("step", range(0, 60, 1))
def test_a_crash_at_each_step_loses_nothing_and_does_nothing_twice(step: int) -> None:
    async def story() -> None:
        world = World()
        steps = 0
        instances: list[Instance] = []

        async def stepping(owner: str, name: str, partition: int) -> None:
            nonlocal steps
            await asyncio.sleep(STEP_SECONDS)
            if owner == "a":
                steps += 1
                if steps == step:
                    instances[0].kill()
                    await asyncio.Event().wait()

        broker = MemoryBroker(step=stepping)
        commands: dict[str, list[str]] = {}
        for i in range(6):
            for k in range(3):
                broker.produce(0, f"c:{k}", f"{k}-{i}:1".encode())
                commands.setdefault(f"c:{k}", []).append(f"{k}-{i}")
        instances.append(await Instance(broker, world, "a").start())
        await asyncio.sleep(3)
        if steps < step:
            instances[0].kill()
        two = await Instance(broker, world, "b").start()
        await quiet(broker, 18)
        audit(broker, world, commands)
        await two.stop()

    run(story())


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_commit_without_an_answer_is_restored_and_not_repeated(lost: str) -> None:
    async def story() -> None:
        world, count = World(), 0

        async def stepping(owner: str, name: str, partition: int) -> None:
            nonlocal count
            await asyncio.sleep(STEP_SECONDS)
            if name == ("commit" if lost == "before" else "answer"):
                count += 1
                if count % 5 == 0:
                    raise BrokerTrouble("no answer")

        broker = MemoryBroker(step=stepping)
        commands: dict[str, list[str]] = {}
        for i in range(20):
            broker.produce(0, "c:1", f"{i}:1".encode())
            commands.setdefault("c:1", []).append(f"{i}")
        one = await Instance(broker, world, "a").start()
        await quiet(broker, 20)
        audit(broker, world, commands)
        await one.stop()

    run(story())


def test_a_refused_record_takes_nothing_of_its_transaction_with_it() -> None:
    async def story() -> None:
        world, refuse = World(), True
        broker = MemoryBroker(max_record_bytes=2_000_000)
        one = await Instance(broker, world, "a").start()
        await one.opened()
        broker.max_record_bytes = 20
        broker.produce(0, "c:1", b"x:1")
        await asyncio.sleep(2)
        assert answered(broker) == 0
        assert all(e.key == CHECKPOINT_KEY for e in broker.changelog(0))
        assert refuse
        broker.max_record_bytes = 2_000_000
        await quiet(broker, 1)
        audit(broker, world, {"c:1": ["x"]})
        await one.stop()

    run(story())


def test_what_is_too_large_stops_its_partition_and_says_so() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(partitions=2), World()
        one = await Instance(broker, world, "a", replace(LIMITS, max_record_bytes=300)).start()
        await one.opened(0)
        broker.produce(0, "c:1", b"x" * 400 + b":1")
        broker.produce(1, "c:2", b"y:1")
        await asyncio.sleep(3)
        health = one.partitions.health()
        assert health[0].phase is Phase.STOPPED
        assert "c:1" in (health[0].reason or "")
        assert [e["id"] for e in events(broker)["c:2"]] == ["y"]
        await one.stop()

    run(story())


def test_a_stale_owner_writes_nothing_and_changes_nothing() -> None:
    async def story() -> None:
        world = World()
        frozen = asyncio.Event()
        cut = False

        async def stepping(owner: str, name: str, partition: int) -> None:
            await asyncio.sleep(STEP_SECONDS)
            if owner == "a" and cut:
                await frozen.wait()

        broker = MemoryBroker(step=stepping)
        one = await Instance(broker, world, "a").start()
        await one.opened()
        commands: dict[str, list[str]] = {f"c:{k}": [] for k in range(4)}
        number = 0

        def send(count: int) -> None:
            nonlocal number
            for _ in range(count):
                key = f"c:{number % 4}"
                broker.produce(0, key, f"{number}:1".encode())
                commands[key].append(str(number))
                number += 1

        send(8)
        await quiet(broker, 8)
        # The broker is cut off from "a", which goes on feeding and calling as long as its lease lasts.
        cut = True
        cut_at = asyncio.get_running_loop().time()
        send(8)
        two = await Instance(broker, world, "b").start()
        await asyncio.sleep(30)
        send(4)
        await quiet(broker, 20)
        last_of_a = max((a.at for a in world.attempts if a.owner == "a"), default=0.0)
        first_of_b = min(a.at for a in world.attempts if a.owner == "b")
        assert last_of_a <= cut_at + LIMITS.lease_seconds - LIMITS.write_timeout_seconds
        assert first_of_b >= last_of_a + LIMITS.write_timeout_seconds
        frozen.set()
        await asyncio.sleep(20)
        await one.partitions.revoked([0])
        audit(broker, world, commands)
        await two.stop()

    run(story())


def test_the_lease_counts_from_before_the_commit_request() -> None:
    async def story() -> None:
        world = World()
        slow = False

        async def stepping(owner: str, name: str, partition: int) -> None:
            # The answer to a commit is late by four of the lease's five seconds.
            await asyncio.sleep(4.0 if slow and name == "answer" else STEP_SECONDS)

        broker = MemoryBroker(step=stepping)
        one = await Instance(broker, world, "a", replace(LIMITS, commit_timeout_seconds=10.0)).start()
        await one.opened()
        await asyncio.sleep(1)
        slow = True
        asked_at = asyncio.get_running_loop().time()
        broker.produce(0, "c:1", b"x:1")
        await asyncio.sleep(4.2)
        # The intent is acknowledged, but less than a write's time-out is left of the lease it gives.
        assert world.attempts == []
        slow = False
        await quiet(broker, 1)
        [attempt] = world.attempts
        assert attempt.at > asked_at + 4.0
        await one.stop()

    run(story())


def test_a_new_owner_waits_out_the_lease_unless_it_was_released() -> None:
    async def story() -> None:
        for released in (False, True):
            broker, world = MemoryBroker(), World()
            one = await Instance(broker, world, "a").start()
            broker.produce(0, "c:1", b"x:1")
            await quiet(broker, 1)
            if released:
                one.stop_feeding()
                await one.partitions.revoked([0])
            else:
                one.kill()
            taken_at = asyncio.get_running_loop().time()
            two = await Instance(broker, world, "b").start()
            broker.produce(0, "c:1", b"y:1")
            await quiet(broker, 2)
            waited = world.attempts[-1].at - taken_at
            assert waited < 1.0 if released else waited >= LIMITS.lease_seconds
            await two.stop()

    run(story())


def test_a_release_mark_names_what_is_under_way_and_only_that_waits() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        one = await at_its_effect(broker, world, key="c:slow")
        one.stop_feeding()
        released_at = asyncio.get_running_loop().time()
        await one.partitions.revoked([0])
        assert asyncio.get_running_loop().time() - released_at < LIMITS.release_timeout_seconds
        mark = checkpoint(broker)
        assert mark is not None
        assert mark.released == ("c:slow",)
        world.gate.set()
        broker.produce(0, "c:other", b"y:1")
        broker.produce(0, "c:slow", b"z:1")
        two = await Instance(broker, world, "b").start()
        await quiet(broker, 3)
        at = {a.id: a.at for a in world.attempts}
        assert at["y"] - released_at < 1.0
        assert at["z"] - released_at >= LIMITS.write_timeout_seconds
        cleared = checkpoint(broker)
        assert cleared is not None
        assert cleared.released is None
        audit(broker, world, {"c:slow": ["x", "z"], "c:other": ["y"]})
        await two.stop()

    run(story())


def test_a_release_hears_what_is_being_read_before_it_lets_go() -> None:
    """Its answer may hold the pace of the next reading, which the new owner could not know otherwise."""

    async def story() -> None:
        broker, world = MemoryBroker(), World()
        one = await at_its_effect(broker, world)
        one.kill()
        world.seconds = 0.4
        two = await Instance(broker, world, "b").start()
        await two.opened()
        two.stop_feeding()
        assert not broker.published(0, Channel.EVENTS), "the look of the new owner is under way"
        await two.partitions.revoked([0])
        assert len(broker.published(0, Channel.EVENTS)) == 1

    run(story())


def test_a_release_lets_no_read_leave_that_still_waits_for_its_place() -> None:
    """Its answer might come after the release, and with it a pace that the next owner would not know of."""

    async def story() -> None:
        broker, world, left = MemoryBroker(), World(), list[bool]()
        one = await at_its_effect(broker, world)
        one.kill()
        two = Instance(broker, world, "b")

        async def waiting(key: str, effect: Effect, permit: Permit) -> bool:
            await asyncio.sleep(0.4)
            left.append(not permit.withdrawn)
            return False

        two.counter.perform = waiting  # type: ignore[method-assign]
        await two.start()
        await two.opened()
        two.stop_feeding()
        assert left == []
        await two.partitions.revoked([0])
        assert left == [False]

    run(story())


def test_an_idle_owner_renews_its_lease_by_a_transaction_when_it_needs_one() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        one = await Instance(broker, world, "a").start()
        broker.produce(0, "c:1", b"x:1")
        await quiet(broker, 1)
        await asyncio.sleep(3600)
        before = len(broker.changelog(0))
        broker.produce(0, "c:1", b"y:1")
        await quiet(broker, 2)
        assert len(broker.changelog(0)) > before
        audit(broker, world, {"c:1": ["x", "y"]})
        await one.stop()

    run(story())


def test_a_rebalance_there_and_back() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(partitions=2), World(seconds=0.2)
        one, two = Instance(broker, world, "a"), Instance(broker, world, "b")
        await one.start(0, 1)
        await two.start(1)
        await two.partitions.revoked([1])
        await one.opened(1)
        commands: dict[str, list[str]] = {}
        number = 0
        for turn in range(6):
            for _ in range(20):
                key = f"c:{number % 6}"
                broker.produce((number % 6) % 2, key, f"{number}:1".encode())
                commands.setdefault(key, []).append(str(number))
                number += 1
            await asyncio.sleep(0.7)
            giver, taker = (one, two) if turn % 2 == 0 else (two, one)
            await giver.partitions.revoked([1])
            taker.partitions.assigned([1])
        await quiet(broker, number)
        told = events(broker)
        for key, ids in commands.items():
            assert [e["id"] for e in told[key]] == ids
        await one.stop()
        await two.stop()

    run(story())


def test_restore_over_a_compacted_log_and_tombstones() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        one = await Instance(broker, world, "a").start()
        for i in range(40):
            broker.produce(0, f"c:{i % 4}", f"{i}:1".encode())
        await quiet(broker, 40)
        one.kill()
        broker.partitions[0].changelog.append(
            Written(Transaction(0, "a", Fate.COMMITTED), state_entry("c:3", None, 1))
        )
        broker.compact(0)
        two = await Instance(broker, world, "b").start()
        await two.opened()
        assert read_state(two.partitions.state("c:1"))["sequence"] == 10
        assert two.partitions.state("c:3") is None
        mark = checkpoint(broker)
        assert mark is not None
        assert mark.position == 40
        await two.stop()

    run(story())


def test_a_gap_is_read_again_before_it_is_believed() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        one = await Instance(broker, world, "a").start()
        await one.opened()
        for i in range(10):
            broker.produce(0, "c:1", f"{i}:1".encode())
        one.log.seek(0, 4)
        await quiet(broker, 10)
        audit(broker, world, {"c:1": [str(i) for i in range(10)]})
        # A real gap, as transaction markers leave it.
        log = broker.partitions[0]
        del log.commands[:]
        log.beginning = 13
        broker.produce(0, "c:1", b"after:1")
        await quiet(broker, 11)
        await one.stop()

    run(story())


def test_records_that_come_again_are_passed_over() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        one = await Instance(broker, world, "a").start()
        await one.opened()
        for i in range(10):
            broker.produce(0, "c:1", f"{i}:1".encode())
        await quiet(broker, 10)
        one.log.seek(0, 2)
        await asyncio.sleep(1)
        audit(broker, world, {"c:1": [str(i) for i in range(10)]})
        await one.stop()

    run(story())


def set_checkpoint(broker: MemoryBroker, mark: Checkpoint) -> None:
    transaction = Transaction(0, "x", Fate.COMMITTED)
    broker.partitions[0].changelog.append(Written(transaction, checkpoint_entry(mark)))


@pytest.mark.parametrize(
    ("mark", "says"),
    [
        (Checkpoint(99, 1, "group"), "99"),
        (Checkpoint(0, 3, "group"), "3 partitions"),
        (Checkpoint(0, 1, "another"), "another"),
    ],
)
def test_a_checkpoint_that_must_not_be_used_keeps_the_partition_closed(mark: Checkpoint, says: str) -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        set_checkpoint(broker, mark)
        broker.produce(0, "c:1", b"x:1")
        one = await Instance(broker, world, "a").start()
        await asyncio.sleep(5)
        health = one.partitions.health()[0]
        assert health.phase is Phase.STOPPED
        assert says in (health.reason or "")
        assert bool(one.mismatches) == (mark.position == 0)
        assert world.attempts == []
        await one.stop()

    run(story())


def test_a_checkpoint_below_the_retention_goes_on_at_the_beginning() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        for i in range(10):
            broker.produce(0, "c:1", f"{i}:1".encode())
        set_checkpoint(broker, Checkpoint(2, 1, "group"))
        broker.delete_before(0, 5)
        one = await Instance(broker, world, "a").start()
        await quiet(broker, 5)
        assert [e["id"] for e in events(broker)["c:1"]] == ["5", "6", "7", "8", "9"]
        await one.stop()

    run(story())


def test_without_a_checkpoint_the_groups_offset_counts() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        for i in range(4):
            broker.produce(0, "c:1", f"{i}:1".encode())
        broker.partitions[0].group_offset = 2
        one = await Instance(broker, world, "a").start()
        await quiet(broker, 2)
        assert [e["id"] for e in events(broker)["c:1"]] == ["2", "3"]
        await one.stop()

    run(story())


def test_a_state_of_a_later_version_keeps_the_partition_closed() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        new = await Instance(broker, world, "new", version=2).start()
        broker.produce(0, "c:1", b"x:1")
        await quiet(broker, 1)
        await new.stop()
        old = await Instance(broker, world, "old", version=1).start()
        await asyncio.sleep(5)
        health = old.partitions.health()[0]
        assert health.phase is Phase.STOPPED
        assert "version 2" in (health.reason or "")
        await old.stop()

    run(story())


def test_an_open_transaction_of_a_dead_owner_is_never_seen() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        hanging = Transaction(0, "dead")
        log = broker.partitions[0]
        log.transaction = hanging
        log.changelog.append(Written(hanging, Entry(b"c:1", json.dumps({"sum": 99}).encode(), ())))
        one = await Instance(broker, world, "a").start()
        broker.produce(0, "c:1", b"x:1")
        await quiet(broker, 1)
        assert hanging.fate is Fate.ABORTED
        assert events(broker)["c:1"][0]["sum"] == 1
        await one.stop()

    run(story())


def test_back_pressure_pauses_and_resumes() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World(seconds=1.0)
        limits = replace(LIMITS, max_waiting_commands=40)
        one = Instance(broker, world, "a", limits)
        one.log.max_batch_records = 10
        for i in range(200):
            broker.produce(0, f"c:{i}", f"{i}:1".encode())
        await one.start()
        most = 0
        while answered(broker) < 200:
            most = max(most, one.partitions.health()[0].waiting)
            await asyncio.sleep(0.05)
        assert 40 <= most <= 60
        await one.stop()

    run(story())


def test_drain_lets_running_effects_end_and_hands_over() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World(seconds=0.5)
        one = await Instance(broker, world, "a").start()
        await one.opened()
        for i in range(10):
            broker.produce(0, f"c:{i}", f"{i}:1".encode())
        await asyncio.sleep(0.2)
        assert one.partitions.health()[0].running == 10
        await one.partitions.drain(5.0)
        assert answered(broker) == 10
        mark = checkpoint(broker)
        assert mark is not None
        assert mark.released == ()

    run(story())


def test_an_undecodable_batch_stops_its_partition_alone() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(partitions=2), World()
        one = await Instance(broker, world, "a").start()
        await one.opened(0)
        await one.opened(1)
        broker.produce(0, "c:0", b"before:1")
        await asyncio.sleep(0.5)
        one.partitions.undecodable(0, 1, "UnicodeDecodeError")
        broker.produce(1, "c:1", b"x:1")
        await quiet(broker, 2)
        health = one.partitions.health()
        assert (health[0].phase, health[0].offset) == (Phase.STOPPED, 1)
        assert health[1].phase is Phase.OPEN
        await one.stop()

    run(story())


def test_a_record_that_nobody_understands_is_a_dead_letter_in_the_transaction_that_passes_it() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        one = await Instance(broker, world, "a").start()
        broker.produce(0, "c:1", b"x:1")
        broker.produce(0, "c:1", b"nonsense")
        broker.produce(0, "c:1", b"y:1")
        await quiet(broker, 2)
        [dead] = broker.published(0, Channel.DEAD_LETTERS)
        assert dead.value == b"nonsense"
        audit(broker, world, {"c:1": ["x", "y"]})
        await one.stop()

    run(story())


def test_a_handler_that_fails_closes_the_partition_and_nothing_is_lost() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        one = Instance(broker, world, "a")
        perform, failures = one.counter.perform, 0

        async def failing(key: str, effect: Any, permit: Any) -> bool:
            nonlocal failures
            failures += 1
            if failures in (2, 5):
                raise ValueError("a fault of ours")
            return await perform(key, effect, permit)

        one.counter.perform = failing  # type: ignore[method-assign]
        await one.start()
        for i in range(10):
            broker.produce(0, "c:1", f"{i}:1".encode())
        await quiet(broker, 10)
        audit(broker, world, {"c:1": [str(i) for i in range(10)]})
        await one.stop()

    run(story())


def test_a_partition_that_makes_no_progress_is_told() -> None:
    async def story() -> None:
        stuck = False

        async def stepping(owner: str, name: str, partition: int) -> None:
            await asyncio.sleep(STEP_SECONDS)
            if stuck:
                await asyncio.Event().wait()

        broker, world = MemoryBroker(step=stepping), World()
        limits = replace(LIMITS, commit_timeout_seconds=1000.0)
        one = await Instance(broker, world, "a", limits).start()
        await one.opened()
        assert one.partitions.health()[0].stalled_seconds == 0
        stuck = True
        broker.produce(0, "c:1", b"x:1")
        broker.produce(0, "c:1", b"y:1")
        await asyncio.sleep(31)
        broker.produce(0, "c:2", b"z:1")
        await asyncio.sleep(1)
        assert one.partitions.health()[0].stalled_seconds >= 30
        one.kill()

    run(story())


def test_more_than_one_kind_of_aggregate_and_limits_that_can_be_met() -> None:
    async def story() -> None:
        broker, world = MemoryBroker(), World()
        one = await Instance(broker, world, "a", Limits()).start()
        broker.produce(0, "p:1", b"x:1")
        broker.produce(0, "s:1", b"y:2")
        await quiet(broker, 2)
        assert one.partitions.state("p:1") != one.partitions.state("s:1")
        audit(broker, world, {"p:1": ["x"], "s:1": ["y"]})
        await one.stop()

    run(story())


def test_a_call_that_outlives_its_producer_sends_nothing_more() -> None:
    """The new owner may be another by now; what the call hears is delivered, its retries are not sent."""

    async def story() -> None:
        world, broken = World(), False

        async def stepping(owner: str, name: str, partition: int) -> None:
            await asyncio.sleep(STEP_SECONDS)
            if broken and name == "begin":
                raise BrokerTrouble("away")

        broker = MemoryBroker(step=stepping)
        one = Instance(broker, world, "a")
        permits: list[Any] = []
        perform = one.counter.perform

        async def watched(key: str, effect: Any, permit: Any) -> bool:
            permits.append(permit)
            return await perform(key, effect, permit)

        one.counter.perform = watched  # type: ignore[method-assign]
        world.gate = asyncio.Event()
        await one.start()
        broker.produce(0, "c:1", b"x:1")
        await one.opened()
        await asyncio.sleep(1)
        assert permits[0].holds()
        broken = True
        broker.produce(0, "c:2", b"y:1")
        await asyncio.sleep(1)
        broken = False
        await asyncio.sleep(20)
        assert permits[0].withdrawn
        assert not permits[0].holds()
        world.gate.set()
        await quiet(broker, 2)
        audit(broker, world, {"c:1": ["x"], "c:2": ["y"]})
        await one.stop()

    run(story())
