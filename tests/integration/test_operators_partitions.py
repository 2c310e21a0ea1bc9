"""`partitions list|skip` beside a real gateway on a real Kafka, with batches that really cannot be decoded."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from gateway.kafka.changelog import CHECKPOINT_KEY
from gateway.kafka.limits import Limits
from gateway.kafka.log import Entry, Staged
from gateway.kafka.transactions import AioKafkaLog, BrokerConfig, TopicNames
from tests.contract.runtime.bad_batches import break_checksum, produce_header_that_is_no_text
from tests.contract.runtime.town import TownKafka
from tests.integration.gateway_process import GatewayProcess, command, own_settings, sandbox_url, wait_until

Settings = dict[str, str]
PARTITIONS = 3
BAD = 1


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sandbox_url(tmp_path_factory.mktemp("sandbox")) as url:
        yield url


def made(bootstrap: str, sandbox: str) -> Settings:
    settings = own_settings(bootstrap, sandbox)
    done = command("topics", "create", "--partitions", str(PARTITIONS), settings=settings)
    assert done.returncode == 0, done.stderr
    return settings


@pytest.fixture
def settings(kafka: Any, sandbox: str) -> Settings:
    return made(kafka.bootstrap_servers, sandbox)


def initiate(payment: str) -> tuple[bytes, list[tuple[str, bytes]]]:
    amount = {"value": 1250, "currency": "DKK"}
    data = {"paymentId": payment, "posId": str(uuid.uuid4()), "amount": amount, "capture": "automatic"}
    headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", str(uuid.uuid4())),
        ("ce_source", "/t"),
        ("ce_type", "payment.initiate"),
    ]
    return json.dumps(data).encode(), [(name, value.encode()) for name, value in headers]


async def send(settings: Settings, partition: int, *payments: str) -> None:
    """Each in a batch of its own."""
    producer = AIOKafkaProducer(bootstrap_servers=settings["GATEWAY_KAFKA__BOOTSTRAP_SERVERS"])
    await producer.start()
    try:
        for payment in payments:
            value, headers = initiate(payment)
            topic = settings["GATEWAY_TOPICS__COMMANDS"]
            await producer.send_and_wait(
                topic, value, key=payment.encode(), headers=headers, partition=partition
            )
    finally:
        await producer.stop()


async def send_batch(settings: Settings, payments: list[str], bad: int) -> None:
    """One batch, in which the record numbered `bad` cannot be decoded."""
    where = TopicPartition(settings["GATEWAY_TOPICS__COMMANDS"], BAD)
    records = [(payment.encode(), *initiate(payment)) for payment in payments]
    await produce_header_that_is_no_text(settings["GATEWAY_KAFKA__BOOTSTRAP_SERVERS"], where, records, bad)


async def read(settings: Settings, name: str) -> list[Any]:
    where = [TopicPartition(settings[f"GATEWAY_TOPICS__{name}"], number) for number in range(PARTITIONS)]
    async with AIOKafkaConsumer(
        bootstrap_servers=settings["GATEWAY_KAFKA__BOOTSTRAP_SERVERS"], isolation_level="read_committed"
    ) as consumer:
        consumer.assign(where)
        await consumer.seek_to_beginning(*where)
        ends = await consumer.end_offsets(where)
        found: list[Any] = []
        while any([await consumer.position(one) < end for one, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=100)).values():
                found += batch
        return found


def captured(settings: Settings) -> list[str]:
    """The paymentIds captured, as often as they were told."""
    events = asyncio.run(read(settings, "EVENTS"))
    return sorted(e.key.decode() for e in events if dict(e.headers)["ce_type"] == b"payment.captured")


def standing(settings: Settings, partition: int = BAD) -> dict[str, Any]:
    done = command("partitions", "list", "--json", settings=settings)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["partition"] for line in lines] == list(range(PARTITIONS))
    found: dict[str, Any] = lines[partition]
    return found


def skip(settings: Settings, offset: int, partition: int = BAD) -> Any:
    arguments = ("--partition", str(partition), "--offset", str(offset), "--json")
    return command("partitions", "skip", *arguments, settings=settings)


def stopped(gateway: GatewayProcess) -> bool:
    return "stopped" in gateway.ready()["checks"].get(f"partition-{BAD}", "")


def test_stopped_skipped_and_on_by_itself(settings: Settings) -> None:
    with GatewayProcess(settings) as gateway:
        gateway.wait_ready(partitions=PARTITIONS)
        asyncio.run(send(settings, BAD, "a"))
        asyncio.run(send_batch(settings, ["b", "c", "d"], bad=1))
        asyncio.run(send(settings, BAD, "e"))
        asyncio.run(send(settings, 0, "n-0"))
        wait_until(lambda: stopped(gateway), "stopped")
        wait_until(lambda: captured(settings) == ["a", "b", "n-0"], "what lies before it, and beside it")
        shown = standing(settings)
        assert shown["stopped"] == {"offset": 2, "nextOffset": 4, "error": "UnicodeDecodeError"}
        assert (shown["position"], shown["end"], shown["lag"]) == (2, 5, 3)
        assert shown["owner"] is not None
        assert standing(settings, 0)["stopped"] is None
        assert "cannot be decoded" in command("partitions", "list", settings=settings).stdout.decode()

        for wrong, words in ((1, b"stands at 2, not at 1"), (4, b"stands at 2, not at 4")):
            refused = skip(settings, wrong)
            assert refused.returncode == 1
            assert words in refused.stderr
        healthy = skip(settings, standing(settings, 0)["position"], 0)
        assert healthy.returncode == 1
        assert b"can be decoded" in healthy.stderr
        assert skip(settings, 0, 7).returncode == 2
        unresolved = command("reconcile", "--json", settings=settings)
        assert unresolved.returncode == 1
        first, summary = map(json.loads, unresolved.stdout.splitlines())
        assert (first["kind"], summary["Unresolved"]) == ("Unresolved", 1)
        assert f"{BAD}:2 to 3 cannot be decoded" in first["message"]
        # The owner was not so much as fenced by what was refused.
        assert stopped(gateway)
        assert "fenced" not in gateway.output

        done = skip(settings, 2)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["nextOffset"] == 4
        again = skip(settings, 2)
        assert again.returncode == 1
        gateway.wait_ready(partitions=PARTITIONS)
        wait_until(lambda: captured(settings) == ["a", "b", "e", "n-0"], "it goes on")
        asyncio.run(send(settings, BAD, "f"))
        asyncio.run(send(settings, 2, "n-2"))
        wait_until(lambda: captured(settings) == ["a", "b", "e", "f", "n-0", "n-2"], "and on")
        assert gateway.output.count("fenced by another owner") == 1
        assert gateway.terminate() == 0
    [letter] = asyncio.run(read(settings, "DLQ"))
    headers = {name: value.decode() for name, value in letter.headers}
    assert (letter.key, headers["dlq.reason"], headers["dlq.offset"]) == (None, "skipped", "2")
    assert json.loads(letter.value)["nextOffset"] == 4
    assert "@" in json.loads(letter.value)["skippedBy"]
    refused = command("dlq", "replay", settings=settings)
    assert refused.returncode == 1
    assert b"skipped batch" in refused.stdout
    resolved = command("reconcile", "--json", settings=settings)
    assert resolved.returncode == 0, resolved.stdout
    assert standing(settings)["lag"] == 0
    assert standing(settings)["owner"] is None


def test_an_idle_partition_stopped_from_the_start(settings: Settings) -> None:
    asyncio.run(send_batch(settings, ["x"], bad=0))
    asyncio.run(send(settings, BAD, "y"))
    early = skip(settings, 0)
    assert early.returncode == 1
    assert b"no checkpoint" in early.stderr
    with GatewayProcess(settings) as gateway:
        wait_until(lambda: gateway.ready() and stopped(gateway), "stopped")
        wait_until(lambda: skip(settings, 0).returncode == 0, "skipped")
        wait_until(lambda: captured(settings) == ["y"], "it goes on", 30)
    assert len(asyncio.run(read(settings, "DLQ"))) == 1


@pytest.mark.timeout(240)
def test_a_broken_checksum_with_no_gateway_and_two_operators(sandbox: str) -> None:
    with TownKafka() as broker:
        settings = made(broker.bootstrap_servers, sandbox)
        with GatewayProcess(settings) as gateway:
            gateway.wait_ready(partitions=PARTITIONS)
            asyncio.run(send(settings, BAD, "a"))
            wait_until(lambda: captured(settings) == ["a"], "captured")
            assert gateway.terminate() == 0
        asyncio.run(send(settings, BAD, "b", "c"))
        broker.stop()
        break_checksum(
            Path(broker.folder) / "data", TopicPartition(settings["GATEWAY_TOPICS__COMMANDS"], BAD), 1
        )
        broker.start()
        before = asyncio.run(checkpoint(settings))
        assert before["released"] == []
        assert standing(settings)["stopped"]["error"] == "CorruptRecordException"

        async def two_at_once() -> list[tuple[int, str]]:
            done = await asyncio.gather(*(asyncio.to_thread(skip, settings, 1) for _ in range(2)))
            return sorted((one.returncode, one.stderr.decode()) for one in done)

        ends = asyncio.run(two_at_once())
        # On a broker that has only just come back one of them may also run out of time, and say so.
        assert {code for code, _ in ends} <= {0, 1, 3}, ends
        assert [code for code, _ in ends].count(0) <= 1, ends
        if standing(settings)["position"] == 1:
            assert skip(settings, 1).returncode == 0
        assert asyncio.run(checkpoint(settings)) == {**before, "position": 2}, "the mark stays"
        assert len(asyncio.run(read(settings, "DLQ"))) == 1
        with GatewayProcess(settings) as gateway:
            wait_until(lambda: captured(settings) == ["a", "c"], "it goes on")


async def checkpoint(settings: Settings) -> dict[str, Any]:
    found = [r for r in await read(settings, "STATE") if r.key == CHECKPOINT_KEY and r.partition == BAD]
    last: dict[str, Any] = json.loads(found[-1].value)
    return last


def test_a_skip_that_is_fenced_in_the_middle_changes_nothing(settings: Settings) -> None:
    """The runtime's own producer of the partition, taken over between fence and commit."""
    names = TopicNames(
        *(settings[f"GATEWAY_TOPICS__{name}"] for name in ("COMMANDS", "EVENTS", "STATE", "DLQ"))
    )
    connection = {"bootstrap_servers": settings["GATEWAY_KAFKA__BOOTSTRAP_SERVERS"]}
    broker = BrokerConfig(settings["GATEWAY_KAFKA__GROUP_ID"], names, connection)

    async def play() -> None:
        from gateway.kafka import skipping
        from gateway.kafka.opening import PartitionConfig
        from gateway.kafka.records import Channel, Outgoing

        log = AioKafkaLog(broker, Limits())
        heir = None
        first = {"position": 0, "partitions": PARTITIONS, "group": broker.group_id}
        producer = await log.fence(BAD)
        entry = Entry(CHECKPOINT_KEY, json.dumps(first).encode(), (("v", b"1"),))
        await producer.commit(Staged((entry,), (), None))
        await producer.close()
        await send_batch(settings, ["x"], bad=0)

        def letter(found: object) -> Outgoing:
            return Outgoing(Channel.DEAD_LETTERS, None, b"skipped", ())

        async def skipped() -> object:
            where = TopicPartition(names.commands, BAD)
            config = PartitionConfig(broker.group_id, PARTITIONS)
            return await skipping.skip(broker, config, Limits(), where, 0, letter)

        checked = skipping._checked
        calls = 0

        async def overtaken(*arguments: Any) -> Any:
            nonlocal calls, heir
            calls += 1
            found = await checked(*arguments)
            if calls == 2:
                heir = await log.fence(BAD)
            return found

        skipping._checked = overtaken
        try:
            with pytest.raises(skipping.CannotSkip, match="taken over"):
                await skipped()
        finally:
            skipping._checked = checked
        assert await checkpoint(settings) == first
        assert await read(settings, "DLQ") == []
        assert heir is not None
        await heir.close()
        await skipped()
        assert (await checkpoint(settings))["position"] == 1
        assert len(await read(settings, "DLQ")) == 1

    asyncio.run(play())
