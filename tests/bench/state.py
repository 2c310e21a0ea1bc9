"""What a growing state costs: `python -m tests.bench.state --payments 100000`.

Payments that wait for their customers, more and more: CPU a command and memory a payment as they grow, bytes a
state record, polls and how late they come; then the restore of all by a new process.
"""

import argparse
import asyncio
import json
import time

from aiokafka import AIOKafkaConsumer, TopicPartition

from gateway.demo.broker import EmbeddedKafka
from gateway.demo.ground import topics_of
from gateway.demo.processes import get
from gateway.kafka.packing import REST_SECONDS
from tests.bench.ground import Desk, Run, cpu_seconds, desk, provider, resident_bytes, told

MEASURED = 4_000
STEPS = (1_000, 10_000, 30_000, 100_000, 300_000)
WATCH_SECONDS = 20.0
GONE_SECONDS = 12.0
"""Until the group has given up a killed member, which is not what a restore costs."""


async def send_to(at: Desk, count: int) -> None:
    """Until so many payments have been answered in all."""
    first = len(at.sent)
    await at.send_all([f"s-{number}" for number in range(first, count)])
    await at.read(count, timeout_seconds=900)


async def grow(at: Desk, pid: int, most: int, before: int) -> None:
    for step in [one for one in STEPS if one <= most]:
        await send_to(at, step)
        await asyncio.sleep(REST_SECONDS + 2)
        held, cpu = resident_bytes(pid), cpu_seconds(pid)
        await send_to(at, step + MEASURED)
        told(
            "growth",
            payments=step,
            cpu_us_per_command=(cpu_seconds(pid) - cpu) / MEASURED * 1e6,
            bytes_per_payment=(held - before) / step,
        )


async def state_bytes(run: Run) -> float:
    """Of a record of the state topic: key, value and headers, the last of each key."""
    places = [TopicPartition(topics_of(run.name)["state"], number) for number in range(run.partitions)]
    reader = AIOKafkaConsumer(
        bootstrap_servers=run.bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await reader.start()
    found: dict[bytes, int] = {}
    try:
        reader.assign(places)
        ends = await reader.end_offsets(places)
        while any([await reader.position(place) < ends[place] for place in places]):
            for records in (await reader.getmany(timeout_ms=200)).values():
                for record in records:
                    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
                    found[record.key] = len(record.key) + len(record.value or b"") + headers
    finally:
        await reader.stop()
    assert found, f"nothing was read up to {ends}"
    return sum(found.values()) / len(found)


async def state(bootstrap: str, payments: int) -> None:
    with provider() as port:
        run = Run(bootstrap, port, in_flight=256)
        run.create()
        async with desk(run) as at:
            begun = time.monotonic()
            with run.contender("gateway") as pid:
                await run.ready()
                empty = time.monotonic() - begun
                await grow(at, pid, payments, resident_bytes(pid))
            bytes_ = await state_bytes(run)
            await asyncio.sleep(GONE_SECONDS)
            begun = time.monotonic()
            with run.contender("gateway") as pid:
                await run.ready()
                seconds = time.monotonic() - begun
                told(
                    "restore",
                    payments=len(at.answered),
                    seconds_more_than_empty=seconds - empty,
                    bytes_per_record=bytes_,
                    resident_mb=resident_bytes(pid) / 1e6,
                )


async def polls(bootstrap: str, payments: int, poll_delay_ms: int) -> None:
    with provider(poll_delay_ms=poll_delay_ms) as port:
        run = Run(bootstrap, port, in_flight=256)
        run.create()
        async with desk(run) as at:
            with run.contender("gateway") as pid:
                await run.ready()
                await at.send_steadily([f"w-{number}" for number in range(payments)], 500)
                await at.read(payments, timeout_seconds=300)
                await asyncio.sleep(2 * poll_delay_ms / 1000)
                get(port, "/bench/late")
                cpu, begun = cpu_seconds(pid), time.monotonic()
                await asyncio.sleep(WATCH_SECONDS)
                share = (cpu_seconds(pid) - cpu) / (time.monotonic() - begun)
                late = sorted(json.loads(get(port, "/bench/late")[1]))
                told(
                    "polls",
                    payments=payments,
                    poll_delay_ms=poll_delay_ms,
                    polls_per_second=len(late) / WATCH_SECONDS,
                    late_p50_ms=late[len(late) // 2],
                    late_p99_ms=late[int(len(late) * 0.99)],
                    cpu_share=share,
                    cpu_us_per_poll=share / (len(late) / WATCH_SECONDS) * 1e6,
                )


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--payments", type=int, default=100_000)
    reader.add_argument("--polled", type=int, default=10_000)
    reader.add_argument("--poll-delay-ms", type=int, default=5_000)
    given = reader.parse_args()
    with EmbeddedKafka() as broker:
        asyncio.run(polls(broker.bootstrap_servers, given.polled, given.poll_delay_ms))
        asyncio.run(state(broker.bootstrap_servers, given.payments))


if __name__ == "__main__":
    main()
