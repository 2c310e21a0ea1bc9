"""An operator's act: a partition is moved past a batch that the client cannot decode, once and on the record.

The checkpoint moves and the record of it is written in one transaction of the partition's own transactional id.
So whoever owns the partition is fenced, as by any new owner, and goes on from the checkpoint that it finds; and
of two operators one is refused. The act is no owner's: it sends nothing to the provider, and leaves the release
mark as it was. That is never too short, since the next owner counts its wait from its own fence, which is
later.

Nobody is fenced before it is certain that the batch stands where it is said to and cannot be decoded. Refused:
to skip whatever lies at an offset, which would lose commands that nobody answers.
"""

from collections.abc import Callable
from dataclasses import replace

from aiokafka import TopicPartition

from gateway.kafka.batches import Undecodable, find_undecodable
from gateway.kafka.changelog import Checkpoint, Unreadable, checkpoint_entry
from gateway.kafka.checkpoints import last_checkpoint, looking
from gateway.kafka.limits import Limits
from gateway.kafka.log import BrokerTrouble, Fenced, Staged
from gateway.kafka.opening import PartitionConfig, bounded
from gateway.kafka.records import Outgoing
from gateway.kafka.transactions import AioKafkaLog, BrokerConfig


class CannotSkip(Exception):
    """Nothing was changed. `str()` says why, and where the partition stands."""


async def skip(
    broker: BrokerConfig,
    config: PartitionConfig,
    limits: Limits,
    where: TopicPartition,
    offset: int,
    record: Callable[[Undecodable], Outgoing],
) -> Undecodable:
    """Move the commands partition `where`, which stands at `offset`, past what cannot be decoded there.

    `record` makes the dead letter that tells of it. Raises CannotSkip, BrokerTrouble.
    """
    number = where.partition
    await _checked(broker, config, number, offset)
    found = await find_undecodable(broker.connection, where, offset)
    if found is None:
        raise CannotSkip(
            f"partition {number} stands at {offset}, and what lies there can be decoded: nothing to skip"
        )
    producer = await AioKafkaLog(broker, limits).fence(number)
    try:
        # From here on nobody else writes without fencing us, so what is read now is what we move.
        checkpoint = await _checked(broker, config, number, offset)
        moved = checkpoint_entry(replace(checkpoint, position=found.next_offset))
        staged = Staged((moved,), (record(found),), None)
        try:
            await bounded(producer.commit(staged), limits.commit_timeout_seconds)
        except (Fenced, BrokerTrouble) as fault:
            await _settled(broker, limits, number, found, fault)
    finally:
        await producer.close()
    return found


async def _checked(broker: BrokerConfig, config: PartitionConfig, number: int, offset: int) -> Checkpoint:
    checkpoint = await _checkpoint(broker, number, Limits().fence_timeout_seconds)
    if checkpoint is None:
        raise CannotSkip(f"partition {number} has no checkpoint: no gateway has opened it yet")
    if (checkpoint.group_id, checkpoint.partition_count) != (config.group_id, config.partition_count):
        raise CannotSkip(
            f"the state was written by group {checkpoint.group_id!r} with {checkpoint.partition_count} "
            f"partitions, this is group {config.group_id!r} with {config.partition_count}"
        )
    if checkpoint.position != offset:
        raise CannotSkip(f"partition {number} stands at {checkpoint.position}, not at {offset}")
    return checkpoint


async def _checkpoint(broker: BrokerConfig, number: int, timeout_seconds: float) -> Checkpoint | None:
    async with looking(broker.connection, timeout_seconds) as consumer:
        try:
            return (await last_checkpoint(consumer, TopicPartition(broker.topics.state, number))).checkpoint
        except Unreadable as unreadable:
            raise CannotSkip(str(unreadable)) from unreadable


async def _settled(
    broker: BrokerConfig, limits: Limits, number: int, found: Undecodable, fault: Exception
) -> None:
    """The answer to the commit was not heard, or was a fencing: returns where it has taken effect all the same.

    Only a skip passes what cannot be decoded, and ours was the last to begin at this offset.
    """
    if not isinstance(fault, Fenced):
        # Settles the transaction whichever way it went; a fencing by another has done so already.
        await (await AioKafkaLog(broker, limits).fence(number)).close()
    checkpoint = await _checkpoint(broker, number, limits.fence_timeout_seconds)
    if checkpoint is not None and checkpoint.position >= found.next_offset:
        return
    if isinstance(fault, Fenced):
        raise CannotSkip(
            f"partition {number} was taken over meanwhile and stands where it stood: run it again"
        ) from fault
    raise fault
