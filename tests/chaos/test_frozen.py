"""A gateway frozen beyond its session with calls under way: another takes over, and the one that wakes up
does no harm.
"""

import asyncio
import signal
from pathlib import Path

import pytest

from gateway.demo.audit import audit
from gateway.demo.broker import EmbeddedKafka
from gateway.demo.processes import ledger, post, violations
from gateway.demo.shop import Shop
from gateway.demo.wire import connected
from tests.chaos.fleet import Fleet
from tests.chaos.test_crash import BURST, HABITS, SCENARIO, burst, follow, rest

FROZEN_SECONDS = 10.0


@pytest.mark.timeout(300)
async def test_a_gateway_that_wakes_up_after_its_session_does_no_harm(
    kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    shop = Shop(seed=2, payments=2 * BURST, **HABITS)
    with Fleet(kafka, tmp_path, SCENARIO, size=2) as fleet:
        async with connected(fleet.bootstrap, fleet.topics) as wire:
            following = asyncio.create_task(follow(shop, wire))
            opening = shop.opening()
            for frozen in fleet.gateways:
                await burst(opening, wire)
                await asyncio.sleep(1.0)
                frozen.send_signal(signal.SIGSTOP)
                await asyncio.sleep(FROZEN_SECONDS)
                frozen.send_signal(signal.SIGCONT)
                await asyncio.sleep(3.0)
            await asyncio.to_thread(post, fleet.sandbox_port, "/_sandbox/faults", {})
            await rest(wire, fleet)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        books, broken = ledger(fleet.sandbox_port), violations(fleet.sandbox_port)
    report = audit(wire.evidence(books, broken))
    print("\n" + "\n".join(report.lines()))
    assert report.holds, "\n".join(report.lines())
    assert "fenced" in fleet.logs()
