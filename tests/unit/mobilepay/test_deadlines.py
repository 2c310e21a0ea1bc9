"""One timer for many: each is late in its own time, and none that was there."""

import asyncio
import time

import pytest

from gateway.mobilepay.deadlines import Deadlines

pytestmark = pytest.mark.asyncio


async def test_each_is_late_in_its_own_time_whatever_came_before() -> None:
    loop, deadlines = asyncio.get_running_loop(), Deadlines()
    begun, late = loop.time(), {}
    for seconds in (0.2, 0.05, 0.1, 0.15):
        late[seconds] = loop.create_future()
        deadlines.set(late[seconds], begun + seconds)
    there = loop.create_future()
    deadlines.set(there, begun + 0.01)
    there.set_result("an answer")
    deadlines.clear(there)
    for seconds in sorted(late):
        with pytest.raises(TimeoutError):
            await late[seconds]
        assert seconds <= loop.time() - begun + time.get_clock_info("monotonic").resolution < seconds + 0.5
        assert [after for after in late if late[after].done()] == [at for at in late if at <= seconds]
    assert there.result() == "an answer"


async def test_after_all_are_there_the_next_one_is_watched_too() -> None:
    loop, deadlines = asyncio.get_running_loop(), Deadlines()
    for _ in range(2):
        there = loop.create_future()
        deadlines.set(there, loop.time() + 0.01)
        deadlines.clear(there)
        await asyncio.sleep(0.03)
        assert not there.done()
        late = loop.create_future()
        deadlines.set(late, loop.time() + 0.01)
        await asyncio.wait([late], timeout=2)
        assert isinstance(late.exception(), TimeoutError)


async def test_one_that_is_done_or_given_up_before_it_is_cleared_stays_so() -> None:
    loop, deadlines = asyncio.get_running_loop(), Deadlines()
    done, given_up = loop.create_future(), loop.create_future()
    for one in (done, given_up):
        deadlines.set(one, loop.time() + 0.01)
    done.set_result(1)
    given_up.cancel()
    await asyncio.sleep(0.03)
    assert done.result() == 1 and given_up.cancelled()
