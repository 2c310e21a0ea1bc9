"""How the partitions stand, seen from outside: what the broker, the group and the changelog tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import for_code

from gateway.kafka.admin import administrator
from gateway.kafka.batches import Undecodable, find_undecodable
from gateway.kafka.changelog import Checkpoint, Unreadable
from gateway.kafka.checkpoints import last_checkpoint, looking
from gateway.kafka.transactions import BrokerConfig


@dataclass(frozen=True, slots=True)
class Owner:
    """The group's member that a partition is assigned to, as it names itself and from where."""

    member: str
    host: str


@dataclass(frozen=True, slots=True)
class Standing:
    """One partition. Offsets are of the commands but for `state_end`. `position`: the next command to accept,
    by the checkpoint; None where there is none. `undecodable`: what stops it there. `unreadable`: why the
    checkpoint says nothing. `owner` None: nobody owns it, or the group is on the move.
    """

    partition: int
    beginning: int
    end: int
    group_offset: int | None
    state_end: int
    checkpoint: Checkpoint | None = None
    undecodable: Undecodable | None = None
    unreadable: str | None = None
    owner: Owner | None = None

    @property
    def position(self) -> int | None:
        return None if self.checkpoint is None else self.checkpoint.position

    @property
    def lag(self) -> int:
        """Offsets that are not yet accepted; upstream's transaction markers count too."""
        position = self.position if self.position is not None else self.group_offset
        return max(0, self.end - max(self.beginning, position or 0))


async def survey(broker: BrokerConfig, count: int, timeout_seconds: float) -> list[Standing]:
    """All `count` partitions, looked at one after the other. Raises BrokerTrouble."""
    async with administrator(broker.connection, timeout_seconds) as admin:
        owners = await _owners(admin, broker)
        told = await admin.list_consumer_group_offsets(broker.group_id)
    offsets = {
        where.partition: m.offset for where, m in told.items() if where.topic == broker.topics.commands
    }
    async with looking(broker.connection, timeout_seconds) as consumer:
        return [
            await _standing(consumer, broker, number, offsets.get(number, -1), owners.get(number))
            for number in range(count)
        ]


async def _standing(
    consumer: AIOKafkaConsumer, broker: BrokerConfig, number: int, group_offset: int, owner: Owner | None
) -> Standing:
    where = TopicPartition(broker.topics.commands, number)
    state = TopicPartition(broker.topics.state, number)
    beginning = int((await consumer.beginning_offsets([where]))[where])
    end = int((await consumer.end_offsets([where]))[where])
    checkpoint, undecodable, unreadable = None, None, None
    try:
        recorded = await last_checkpoint(consumer, state)
        checkpoint, state_end = recorded.checkpoint, recorded.end
    except Unreadable as fault:
        unreadable, state_end = str(fault), int((await consumer.end_offsets([state]))[state])
    if checkpoint is not None and beginning <= checkpoint.position < end:
        undecodable = await find_undecodable(broker.connection, where, checkpoint.position)
    committed = group_offset if group_offset >= 0 else None
    return Standing(number, beginning, end, committed, state_end, checkpoint, undecodable, unreadable, owner)


async def _owners(admin: AIOKafkaAdminClient, broker: BrokerConfig) -> Mapping[int, Owner]:
    """By partition, as the group's coordinator has assigned them. Raises KafkaError."""
    owners: dict[int, Owner] = {}
    [answer] = await admin.describe_consumer_groups([broker.group_id])
    for code, _, _, _, _, members, *_ in answer.groups:
        if code:
            raise for_code(code)
        for member in members:
            for number in _assigned(member[4], broker.topics.commands):
                owners[number] = Owner(member[0], member[2].lstrip("/"))
    return owners


def _assigned(raw: Any, topic: str) -> list[int]:
    # A member that has just joined has no assignment yet.
    assignment = ConsumerProtocol.ASSIGNMENT.decode(raw) if raw else None
    return [] if assignment is None else [w.partition for w in assignment.partitions() if w.topic == topic]
