"""States at rest are packed and come back as they were."""

import asyncio
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.kafka.handler import Turn, Woken
from gateway.kafka.packing import REST_SECONDS, Packing, unpacked
from gateway.kafka.slots import Slot
from tests.contract.runtime.instance import turns_alone
from tests.fakes.virtual_time import VirtualClock, run

STATES = st.lists(st.binary(max_size=200) | st.just(b'{"amount":1250,"status":"initiated"}' * 9), max_size=60)


def payment(number: int) -> bytes:
    """As large as most, and as much like another."""
    steps = [{"id": f"{number * 7919 + step:032x}", "source": "/order-service"} for step in range(4)]
    return json.dumps({"payment_id": f"order-{number}", "status": "captured", "remembered": steps}).encode()


def held(slots: "list[Slot[object]]") -> int:
    return sum(len(slot.state or b"") for slot in slots)


@given(STATES)
def test_what_rests_is_read_as_it_was_written(states: list[bytes]) -> None:
    async def story() -> None:
        packing, slots = Packing(VirtualClock()), [Slot[object]() for _ in states]
        for slot, state in zip(slots, states, strict=True):
            packing.keep(slot, state, cut=1)
        await asyncio.sleep(REST_SECONDS + 2)
        assert [unpacked(slot) for slot in slots] == states
        assert held(slots) <= sum(map(len, states))

    run(story())


def test_states_that_are_alike_take_a_fraction_and_those_of_another_kind_too() -> None:
    async def story() -> None:
        packing, slots = Packing(VirtualClock()), [Slot[object]() for _ in range(2_000)]
        states = [payment(number) if number > 50 else b'{"till":"%d"}' % number for number in range(2_000)]
        for slot, state in zip(slots, states, strict=True):
            packing.keep(slot, state, cut=1)
        await asyncio.sleep(REST_SECONDS - 1)
        assert held(slots) == sum(map(len, states)), "nothing is packed before it has lasted"
        await asyncio.sleep(3)
        assert held(slots) < 0.45 * sum(map(len, states))
        assert len({slot.pattern for slot in slots}) < 20
        assert [unpacked(slot) for slot in slots] == states

    run(story())


def test_what_has_changed_since_rests_from_then_on_and_what_is_gone_stays_gone() -> None:
    async def story() -> None:
        packing, changing, going = Packing(VirtualClock()), Slot[object](), Slot[object]()
        state = payment(1) * 3
        packing.keep(changing, state, cut=1)
        packing.keep(going, state, cut=1)
        await asyncio.sleep(REST_SECONDS - 1)
        packing.keep(changing, state, cut=2)
        packing.keep(going, None, cut=2)
        await asyncio.sleep(2)
        assert changing.state is state and going.state is None
        await asyncio.sleep(REST_SECONDS)
        assert changing.state != state and unpacked(changing) == state
        assert going.state is None and unpacked(going) is None

    run(story())


def test_a_long_row_leaves_the_loop_to_others_in_between() -> None:
    async def story() -> None:
        packing, slots = Packing(VirtualClock()), [Slot[object]() for _ in range(1_000)]
        for slot in slots:
            packing.keep(slot, payment(7) * 2, cut=1)
        await asyncio.sleep(REST_SECONDS + 0.05)
        some = sum(slot.pattern is not None for slot in slots)
        assert 0 < some < 500
        await asyncio.sleep(1)
        assert all(slot.pattern is not None for slot in slots)

    run(story())


class Content:
    """Leaves every state as it is, and notes it."""

    def __init__(self) -> None:
        self.given: list[bytes | None] = []

    def handle(self, key: str, state: bytes | None, *_: object) -> Turn[Any]:
        self.given.append(state)
        return Turn(state)


def test_what_is_read_back_is_packed_at_once_and_given_to_the_handler_as_it_was() -> None:
    async def story() -> None:
        handler = Content()
        turns = turns_alone(handler, lambda fault: None)
        states = {f"p:{number}": payment(number) for number in range(300)}
        turns.restore(states, lambda _: 0.0)
        turns.opened()
        while turns.hand_back(100):
            await asyncio.sleep(0)
        assert held(list(turns._slots.values())) < 0.5 * sum(map(len, states.values()))
        assert not turns._packing._fresh
        turns.prompt("p:7", Woken())
        assert handler.given == [*reversed(states.values()), states["p:7"]]
        assert turns.held("p:9") == (states["p:9"], None)
        assert not turns.cut(1)[1], "nothing of it is to be written"

    run(story())


def test_nothing_is_packed_once_all_is_forgotten() -> None:
    async def story() -> None:
        packing, slot = Packing(VirtualClock()), Slot[object]()
        packing.keep(slot, payment(1) * 3, cut=1)
        packing.forget()
        await asyncio.sleep(REST_SECONDS * 2)
        assert slot.pattern is None

    run(story())
