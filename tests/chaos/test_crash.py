"""Two real gateways on the real Kafka, killed again and again with calls in flight; judged from outside."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.demo.audit import audit
from gateway.demo.broker import EmbeddedKafka
from gateway.demo.evidence import at_rest
from gateway.demo.processes import ledger, post, violations
from gateway.demo.shop import Message, Shop
from gateway.demo.wire import Wire, connected
from tests.chaos.fleet import SECRET, Fleet

KILLS = 5
LEAST_IN_FLIGHT = 50
BURST = 300
REST_SECONDS = 4.0
PATIENCE_SECONDS = 150.0
KILL_PATIENCE_SECONDS = 30.0

HABITS = {"shared_share": 0.02, "prepared_share": 0.15, "refund_share": 0.4}
SHARES = {"error_before": 0.01, "error_after": 0.02, "timeout_after": 0.01, "reset_after": 0.02}
SCENARIO = {
    "any_pos": True,
    "seed": 5,
    "poll_delay_ms": [500, 1200],
    "customers": {"decline": 0.1, "never": 0.03, "check_in_seconds": [0.2, 2], "decision_seconds": [0.2, 2]},
    "faults": {
        "latency_seconds": [0.02, 0.2],
        "slow_seconds": [0.9, 1.7],
        "probabilities": {"*": SHARES, "initiate": SHARES | {"slow": 0.9}, "token": {}},
    },
}


@pytest.mark.timeout(400)
async def test_two_gateways_killed_with_calls_in_flight_answer_each_command_once(
    kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    shop = Shop(seed=1, payments=(KILLS + 1) * BURST, **HABITS)
    in_flight = []
    with Fleet(kafka, tmp_path, SCENARIO, size=2) as fleet:
        async with connected(fleet.bootstrap, fleet.topics) as wire:
            following = asyncio.create_task(follow(shop, wire))
            opening = shop.opening()
            for number in (kill % len(fleet.gateways) for kill in range(KILLS)):
                await burst(opening, wire)
                in_flight.append(await kill_with_calls_in_flight(fleet, number))
                await asyncio.to_thread(fleet.gateways[number].start)
                await asyncio.sleep(8)
            await burst(opening, wire)
            await asyncio.to_thread(post, fleet.sandbox_port, "/_sandbox/faults", {})
            await rest(wire, fleet)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        books = ledger(fleet.sandbox_port)
        broken = violations(fleet.sandbox_port)
    report = audit(wire.evidence(books, broken))
    print(f"\n{KILLS} SIGKILLs, calls in flight at each: {in_flight}; {len(wire.sent)} messages")
    print("\n".join(report.lines()))
    assert min(in_flight) >= LEAST_IN_FLIGHT
    assert report.holds, "\n".join(report.lines())
    logs = fleet.logs()
    assert logs
    assert SECRET not in logs, "I9"
    assert "Bearer " not in logs, "I9"


async def burst(opening: Iterator[list[Message]], wire: Wire) -> None:
    """The starts of many payments at once."""
    for _ in range(BURST):
        for message in next(opening):
            await wire.send(message)
    await wire.flush()


async def follow(shop: Shop, wire: Wire) -> None:
    while True:
        for event in await wire.read():
            for message in shop.follow(event):
                await wire.send(message)


async def kill_with_calls_in_flight(fleet: Fleet, number: int) -> int:
    """SIGKILL to one gateway once it has many calls under way; how many."""
    deadline, most = time.monotonic() + KILL_PATIENCE_SECONDS, 0
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            calls = await asyncio.to_thread(fleet.calls_in_flight, number)
            most = max(most, calls)
            if calls >= LEAST_IN_FLIGHT:
                await asyncio.to_thread(fleet.gateways[number].kill)
                return calls
        await asyncio.sleep(0.02)
    raise AssertionError(f"never {LEAST_IN_FLIGHT} calls in flight at gateway {number}, at most {most}")


async def rest(wire: Wire, fleet: Fleet) -> None:
    """Until all is answered, at rest at the provider, and nothing more comes."""
    deadline, seen, quiet_since = time.monotonic() + PATIENCE_SECONDS, -1, time.monotonic()
    while time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        if len(wire.events) != seen:
            seen, quiet_since = len(wire.events), time.monotonic()
        if time.monotonic() - quiet_since < REST_SECONDS:
            continue
        if not wire.unanswered and at_rest(await asyncio.to_thread(ledger, fleet.sandbox_port)):
            return
