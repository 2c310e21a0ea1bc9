"""What a handler may ask of the runtime beyond effects: wake times, tombstones, a memo, calling its effect off."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.kafka.changelog import CHECKPOINT_KEY
from gateway.kafka.handler import (
    Addressed,
    Arrived,
    Now,
    Performed,
    Permit,
    Prompt,
    Refused,
    Restored,
    Turn,
    Urgency,
    Woken,
)
from gateway.kafka.opening import PartitionConfig
from gateway.kafka.partitions import Partitions
from gateway.kafka.records import Channel, Outgoing, Record
from tests.contract.runtime.instance import LIMITS
from tests.fakes.memory_log import MemoryBroker, MemoryLog
from tests.fakes.virtual_time import VirtualClock, run


@dataclass(frozen=True, slots=True)
class Ring:
    changes: bool = True
    urgency: Urgency = Urgency.FIRST


class AlarmClock:
    """`S` sets the alarm in S seconds of wall time, `off` takes it away, `ring` rings until it is called off.

    The state is the wall time of the alarm; it goes with the alarm. The memo counts the prompts.
    """

    state_version = 1

    def __init__(self) -> None:
        self.prompts: list[str] = []
        self.memos: list[Any] = []
        self.outcomes: list[str] = []
        self.set_for: dict[str, int] = {}

    def accept(self, record: Record) -> Addressed[str] | Refused:
        return Addressed((record.key or b"").decode(), (record.value or b"").decode())

    def handle(
        self,
        key: str,
        state: bytes | None,
        memo: Any,
        running: Ring | None,
        prompt: Prompt[str, Ring, str],
        now: Now,
    ) -> Turn[Ring]:
        count = (memo or 0) + 1
        self.prompts.append(f"{type(prompt).__name__} {key} {now.wall_ms}")
        self.memos.append(memo)
        match prompt:
            case Arrived("off"):
                return Turn(None)
            case Arrived("ring"):
                return Turn(b"0", count, effect=Ring())
            case Arrived("quiet"):
                return Turn(state, count, withdraw=True)
            case Arrived(seconds):
                at = self.set_for[key] = now.wall_ms + round(float(seconds) * 1000)
                return Turn(str(at).encode(), count, wake_at=now.steady + float(seconds))
            case Restored():
                assert state is not None
                return Turn(state, count, wake_at=now.steady + (int(state) - now.wall_ms) / 1000)
            case Woken():
                rung = Outgoing(Channel.EVENTS, key.encode(), str(now.wall_ms).encode(), ())
                return Turn(None, records=(rung,))
            case Performed(_, outcome):
                self.outcomes.append(outcome)
                return Turn(None)
            case _:
                raise AssertionError(prompt)

    async def perform(self, key: str, effect: Ring, permit: Permit) -> str:
        for count in range(100):
            if permit.withdrawn:
                return f"withdrawn after {count}"
            assert permit.holds() or await permit.renew()
            await asyncio.sleep(1.0)
        return "rang out"


class House:
    """One owner at a time over one partition."""

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.clock = AlarmClock()
        self.log = MemoryLog(self.broker, "a")
        self._owner()

    def _owner(self) -> None:
        self.partitions: Partitions[str, Ring, str] = Partitions(
            self.clock,
            self.log,
            VirtualClock(),
            LIMITS,
            PartitionConfig("group", 1),
            random.Random(1),
            lambda text: None,
        )
        self.partitions.assigned([0])

    async def say(self, key: str, *values: str) -> None:
        for value in values:
            self.broker.produce(0, key, value.encode())
        while not (records := self.log.fetch(0)):
            await asyncio.sleep(0.01)
        self.partitions.deliver(records)
        await asyncio.sleep(0.1)

    async def say_each(self, said: Mapping[str, float]) -> None:
        for key, seconds in said.items():
            self.broker.produce(0, key, str(seconds).encode())
        fed = 0
        while fed < len(said):
            records = self.log.fetch(0)
            self.partitions.deliver(records)
            fed += len(records)
            await asyncio.sleep(0.001)

    async def crash(self, absent_seconds: float = 0.0) -> None:
        for partition in self.partitions._owned.values():
            partition._driver.cancel()
            partition._turns.abandon()
        await asyncio.sleep(absent_seconds)
        self._owner()
        await asyncio.sleep(0.5)

    @staticmethod
    def now_ms() -> int:
        return VirtualClock().wall_ms()

    def rung(self) -> list[tuple[str, int]]:
        """Which alarms, in the order of their events, and when."""
        return [
            ((r.key or b"").decode(), int(r.value or b"")) for r in self.broker.published(0, Channel.EVENTS)
        ]

    def states(self) -> dict[str, bytes | None]:
        return {e.key.decode(): e.value for e in self.broker.changelog(0) if e.key != CHECKPOINT_KEY}

    async def stop(self) -> None:
        await self.partitions.drain(0.1)


def test_each_alarm_rings_once_and_at_its_time_though_thousands_are_set() -> None:
    async def story() -> None:
        house = House()
        wanted = {f"a:{n}": (n * 37) % 5_000 / 10 for n in range(3_000)}
        await house.say_each(wanted)
        await asyncio.sleep(600)
        rung = house.rung()
        assert sorted(key for key, _ in rung) == sorted(wanted)
        for key, at in rung:
            assert -1 <= at - house.clock.set_for[key] <= 20
        assert [at for _, at in rung] == sorted(at for _, at in rung)
        # What has rung has left: a tombstone each, and nothing in memory.
        assert set(house.states().values()) == {None}
        assert all(house.partitions.state(key) is None for key in wanted)
        await house.stop()

    run(story())


def test_an_alarm_set_anew_rings_at_its_last_time_alone_and_one_taken_away_never() -> None:
    async def story() -> None:
        house = House()
        begun = house.now_ms()
        await house.say("a:1", "10", "100", "50")
        await house.say("a:2", "20", "off")
        await asyncio.sleep(200)
        [(key, at)] = house.rung()
        assert key == "a:1"
        assert 50 <= (at - begun) / 1000 < 51
        await house.stop()

    run(story())


def test_an_alarm_outlives_its_owner_and_rings_once_also_when_it_was_due_meanwhile() -> None:
    async def story() -> None:
        house = House()
        begun = house.now_ms()
        await house.say("a:1", "20")
        await house.say("a:2", "100")
        await asyncio.sleep(5)
        await house.crash(absent_seconds=30)
        await asyncio.sleep(200)
        times = {key: (at - begun) / 1000 for key, at in house.rung()}
        assert len(house.rung()) == 2
        assert 35 <= times["a:1"] < 37
        assert 100 <= times["a:2"] < 101
        await house.stop()

    run(story())


def test_a_tombstone_is_restored_as_nothing_before_and_after_compaction() -> None:
    async def story() -> None:
        for compacted in (False, True):
            house = House()
            await house.say("a:1", "5")
            await house.say("a:2", "500")
            await asyncio.sleep(10)
            if compacted:
                house.broker.compact(0)
            house.clock.prompts.clear()
            await house.crash()
            assert [p.split()[:2] for p in house.clock.prompts] == [["Restored", "a:2"]]
            # A life after it begins from nothing.
            await house.say("a:1", "5")
            await asyncio.sleep(10)
            assert [key for key, _ in house.rung()] == ["a:1", "a:1"]
            await house.stop()

    run(story())


def test_a_memo_is_handed_back_until_the_process_ends() -> None:
    async def story() -> None:
        house = House()
        await house.say("a:1", "100", "200", "300")
        assert house.clock.memos == [None, 1, 2]
        await house.crash()
        await house.say("a:1", "400")
        assert house.clock.memos == [None, 1, 2, None, 1]
        await house.stop()

    run(story())


def test_an_effect_that_is_called_off_sends_nothing_more_and_its_outcome_is_heard() -> None:
    async def story() -> None:
        house = House()
        await house.say("a:1", "ring")
        await asyncio.sleep(5.5)
        await house.say("a:1", "quiet")
        await asyncio.sleep(2)
        assert house.clock.outcomes == ["withdrawn after 6"]
        assert house.states()["a:1"] is None
        await house.stop()

    run(story())


def test_a_long_effect_keeps_its_lease_over_and_over() -> None:
    async def story() -> None:
        house = House()
        await house.say("a:1", "ring")
        await asyncio.sleep(105)
        assert house.clock.outcomes == ["rang out"]
        await house.stop()

    run(story())


def test_nothing_rings_while_draining_and_nothing_is_left_running() -> None:
    async def story() -> None:
        house = House()
        await house.say("a:1", "3")
        await house.say("a:2", "ring")
        await house.stop()
        rung = house.rung()
        await asyncio.sleep(60)
        assert house.rung() == rung == []
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(story())
