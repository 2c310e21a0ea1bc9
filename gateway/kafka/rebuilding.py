"""An operator's act: a partition whose state is lost is given another, by the partition's own transactional id.

Whoever owned it is fenced. The checkpoint comes with the last transaction, so an act that breaks off in the middle
leaves none, and is done again. Refused where there is a checkpoint, since a state that is there knows more than
what was told of it, and while anybody owns a partition.
"""

from collections.abc import Sequence
from itertools import islice

from aiokafka import TopicPartition

from gateway.kafka.changelog import Checkpoint, Unreadable, checkpoint_entry
from gateway.kafka.checkpoints import last_checkpoint, looking
from gateway.kafka.limits import Limits
from gateway.kafka.log import Entry, Fenced, Staged
from gateway.kafka.opening import PartitionConfig, bounded
from gateway.kafka.survey import survey
from gateway.kafka.transactions import AioKafkaLog, BrokerConfig

ENTRIES_AT_ONCE = 500


class CannotRebuild(Exception):
    """`str()` says why; nothing was changed in this partition that counts."""


async def require_lost(broker: BrokerConfig, config: PartitionConfig, timeout_seconds: float) -> None:
    """Raises CannotRebuild where a gateway runs, or some of the state is there. Raises BrokerTrouble."""
    for standing in await survey(broker, config.partition_count, timeout_seconds):
        if standing.owner is not None:
            raise CannotRebuild(
                f"partition {standing.partition} is owned by {standing.owner.member}: stop all gateways first"
            )
        if standing.checkpoint is not None or standing.unreadable is not None:
            raise CannotRebuild(f"partition {standing.partition} has its state: nothing is lost there")


async def rebuild(
    broker: BrokerConfig,
    config: PartitionConfig,
    limits: Limits,
    number: int,
    entries: Sequence[Entry],
    position: int,
) -> None:
    """Write the state of one partition, and that it goes on at `position`. Raises CannotRebuild, BrokerTrouble."""
    log = AioKafkaLog(broker, limits)
    producer = await log.fence(number)
    try:
        async with looking(broker.connection, limits.fence_timeout_seconds) as consumer:
            recorded = await last_checkpoint(consumer, TopicPartition(broker.topics.state, number))
        if recorded.checkpoint is not None:
            raise CannotRebuild(f"partition {number} has its state: nothing is lost there")
        checkpoint = checkpoint_entry(Checkpoint(position, config.partition_count, config.group_id))
        rest = iter(entries)
        for some in iter(lambda: tuple(islice(rest, ENTRIES_AT_ONCE)), ()):
            await bounded(producer.commit(Staged(some, (), None)), limits.commit_timeout_seconds)
        await bounded(producer.commit(Staged((checkpoint,), (), position)), limits.commit_timeout_seconds)
    except Unreadable as unreadable:
        raise CannotRebuild(str(unreadable)) from unreadable
    except Fenced as fenced:
        raise CannotRebuild(
            f"partition {number} was taken over meanwhile: stop all gateways first"
        ) from fenced
    finally:
        await producer.close()
