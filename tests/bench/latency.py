"""Added latency, from `send` to the event under `read_committed`: `python -m tests.bench.latency`."""

import argparse
import asyncio

from gateway.demo.broker import EmbeddedKafka
from tests.bench.ground import Desk, Run, cpu_seconds, desk, provider, told

WARM_UP_SECONDS = 15.0
"""At the measured rate: a broker compiles itself in its first seconds, which no user would wait for."""


async def latency(bootstrap: str, kind: str, rate: float, seconds: float) -> None:
    with provider() as port:
        run = Run(bootstrap, port, in_flight=256)
        run.create()
        async with desk(run) as at:
            with run.contender(kind) as pid:
                # One command first: whoever answers it has its connections and partitions.
                await at.send_all([f"first-{number}" for number in range(50)])
                await at.read(50)
                warm_up, count = round(rate * WARM_UP_SECONDS), round(rate * seconds)
                await steadily(at, "w", warm_up, rate)
                at.sent.clear()
                cpu = cpu_seconds(pid)
                await steadily(at, "l", count, rate)
                found = at.latencies()
                told(
                    "latency",
                    contender=kind,
                    commands_per_second=rate,
                    p50_ms=found[len(found) // 2] * 1000,
                    p99_ms=found[int(len(found) * 0.99)] * 1000,
                    p999_ms=found[int(len(found) * 0.999)] * 1000,
                    cpu_share=(cpu_seconds(pid) - cpu) / seconds,
                )


async def steadily(at: Desk, prefix: str, count: int, rate: float) -> None:
    """Send so many more, and read until they are answered too."""
    answered = len(at.answered)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(at.send_steadily([f"{prefix}-{number}" for number in range(count)], rate))
        tasks.create_task(at.read(answered + count))


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--rates", type=float, nargs="+", default=[100.0, 600.0])
    reader.add_argument("--seconds", type=float, default=30.0)
    reader.add_argument("--only", nargs="+", default=["gateway", "strict", "aiohttp"])
    given = reader.parse_args()
    with EmbeddedKafka() as broker:
        for rate in given.rates:
            for kind in given.only:
                asyncio.run(latency(broker.bootstrap_servers, kind, rate, given.seconds))


if __name__ == "__main__":
    main()
