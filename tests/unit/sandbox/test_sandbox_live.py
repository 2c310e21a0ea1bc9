"""The stream behind the page: everything first, then what changes; cheap, and bounded whoever reads it how."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any

from gateway.sandbox import Sandbox
from gateway.sandbox.customers import CustomerPolicy
from gateway.sandbox.http import Response
from gateway.sandbox.live import HEARTBEAT_SECONDS, TICK_SECONDS, Live, View
from gateway.sandbox.presets import PRESETS, name_of
from gateway.sandbox.scenario import read_faults
from gateway.sandbox.stream import LAST_WRITE_SECONDS, write_stream
from gateway.sandbox.view import PAYMENTS_SHOWN, PLACES_SHOWN, payment_members
from tests.fakes.virtual_time import run
from tests.unit.sandbox.conftest import Till, config

PHONE = "+4520031801"


class LoopClock:
    """The sandbox's time where the loop's is virtual."""

    def now(self) -> float:
        return 1_700_000_000.0 + asyncio.get_running_loop().time()

    def advance(self, seconds: float) -> None:
        raise NotImplementedError


def told(frame: bytes) -> dict[str, Any]:
    data = next(line for line in frame.splitlines() if line.startswith(b"data: "))
    members = json.loads(data.removeprefix(b"data: "))
    assert isinstance(members, dict)
    return members


def id_of(frame: bytes) -> str:
    return frame.partition(b"id: ")[2].partition(b"\n")[0].decode()


def place(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def many(make_till: Any, count: int, places: int) -> Any:
    """A till with so many payments on so many points of sale, each payment given up before the next."""
    till = make_till(any_pos=True)
    for number in range(count):
        till.initiate(posId=place(number % places), orderId=f"order-{number}")
        if number + places < count and number % places == places - 1:
            till.clock.advance(901)
            till.log_in()
    till.sandbox.advance()
    return till


def test_first_everything_then_what_has_changed(till: Any) -> None:
    view = View(till.sandbox)
    payment_id = till.read(till.initiate())["paymentId"]
    view.refresh(0.0)
    whole = told(view.since(0))
    assert whole["whole"] is True
    assert [one["orderId"] for one in whole["payments"]] == ["order-1"]
    assert whole["payments"][0]["requested"] == "12.50"
    assert len(whole["places"]) == 3
    assert len(whole["users"]) == 10
    seen = view.revision
    view.refresh(0.0)
    assert (view.revision, view.since(seen)) == (seen, b""), "nothing has changed, nothing is told"
    till.user("checkin")
    view.refresh(0.0)
    change = told(view.since(seen))
    assert change["whole"] is False
    assert [one["paymentId"] for one in change["payments"]] == [payment_id]
    assert [one["user"] for one in change["places"]] == [PHONE]
    assert "users" not in change
    assert "breaks" not in change


def test_a_viewer_that_missed_steps_gets_the_end_of_them(till: Any) -> None:
    view = View(till.sandbox)
    till.initiate()
    view.refresh(0.0)
    seen = view.revision
    for act in ("checkin", "acceptpayment"):
        till.user(act)
        view.refresh(0.25)
    assert view.revision == seen + 2
    change = told(view.since(seen))
    assert [one["status"] for one in change["payments"]] == ["Reserved"]
    assert change["totals"]["currencies"] == {"DKK": {"requested": "12.50", "reserved": "12.50"}}


def test_who_comes_back_goes_on_and_who_comes_from_another_server_starts_anew(till: Any) -> None:
    view = View(till.sandbox)
    till.initiate()
    view.refresh(0.0)
    frame = view.since(0)
    assert view.revision_of(id_of(frame)) == view.revision
    for stranger in ("", "-", "x-1", f"{view.mark}-", f"{view.mark}-9", f"{view.mark}--1", f"{view.mark}-²"):
        assert view.revision_of(stranger) == 0, stranger


def test_the_newest_are_shown_and_where_a_finger_may_be_nothing_moves(make_till: Any) -> None:
    till = many(make_till, 5_000, 1_000)
    view = View(till.sandbox)
    view.refresh(0.0)
    frame = view.since(0)
    whole = told(frame)
    assert len(whole["places"]) == PLACES_SHOWN
    assert PAYMENTS_SHOWN <= len(whole["payments"]) <= PAYMENTS_SHOWN + PLACES_SHOWN
    assert whole["totals"]["payments"] == 5_000
    assert len(frame) < 250_000
    order = whole["order"]
    waiting = till.read(till.initiate(posId=place(5_000), orderId="waits"))["paymentId"]
    seen = view.revision
    view.refresh(0.25)
    change = told(view.since(seen))
    assert {one["paymentId"] for one in change["payments"]} == {waiting}
    assert "order" not in change, "all that are shown wait for somebody too, and stay"
    till.clock.advance(901)
    till.log_in()
    till.initiate(posId=place(5_001), orderId="waits too")
    view.refresh(0.5)
    changed = told(view.since(seen))["order"]
    assert place(5_001) in changed, "a person is awaited there"
    assert [one for one in changed if one in order] == [one for one in order if one in changed]


def test_whatever_moves_is_told(make_till: Any) -> None:
    """Each change of what is shown has another signature: the frame after it has it."""
    till = make_till(customers=CustomerPolicy(automatic=False))
    view = View(till.sandbox)
    payment_id = till.pay()
    acts = [
        lambda: till.capture(payment_id),
        lambda: till.create(
            "/pos/v10/refunds",
            {"paymentId": payment_id, "refundOrderId": "r", "amount": 2, "currencyCode": "DKK"},
        ),
        lambda: till.clock.advance(2),
        lambda: till.clock.advance(86_400),
    ]
    view.refresh(0.0)
    register = till.sandbox.world.register
    for act in acts:
        seen = view.revision
        act()
        view.refresh(0.0)
        assert told(view.since(seen))["payments"] == [
            payment_members(register, register.payments[payment_id])
        ]
    assert told(view.since(0))["payments"][0]["refunds"][0]["status"] == "ExpiredAndCaptured"


def test_a_clock_that_is_moved_is_told(till: Any) -> None:
    view = View(till.sandbox)
    view.refresh(0.0)
    seen = view.revision
    till.clock.advance(60)
    view.refresh(0.25)
    assert told(view.since(seen))["now"] == till.clock.now()


def test_the_rate_falls_back_to_nothing(till: Any) -> None:
    view = View(till.sandbox)
    view.refresh(0.0)
    for _ in range(40):
        till.send("GET", "/pos/v10/stores")
    view.refresh(1.0)
    assert told(view.since(0))["stats"]["perSecond"] == 40
    for tick in range(5, 16):
        view.refresh(tick / 4)
    assert told(view.since(0))["stats"]["perSecond"] == 0


def test_a_plan_is_known_by_its_name() -> None:
    assert {name: name_of(read_faults(document)) for name, document in PRESETS.items()} == {
        name: name for name in PRESETS
    }
    assert name_of(read_faults({"probabilities": {"*": {"slow": 0.5}}})) == ""


async def _take(events: AsyncGenerator[bytes, None], count: int) -> list[bytes]:
    return [await anext(events) for _ in range(count)]


def test_all_viewers_look_together_and_a_silent_world_beats_now_and_then() -> None:
    async def watch() -> None:
        till, loop = Till(Sandbox(config(), LoopClock())), asyncio.get_running_loop()
        live = Live(till.sandbox)
        looks = 0
        refresh = live.view.refresh

        def counted(now: float) -> None:
            nonlocal looks
            looks += 1
            refresh(now)

        live.view.refresh = counted  # type: ignore[method-assign]
        async with contextlib.AsyncExitStack() as stack:
            streams = [
                await stack.enter_async_context(contextlib.aclosing(live.events(""))) for _ in range(20)
            ]
            for events in streams:
                assert (await anext(events)).startswith(b"retry: ")
            frames = await asyncio.gather(*(anext(events) for events in streams))
            assert (len(set(frames)), looks, live.viewers) == (1, 1, 20)
            beats = await asyncio.gather(*(anext(events) for events in streams))
            assert set(beats) == {b": still here\n\n"}
            assert HEARTBEAT_SECONDS <= loop.time() < HEARTBEAT_SECONDS + 1
            assert looks <= HEARTBEAT_SECONDS / TICK_SECONDS + 2
        assert live.viewers == 0
        before = looks
        await asyncio.sleep(60)
        assert looks == before, "nobody watches, nobody looks"

    run(watch())


def test_a_change_comes_within_a_tick_and_a_resumed_stream_has_it_alone() -> None:
    async def watch() -> None:
        till, loop = Till(Sandbox(config(), LoopClock())), asyncio.get_running_loop()
        live = Live(till.sandbox)
        async with contextlib.aclosing(live.events("")) as events:
            first = (await _take(events, 2))[1]
            till.initiate()
            at = loop.time()
            assert [one["orderId"] for one in told(await anext(events))["payments"]] == ["order-1"]
            assert loop.time() - at <= TICK_SECONDS + 0.01
        async with contextlib.aclosing(live.events(id_of(first))) as events:
            change = told((await _take(events, 2))[1])
            assert change["whole"] is False
            assert len(change["payments"]) == 1

    run(watch())


def test_a_reader_that_does_not_read_is_asked_once_and_let_go_at_the_end() -> None:
    """However long it reads nothing, one chunk is on its way to it; the server's stop does not wait for it."""
    made = 0
    closed = False

    async def chunks() -> AsyncGenerator[bytes, None]:
        nonlocal made, closed
        try:
            while True:
                made += 1
                yield b"x" * 1000
        finally:
            closed = True

    async def drive() -> float:
        stop, blocked = asyncio.Event(), asyncio.Event()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                await blocked.wait()

        loop = asyncio.get_running_loop()
        loop.call_later(30, stop.set)
        await write_stream(
            Response(200), chunks(), send, hung_up=asyncio.Event().wait(), stopping=stop.wait()
        )
        return loop.time()

    ended = run(drive())
    assert 30 <= ended <= 30 + LAST_WRITE_SECONDS + 0.01
    assert (made, closed) == (1, True)


def test_a_reader_that_hangs_up_ends_its_stream() -> None:
    async def drive() -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def chunks() -> AsyncGenerator[bytes, None]:
            while True:
                yield b"x"
                await asyncio.sleep(1)

        gone = asyncio.sleep(3.5)
        await write_stream(Response(200), chunks(), send, hung_up=gone, stopping=asyncio.Event().wait())
        return sent

    sent = run(drive())
    assert [one.get("body") for one in sent[1:]] == [b"x"] * 4 + [b""]


def test_what_breaks_in_the_stream_is_not_kept_quiet() -> None:
    async def drive() -> None:
        async def send(message: Any) -> None: ...

        async def chunks() -> AsyncGenerator[bytes, None]:
            yield b"x"
            raise LookupError("broken")

        forever = asyncio.Event()
        await write_stream(Response(200), chunks(), send, hung_up=forever.wait(), stopping=forever.wait())

    try:
        run(drive())
    except LookupError:
        return
    raise AssertionError("the stream's own fault was lost")
