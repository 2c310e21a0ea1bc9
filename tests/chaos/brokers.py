"""The brokers of a run, one or three, and the wire between them and the first gateway, which can be cut."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from gateway.demo.broker import EmbeddedKafka, _free_ports
from gateway.kafka.topics import TopicPlan
from tests.contract.runtime.proxy import Proxy, listeners

HERE = "127.0.0.1"
ASK_SECONDS = 10.0


class Brokers:
    """`bootstrap` leads straight to them; who comes by `wired_bootstrap` is sent back through `wires`, so that
    one gateway alone can lose them.
    """

    def __init__(self, count: int, folder: Path) -> None:
        self.count = count
        ports = _free_ports(4 * count)
        open_, behind, wired, controllers = (ports[start::4] for start in range(4))
        self.bootstrap = ",".join(f"{HERE}:{port}" for port in open_)
        self.wired_bootstrap = ",".join(f"{HERE}:{port}" for port in wired)
        self.wires = [Proxy(port, target) for port, target in zip(wired, behind, strict=True)]
        voters = ",".join(f"{number + 1}@{HERE}:{port}" for number, port in enumerate(controllers))
        copies, least = str(min(3, count)), str(min(2, count))
        self.nodes = [
            EmbeddedKafka(
                folder=folder / f"broker-{number + 1}",
                port=open_[number],
                properties={
                    **listeners(open_[number], behind[number], wired[number], controllers[number]),
                    "node.id": str(number + 1),
                    "controller.quorum.voters": voters,
                    "default.replication.factor": copies,
                    "min.insync.replicas": least,
                    "offsets.topic.replication.factor": copies,
                    "transaction.state.log.replication.factor": copies,
                    "transaction.state.log.min.isr": least,
                },
            )
            for number in range(count)
        ]

    async def start(self) -> None:
        """All at once: the first of three waits for a second."""
        await asyncio.gather(*(asyncio.to_thread(node.start) for node in self.nodes))

    async def stop(self) -> None:
        await asyncio.gather(*(asyncio.to_thread(node.stop) for node in self.nodes))

    async def restart(self, number: int, *, hard: bool) -> None:
        node = self.nodes[number]
        await asyncio.to_thread(node.kill if hard else node.stop)
        await asyncio.to_thread(node.start)

    async def leader(self, topic: str, partition: int) -> int:
        """Which of `nodes` leads it; the first where nobody says."""
        async with self._admin() as admin:
            told = await admin.describe_topics([topic])
        leaders = {one["partition"]: one["leader"] for one in told[0]["partitions"]}
        return max(0, int(leaders.get(partition, 1)) - 1)

    async def coordinator(self, group: str) -> int:
        async with self._admin() as admin:
            return max(0, int(await admin.find_coordinator(group)) - 1)

    async def committed(self, group: str) -> dict[int, int]:
        """The group's offset of each partition."""
        async with self._admin() as admin:
            found = await admin.list_consumer_group_offsets(group)
        return {where.partition: offset.offset for where, offset in found.items()}

    @contextlib.asynccontextmanager
    async def refusing(self, plans: Sequence[TopicPlan]) -> AsyncIterator[None]:
        """While this lasts no produce to the topics is taken: there are never so many copies in sync."""
        await self._demand(plans, self.count + 1)
        try:
            yield
        finally:
            await self._demand(plans, min(2, self.count))

    async def _demand(self, plans: Sequence[TopicPlan], copies: int) -> None:
        # The request replaces a topic's whole configuration, so what it has is said again.
        wanted = [
            ConfigResource(
                ConfigResourceType.TOPIC, plan.name, {**plan.settings, "min.insync.replicas": str(copies)}
            )
            for plan in plans
        ]
        for _ in range(20):
            with contextlib.suppress(KafkaError, OSError, asyncio.TimeoutError):
                async with self._admin() as admin:
                    await admin.alter_configs(wanted)
                    return
            await asyncio.sleep(0.5)
        raise AssertionError(f"min.insync.replicas could not be set to {copies}")

    @contextlib.asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=8_000)
        await asyncio.wait_for(admin.start(), ASK_SECONDS)
        try:
            yield admin
        finally:
            await admin.close()


@contextlib.asynccontextmanager
async def running(count: int) -> AsyncIterator[Brokers]:
    with tempfile.TemporaryDirectory(prefix="gateway-brokers-") as folder:
        brokers = Brokers(count, Path(folder))
        try:
            await brokers.start()
            async with contextlib.AsyncExitStack() as stack:
                for wire in brokers.wires:
                    await stack.enter_async_context(wire)
                yield brokers
        finally:
            await brokers.stop()
