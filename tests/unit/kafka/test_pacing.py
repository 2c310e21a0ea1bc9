"""What is counted: stalls, pauses before a re-open, what one transaction holds, what is fetched."""

import asyncio
import random

import pytest

from gateway.kafka.backoff import Backoff
from gateway.kafka.intake import Intake
from gateway.kafka.limits import Limits
from gateway.kafka.records import Channel, Outgoing, Record
from gateway.kafka.staging import Staging, TooLarge
from gateway.kafka.watchdog import Watchdog
from tests.fakes.memory_log import MemoryBroker, MemoryLog
from tests.fakes.virtual_time import VirtualClock, run


def test_i10_a_stall_counts_from_when_work_became_due_not_from_the_last_progress() -> None:
    async def story() -> None:
        watchdog = Watchdog(VirtualClock())
        await asyncio.sleep(3600)
        assert watchdog.stalled_seconds(0.0, 0) == 0
        watchdog.due()
        assert watchdog.stalled_seconds(0.0, 0) == pytest.approx(0.0)
        await asyncio.sleep(20)
        watchdog.due()
        assert watchdog.stalled_seconds(0.0, 0) == pytest.approx(20, abs=0.1)
        watchdog.tried()
        assert watchdog.stalled_seconds(0.0, 0) == pytest.approx(0.0)
        await asyncio.sleep(5)
        watchdog.progress(still_due=True)
        await asyncio.sleep(7)
        assert watchdog.stalled_seconds(0.0, 0) == pytest.approx(7, abs=0.1)
        watchdog.progress(still_due=False)
        assert watchdog.stalled_seconds(0.0, 0) == 0
        assert watchdog.stalled_seconds(0.5, 0) == 0
        assert watchdog.stalled_seconds(6.5, 0) == pytest.approx(6.5)

    run(story())


def test_i10_a_lag_counts_while_nothing_is_fetched_of_it() -> None:
    async def story() -> None:
        watchdog = Watchdog(VirtualClock())
        await asyncio.sleep(3600)
        assert watchdog.stalled_seconds(0.0, 9) == 0
        await asyncio.sleep(30)
        assert watchdog.stalled_seconds(0.0, 9) == pytest.approx(30, abs=0.1)
        watchdog.arrived(0)
        assert watchdog.stalled_seconds(0.0, 9) == pytest.approx(0.0)
        await asyncio.sleep(30)
        assert watchdog.stalled_seconds(0.0, None) == 0
        assert watchdog.stalled_seconds(0.0, 9) == pytest.approx(0.0)

    run(story())


def test_i10_a_command_is_as_old_as_the_last_look_that_saw_none() -> None:
    async def story() -> None:
        clock = VirtualClock()
        watchdog = Watchdog(clock)
        await asyncio.sleep(3600)
        assert watchdog.unaccepted_seconds(0) == 0
        await asyncio.sleep(15)
        assert watchdog.unaccepted_seconds(4) == pytest.approx(15, abs=0.1)
        # Those behind one that was accepted are no older than it.
        watchdog.arrived(clock.wall_ms() - 2_000)
        assert watchdog.unaccepted_seconds(3) == pytest.approx(2, abs=0.1)
        await asyncio.sleep(30)
        assert watchdog.unaccepted_seconds(3) == pytest.approx(32, abs=0.1)
        assert watchdog.unaccepted_seconds(None) == 0, "nothing is known of it"
        assert watchdog.unaccepted_seconds(0) == 0

    run(story())


def test_i10_a_restore_that_fails_each_time_at_the_same_place_is_no_progress() -> None:
    async def story() -> None:
        watchdog = Watchdog(VirtualClock())
        for _ in range(10):
            watchdog.due()
            watchdog.restored(100)
            await asyncio.sleep(10)
        assert watchdog.stalled_seconds(0.0, 0) == pytest.approx(100, abs=0.1)
        watchdog.restored(101)
        assert watchdog.stalled_seconds(0.0, 0) == pytest.approx(0.0)
        watchdog.progress(still_due=False)
        watchdog.due()
        await asyncio.sleep(10)
        watchdog.restored(50)
        assert watchdog.stalled_seconds(0.0, 0) == pytest.approx(0.0)

    run(story())


def test_pauses_double_up_to_a_bound_and_begin_anew_after_an_opening_that_lasted() -> None:
    async def story() -> None:
        limits = Limits(reopen_first_seconds=0.25, reopen_most_seconds=10.0)
        backoff = Backoff(limits, VirtualClock(), random.Random(1))
        most = [0.25, 0.5, 1, 2, 4, 8, 10, 10]
        for longest in most:
            backoff.opened()
            await asyncio.sleep(1)
            assert longest / 2 <= backoff.pause_seconds() <= longest
        backoff.opened()
        await asyncio.sleep(10)
        assert backoff.pause_seconds() <= 0.25
        assert backoff.pause_seconds() > 0.25 / 2

    run(story())


def outgoing(value: bytes | None, key: bytes | None = None, *headers: tuple[str, bytes | None]) -> Outgoing:
    return Outgoing(Channel.EVENTS, key, value, headers)


def test_staged_bytes_are_those_of_the_next_transaction() -> None:
    staging = Staging(1000, lambda: None)
    staging.state("p:1", b"x" * 100)
    staging.state("p:1", b"x" * 30)
    staging.state("p:2", None)
    staging.record(outgoing(b"y" * 10, b"key", ("name", b"value"), ("null", None)), "an event")
    assert staging.bytes == 30 + 10 + 3 + 9 + 4
    assert staging.size == 3
    number, entries, records = staging.cut(1)
    assert (number, len(entries), len(records), staging.bytes, staging.size) == (1, 2, 1, 0, 0)
    staging.state("p:1", b"x")
    staging.forget()
    assert (staging.bytes, staging.size, staging.next_cut) == (0, 0, 1)


@pytest.mark.parametrize(
    "large",
    [
        outgoing(b"x" * 1001),
        outgoing(None, b"x" * 1001),
        outgoing(b"x" * 500, None, ("h", b"x" * 501)),
    ],
)
def test_what_no_topic_takes_is_not_staged_key_and_headers_included(large: Outgoing) -> None:
    staging = Staging(1000, lambda: None)
    staging.record(outgoing(b"x" * 1000), "an event")
    with pytest.raises(TooLarge, match="the dead letter of offset 7 has 100"):
        staging.record(large, "the dead letter of offset 7")
    with pytest.raises(TooLarge, match="the state of p:1 has 1001 bytes, at most 1000"):
        staging.state("p:1", b"x" * 1001)
    assert staging.size == 1


def records(*offsets: int) -> list[Record]:
    return [Record("commands", 0, offset, 0, b"k", b"v", ()) for offset in offsets]


def test_i2_a_gap_is_believed_only_when_the_same_answer_comes_twice() -> None:
    log = MemoryLog(MemoryBroker(), "a")
    intake = Intake(0, log, Limits())
    intake.open_at(10)
    for first in (14, 12):
        log.positions[0] = 99
        assert intake.new(records(first, first + 1)) == ()
        assert log.positions[0] == 10
    assert [r.offset for r in intake.new(records(12, 13))] == [12, 13]
    intake.expected = 14
    assert [r.offset for r in intake.new(records(12, 13, 14))] == [14]
    assert list(intake.new(records(12, 13))) == []
    # What was believed once is not believed of the next gap.
    assert intake.new(records(20)) == ()


@pytest.mark.parametrize("full", [(100, 0, 0), (0, 50, 0), (0, 0, 1000)])
def test_any_full_bound_pauses_and_only_low_ones_resume(full: tuple[int, int, int]) -> None:
    log = MemoryLog(MemoryBroker(), "a")
    limits = Limits(max_waiting_commands=100, max_uncommitted_changes=50, max_staged_bytes=1000)
    intake = Intake(0, log, limits)
    intake.open_at(0)
    intake.balance(99, 49, 999)
    assert log.resumed == {0}
    intake.balance(*full)
    assert log.resumed == set()
    assert intake.paused
    intake.balance(51, 0, 0)
    intake.balance(0, 26, 0)
    intake.balance(0, 0, 501)
    assert log.resumed == set()
    intake.balance(50, 25, 500)
    assert log.resumed == {0}
    assert not intake.paused
