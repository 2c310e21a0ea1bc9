"""What the runtime relies on in a log: one suite for the log in memory and for the real Kafka."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.demo.broker import EmbeddedKafka
from gateway.kafka.log import BrokerTrouble, Entry, Fenced, Log, Staged
from gateway.kafka.records import Channel, Outgoing
from tests.contract.clusters import REFUSED_BYTES, Cluster, MemoryCluster, entries, kafka_cluster


@pytest.fixture(params=["memory", "kafka"])
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    if request.param == "memory":
        yield MemoryCluster()
        return
    broker: EmbeddedKafka = request.getfixturevalue("kafka")
    async with kafka_cluster(broker.bootstrap_servers) as real:
        yield real


def staged(name: str, position: int | None = None, value: bytes | None = None) -> Staged:
    entry = Entry(b"c:1", name.encode() if value is None else value, (("v", b"1"), ("none", None)))
    return Staged((entry,), (Outgoing(Channel.EVENTS, b"c:1", name.encode(), ()),), position)


async def values(log: Log, partition: int = 0) -> list[bytes | None]:
    return [entry.value for entry in await entries(log, partition)]


async def test_what_is_committed_comes_back_in_order_with_its_headers(cluster: Cluster) -> None:
    log = cluster.log("a")
    producer = await log.fence(0)
    for number in range(12):
        one = Entry(f"c:{number % 3}".encode(), f"{number}".encode(), (("v", b"1"), ("none", None)))
        await producer.commit(Staged((one, Entry(b"gone", None, ())), (), None))
    found = await entries(log)
    assert [entry.value for entry in found[::2]] == [str(n).encode() for n in range(12)]
    assert all(entry == Entry(b"gone", None, ()) for entry in found[1::2])
    assert found[0].headers == (("v", b"1"), ("none", None))
    await producer.close()


async def test_an_empty_log_has_no_state_no_group_offset_and_no_commands(cluster: Cluster) -> None:
    log = cluster.log("a")
    assert await entries(log) == []
    assert (await log.beginning(0), await log.end(0), await log.committed(0)) == (0, 0, None)
    await cluster.command(0, b"x")
    await cluster.command(0, b"y")
    assert (await log.beginning(0), await log.end(0), await log.end(1)) == (0, 2, 0)


@pytest.mark.parametrize("step", ["offsets", "commit"])
async def test_an_open_transaction_is_seen_by_nobody(cluster: Cluster, step: str) -> None:
    log = cluster.log("a")
    producer = await log.fence(0)
    await producer.commit(staged("before", 1))
    hold = cluster.hold(producer, "a", step)
    committing = asyncio.create_task(producer.commit(staged("open", 2)))
    await hold.reached.wait()
    assert await values(log) == [b"before"]
    assert await cluster.events(0) == [b"before"]
    assert await log.committed(0) == 1
    hold.go.set()
    await committing
    assert await values(log) == [b"before", b"open"]
    assert await cluster.events(0) == [b"before", b"open"]
    assert await log.committed(0) == 2
    await producer.close()


@pytest.mark.parametrize("step", ["offsets", "commit"])
async def test_a_fence_in_the_middle_of_a_transaction_takes_all_of_it_back(
    cluster: Cluster, step: str
) -> None:
    old, new = cluster.log("old"), cluster.log("new")
    first = await old.fence(0)
    await first.commit(staged("before", 1))
    hold = cluster.hold(first, "old", step)
    committing = asyncio.create_task(first.commit(staged("stale", 2)))
    await hold.reached.wait()
    second = await new.fence(0)
    # The last stable offset moves over what was aborted, and the restore comes to an end behind it.
    assert await values(new) == [b"before"]
    hold.go.set()
    with pytest.raises(Fenced):
        await committing
    await second.commit(staged("after", 3))
    assert await values(new) == [b"before", b"after"]
    assert await cluster.events(0) == [b"before", b"after"]
    assert await new.committed(0) == 3
    await first.close()
    await second.close()


async def test_a_fenced_producer_cannot_begin_again(cluster: Cluster) -> None:
    old, new = cluster.log("old"), cluster.log("new")
    first = await old.fence(0)
    second = await new.fence(0)
    with pytest.raises(Fenced):
        await first.commit(staged("stale", 7))
    assert await values(new) == []
    assert await new.committed(0) is None
    await second.commit(staged("mine"))
    assert await values(new) == [b"mine"]
    await first.close()
    await second.close()


async def test_a_fencing_that_shows_between_two_records_is_told_as_one(cluster: Cluster) -> None:
    old, new = cluster.log("old"), cluster.log("new")
    first = await old.fence(0)
    second = await new.fence(0)
    hold = cluster.hold(first, "old", "send")
    committing = asyncio.create_task(first.commit(staged("stale", 2)))
    # The client hears of it meanwhile, and has no transaction any more when the next record comes.
    await asyncio.wait({committing}, timeout=0.5)
    hold.go.set()
    with pytest.raises(Fenced):
        await committing
    assert await values(new) == []
    await first.close()
    await second.close()


async def test_a_fence_reaches_its_own_partition_alone(cluster: Cluster) -> None:
    old, new = cluster.log("old"), cluster.log("new")
    first, other = await old.fence(0), await old.fence(1)
    second = await new.fence(0)
    await other.commit(staged("other"))
    assert await values(new, 1) == [b"other"]
    assert await values(new, 0) == []
    for producer in (first, other, second):
        await producer.close()


async def test_one_refused_record_takes_the_whole_transaction_with_it(cluster: Cluster) -> None:
    log = cluster.log("a")
    producer = await log.fence(0)
    small = Entry(b"c:0", b"small", ())
    large = Entry(b"c:1", b"x" * REFUSED_BYTES, ())
    told = Outgoing(Channel.EVENTS, b"c:0", b"told", ())
    with pytest.raises(BrokerTrouble):
        await producer.commit(Staged((small, large), (told,), 5))
    await producer.close()
    again = await log.fence(0)
    assert await values(log) == []
    assert await cluster.events(0) == []
    assert await log.committed(0) is None
    await again.commit(staged("after"))
    assert await values(log) == [b"after"]
    await again.close()


async def test_a_record_just_below_the_bound_is_taken(cluster: Cluster) -> None:
    log = cluster.log("a")
    producer = await log.fence(0)
    many = tuple(Entry(f"c:{n}".encode(), b"x" * 400_000, ()) for n in range(6))
    large = Entry(b"c:large", b"x" * 2_000_000, ())
    await producer.commit(Staged((*many, large), (), None))
    found = await entries(log)
    assert [len(entry.value or b"") for entry in found] == [400_000] * 6 + [2_000_000]
    await producer.close()


async def test_the_broker_ends_a_transaction_that_takes_too_long(cluster: Cluster) -> None:
    log = cluster.short_log("a")
    producer = await log.fence(0)
    hold = cluster.hold(producer, "a", "commit")
    committing = asyncio.create_task(producer.commit(staged("late", 4)))
    await hold.reached.wait()
    await asyncio.sleep(cluster.transaction_timeout_seconds * 3 + 0.5)
    hold.go.set()
    with pytest.raises(Fenced):
        await committing
    assert await values(log) == []
    assert await log.committed(0) is None
    await producer.close()
    again = await log.fence(0)
    await again.commit(staged("again"))
    assert await values(log) == [b"again"]
    await again.close()


async def test_a_commit_whose_answer_nobody_hears_is_whole(cluster: Cluster) -> None:
    log = cluster.log("a")
    producer = await log.fence(0)
    hold = cluster.hold(producer, "a", "answer")
    committing = asyncio.create_task(producer.commit(staged("unheard", 9)))
    await hold.reached.wait()
    committing.cancel()
    await asyncio.gather(committing, return_exceptions=True)
    await producer.close()
    again = await log.fence(0)
    assert await values(log) == [b"unheard"]
    assert await cluster.events(0) == [b"unheard"]
    assert await log.committed(0) == 9
    await again.close()


async def test_a_dead_letter_with_neither_key_nor_value_is_taken(cluster: Cluster) -> None:
    log = cluster.log("a")
    producer = await log.fence(1)
    empty = Outgoing(Channel.DEAD_LETTERS, None, None, (("dlq.reason", b"none"), ("null", None)))
    await producer.commit(Staged((Entry(b"c:1", b"x", ()),), (empty, empty), 3))
    assert await cluster.dead_letters() == [empty, empty]
    assert await log.committed(1) == 3
    await producer.close()
