"""The process-wide pace: the budget, the wait after 429, looks a second, the breaker, slots by urgency."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mobilepay.pacing import (
    Admission,
    Breaker,
    Budget,
    LookLimiter,
    Misconfiguration,
    Throttle,
    backoff_seconds,
)
from gateway.mobilepay.slots import Slots, Urgency


def test_backoff_doubles_under_full_jitter() -> None:
    assert [backoff_seconds(n, 0.0) for n in (1, 2, 9)] == [0.05, 0.05, 0.05]
    waits = [backoff_seconds(n, 1.0) for n in (1, 2, 3, 4, 5, 9)]
    assert waits == pytest.approx([0.25, 0.45, 0.85, 1.65, 2.05, 2.05])
    assert backoff_seconds(10_000, 0.5) == 1.05


def test_the_budget_halves_once_a_wave_and_grows_back() -> None:
    budget = Budget(256, recovery_seconds=32.0)
    assert budget.limit(0.0) == 256
    for _ in range(50):
        budget.halve(10.0)
    assert budget.limit(10.0) == 128
    budget.halve(11.0)
    assert budget.limit(11.0) == 68
    assert [budget.limit(11.0 + seconds) for seconds in (1, 8, 23, 24, 1000)] == [76, 132, 252, 256, 256]


@given(st.integers(1, 500), st.lists(st.floats(0, 100), max_size=40))
def test_the_budget_never_ends_and_never_grows_beyond_its_most(most: int, gaps: list[float]) -> None:
    budget, now = Budget(most), 0.0
    for gap in gaps:
        now += gap
        budget.halve(now)
        assert 1 <= budget.limit(now) <= most


def test_without_retry_after_the_wait_doubles_once_a_wave_to_a_minute() -> None:
    throttle, now, waits = Throttle(), 0.0, []
    for _ in range(9):
        wait = throttle.throttled(now, None)
        assert throttle.holding(now + wait - 0.01)
        assert throttle.throttled(now + wait / 2, None) == pytest.approx(wait / 2)
        now += wait
        assert not throttle.holding(now)
        waits.append(wait)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    throttle.answered(now)
    assert throttle.throttled(now, None) == 1


def test_the_providers_word_on_the_wait_is_kept() -> None:
    throttle = Throttle()
    assert throttle.throttled(0.0, 7.0) == 7.0
    throttle.answered(1.0)
    assert throttle.remaining(1.0) == 6.0
    assert throttle.throttled(2.0, 3.0) == 3.0
    assert throttle.holding(6.9)
    assert not throttle.holding(7.0)
    assert throttle.throttled(8.0, 0.0) == 0.1


@given(st.lists(st.floats(0, 0.3), min_size=1, max_size=200), st.integers(1, 50))
def test_no_second_has_more_looks_than_allowed(gaps: list[float], per_second: int) -> None:
    looks, now, begun = LookLimiter(per_second), 0.0, []
    for gap in gaps:
        now += gap
        wait = looks.reserve(now, 2.0)
        if wait is None:
            assert looks.ahead_seconds(now) > 2.0
        else:
            begun.append(now + wait)
    for first, last in zip(begun, begun[per_second:], strict=False):
        assert last - first > 1 - 1e-6


def test_a_look_that_would_wait_too_long_takes_no_place() -> None:
    looks = LookLimiter(20)
    assert [looks.reserve(0.0, 0.1) for _ in range(5)] == [0.0, 0.05, 0.1, None, None]
    assert looks.reserve(0.1, 0.1) == pytest.approx(0.05)


def opened() -> Breaker:
    breaker = Breaker()
    for _ in range(5):
        assert not breaker.open
        breaker.failed(100.0)
    return breaker


def test_the_breaker_opens_after_failed_runs_in_a_row_only() -> None:
    breaker = Breaker()
    for _ in range(100):
        for _ in range(4):
            breaker.failed(0.0)
        breaker.answered()
    assert not breaker.open
    assert breaker.admit(0.0, first=True) is Admission.FREE
    assert opened().open


def test_an_open_breaker_lets_few_pending_operations_probe() -> None:
    breaker = opened()
    assert breaker.admit(100.0, first=False) is Admission.PROBE
    assert breaker.admit(100.1, first=False) is Admission.DENIED
    assert [breaker.admit(100.0 + n, first=False) for n in (1, 2, 3, 4)] == [
        *[Admission.PROBE] * 3,
        Admission.DENIED,
    ]
    breaker.probed()
    assert breaker.admit(105.0, first=False) is Admission.PROBE
    breaker.answered()
    assert [breaker.admit(105.0, first=True) for _ in range(9)] == [Admission.FREE] * 9
    assert not breaker.holding(105.0)


def test_where_nothing_is_pending_a_first_operation_finds_out() -> None:
    breaker = opened()
    assert breaker.holding(104.9)
    assert breaker.admit(104.9, first=True) is Admission.DENIED
    assert not breaker.holding(105.0)
    assert breaker.admit(105.0, first=True) is Admission.PROBE
    assert breaker.holding(105.0)
    assert breaker.admit(105.0, first=True) is Admission.DENIED
    breaker.failed(107.0)
    breaker.probed()
    assert breaker.holding(111.9)
    assert not breaker.holding(112.0)


def test_a_wrong_address_is_tried_once_a_pause() -> None:
    state = Misconfiguration(10.0)
    assert state.admit(0.0) is None
    state.met(0.0, "wrong")
    assert state.holding(9.9)
    assert state.admit(4.0) == 6.0
    assert not state.holding(10.0)
    assert state.admit(10.0) is None
    assert state.holding(10.0)
    assert state.admit(10.0) == 10.0
    state.cleared()
    assert state.admit(10.0) is None
    assert not state.holding(10.0)


class Work:
    """Takes a slot, notes that it runs, and gives the slot back when told."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self.running: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def begin(self, name: str, urgency: Urgency) -> None:
        self.ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._run(name, urgency))
        await settle()

    async def end(self, name: str) -> None:
        self.ends[name].set()
        await settle()

    async def _run(self, name: str, urgency: Urgency) -> None:
        await self.slots.acquire(urgency)
        self.running.append(name)
        try:
            await self.ends[name].wait()
        finally:
            self.running.remove(name)
            self.slots.release()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_slots_go_to_what_is_under_way_before_what_would_begin() -> None:
    work = Work(Slots(Budget(1), lambda: 0.0))
    await work.begin("a", Urgency.FIRST)
    await work.begin("first", Urgency.FIRST)
    await work.begin("read", Urgency.READ)
    await work.begin("capture", Urgency.PENDING)
    await work.begin("capture2", Urgency.PENDING)
    order = []
    for _ in range(5):
        order += work.running
        await work.end(work.running[0])
    assert order == ["a", "capture", "capture2", "read", "first"]
    assert work.slots.in_flight == 0


async def test_a_cancelled_waiter_costs_no_slot() -> None:
    work = Work(Slots(Budget(1), lambda: 0.0))
    await work.begin("a", Urgency.FIRST)
    await work.begin("b", Urgency.PENDING)
    await work.begin("c", Urgency.FIRST)
    work.tasks["b"].cancel()
    await work.end("a")
    assert work.running == ["c"]
    await work.begin("d", Urgency.FIRST)
    work.ends["c"].set()
    await asyncio.sleep(0)
    work.tasks["d"].cancel()
    await settle()
    assert work.slots.in_flight == 0
    await work.begin("e", Urgency.FIRST)
    assert work.running == ["e"]
    work.tasks["e"].cancel()
    await settle()
    assert work.slots.in_flight == 0


async def test_a_slot_given_to_one_who_leaves_at_that_moment_goes_on() -> None:
    work = Work(Slots(Budget(1), lambda: 0.0))
    await work.begin("a", Urgency.FIRST)
    await work.begin("b", Urgency.FIRST)
    await work.begin("c", Urgency.FIRST)
    ticket = work.slots._waiting[0][2]
    ticket.add_done_callback(lambda _: work.tasks["b"].cancel())
    await work.end("a")
    assert work.running == ["c"]
    await work.end("c")
    assert work.slots.in_flight == 0


async def test_a_halved_budget_lets_fewer_in_until_it_has_grown() -> None:
    now = [0.0]
    budget = Budget(4, recovery_seconds=4.0)
    work = Work(Slots(budget, lambda: now[0]))
    for name in "abcdef":
        await work.begin(name, Urgency.READ)
    assert work.running == list("abcd")
    budget.halve(0.0)
    await work.end("a")
    await work.end("b")
    assert work.running == ["c", "d"]
    now[0] = 1.0
    await work.end("c")
    assert work.running == ["d", "e", "f"]
    for name in "def":
        await work.end(name)
    assert work.slots.in_flight == 0
