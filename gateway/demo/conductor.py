"""The demo: a real Kafka, the provider's simulator and the gateway as processes; a shop; SIGKILL in the
middle; both ledgers.

It says nothing of the gateway that it has not read: events with `read_committed`, and the provider's own
books.
"""

import asyncio
import contextlib
import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from gateway.demo.audit import Report, audit
from gateway.demo.broker import BrokerUnavailable, EmbeddedKafka
from gateway.demo.evidence import at_rest
from gateway.demo.ground import create_topics, kafka_settings, topics_of
from gateway.demo.processes import Child, NotReady, free_port, in_flight, ledger, violations
from gateway.demo.shop import Shop
from gateway.demo.view import View, tell
from gateway.demo.wire import Wire, connected

PARTITIONS = 6
SEND_SECONDS = 10.0
KILL_CALLS = 3
KILL_PATIENCE_SECONDS = 5.0
REST_SECONDS = 2.5
PATIENCE_SECONDS = 90.0
SEED = 20261124

# A start that waits for its till backs off up to 30 s; few of them keep the demo short.
SHARED_SHARE = 0.05
PREPARED_SHARE = 0.25
REFUND_SHARE = 0.6
PREPARED_SECONDS = 8

SCENARIO = {
    "any_pos": True,
    "poll_delay_ms": [300, 800],
    "refund_reserve_seconds": [0.2, 1.5],
    "wait_tolerance_seconds": 1.0,
    "partial_capture": "by_user",
    "customers": {
        "decline": 0.1,
        "never": 0.05,
        "check_in_seconds": [0.1, 1.0],
        "decision_seconds": [0.2, 1.5],
    },
    "faults": {
        "latency_seconds": [0.01, 0.12],
        "probabilities": {
            "*": {
                "slow": 0.01,
                "error_before": 0.02,
                "error_after": 0.02,
                "timeout_after": 0.01,
                "reset_after": 0.02,
            },
            "token": {},
        },
    },
}


@dataclass(frozen=True, slots=True)
class Stage:
    """Where everything of one run is."""

    bootstrap: str
    topics: dict[str, str]
    settings: dict[str, str]
    sandbox_port: int
    http_port: int
    folder: Path


def run(payments: int, broker: str | None, kill: bool, seed: int = SEED) -> int:
    """The exit code: 0 only if every command was answered once and both ledgers agree; 3 without a broker.

    The logs of the processes stay where they are unless all went well.
    """
    console = Console()
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="gateway-demo-"))
    try:
        with contextlib.ExitStack() as stack:
            if broker is None:
                console.print("starting Apache Kafka …")
                broker = stack.enter_context(EmbeddedKafka()).bootstrap_servers
            stage = _stage(broker, folder)
            report = asyncio.run(_play(stage, payments, kill, seed, console))
    except (BrokerUnavailable, NotReady) as fault:
        console.print(str(fault).strip(), style="red", markup=False)
        _leave(folder, console)
        return 3
    except KeyboardInterrupt:
        console.print("stopped")
        _leave(folder, console)
        return 130
    console.print(f"{time.monotonic() - begun:.1f} s in all")
    if not report.holds:
        _leave(folder, console)
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _leave(folder: Path, console: Console) -> None:
    """Keep what was written, if anything was."""
    if any(folder.glob("*.log")):
        console.print(f"logs: {folder}", markup=False, highlight=False, soft_wrap=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _stage(bootstrap: str, folder: Path) -> Stage:
    name = f"demo-{uuid.uuid4().hex[:8]}"
    sandbox_port, http_port = free_port(), free_port()
    settings = kafka_settings(bootstrap, name) | {
        "GATEWAY_KAFKA__GROUP_INSTANCE_ID": "gateway-0",
        "GATEWAY_POS__BASE_URL": f"http://127.0.0.1:{sandbox_port}",
        "GATEWAY_POS__CLIENT_ID": "demo",
        "GATEWAY_POS__CLIENT_SECRET": uuid.uuid4().hex,
        "GATEWAY_POS__MERCHANT_VAT_NUMBER": "DK12345678",
        "GATEWAY_POS__SETTLE_SECONDS": "5",
        "GATEWAY_PREPARED_TIMEOUT_SECONDS": str(PREPARED_SECONDS),
        "GATEWAY_HTTP__HOST": "127.0.0.1",
        "GATEWAY_HTTP__PORT": str(http_port),
    }
    return Stage(bootstrap, topics_of(name), settings, sandbox_port, http_port, folder)


@contextlib.contextmanager
def _processes(stage: Stage, seed: int) -> Iterator[Child]:
    """The sandbox and the topics are there; the gateway is handed out, started."""
    scenario = stage.folder / "scenario.json"
    scenario.write_text(json.dumps(SCENARIO | {"seed": seed}), encoding="utf-8")
    arguments = ["sandbox", "--port", str(stage.sandbox_port), "--scenario", str(scenario)]
    sandbox = Child("sandbox", arguments, stage.settings, stage.folder)
    gateway = Child("gateway", ["run"], stage.settings, stage.folder)
    try:
        sandbox.start()
        sandbox.wait_for(stage.sandbox_port, "/_sandbox/stats")
        gateway.start()
        yield gateway
    finally:
        gateway.stop()
        sandbox.stop()


async def _play(stage: Stage, payments: int, kill: bool, seed: int, console: Console) -> Report:
    await asyncio.to_thread(create_topics, stage.settings, PARTITIONS)
    shop = Shop(seed, payments, SHARED_SHARE, PREPARED_SHARE, REFUND_SHARE)
    with _processes(stage, seed) as gateway:
        await asyncio.to_thread(gateway.wait_for, stage.http_port, "/readyz")
        async with connected(stage.bootstrap, stage.topics) as wire:
            with View(console, payments) as view:
                view.note(f"gateway {gateway.pid} is ready; {payments} payments")
                selling = asyncio.create_task(_sell(shop, wire, payments))
                killing = asyncio.create_task(_kill(gateway, stage, view, wire)) if kill else None
                await _watch(shop, wire, view, stage, [selling, killing] if killing else [selling])
        books = await asyncio.to_thread(ledger, stage.sandbox_port)
        broken = await asyncio.to_thread(violations, stage.sandbox_port)
    evidence = wire.evidence(books, broken)
    report = audit(evidence)
    tell(console, evidence, report, [killing.result()] if killing is not None and killing.done() else [])
    return report


async def _sell(shop: Shop, wire: Wire, payments: int) -> None:
    for messages in shop.opening():
        for message in messages:
            await wire.send(message)
        await asyncio.sleep(SEND_SECONDS / payments)
    await wire.flush()


async def _kill(gateway: Child, stage: Stage, view: View, wire: Wire) -> int:
    """SIGKILL once half of the stream is on its way and calls are in flight, and start it again. How many
    calls there were.
    """
    await asyncio.sleep(SEND_SECONDS * 0.5)
    calls, deadline = 0, time.monotonic() + KILL_PATIENCE_SECONDS
    while calls < KILL_CALLS and time.monotonic() < deadline:
        calls = await asyncio.to_thread(in_flight, stage.sandbox_port)
    pid, waiting = gateway.pid, wire.unanswered
    await asyncio.to_thread(gateway.kill)
    view.note(f"SIGKILL to gateway {pid}: {calls} calls in flight, {waiting} messages unanswered")
    await asyncio.to_thread(gateway.start)
    await asyncio.to_thread(gateway.wait_for, stage.http_port, "/readyz")
    view.note(f"gateway {gateway.pid} is ready again")
    return calls


async def _watch(
    shop: Shop, wire: Wire, view: View, stage: Stage, under_way: "list[asyncio.Task[Any]]"
) -> None:
    """Until all is answered and at rest at the provider too, or patience ends."""
    deadline, quiet_since = time.monotonic() + PATIENCE_SECONDS, time.monotonic()
    while time.monotonic() < deadline:
        for event in await wire.read():
            quiet_since = time.monotonic()
            view.told(event)
            for message in shop.follow(event):
                await wire.send(message)
        view.refresh()
        for task in under_way:
            if task.done():
                task.result()
        if time.monotonic() - quiet_since < REST_SECONDS or not all(t.done() for t in under_way):
            continue
        if not wire.unanswered and at_rest(await asyncio.to_thread(ledger, stage.sandbox_port)):
            return
