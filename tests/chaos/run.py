"""One run: trade and violence beside each other, then peace, then one auditor with one line a guarantee."""

import asyncio
import base64
import contextlib
import json
import math
import random
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka.partitioner import murmur2

from gateway.demo.audit import audit
from gateway.demo.evidence import Command
from gateway.demo.finding import lines
from gateway.demo.processes import get, ledger, post, violations
from gateway.demo.wire import connected
from gateway.kafka.limits import Limits
from gateway.sandbox import draws as sandbox_draws
from tests.canaries import PHONES
from tests.chaos.acts import LEAST_IN_FLIGHT, WEIGHTS, Acts
from tests.chaos.brokers import Brokers
from tests.chaos.fleet import CLIENT_ID, PARTITIONS, SECRET, SEED, all_alive, open_fleet
from tests.chaos.trade import PACE_SECONDS, SCENARIO, Trade
from tests.chaos.verdict import GUARANTEES, Canaries, openings, stale_writes, standstills, unexcused
from tests.chaos.watch import Watch, written

SIZE = 3
PATIENCE_SECONDS = 180.0
TOKENS_MAX = 5_000


@dataclass
class Outcome:
    """`lines` are for people: one a guarantee. `facts` are what a table may quote."""

    holds: bool
    lines: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


def partition_of(payment_id: str) -> int:
    """As the shop's producer spreads its keys."""
    return int((murmur2(payment_id.encode()) & 0x7FFFFFFF) % PARTITIONS)


def canaries() -> Canaries:
    """The secret, every token that the provider has given or may give out, every user's number."""
    basic = base64.b64encode(f"{CLIENT_ID}:{SECRET}".encode())
    phones = {f"phone {number}": phone.encode() for number, phone in enumerate(PHONES)}
    tokens = frozenset(sandbox_draws.token(SEED, "token", CLIENT_ID, n).encode() for n in range(TOKENS_MAX))
    named = {
        "the secret": SECRET.encode(),
        "the credentials": basic,
        "an authorization": b"Bearer ",
        **phones,
    }
    return Canaries(named, tokens)


def at_random(draws: random.Random, seconds: float) -> Iterator[tuple[float, str]]:
    """A pause and an act, again and again, for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield draws.uniform(1, 8), draws.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))[0]


def in_order(names: Sequence[str], pause_seconds: float) -> Iterator[tuple[float, str]]:
    for name in names:
        yield pause_seconds, name


async def play(
    brokers: Brokers, folder: Path, plan: Iterator[tuple[float, str]], seed: int, per_second: float
) -> Outcome:
    begun = time.monotonic()
    hidden = canaries()
    async with (
        open_fleet(brokers, folder, SCENARIO, SIZE) as fleet,
        connected(brokers.bootstrap, fleet.topics) as wire,
    ):
        trade, watch = Trade(wire, seed), Watch(fleet, brokers, hidden)
        acts = Acts(fleet, brokers, trade, random.Random(seed))
        async with beside(trade.follow(), watch.go_on()):
            async with beside(trade.sell(per_second)):
                for pause, name in plan:
                    await asyncio.sleep(pause)
                    await acts.do(name)
            await wire.flush()
            await all_alive(fleet)
            await asyncio.to_thread(post, fleet.sandbox_port, "/_sandbox/faults", {})
            quiet_after = await trade.rest(fleet.sandbox_port, PATIENCE_SECONDS)
        await watch.look()
        books = await asyncio.to_thread(ledger, fleet.sandbox_port)
        broken = await asyncio.to_thread(violations, fleet.sandbox_port)
        (folder / "violations.json").write_text(json.dumps(broken, indent=1), encoding="utf-8")
        stats = json.loads((await asyncio.to_thread(get, fleet.sandbox_port, "/_sandbox/stats"))[1])
        records, shown = await written(brokers.bootstrap, fleet.topics, hidden)
    logs = fleet.logs()
    found: dict[str, list[str]] = {name: [] for name in GUARANTEES}
    leaks = [f"{name} is in metrics" for name in sorted(watch.leaks)]
    leaks += [f"{name} is in a topic" for name in sorted(shown)]
    leaks += [f"{name} is in {file}" for file, text in logs.items() for name in hidden.shown_in(text)]
    found["I9"] = leaks
    found["I10"] = [*standstills(watch.samples), *_lagging(watch)]
    writes = watch.writes(payments_by_order(wire.sent))
    opened = openings(logs)
    found["I11"] = list(stale_writes(writes, opened, partition_of, Limits().lease_seconds))
    arrivals = watch.arrivals({str(one.get("resource")) for one in broken})
    amiss = unexcused(broken, arrivals, PACE_SECONDS, fleet.road.broken_at)
    report = audit(wire.evidence(books, amiss))
    told = [*report.lines(), *lines(GUARANTEES, found)]
    facts = {
        "minutes": round((time.monotonic() - begun) / 60, 1),
        "brokers": brokers.count,
        "gateways": SIZE,
        "acts": dict(sorted(acts.done.items())),
        "processes": len(logs),
        "killed": len(acts.ended),
        "in_flight_at_kills": sorted(acts.in_flight),
        "messages": len(wire.sent),
        "events": len(wire.events),
        "payments": len(books),
        "writes": len(writes),
        "requests": stats["requests"],
        "records": records,
        "openings": len(opened),
        "fenced": sum(math.isfinite(one.fenced_at) for one in opened),
        "polls_after_one_unheard": len(broken) - len(amiss),
        "at_rest_after_seconds": round(quiet_after),
        "findings": {
            **{name: len(texts) for name, texts in report.findings.items()},
            **{name: len(texts) for name, texts in found.items()},
        },
    }
    enough = all(calls >= LEAST_IN_FLIGHT for calls in acts.in_flight)
    looked = bool(writes and records and facts["openings"] and watch.samples)
    return Outcome(report.holds and not any(found.values()) and enough and looked, told, facts)


def payments_by_order(sent: Sequence[Command]) -> dict[str, str]:
    """Whose payment each orderId and each refundId is."""
    orders = {one.order_id: one.payment_id for one in sent if one.order_id is not None}
    return orders | {one.refund_id: one.payment_id for one in sent if one.refund_id is not None}


def _lagging(watch: Watch) -> Iterator[str]:
    last = watch.samples[-1]
    for partition, lag in last.lags.items():
        if lag:
            yield f"partition {partition}: {lag} messages not accepted at the end"
    if not last.lags:
        yield "nobody could say how far the group has come at the end"


@contextlib.asynccontextmanager
async def beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """While the body runs `work` goes on, which is then cancelled; what it raised is raised."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
