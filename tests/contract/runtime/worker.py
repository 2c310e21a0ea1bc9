"""One gateway in miniature on a real broker: the real consumer, listener, partitions and log, and the counter.

As a process (`python -m tests.contract.runtime.worker JSON`) it tells `open N` for each partition that it opens,
drains on SIGTERM, and may stop itself (SIGSTOP) at a commit, before its request or before its answer.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2
from aiokafka.protocol.transaction import EndTxnRequest

from gateway.kafka.clock import SystemClock
from gateway.kafka.consumer import RebalanceListener, TolerantConsumer, record_of
from gateway.kafka.health import Phase
from gateway.kafka.limits import Limits
from gateway.kafka.log import Producer, Staged
from gateway.kafka.opening import PartitionConfig
from gateway.kafka.partitions import Partitions
from gateway.kafka.transactions import AioKafkaLog, BrokerConfig, TopicNames, TransactionalProducer
from gateway.observability import logs
from tests.fakes.counter import Command, Counter, Effect, World

LIMITS = Limits(
    lease_seconds=2.0,
    write_timeout_seconds=0.5,
    # Beyond session and lease, so that an owner who sleeps through both still hears the answer to its commit.
    commit_timeout_seconds=12.0,
    transaction_timeout_seconds=12.0,
    fence_timeout_seconds=12.0,
    broker_timeout_seconds=12.0,
    fenced_wait_seconds=2.0,
    reopen_most_seconds=1.0,
)
SESSION_MS = 2_000
DRAIN_SECONDS = 3.0
FETCH_TIMEOUT_MS = 20
PAUSE_AFTER_ERROR_SECONDS = 0.2


@dataclass(frozen=True)
class Part:
    """What one worker is told. `stops_at` is `request` or `answer` of its `stops_after`-th commit with an intent.
    `max_running_effects` is for each partition.
    """

    name: str
    bootstrap: str
    group_id: str
    prefix: str
    partitions: int
    ledger: str
    effect_seconds: float = 0.01
    max_running_effects: int = 256
    resumes_together: bool = False
    stops_at: str = ""
    stops_after: int = 0

    @property
    def topics(self) -> TopicNames:
        return TopicNames(*(f"{self.prefix}.{name}" for name in ("commands", "events", "state", "dlq")))

    def as_argument(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Act:
    """One attempt of an effect. `epoch` is the fence under which its owner had the partition."""

    at: float
    owner: str
    partition: int
    epoch: int
    key: str
    id: str


def boottime() -> float:
    """The same for all processes of a machine."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def partition_of(key: str, count: int) -> int:
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % count)


def acts(ledger: Path) -> list[Act]:
    """In the order in which they happened: each was appended by one write."""
    return [Act(**json.loads(line)) for line in ledger.read_text().splitlines()] if ledger.exists() else []


class Added(dict[str, int]):
    """The ids in a ledger that several processes write."""

    def __init__(self, ledger: Path) -> None:
        super().__init__()
        self._file = ledger.open("rb")

    def __contains__(self, name: object) -> bool:
        for line in self._file:
            self[json.loads(line)["id"]] = 1
        return super().__contains__(name)


class Ledger(World):
    """The world as a file; what one process has added the others see."""

    def __init__(self, path: Path, seconds: float, count: int, epochs: Mapping[int, int]) -> None:
        super().__init__(seconds=seconds)
        self._out = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self.added = Added(path)
        self._count = count
        self._epochs = epochs

    async def add(self, owner: str, key: str, effect: Effect) -> None:
        partition = partition_of(key, self._count)
        act = Act(boottime(), owner, partition, self._epochs[partition], key, effect.id)
        os.write(self._out, json.dumps(asdict(act)).encode() + b"\n")
        await asyncio.sleep(self.seconds)


class WitnessedLog(AioKafkaLog):
    """Knows the epoch of each fence, which orders a partition's owners. The first fetch waits for as many
    partitions as are told, so that they all are in it.
    """

    def __init__(self, config: BrokerConfig, limits: Limits, together: int = 0) -> None:
        super().__init__(config, limits)
        self.epochs: dict[int, int] = {}
        self._together = together
        self._waiting: set[int] = set()

    def resume(self, partition: int) -> None:
        self._waiting.add(partition)
        if len(self._waiting) >= self._together:
            self._together = 0
            for number in sorted(self._waiting):
                super().resume(number)
            self._waiting.clear()

    async def fence(self, partition: int) -> Producer:
        producer = await super().fence(partition)
        assert isinstance(producer, TransactionalProducer)
        self.epochs[partition] = producer._producer._txn_manager.producer_epoch
        return producer


class Worker:
    def __init__(self, part: Part) -> None:
        self.part = part
        reserved = min(LIMITS.reserved_for_pending_effects, part.max_running_effects // 2)
        limits = replace(
            LIMITS,
            max_running_effects=part.max_running_effects,
            reserved_for_pending_effects=reserved,
        )
        connection = {"bootstrap_servers": part.bootstrap}
        config = BrokerConfig(part.group_id, part.topics, connection)
        log = WitnessedLog(config, limits, part.partitions if part.resumes_together else 0)
        world = Ledger(Path(part.ledger), part.effect_seconds, part.partitions, log.epochs)
        self.mismatches: list[str] = []
        self.partitions: Partitions[Command, Effect, bool] = Partitions(
            Counter(world, part.name),
            log,
            SystemClock(),
            limits,
            PartitionConfig(part.group_id, part.partitions),
            random.Random(part.name),
            self.mismatches.append,
        )
        self._consumer = TolerantConsumer(
            undecodable=self.partitions.undecodable,
            group_id=part.group_id,
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=SESSION_MS // 5,
            rebalance_timeout_ms=6_000,
            request_timeout_ms=5_000,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
            **connection,
        )
        log.attach(self._consumer)
        self._feeding = True

    async def run(self, stop: asyncio.Event) -> None:
        """Feed as the porch does, until told to stop; then drain and leave the group."""
        while True:
            try:
                await self._consumer.start()
                break
            except KafkaError:
                await asyncio.sleep(PAUSE_AFTER_ERROR_SECONDS)
        self._consumer.subscribe([self.part.topics.commands], listener=RebalanceListener(self.partitions))
        feeder = asyncio.create_task(self._feed())
        await stop.wait()
        await self.partitions.drain(DRAIN_SECONDS)
        self._feeding = False
        await feeder
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._consumer.stop(), 3)

    async def _feed(self) -> None:
        while self._feeding:
            try:
                fetched = await self._consumer.getmany(timeout_ms=FETCH_TIMEOUT_MS, max_records=500)
            except KafkaError:
                await asyncio.sleep(PAUSE_AFTER_ERROR_SECONDS)
                continue
            for messages in fetched.values():
                self.partitions.deliver([record_of(message) for message in messages])

    async def opened(self, numbers: Sequence[int], timeout_seconds: float = 20.0) -> None:
        async with asyncio.timeout(timeout_seconds):
            while not all(self.phase(number) is Phase.OPEN for number in numbers):
                await asyncio.sleep(0.02)

    def phase(self, number: int) -> Phase | None:
        health = self.partitions.health().get(number)
        return health.phase if health is not None else None


@contextlib.asynccontextmanager
async def working(part: Part) -> AsyncIterator[Worker]:
    """A worker inside this process, which leaves in order at the end."""
    worker, stop = Worker(part), asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    try:
        yield worker
    finally:
        stop.set()
        await task


def stop_at_commit(where: str, after: int) -> None:
    """SIGSTOP to ourselves at the `after`-th commit request of a transaction that holds an intent: before it
    leaves, or before its answer is read.
    """
    send, commit = AIOKafkaConnection.send, TransactionalProducer.commit
    with_intent: set[str] = set()
    count = 0

    async def noted(self: TransactionalProducer, staged: Staged) -> None:
        name = self._producer._txn_manager.transactional_id
        with_intent.discard(name)
        if any(b'"doing": [' in (entry.value or b"") for entry in staged.entries):
            with_intent.add(name)
        await commit(self, staged)

    def counted(self: Any, request: Any, expect_response: bool = True) -> Any:
        nonlocal count
        if not isinstance(request, EndTxnRequest) or request._transactional_id not in with_intent:
            return send(self, request, expect_response)
        count += 1
        if count == after and where == "request":
            stop_here()
        answer = send(self, request, expect_response)
        if count == after and where == "answer":
            stop_here()
        return answer

    def stop_here() -> None:
        print(f"stopping at the {where} of a commit", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)

    AIOKafkaConnection.send = counted
    TransactionalProducer.commit = noted  # type: ignore[method-assign]


async def tell(worker: Worker) -> None:
    told: dict[int, Phase] = {}
    while True:
        now = {number: health.phase for number, health in worker.partitions.health().items()}
        for number, phase in now.items():
            if told.get(number) is not phase:
                print(f"{phase.value} {number}", flush=True)
        told = now
        await asyncio.sleep(0.02)


async def main(part: Part) -> None:
    logs.configure(logs.LogOptions(format=logs.LogFormat.CONSOLE))
    if part.stops_at:
        stop_at_commit(part.stops_at, part.stops_after)
    worker, stop = Worker(part), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    telling = asyncio.create_task(tell(worker))
    await worker.run(stop)
    telling.cancel()


if __name__ == "__main__":
    asyncio.run(main(Part(**json.loads(sys.argv[1]))))
