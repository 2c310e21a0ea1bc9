"""Two real gateways on the real Kafka, killed again and again with calls in flight; judged from outside."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.demo.audit import ENDED_AT_PROVIDER, audit
from gateway.demo.broker import EmbeddedKafka
from gateway.demo.processes import ledger, post, violations
from gateway.demo.shop import Message, Shop
from gateway.demo.wire import Wire, connected
from tests.chaos.fleet import SECRET, Fleet

KILLS = 5
LEAST_IN_FLIGHT = 50
BURST = 300
REST_SECONDS = 4.0
PATIENCE_SECONDS = 150.0

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
    shop = Shop(seed=1, payments=(KILLS + 1) * BURST, shared_share=0.02)
    in_flight = []
    with Fleet(kafka, tmp_path, SCENARIO, size=2) as fleet:
        async with connected(fleet.bootstrap, fleet.topics) as wire:
            following = asyncio.create_task(follow(shop, wire))
            opening = shop.opening()
            for _ in range(KILLS):
                await burst(opening, wire)
                number, calls = await kill_with_calls_in_flight(fleet)
                in_flight.append(calls)
                await asyncio.to_thread(fleet.gateways[number].start)
                await asyncio.sleep(8)
            await burst(opening, wire)
            await asyncio.to_thread(post, fleet.sandbox_port, "/_sandbox/faults", {})
            await rest(shop, wire, fleet)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        books = ledger(fleet.sandbox_port)
        broken = violations(fleet.sandbox_port)
    report = audit(list(shop.commands.values()), wire.events, wire.dead_letter_ids, books, broken)
    print(f"\n{KILLS} SIGKILLs, calls in flight at each: {in_flight}; {len(shop.commands)} commands")
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


async def kill_with_calls_in_flight(fleet: Fleet) -> tuple[int, int]:
    """SIGKILL to the first gateway that has many calls under way; which one, and how many."""
    deadline, most = time.monotonic() + 30, 0
    while time.monotonic() < deadline:
        for number, gateway in enumerate(fleet.gateways):
            with contextlib.suppress(OSError):
                calls = await asyncio.to_thread(fleet.calls_in_flight, number)
                most = max(most, calls)
                if calls >= LEAST_IN_FLIGHT:
                    await asyncio.to_thread(gateway.kill)
                    return number, calls
        await asyncio.sleep(0.02)
    raise AssertionError(f"never {LEAST_IN_FLIGHT} calls in flight at one gateway, at most {most}")


async def rest(shop: Shop, wire: Wire, fleet: Fleet) -> None:
    """Until all is answered, at rest at the provider, and nothing more comes."""
    deadline, seen, quiet_since = time.monotonic() + PATIENCE_SECONDS, -1, time.monotonic()
    while time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        if len(wire.events) != seen:
            seen, quiet_since = len(wire.events), time.monotonic()
        if time.monotonic() - quiet_since < REST_SECONDS:
            continue
        answered = {e.data["commandId"] for e in wire.events if "commandId" in e.data}
        understood = {c.id for c in shop.commands.values() if c.understood}
        books = await asyncio.to_thread(ledger, fleet.sandbox_port)
        if understood <= answered and all(b["status"] in ENDED_AT_PROVIDER for b in books):
            return
