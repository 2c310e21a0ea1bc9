"""One gateway process in miniature over the real Kafka: the counter as handler, the group's own rebalances."""

import asyncio
import json
import random
import uuid
from collections import defaultdict
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from gateway.kafka.clock import SystemClock
from gateway.kafka.consumer import RebalanceListener, TolerantConsumer, record_of
from gateway.kafka.health import Phase
from gateway.kafka.limits import Limits
from gateway.kafka.opening import PartitionConfig
from gateway.kafka.partitions import Partitions
from gateway.kafka.transactions import AioKafkaLog, BrokerConfig, TopicNames
from tests.fakes.counter import Counter, World

PARTITIONS = 3
LIMITS = Limits(fenced_wait_seconds=2.0)
COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "200",
    "min.cleanable.dirty.ratio": "0.01",
    "delete.retention.ms": "100",
}


class Ground:
    """Topics of one test, with a producer of commands and a reader of events."""

    def __init__(self, bootstrap: str) -> None:
        name = f"counter-{uuid.uuid4().hex[:8]}"
        self.connection = {"bootstrap_servers": bootstrap}
        self.names = TopicNames(f"{name}.commands", f"{name}.events", f"{name}.state", f"{name}.dlq")
        self.group_id = name
        self.sent: dict[str, list[str]] = defaultdict(list)
        self.told: dict[str, list[dict[str, Any]]] = defaultdict(list)

    async def __aenter__(self) -> "Ground":
        admin = AIOKafkaAdminClient(**self.connection)
        await admin.start()
        names = self.names
        plain = [NewTopic(n, PARTITIONS, 1) for n in (names.commands, names.events, names.dead_letters)]
        await admin.create_topics([*plain, NewTopic(names.state, PARTITIONS, 1, topic_configs=COMPACTED)])
        await admin.close()
        self.producer = AIOKafkaProducer(**self.connection)
        await self.producer.start()
        self.reader = AIOKafkaConsumer(
            names.events,
            **self.connection,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
        )
        await self.reader.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.producer.stop()
        await self.reader.stop()

    async def send(self, key: str, id_: str, number: int = 1) -> None:
        self.sent[key].append(id_)
        value = f"{id_}:{number}".encode()
        await self.producer.send_and_wait(self.names.commands, value, key=key.encode())

    async def answered(self, seconds: float = 40.0) -> None:
        """Until every command has its event, and a moment longer."""
        count = sum(len(ids) for ids in self.sent.values())
        deadline = asyncio.get_running_loop().time() + seconds
        quiet = 0
        while quiet < 5:
            for records in (await self.reader.getmany(timeout_ms=100)).values():
                for record in records:
                    self.told[record.key.decode()].append(json.loads(record.value))
            done = sum(len(told) for told in self.told.values())
            quiet = quiet + 1 if done >= count else 0
            assert asyncio.get_running_loop().time() < deadline, f"{done} of {count} answered"

    def audit(self, world: World) -> None:
        for key, ids in self.sent.items():
            assert [event["id"] for event in self.told[key]] == ids, f"{key}: once, in order"
            assert [event["sequence"] for event in self.told[key]] == list(range(1, len(ids) + 1))
        assert set(world.added) == {i for ids in self.sent.values() for i in ids}


class RealInstance:
    """`join` enters the group; `kill` leaves nothing behind, as SIGKILL does; `leave` releases in order."""

    def __init__(self, ground: Ground, world: World, name: str, limits: Limits = LIMITS) -> None:
        self.ground = ground
        self.log = AioKafkaLog(BrokerConfig(ground.group_id, ground.names, ground.connection), limits)
        self.mismatches: list[str] = []
        self.partitions: Partitions[Any, Any, Any] = Partitions(
            Counter(world, name),
            self.log,
            SystemClock(),
            limits,
            PartitionConfig(ground.group_id, PARTITIONS),
            random.Random(name),
            self.mismatches.append,
        )
        self.consumer = TolerantConsumer(
            undecodable=self.partitions.undecodable,
            group_id=ground.group_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=6000,
            heartbeat_interval_ms=500,
            **ground.connection,
        )
        self.log.attach(self.consumer)

    async def join(self) -> "RealInstance":
        listener = RebalanceListener(self.partitions)
        self.consumer.subscribe([self.ground.names.commands], listener=listener)
        await self.consumer.start()
        self._feeder = asyncio.create_task(self._feed())
        return self

    async def _feed(self) -> None:
        while True:
            for batch in (await self.consumer.getmany(timeout_ms=50)).values():
                self.partitions.deliver([record_of(message) for message in batch])

    async def opened(self, count: int = PARTITIONS) -> None:
        deadline = asyncio.get_running_loop().time() + 30
        while True:
            health = self.partitions.health().values()
            if len(health) == count and all(h.phase is Phase.OPEN for h in health):
                return
            assert asyncio.get_running_loop().time() < deadline, self.partitions.health()
            await asyncio.sleep(0.02)

    async def kill(self) -> None:
        self._feeder.cancel()
        for partition in self.partitions._owned.values():
            partition._driver.cancel()
            partition._turns.abandon()
        self.partitions._owned.clear()
        await self.consumer.stop()

    async def leave(self) -> None:
        await self.partitions.drain(2.0)
        self._feeder.cancel()
        await self.consumer.stop()
