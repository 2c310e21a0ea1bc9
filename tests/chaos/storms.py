"""A storm of a given length: `python -m tests.chaos.storms --minutes 3 --seed 1`. Gateways are killed,
rolled, frozen beyond their session; the broker is killed and restarted. At the end one auditor judges, one
line a guarantee; exit 1 if one fails.
"""

import argparse
import asyncio
import contextlib
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from gateway.demo.audit import audit
from gateway.demo.broker import EmbeddedKafka
from gateway.demo.processes import NotReady, ledger, post, violations
from gateway.demo.shop import Shop
from gateway.demo.wire import Wire, connected
from tests.chaos.fleet import Fleet
from tests.chaos.test_crash import HABITS, SCENARIO, follow, rest

PAYMENTS_PER_SECOND = 15
FROZEN_SECONDS = (3.0, 14.0)


async def storm(broker: EmbeddedKafka, folder: Path, seconds: float, seed: int, size: int) -> bool:
    draws = random.Random(seed)
    payments = round(seconds * PAYMENTS_PER_SECOND)
    shop = Shop(seed, payments, **HABITS)
    done: Counter[str] = Counter()
    with Fleet(broker, folder, SCENARIO, size) as fleet:
        async with connected(fleet.bootstrap, fleet.topics) as wire:
            following = asyncio.create_task(follow(shop, wire))
            selling = asyncio.create_task(sell(shop, wire))
            while not selling.done():
                await asyncio.sleep(draws.uniform(1, 8))
                act = draws.choices(["kill", "roll", "freeze", "broker"], weights=[4, 2, 3, 1])[0]
                done[act] += 1
                print(f"{act} …", flush=True)
                await violence(act, fleet, broker, draws)
            await selling
            for number, gateway in enumerate(fleet.gateways):
                with contextlib.suppress(NotReady):
                    await asyncio.to_thread(gateway.wait_for, fleet.ports[number], "/livez")
            await asyncio.to_thread(post, fleet.sandbox_port, "/_sandbox/faults", {})
            await rest(wire, fleet)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        books, broken = ledger(fleet.sandbox_port), violations(fleet.sandbox_port)
    report = audit(wire.evidence(books, broken))
    print(f"{dict(done)}; {len(wire.sent)} messages, {len(books)} payments at the provider")
    print("\n".join(report.lines()))
    return report.holds


async def violence(act: str, fleet: Fleet, broker: EmbeddedKafka, draws: random.Random) -> None:
    gateway = draws.choice(fleet.gateways)
    match act:
        case "kill":
            await asyncio.to_thread(gateway.kill)
            await asyncio.to_thread(gateway.start)
        case "roll":
            await asyncio.to_thread(gateway.stop)
            await asyncio.to_thread(gateway.start)
        case "freeze":
            gateway.send_signal(signal.SIGSTOP)
            await asyncio.sleep(draws.uniform(*FROZEN_SECONDS))
            gateway.send_signal(signal.SIGCONT)
        case _:
            await asyncio.to_thread(broker.kill)
            await asyncio.to_thread(broker.start)


async def sell(shop: Shop, wire: Wire) -> None:
    for messages in shop.opening():
        for message in messages:
            await wire.send(message)
        await asyncio.sleep(1 / PAYMENTS_PER_SECOND)
    await wire.flush()


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--minutes", type=float, default=2.0)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--gateways", type=int, default=3)
    told = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="gateway-storm-"))
    begun = time.monotonic()
    with EmbeddedKafka() as broker:
        holds = asyncio.run(storm(broker, folder, told.minutes * 60, told.seed, told.gateways))
    print(f"{time.monotonic() - begun:.0f} s; logs in {folder}")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
