"""A stage: one provider behind its witness, one gateway process with topics of its own, and the shop's wire."""

import asyncio
import contextlib
import itertools
import json
import re
import subprocess
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gateway.certify.findings import Unmet
from gateway.certify.provider import CREDIT, Provider, Till
from gateway.certify.traffic import Exchange
from gateway.certify.wire import Event, Sent, Wire, connected, read_state, write_state
from gateway.certify.witness import Witness
from gateway.demo.ground import command, create_topics, kafka_settings, topics_of
from gateway.demo.processes import Child, free_port, get

PARTITIONS: Final = 4
SETTLE_SECONDS: Final = 4
DKK: Final = "DKK"
_TIME: Final = re.compile(rb"(?<=:)1[0-9]{12}(?=[,}\]])")
"""Milliseconds since 1970 as a member's value; no amount of a certification is that large."""


def money(value: int, currency: str = DKK) -> dict[str, Any]:
    return {"value": value, "currency": currency}


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment that the gateway was told to start; its orderId is its paymentId."""

    id: str
    till: Till
    start: Sent


@dataclass(slots=True)
class Stage:
    name: str
    bootstrap: str
    topics: Mapping[str, str]
    settings: dict[str, str]
    folder: Path
    witness: Witness
    provider: Provider
    http_port: int
    notifications_port: int
    gateway: Child
    wire: Wire
    canary: str
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def fresh(self, word: str) -> str:
        """A name that was never used; the simulator's own customers leave it alone."""
        return f"manual-{word}-{next(self._numbers)}-{uuid.uuid4().hex[:6]}"[:36]

    async def till(self, **more: Any) -> Till:
        return await self.provider.till(self.fresh("till"), **more)

    async def start(self, value: int = 1250, *, till: Till | None = None, **data: Any) -> Payment:
        """`payment.initiate` at a new point of sale, or at the one given."""
        till = till or await self.till()
        payment_id = str(data.pop("paymentId", "")) or self.fresh("pay")
        body = {"paymentId": payment_id, "posId": till.pos_id, "amount": money(value)} | data
        return Payment(payment_id, till, await self.wire.command("payment.initiate", body))

    async def prepare(self, *, till: Till | None = None, **data: Any) -> Payment:
        till = till or await self.till()
        payment_id = self.fresh("prep")
        body = {"paymentId": payment_id, "posId": till.pos_id, **data}
        return Payment(payment_id, till, await self.wire.command("payment.prepare", body))

    async def reserved(self, value: int = 1250, phone: str = CREDIT, **data: Any) -> Payment:
        """A payment that its customer has approved, and whose event was read."""
        payment = await self.start(value, **data)
        await self.wire.answer(payment.start)
        await self.provider.approve(payment.till, phone)
        await self.wire.event(payment.id, "payment.reserved")
        return payment

    async def captured(self, value: int = 1250, **data: Any) -> Payment:
        payment = await self.reserved(value, **data, capture="automatic")
        await self.wire.event(payment.id, "payment.captured")
        return payment

    async def ask(self, type_: str, payment: Payment, seconds: float = 25.0, **data: Any) -> Event:
        """A command about the payment, and the event that answers it."""
        sent = await self.wire.command(type_, {"paymentId": payment.id, **data})
        return await self.wire.answer(sent, seconds)

    async def refund(self, payment: Payment, value: int, **data: Any) -> tuple[str, Event]:
        refund_id = str(data.pop("refundId", "")) or self.fresh("ref")
        event = await self.ask("refund.create", payment, refundId=refund_id, amount=money(value), **data)
        return refund_id, event

    async def until(self, holds: Callable[[], object], what: str, seconds: float = 20.0) -> None:
        """For what no event tells."""
        end = asyncio.get_running_loop().time() + seconds
        while not holds():
            if asyncio.get_running_loop().time() > end:
                raise Unmet(f"{what}: not within {seconds:.0f} s")
            await asyncio.sleep(0.02)

    def seen(self, operation: str = "", subject: str = "") -> list[Exchange]:
        return self.witness.seen(operation, subject)

    async def ready(self) -> Mapping[str, Any]:
        """The body of /readyz, {} where nothing answers."""
        try:
            body = (await asyncio.to_thread(get, self.http_port, "/readyz"))[1]
        except OSError:
            return {}
        found: dict[str, Any] = json.loads(body)
        return found

    async def metrics(self) -> bytes:
        """The page of metrics, empty where nothing answers."""
        try:
            return (await asyncio.to_thread(get, self.http_port, "/metrics"))[1]
        except OSError:
            return b""

    async def restart(self, *, kill: bool, between: Callable[[], Any] | None = None) -> None:
        """Ends the gateway (SIGKILL or SIGTERM) and starts it again; `between` is awaited while it is away."""
        await asyncio.to_thread(self.gateway.kill if kill else self.gateway.stop)
        if between is not None:
            await between()
        await self.open()

    async def open(self) -> None:
        self.gateway.start()
        await asyncio.to_thread(self.gateway.wait_for, self.http_port, "/readyz")

    async def state_of(self, payment_id: str) -> str:
        """The committed state record as text, empty where there is none."""
        rows = await read_state(self.bootstrap, self.topics["state"])
        found = [row.value for (_, key), row in rows.items() if key == f"p:{payment_id}".encode()]
        return (found[0] or b"").decode() if found else ""

    async def age(self, hours: float) -> None:
        """Makes everything that the gateway remembers that much older, while it is away, and the provider too."""

        def older(match: re.Match[bytes]) -> bytes:
            return str(int(match[0]) - round(hours * 3_600_000)).encode()

        rows = await read_state(self.bootstrap, self.topics["state"])
        aged = {
            place: row._replace(value=_TIME.sub(older, row.value))
            for place, row in rows.items()
            if row.value and place[1] != b"checkpoint"
        }
        await write_state(self.bootstrap, self.topics["state"], aged)
        await self.provider.advance(hours * 3600)

    async def cli(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[bytes]:
        """One short command of the gateway's own command line, to its end."""
        return await asyncio.to_thread(command, list(arguments), {**self.settings, **settings})

    def traces(self) -> bytes:
        """Everything that the gateway wrote anywhere: log, events, state, dead letters."""
        return b"\n".join([self.gateway.log_path.read_bytes(), *self.wire.read])


@contextlib.asynccontextmanager
async def staged(
    name: str, bootstrap: str, folder: Path, provider: Provider, canary: str, **settings: str
) -> AsyncIterator[Stage]:
    """Topics made, witness and gateway started; ended in reverse."""
    run = f"certify-{uuid.uuid4().hex[:8]}-{name}"
    http_port, notifications_port = free_port(), free_port()
    with Witness(provider.url) as witness:
        told = kafka_settings(bootstrap, run) | {
            "GATEWAY_KAFKA__GROUP_INSTANCE_ID": "gateway-0",
            "GATEWAY_POS__BASE_URL": witness.url,
            "GATEWAY_POS__CLIENT_SECRET": canary,
            "GATEWAY_POS__MERCHANT_VAT_NUMBER": provider.merchant,
            "GATEWAY_POS__SETTLE_SECONDS": str(SETTLE_SECONDS),
            "GATEWAY_APPROVAL_TIMEOUT_SECONDS": "60",
            "GATEWAY_PREPARED_TIMEOUT_SECONDS": "60",
            "GATEWAY_HTTP__HOST": "127.0.0.1",
            "GATEWAY_HTTP__PORT": str(http_port),
            "GATEWAY_NOTIFICATIONS__PORT": str(notifications_port),
            **settings,
        }
        gateway = Child(f"gateway-{name}", ["run"], told, folder)
        topics = topics_of(run)
        await asyncio.to_thread(create_topics, told, PARTITIONS)
        async with connected(bootstrap, topics) as wire:
            stage = Stage(
                name, bootstrap, topics, told, folder, witness, provider, http_port, notifications_port,
                gateway, wire, canary,
            )  # fmt: skip
            try:
                await stage.open()
                yield stage
            finally:
                await asyncio.to_thread(gateway.stop)
