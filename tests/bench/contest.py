"""Commands a second and CPU a command, end to end, beside what a user would write by hand: `python -m
tests.bench.contest`.

Each contender in turn works off a backlog on topics of its own: the same broker, the same provider, the same two
calls a command. The rounds alternate, and the least CPU of each counts.
"""

import argparse
import asyncio
import os
import signal
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from gateway.demo.broker import EmbeddedKafka
from gateway.demo.processes import free_port
from tests.bench.ground import Run, cpu_seconds, desk, provider, told

CONTENDERS = ("gateway", "strict", "aiohttp", "faststream")
WARM_UP = 1_000
SHARED_SECONDS = 8.0
"""Until a group has come to rest."""


async def backlog(kind: str, run: Run, count: int, processes: int = 1) -> tuple[float, float]:
    """CPU us a command, commands a second, of all processes. They are warm, and stand still while we write."""
    run.create()
    async with desk(run) as at:
        with ExitStack() as started:
            each = [replace(run, http_port=free_port()) for _ in range(processes)]
            pids = [started.enter_context(one.contender(kind)) for one in each]
            await at.send_all([f"w-{number}" for number in range(WARM_UP)])
            # A subscriber that loses events is counted at what it has told.
            lost = 50 if kind == "faststream" else 0
            await at.read(WARM_UP - lost)
            if processes > 1:
                await asyncio.sleep(SHARED_SECONDS)
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            await at.send_all([f"b-{number}" for number in range(count)])
            before, begun, cpu = len(at.answered), time.monotonic(), sum(map(cpu_seconds, pids))
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
            await at.read(before + count - lost)
            told_now = len(at.answered) - before
            spent = sum(map(cpu_seconds, pids)) - cpu
            return spent / told_now * 1e6, told_now / (time.monotonic() - begun)


async def contest(
    bootstrap: str,
    delay_ms: float,
    in_flight: int,
    count: int,
    rounds: int,
    kinds: list[str],
    partitions: int = 4,
    processes: int = 1,
) -> list[dict[str, Any]]:
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    with provider(delay_ms) as port:
        for _ in range(rounds):
            for kind in kinds:
                run = Run(bootstrap, port, in_flight, partitions)
                found[kind].append(await backlog(kind, run, count, processes))
    lines = []
    for kind in kinds:
        cpu = min(one[0] for one in found[kind])
        rate = max(one[1] for one in found[kind])
        lines.append(
            told(
                "contest",
                contender=kind,
                provider_ms=delay_ms,
                in_flight=in_flight,
                partitions=partitions,
                processes=processes,
                commands=count,
                cpu_us_per_command=cpu,
                commands_per_second=rate,
            )
        )
    return lines


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--commands", type=int, default=8_000)
    reader.add_argument("--rounds", type=int, default=3)
    reader.add_argument("--delay-ms", type=float, nargs="+", default=[0.0, 50.0])
    reader.add_argument("--in-flight", type=int, nargs="+", default=[64, 256])
    reader.add_argument("--only", nargs="+", default=list(CONTENDERS))
    given = reader.parse_args()
    with EmbeddedKafka() as broker:
        for delay_ms in given.delay_ms:
            for in_flight in given.in_flight:
                asyncio.run(
                    contest(
                        broker.bootstrap_servers,
                        delay_ms,
                        in_flight,
                        given.commands,
                        given.rounds,
                        given.only,
                    )
                )


if __name__ == "__main__":
    main()
