"""The same cluster twice: the log in memory, and the real Kafka; what a contract test asks of both."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from gateway.kafka import topics
from gateway.kafka.admin import administrator
from gateway.kafka.limits import Limits
from gateway.kafka.log import Entry, Log, Producer
from gateway.kafka.records import Channel, Outgoing
from gateway.kafka.transactions import AioKafkaLog, BrokerConfig, TopicNames, TransactionalProducer
from tests.fakes.memory_log import STEP_SECONDS, MemoryBroker, MemoryLog

REFUSED_BYTES = 2_200_000
"""Above what the events and state topics take."""


@dataclass
class Hold:
    """A place in a transaction where it stands still until told to go on."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def pass_by(self) -> None:
        self.reached.set()
        await self.go.wait()


class Cluster(Protocol):
    transaction_timeout_seconds: float
    """Of the logs made by `short_log`."""

    def log(self, owner: str) -> Log: ...

    def short_log(self, owner: str) -> Log: ...

    def hold(self, producer: Producer, owner: str, step: str) -> Hold:
        """`send` stands still between records, `offsets` and `commit` before the request, `answer` after
        the broker has committed.
        """
        ...

    async def events(self, partition: int) -> list[bytes | None]:
        """The values that `read_committed` shows."""
        ...

    async def dead_letters(self) -> list[Outgoing]: ...

    async def command(self, partition: int, value: bytes) -> None: ...


async def entries(log: Log, partition: int = 0) -> list[Entry]:
    return [entry async for batch in log.changelog(partition) for entry in batch]


class MemoryCluster:
    transaction_timeout_seconds = 0.5

    def __init__(self) -> None:
        self._holds: dict[tuple[str, str], Hold] = {}
        self._broker = MemoryBroker(partitions=2, step=self._step)

    async def _step(self, owner: str, step: str, partition: int) -> None:
        await asyncio.sleep(STEP_SECONDS)
        hold = self._holds.pop((owner, step), None)
        if hold is not None:
            await hold.pass_by()

    def log(self, owner: str) -> Log:
        return MemoryLog(self._broker, owner)

    def short_log(self, owner: str) -> Log:
        self._broker.transaction_timeout_seconds = self.transaction_timeout_seconds
        return MemoryLog(self._broker, owner)

    def hold(self, producer: Producer, owner: str, step: str) -> Hold:
        return self._holds.setdefault((owner, step), Hold())

    async def events(self, partition: int) -> list[bytes | None]:
        return [record.value for record in self._broker.published(partition, Channel.EVENTS)]

    async def dead_letters(self) -> list[Outgoing]:
        channel = Channel.DEAD_LETTERS
        return [r for n in range(len(self._broker.partitions)) for r in self._broker.published(n, channel)]

    async def command(self, partition: int, value: bytes) -> None:
        self._broker.produce(partition, "k", value)


class KafkaCluster:
    """Topics and group of its own; `feeding` stands where the porch's consumer would."""

    transaction_timeout_seconds = 1.0

    def __init__(
        self, names: TopicNames, group_id: str, bootstrap: str, feeding: AIOKafkaConsumer, partitions: int
    ) -> None:
        self.names = names
        self.partitions = partitions
        self.bootstrap = bootstrap
        self.config = BrokerConfig(group_id, names, {"bootstrap_servers": bootstrap})
        self.feeding = feeding

    def log(self, owner: str) -> Log:
        return self._log(Limits())

    def short_log(self, owner: str) -> Log:
        return self._log(Limits(transaction_timeout_seconds=self.transaction_timeout_seconds))

    def _log(self, limits: Limits) -> AioKafkaLog:
        log = AioKafkaLog(self.config, limits)
        log.attach(self.feeding)
        return log

    def hold(self, producer: Producer, owner: str, step: str) -> Hold:
        assert isinstance(producer, TransactionalProducer)
        hold, client = Hold(), producer._producer
        name = {"send": "send", "offsets": "send_offsets_to_transaction"}.get(step, "commit_transaction")
        original: Callable[..., Awaitable[Any]] = getattr(client, name)
        calls = 0

        async def held(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if step in ("offsets", "commit") or (step == "send" and calls == 2):
                await hold.pass_by()
            answer = await original(*arguments, **options)
            if step == "answer":
                await hold.pass_by()
            return answer

        setattr(client, name, held)
        return hold

    async def events(self, partition: int) -> list[bytes | None]:
        return [r.value for r in await self.read(self.names.events, partition)]

    async def dead_letters(self) -> list[Outgoing]:
        found = [r for n in range(self.partitions) for r in await self.read(self.names.dead_letters, n)]
        return [Outgoing(Channel.DEAD_LETTERS, r.key, r.value, tuple(r.headers)) for r in found]

    async def read(self, topic: str, partition: int) -> list[Any]:
        """All committed records."""
        where = TopicPartition(topic, partition)
        async with consuming(self.bootstrap) as consumer:
            consumer.assign([where])
            end = (await consumer.end_offsets([where]))[where]
            await consumer.seek_to_beginning(where)
            found: list[Any] = []
            while await consumer.position(where) < end:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found += records
            return found

    async def command(self, partition: int, value: bytes) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
        await producer.start()
        try:
            await producer.send_and_wait(self.names.commands, value, key=b"k", partition=partition)
        finally:
            await producer.stop()


@asynccontextmanager
async def consuming(bootstrap: str, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        **options,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        with contextlib.suppress(Exception):
            await consumer.stop()


async def make_topics(bootstrap: str, partitions: int, **settings: str) -> TopicNames:
    """Fresh topics as the gateway plans them; `settings` are of the state topic (with _ for .)."""
    prefix = f"t{uuid.uuid4().hex[:8]}"
    names = TopicNames(f"{prefix}.commands", f"{prefix}.events", f"{prefix}.state", f"{prefix}.dlq")
    plan = [
        topics.TopicPlan(
            one.name,
            {**one.settings, **{name.replace("_", "."): value for name, value in settings.items()}}
            if one.name == names.state
            else one.settings,
            one.partitions_fixed,
        )
        for one in topics.plans(names)
    ]
    async with administrator({"bootstrap_servers": bootstrap}, 20.0) as admin:
        findings = await topics.create(admin, plan, partitions, 1)
    assert all(finding.ok for finding in findings), findings
    return names


@asynccontextmanager
async def kafka_cluster(bootstrap: str, partitions: int = 2) -> AsyncIterator[KafkaCluster]:
    names = await make_topics(bootstrap, partitions)
    group_id = names.commands.removesuffix(".commands")
    async with consuming(bootstrap, group_id=group_id) as feeding:
        feeding.assign([TopicPartition(names.commands, number) for number in range(partitions)])
        yield KafkaCluster(names, group_id, bootstrap, feeding, partitions)
