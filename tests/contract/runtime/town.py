"""A broker with short sessions and a second, proxied listener; workers as processes; and the one auditor."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition

from gateway.demo.broker import EmbeddedKafka, _free_ports
from tests.contract.clusters import consuming, make_topics
from tests.contract.runtime.proxy import listeners
from tests.contract.runtime.worker import Act, Part, acts

PARTITIONS = 6
KEYS = 60
QUIET_SECONDS = 1.0


class TownKafka(EmbeddedKafka):
    """Sessions of two seconds are allowed; whoever comes by `proxied_port` is sent back to that port."""

    def __init__(self) -> None:
        port, self.behind_proxy_port, self.proxied_port, controller = _free_ports(4)
        super().__init__(
            port=port,
            properties={
                **listeners(port, self.behind_proxy_port, self.proxied_port, controller),
                "controller.quorum.voters": f"1@127.0.0.1:{controller}",
                "group.min.session.timeout.ms": "1000",
            },
        )


class WorkerProcess:
    """`python -m tests.contract.runtime.worker` under a guard, so that it never outlives us."""

    def __init__(self, part: Part, folder: Path) -> None:
        self.part = part
        self.told_path = folder / f"{part.name}.log"
        out = self.told_path.open("ab")
        command = [sys.executable, "-m", "tests.contract.runtime.worker", part.as_argument()]
        with out:
            self._guard = subprocess.Popen(
                [sys.executable, "-m", "gateway.demo.guard", "", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                start_new_session=True,
            )
        assert self._guard.stdout is not None
        self.pid = int(self._guard.stdout.readline())

    def told(self) -> str:
        return self.told_path.read_text(errors="replace")

    def opens(self) -> int:
        return self.told().count("\nopen ") + self.told().startswith("open ")

    async def says(self, text: str, timeout_seconds: float = 30.0) -> None:
        deadline = time.monotonic() + timeout_seconds
        while text not in self.told():
            assert time.monotonic() < deadline, (
                f"{self.part.name} never said {text!r}:\n{self.told()[-3000:]}"
            )
            await asyncio.sleep(0.02)

    async def opened(self, more_than: int = 0) -> None:
        deadline = time.monotonic() + 30
        while self.opens() <= more_than:
            assert time.monotonic() < deadline, f"{self.part.name} opens nothing:\n{self.told()[-3000:]}"
            await asyncio.sleep(0.02)

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    async def end(self, number: signal.Signals) -> int:
        """The exit code as a guard sees it: negative for a signal."""
        with contextlib.suppress(ProcessLookupError):
            if self._guard.poll() is None:
                os.kill(self.pid, number)
        code = await asyncio.to_thread(self._guard.wait, 30)
        for pipe in (self._guard.stdin, self._guard.stdout):
            if pipe is not None:
                pipe.close()
        return code


class Town:
    """Topics, group, ledger and commands of one test, and what it must come to."""

    def __init__(self, bootstrap: str, folder: Path, part: Part, producer: AIOKafkaProducer) -> None:
        self.bootstrap = bootstrap
        self.folder = folder
        self.part = part
        self.ledger = Path(part.ledger)
        self._producer = producer
        self._names = itertools.count()
        self._workers: list[WorkerProcess] = []
        self.commands: dict[str, list[str]] = defaultdict(list)

    def worker(self, **changes: Any) -> WorkerProcess:
        """`changes` of the town's `Part`."""
        part = replace(self.part, name=f"w{next(self._names)}", **changes)
        process = WorkerProcess(part, self.folder)
        self._workers.append(process)
        return process

    async def send(self, count: int, keys: int = KEYS) -> None:
        for _ in range(count):
            number = sum(map(len, self.commands.values()))
            key, name = f"c:{number % keys}", str(number)
            self.commands[key].append(name)
            await self._producer.send(self.part.topics.commands, f"{name}:1".encode(), key=key.encode())
        await self._producer.flush()

    async def send_steadily(self, count: int, per_second: int) -> None:
        for _ in range(count // 10):
            await self.send(10)
            await asyncio.sleep(10 / per_second)

    async def end_all(self) -> None:
        for worker in self._workers:
            with contextlib.suppress(ProcessLookupError):
                worker.send_signal(signal.SIGCONT)
            await worker.end(signal.SIGKILL)

    async def events(self, timeout_seconds: float) -> dict[str, list[dict[str, int | str]]]:
        """All events by key: until as many are there as commands were sent and then for a while no more."""
        wanted = sum(map(len, self.commands.values()))
        found: dict[str, list[dict[str, int | str]]] = defaultdict(list)
        count, deadline = 0, time.monotonic() + timeout_seconds
        quiet_since = time.monotonic()
        async with consuming(self.bootstrap) as consumer:
            where = [TopicPartition(self.part.topics.events, n) for n in range(self.part.partitions)]
            consumer.assign(where)
            await consumer.seek_to_beginning(*where)
            while count < wanted or time.monotonic() - quiet_since < QUIET_SECONDS:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    for record in records:
                        found[(record.key or b"").decode()].append(json.loads(record.value or b""))
                        count, quiet_since = count + 1, time.monotonic()
                if count < wanted and time.monotonic() > deadline:
                    logs = "\n".join(f"{w.part.name}:\n{w.told()[-1500:]}" for w in self._workers)
                    raise AssertionError(f"{count} of {wanted} answered\n{logs}")
        return found

    async def audit(self, timeout_seconds: float = 40.0) -> list[Act]:
        """Each command answered once, in its key's order; each effect once, by the owner of its time."""
        found = await self.events(timeout_seconds)
        assert set(found) == set(self.commands)
        for key, ids in self.commands.items():
            assert [event["id"] for event in found[key]] == ids, f"{key}: answered once and in order"
            assert [event["sequence"] for event in found[key]] == list(range(1, len(ids) + 1))
            assert [event["sum"] for event in found[key]] == list(range(1, len(ids) + 1))
        done = acts(self.ledger)
        assert_owners_in_turn(done)
        times = Counter(act.id for act in done)
        assert set(times) == {name for ids in self.commands.values() for name in ids}
        # The world is looked at before an effect is tried again, and it knows of each at once.
        assert {name: n for name, n in times.items() if n > 1} == {}
        return done


def assert_owners_in_turn(done: list[Act]) -> None:
    """Nobody acts on a partition once a later owner has."""
    newest: dict[int, Act] = {}
    for act in done:
        before = newest.setdefault(act.partition, act)
        assert act.epoch >= before.epoch, f"a stale owner acted: {act} after {before}"
        newest[act.partition] = act


@contextlib.asynccontextmanager
async def town(
    bootstrap: str, folder: Path, partitions: int = PARTITIONS, **state: str
) -> AsyncIterator[Town]:
    """`state` are settings of the state topic, with _ for the dots."""
    names = await make_topics(bootstrap, partitions, **state)
    prefix = names.commands.removesuffix(".commands")
    part = Part("w", bootstrap, prefix, prefix, partitions, str(folder / "ledger"))
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    here = Town(bootstrap, folder, part, producer)
    try:
        yield here
    finally:
        await here.end_all()
        await producer.stop()
