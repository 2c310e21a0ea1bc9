"""CPU that logs and traces add to a command: `python tests/bench/bench_observing.py`.

The flow alone, from an accepted command to its first event, over a provider that answers at once and without a
broker: silent, telling the log at level info, and traced. One JSON line a measurement; rounds alternate, the least
counts.
"""

import asyncio
import json
import os
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from opentelemetry.sdk.trace import SpanProcessor

from gateway.app.telling import ToldFlow
from gateway.app.traced import TracedFlow
from gateway.codec import CommandLimits
from gateway.domain.draft import Rules
from gateway.flow import FlowOptions, PaymentFlow
from gateway.kafka.handler import Addressed, Arrived, Now, Performed
from gateway.kafka.records import Outgoing, Record
from gateway.observability.lines import Line, LineWriter
from gateway.observability.logs import LogLevel, LogOptions, configure, get_logger
from gateway.observability.tracing import Tracing
from tests.bench.ground import command
from tests.bench.instant import InstantProvider

COMMANDS, IN_A_TRANSACTION, ROUNDS = 2_000, 20, 5
TRACE_PARENT = ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
FIELDS: dict[str, str | int | None] = {
    "payment_id": "54296f96-b32a-5ec8-833f-94c0bdd1c4bb",
    "sequence": 1,
    "status": "initiated",
    "command_id": "2d74d4d1-8fec-5a48-8590-95d199cebe96",
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
}
OPTIONS = FlowOptions(Rules(approval_timeout_seconds=86_400), CommandLimits(), "/pos-gateway", "0")


class _Lasting:
    """A permit that holds."""

    withdrawn = False

    def holds(self) -> bool:
        return True

    async def renew(self) -> bool:
        return True


async def lead(flow: PaymentFlow, committed: Callable[[list[Outgoing]], None]) -> None:
    """Each command to its `payment.initiated`; what a transaction holds is told together."""
    records: list[Outgoing] = []
    now = Now(1_790_000_000_000, 1000.0)
    for number in range(COMMANDS):
        key, value, headers = command(f"p-{number}")
        record = Record("commands", 0, number, now.wall_ms, key, value, (*headers, TRACE_PARENT))
        accepted = flow.accept(record)
        assert isinstance(accepted, Addressed)
        turn = flow.handle(accepted.key, None, None, None, Arrived(accepted.message, record), now)
        while turn.effect is not None:
            effect = turn.effect
            outcome = await flow.perform(accepted.key, effect, _Lasting())
            turn = flow.handle(accepted.key, turn.state, turn.memo, None, Performed(effect, outcome), now)
            records += turn.records
        if number % IN_A_TRANSACTION == 0:
            committed(records)
            records = []


def microseconds(work: Callable[[], object], count: int) -> float:
    begun = time.thread_time()
    work()
    return (time.thread_time() - begun) * 1e6 / count


def flows(level: LogLevel) -> dict[str, Callable[[], tuple[PaymentFlow, Callable[[Any], None]]]]:
    provider: Any = InstantProvider()
    draws = random.Random(1)

    def plain() -> tuple[PaymentFlow, Callable[[Any], None]]:
        return PaymentFlow(provider, OPTIONS, draws), lambda records: None

    def told() -> tuple[PaymentFlow, Callable[[Any], None]]:
        flow = ToldFlow(provider, OPTIONS, draws)
        return flow, flow.committed

    def traced() -> tuple[PaymentFlow, Callable[[Any], None]]:
        flow = TracedFlow(provider, OPTIONS, draws, Tracing(SpanProcessor(), "0"))
        return flow, flow.committed

    if level is LogLevel.WARNING:
        return {"the flow alone": plain, "level warning": told}
    return {"level info": told, "level info, traced (spans made, not sent)": traced}


def main() -> None:
    reading, writing = os.pipe()
    threading.Thread(target=_drain, args=(reading,), daemon=True).start()
    stream = os.fdopen(writing, "w", buffering=1)
    least: dict[str, float] = {}

    def take(name: str, found: float) -> None:
        least[name] = min(found, least.get(name, found))

    for _ in range(ROUNDS):
        for level in (LogLevel.WARNING, LogLevel.INFO):
            configure(LogOptions(level), ["a-secret-of-it", "another-secret"], stream)
            for name, make in flows(level).items():
                flow, committed = make()
                take(name, microseconds(lambda f=flow, c=committed: asyncio.run(lead(f, c)), COMMANDS))  # type: ignore[misc]
        writer, usual = LineWriter("gateway.payments"), get_logger("gateway.payments")
        batch = [Line("payment.captured", FIELDS) for _ in range(IN_A_TRANSACTION)]
        take("a line", microseconds(lambda w=writer, b=batch: [w.write(b) for _ in range(50)], 1000))  # type: ignore[misc]
        said = lambda u=usual: [u.info("payment.captured", **FIELDS) for _ in range(1000)]  # noqa: E731
        take("a line the usual way", microseconds(said, 1000))  # type: ignore[arg-type]
    for name, found in least.items():
        print(json.dumps({"what": name, "cpu_us": round(found, 1)}))


def _drain(reading: int) -> None:
    while os.read(reading, 1 << 20):
        pass


if __name__ == "__main__":
    main()
