"""Added latency, from `send` to the event under `read_committed`: `python -m tests.bench.latency`."""

import argparse
import asyncio

from gateway.demo.broker import EmbeddedKafka
from tests.bench.ground import Run, cpu_seconds, desk, provider, told

SETTLE_SECONDS = 2.0


async def latency(bootstrap: str, kind: str, rate: float, seconds: float) -> None:
    with provider() as port:
        run = Run(bootstrap, port, in_flight=256)
        run.create()
        async with desk(run) as at:
            with run.contender(kind) as pid:
                # One command first: whoever answers it has its connections and partitions.
                await at.send_all([f"first-{number}" for number in range(50)])
                await at.read(50)
                await asyncio.sleep(SETTLE_SECONDS)
                at.sent.clear()
                count, cpu = round(rate * seconds), cpu_seconds(pid)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(at.send_steadily([f"l-{number}" for number in range(count)], rate))
                    tasks.create_task(at.read(50 + count))
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


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--rates", type=float, nargs="+", default=[100.0, 600.0])
    reader.add_argument("--seconds", type=float, default=20.0)
    reader.add_argument("--only", nargs="+", default=["gateway", "strict", "aiohttp"])
    given = reader.parse_args()
    with EmbeddedKafka() as broker:
        for rate in given.rates:
            for kind in given.only:
                asyncio.run(latency(broker.bootstrap_servers, kind, rate, given.seconds))


if __name__ == "__main__":
    main()
