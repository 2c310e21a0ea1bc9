"""The work of one fixed history, counted and not timed: what makes a command dearer shows here, on any machine.

Payments, refunds and points of sale in virtual time, without a fault. A bound that is passed means that something
is done more often, or is larger, than it was; who means it so raises the bound in the same change.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import gateway
from gateway.kafka.changelog import CHECKPOINT_KEY
from tests.simulation.town import Town, history, in_peace

PLAN = in_peace(
    seed=5,
    partitions=2,
    payments=60,
    points_of_sale=4,
    old_payments=2,
    tills=0,
    seconds=20.0,
    poison=False,
)
GATEWAY = str(Path(gateway.__file__).parent)
TURNS = ("domain", "codec", "flow.py", "measures.py")


@contextmanager
def counted_calls() -> Iterator[Counter[str]]:
    """Calls of the gateway's own functions, by room; the simulator's are not the gateway's."""
    rooms: dict[str, str | None] = {}
    found: Counter[str] = Counter()

    def seen(frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        name = frame.f_code.co_filename
        if name not in rooms:
            inside = name.startswith(GATEWAY) and "sandbox" not in name
            rooms[name] = Path(name).relative_to(GATEWAY).parts[0] if inside else None
        room = rooms[name]
        if room is not None:
            found[room] += 1

    before: Callable[..., Any] | None = sys.getprofile()
    sys.setprofile(seen)
    try:
        yield found
    finally:
        sys.setprofile(before)


@pytest.fixture(scope="module")
def work() -> tuple[Town, Counter[str]]:
    # Once before, so that what is made once and kept is not counted.
    history(PLAN)
    with counted_calls() as calls:
        town = history(PLAN)
    return town, calls


def states(town: Town) -> list[tuple[bytes, int]]:
    """Key and size of each state record of a payment that was committed."""
    return [
        (entry.key, len(entry.value))
        for number in range(PLAN.partitions)
        for entry in town.broker.changelog(number)
        if entry.key.startswith(b"p:") and entry.value is not None
    ]


def test_the_history_is_one_of_work(work: tuple[Town, Counter[str]]) -> None:
    town, calls = work
    types = {event["type"] for event in town.events()}
    assert {"payment.captured", "refund.captured", "payment.cancelled"} <= types
    assert len(town.sent) > 100 and calls["domain"] > 10_000


def test_calls_of_our_functions_for_each_event(work: tuple[Town, Counter[str]]) -> None:
    town, calls = work
    events = len(town.events())
    assert sum(calls[room] for room in TURNS) / events < 460
    assert calls["mobilepay"] / len(town.sandbox.requests) < 93
    assert calls["kafka"] / events < 270


def test_requests_to_the_provider_for_each_command(work: tuple[Town, Counter[str]]) -> None:
    town, _ = work
    commands = len(town.sent)
    assert len(town.changes) / commands < 1.8
    assert len(town.sandbox.requests) / commands < 5.8


def test_state_records_and_their_bytes(work: tuple[Town, Counter[str]]) -> None:
    town, _ = work
    written = states(town)
    events = len(town.events())
    assert len(written) / events < 2.7
    assert sum(size for _, size in written) / len(written) < 1_100


def test_transactions(work: tuple[Town, Counter[str]]) -> None:
    """Each takes with it all that waits; those that hold nothing but a checkpoint renew a lease."""
    town, _ = work
    committed, bare = 0, 0
    for log in town.broker.partitions:
        entries: dict[int, list[bytes]] = {}
        for one in log.changelog:
            entries.setdefault(id(one.transaction), []).append(one.item.key)
        committed += len(entries)
        bare += sum(keys == [CHECKPOINT_KEY] for keys in entries.values())
    assert (committed - bare) / len(town.events()) < 2.5
    assert bare / committed < 0.15
