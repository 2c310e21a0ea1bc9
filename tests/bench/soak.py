"""What a process holds as it goes on: `python -m tests.bench.soak --minutes 60`.

Payments at a steady pace, each its whole way at the sandbox. What has ended is kept for days, for repeats of its
commands, so memory grows by a payment's share; that the share stays the same shows that nothing else grows.
"""

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from gateway.demo.broker import EmbeddedKafka
from gateway.demo.ground import topics_of
from gateway.demo.processes import Child, free_port
from gateway.demo.wire import connected
from tests.bench.ground import Run, resident_bytes, told
from tests.chaos.trade import SCENARIO, Trade

SETTLED_SHARE = 0.2
"""Caches and pools fill in the beginning."""


@contextlib.contextmanager
def sandbox() -> Iterator[int]:
    """Without faults; its port."""
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        scenario = Path(name) / "scenario.json"
        scenario.write_text(json.dumps(SCENARIO | {"faults": {}}), encoding="utf-8")
        command = ["sandbox", "--port", str(port), "--scenario", str(scenario)]
        child = Child("sandbox", command, {}, Path(name))
        child.start()
        try:
            child.wait_for(port, "/_sandbox/stats")
            yield port
        finally:
            child.stop()


async def soak(bootstrap: str, minutes: float, per_second: float) -> None:
    with sandbox() as port:
        run = Run(bootstrap, port, in_flight=256)
        run.create()
        samples: list[tuple[int, int]] = []
        with run.contender("gateway") as pid:
            await run.ready()
            async with connected(bootstrap, topics_of(run.name)) as wire:
                trade = Trade(wire, 1)
                beside = [asyncio.create_task(work) for work in (trade.sell(per_second), trade.follow())]
                end = time.monotonic() + minutes * 60
                while time.monotonic() < end:
                    await asyncio.sleep(min(60.0, minutes * 6))
                    started = len({one.payment_id for one in wire.sent})
                    samples.append((started, resident_bytes(pid)))
                    told("soak-sample", payments=started, resident_mb=samples[-1][1] / 1e6)
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)
        settled = samples[int(len(samples) * SETTLED_SHARE) :]
        middle = len(settled) // 2
        told(
            "soak",
            minutes=minutes,
            payments_per_second=per_second,
            payments=samples[-1][0],
            bytes_per_payment_first=slope(settled[: middle + 1]),
            bytes_per_payment_last=slope(settled[middle:]),
        )


def slope(samples: list[tuple[int, int]]) -> float:
    """Bytes a payment, by least squares."""
    mean_x = sum(x for x, _ in samples) / len(samples)
    mean_y = sum(y for _, y in samples) / len(samples)
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--minutes", type=float, default=60.0)
    reader.add_argument("--per-second", type=float, default=10.0)
    given = reader.parse_args()
    with EmbeddedKafka() as broker:
        asyncio.run(soak(broker.bootstrap_servers, given.minutes, given.per_second))


if __name__ == "__main__":
    main()
