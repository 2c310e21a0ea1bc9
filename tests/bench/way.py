"""The whole service but its HTTP: consumer, runtime, rules, codec, over a real broker and a provider that
takes no time.

Prints one JSON line a measurement. Figures of one run compare with each other only.
"""

import asyncio
import json
import random
import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from gateway.codec import CommandLimits
from gateway.demo.broker import EmbeddedKafka
from gateway.domain.draft import Rules
from gateway.domain.money import Currency, Money
from gateway.domain.operations import (
    Accepted,
    FindPayments,
    Found,
    Initiate,
    Observed,
    Operation,
    Outcome,
    PaymentReading,
    ProviderStatus,
    ReadPayment,
)
from gateway.flow import FlowOptions, PaymentFlow, Permit
from gateway.kafka.clock import SystemClock
from gateway.kafka.consumer import RebalanceListener, TolerantConsumer, record_of
from gateway.kafka.health import Phase
from gateway.kafka.limits import Limits
from gateway.kafka.opening import PartitionConfig
from gateway.kafka.partitions import Partitions
from gateway.kafka.topics import create, plans
from gateway.kafka.transactions import AioKafkaLog, BrokerConfig, TopicNames
from gateway.observability import logs

PARTITIONS = 4
POS = "c85916b1-8e17-4275-a388-551e16aa6293"


class InstantProvider:
    """Answers at once; every payment stands at Initiated until the end of time, and is asked after an hour."""

    holding = False

    def merchant_known(self, merchant: str | None) -> bool:
        return True

    async def perform(self, operation: Operation, permit: Permit) -> Outcome:
        if not permit.holds():
            assert await permit.renew()
        match operation:
            case Initiate():
                return Accepted(operation.key)
            case ReadPayment():
                money = Money(1250, Currency.DKK)
                return Observed(
                    PaymentReading(
                        operation.provider_payment_id,
                        POS,
                        "order",
                        money,
                        ProviderStatus.INITIATED,
                        "Initiated",
                        3_600_000,
                    )
                )
            case FindPayments():
                return Found(())
            case _:
                return Accepted()


class Service:
    """One process' worth of the gateway, in this process."""

    def __init__(self, bootstrap: str, names: TopicNames) -> None:
        self.connection = {"bootstrap_servers": bootstrap}
        limits = Limits()
        self.log = AioKafkaLog(BrokerConfig("bench", names, self.connection), limits)
        options = FlowOptions(Rules(approval_timeout_seconds=86_400), CommandLimits(), "/pos-gateway", "0")
        self.partitions: Partitions[Any, Any, Any] = Partitions(
            PaymentFlow(InstantProvider(), options, random.Random(1)),
            self.log,
            SystemClock(),
            limits,
            PartitionConfig("bench", PARTITIONS),
            random.Random(2),
            print,
        )
        self.names = names

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Service"]:
        consumer = TolerantConsumer(
            undecodable=self.partitions.undecodable,
            group_id="bench",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=6000,
            **self.connection,
        )
        self.log.attach(consumer)
        consumer.subscribe([self.names.commands], listener=RebalanceListener(self.partitions))
        await consumer.start()
        feeder = asyncio.create_task(self._feed(consumer))
        try:
            yield self
        finally:
            await self.partitions.drain(3.0)
            feeder.cancel()
            await consumer.stop()

    async def _feed(self, consumer: TolerantConsumer) -> None:
        while True:
            for batch in (await consumer.getmany(timeout_ms=50)).values():
                self.partitions.deliver([record_of(message) for message in batch])

    async def open(self) -> None:
        while True:
            health = self.partitions.health()
            if len(health) == PARTITIONS and all(h.phase is Phase.OPEN for h in health.values()):
                return
            await asyncio.sleep(0.005)


def command(payment_id: str) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    data = {"paymentId": payment_id, "posId": POS, "amount": {"value": 1250, "currency": "DKK"}}
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"m-" + payment_id.encode()),
        ("ce_source", b"/bench"),
        ("ce_type", b"payment.initiate"),
    ]
    return payment_id.encode(), json.dumps(data).encode(), headers


async def produce(producer: AIOKafkaProducer, topic: str, payment_id: str) -> None:
    key, value, headers = command(payment_id)
    await producer.send(topic, value, key=key, headers=headers)


async def read_answers(consumer: AIOKafkaConsumer, count: int, answered: dict[bytes, float]) -> None:
    while len(answered) < count:
        for batch in (await consumer.getmany(timeout_ms=100)).values():
            now = time.perf_counter()
            for message in batch:
                answered.setdefault(message.key, now)


def told(name: str, **figures: float) -> None:
    print(json.dumps({"measurement": name, **{k: round(v, 3) for k, v in figures.items()}}), flush=True)


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


async def measure(bootstrap: str, backlog: int, rate: int, waiting: int) -> None:
    names = TopicNames("bench.commands", "bench.events", "bench.state", "bench.dlq")
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await create(admin, plans(names), PARTITIONS, 1)
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=1)
    await producer.start()
    reader = AIOKafkaConsumer(
        names.events,
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    await reader.start()

    service = Service(bootstrap, names)
    async with service.running():
        await service.open()
        answered: dict[bytes, float] = {}
        reading = asyncio.create_task(read_answers(reader, 500, answered))
        sent: dict[bytes, float] = {}
        await asyncio.sleep(1)
        for i in range(500):
            sent[f"l-{i}".encode()] = time.perf_counter()
            await produce(producer, names.commands, f"l-{i}")
            await asyncio.sleep(1 / rate)
        await reading
        late = sorted(answered[key] - sent[key] for key in sent)
        told("added_latency_ms", rate=rate, p50=late[250] * 1000, p99=late[494] * 1000)

        for i in range(backlog):
            await produce(producer, names.commands, f"b-{i}")
        await producer.flush()
        begun, cpu = time.perf_counter(), time.process_time()
        answered = {}
        await read_answers(reader, backlog, answered)
        seconds = time.perf_counter() - begun
        told(
            "backlog",
            commands=backlog,
            commands_per_second=backlog / seconds,
            cpu_us_per_command=(time.process_time() - cpu) / backlog * 1e6,
        )

        before = resident_bytes()
        for i in range(waiting):
            await produce(producer, names.commands, f"w-{i}")
            if i % 1000 == 0:
                await asyncio.sleep(0.05)
        answered = {}
        await read_answers(reader, waiting, answered)
        await asyncio.sleep(2)
        told("memory", waiting=waiting, bytes_per_waiting_payment=(resident_bytes() - before) / waiting)
        states = [service.partitions.state(f"p:w-{i}") for i in range(100)]
        told("state", bytes_per_record=sum(len(s) for s in states if s) / 100)

    total = 500 + backlog + waiting
    begun = time.perf_counter()
    following = Service(bootstrap, names)
    async with following.running():
        await following.open()
        told("restore", payments=total, seconds=time.perf_counter() - begun)
    await producer.stop()
    await reader.stop()


def main(backlog: int = 20_000, rate: int = 100, waiting: int = 80_000) -> None:
    logs.configure(logs.LogOptions(level=logs.LogLevel.WARNING))
    with EmbeddedKafka() as broker:
        asyncio.run(measure(broker.bootstrap_servers, backlog, rate, waiting))


if __name__ == "__main__":
    main()
