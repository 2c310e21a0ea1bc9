"""What cannot be understood is a dead letter with its reason and its bytes; its neighbours do not notice."""

import asyncio
import importlib.metadata
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.record.util import calc_crc32c

from gateway.kafka.transactions import send_any
from tests.integration.gateway_process import GatewayProcess, command, own_settings, sandbox_url, wait_until
from tests.integration.poison import CANARY, Sent, body, good, harmless, poison, reused


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sandbox_url(tmp_path_factory.mktemp("sandbox")) as url:
        yield url


async def publish(bootstrap: str, topic: str, records: Sequence[Sent], partition: int = 0) -> None:
    """All into one partition, so that each lies beside the others, a good one after each bad one."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=50)
    await producer.start()
    try:
        for record in records:
            headers = list(record.headers)
            await (
                await send_any(producer, topic, record.key, record.value, headers, partition)
                if record.key is None
                else await producer.send(
                    topic, record.value, key=record.key, headers=headers, partition=partition
                )
            )
    finally:
        await producer.stop()


async def read_all(bootstrap: str, topic: str, count: int) -> list[ConsumerRecord[Any, Any]]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(count)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[ConsumerRecord[Any, Any]] = []
        while any([await consumer.position(where) < end for where, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += batch
        return found
    finally:
        await consumer.stop()


def answered(settings: dict[str, str]) -> dict[str, list[str]]:
    """The keys that were answered, with the types of the answers."""
    shown = command("events", "--json", settings=settings)
    found: dict[str, list[str]] = {}
    for line in shown.stdout.splitlines():
        event = json.loads(line)
        if "commandId" in event["data"]:
            found.setdefault(event["key"], []).append(event["headers"]["ce_type"])
    return found


def judge(settings: dict[str, str], records: Sequence[tuple[int, int, Sent]], letters: Sequence[Any]) -> None:
    """Each bad one once among the dead letters, as it came and with what is added; no good one there."""
    version = importlib.metadata.version("pos-gateway").encode()
    topic = settings["GATEWAY_TOPICS__COMMANDS"].encode()
    found: dict[tuple[int, int], Any] = {}
    for letter in letters:
        last = dict(letter.headers)
        place = int(last["dlq.partition"]), int(last["dlq.offset"])
        assert place not in found, f"{place} twice"
        found[place] = letter
    assert len(found) == sum(record.reason is not None for _, _, record in records)
    for partition, offset, record in records:
        place = partition, offset
        if record.reason is None:
            assert place not in found, record.name
            continue
        letter = found[place]
        assert (letter.key, letter.value) == (record.key, record.value), record.name
        assert tuple(letter.headers[: len(record.headers)]) == record.headers, record.name
        added = dict(letter.headers[len(record.headers) :])
        assert added["dlq.reason"] == (record.reason or "").encode(), (record.name, added)
        assert (added["dlq.topic"], added["dlq.version"]) == (topic, version)
        assert abs(int(added["dlq.timestamp"]) - letter.timestamp) < 600_000
        assert added["dlq.message"], record.name
        assert CANARY.encode() not in b"".join(added.values()), record.name


def test_each_kind_of_bad_record_is_one_dead_letter_and_its_neighbours_are_answered(
    kafka: Any, sandbox: str
) -> None:
    settings = own_settings(kafka.bootstrap_servers, sandbox)
    assert command("topics", "create", "--partitions", "2", settings=settings).returncode == 0
    kinds = poison()
    assert len(kinds) >= 60
    assert len({kind.name for kind in kinds}) == len(kinds)
    mixed = [record for number, bad in enumerate(kinds, start=1) for record in (bad, good(number))]
    records = [*reused(), *mixed, *harmless()]
    half = len(records) // 2
    topic, wanted = settings["GATEWAY_TOPICS__COMMANDS"], {r.key for r in records if r.reason is None}
    asyncio.run(publish(kafka.bootstrap_servers, topic, records[:half]))
    with GatewayProcess(settings) as gateway:
        gateway.wait_ready(partitions=2)
        # What is taken in is not read again by the next one.
        assert gateway.terminate() == 0, gateway.output
    asyncio.run(publish(kafka.bootstrap_servers, topic, records[half:]))
    with GatewayProcess(settings) as gateway:
        gateway.wait_ready(partitions=2)
        wait_until(lambda: len(answered(settings)) == len(wanted), "every good command is answered", 90)
        metrics = gateway.get("/metrics")[1].decode()
        assert gateway.terminate() == 0, gateway.output
        assert "Traceback" not in gateway.output
        assert CANARY not in gateway.output + metrics
    assert all(len(types) == 1 for types in answered(settings).values())
    letters = asyncio.run(read_all(kafka.bootstrap_servers, settings["GATEWAY_TOPICS__DLQ"], 2))
    judge(settings, [(0, offset, record) for offset, record in enumerate(records)], letters)


def test_one_bad_record_in_each_partition_of_the_same_fetch(kafka: Any, sandbox: str) -> None:
    settings = own_settings(kafka.bootstrap_servers, sandbox)
    count = 8
    assert command("topics", "create", "--partitions", str(count), settings=settings).returncode == 0
    topic = settings["GATEWAY_TOPICS__COMMANDS"]
    kinds = poison()
    placed = []
    for number in range(count):
        lot = [good(2 * number), kinds[number * 7], good(2 * number + 1)]
        asyncio.run(publish(kafka.bootstrap_servers, topic, lot, number))
        placed += [(number, offset, record) for offset, record in enumerate(lot)]
    with GatewayProcess(settings) as gateway:
        gateway.wait_ready(partitions=count)
        wait_until(lambda: len(answered(settings)) == 2 * count, "every good command is answered")
        assert gateway.terminate() == 0, gateway.output
    letters = asyncio.run(read_all(kafka.bootstrap_servers, settings["GATEWAY_TOPICS__DLQ"], count))
    judge(settings, placed, letters)


PLACEHOLDER = b"header-key-to-be"
CRC_AT, CRC_COVERS_FROM = 17, 21
"""Where a record batch of version 2 has its CRC-32C, and from where on it is computed (Kafka protocol guide)."""


async def publish_undecodable(bootstrap: str, topic: str) -> None:
    """A batch as a producer in another language could write it: the bytes of a header key are no UTF-8."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        batch = producer.create_batch()
        batch.append(key=b"bad", value=body(), timestamp=None, headers=[(PLACEHOLDER.decode(), b"1")])
        raw = bytearray(batch._build())
        at = raw.index(PLACEHOLDER)
        raw[at : at + len(PLACEHOLDER)] = b"\xff" * len(PLACEHOLDER)
        raw[CRC_AT:CRC_COVERS_FROM] = calc_crc32c(raw[CRC_COVERS_FROM:]).to_bytes(4, "big")
        batch._buffer = raw
        await (await producer.send_batch(batch, topic, partition=0))
    finally:
        await producer.stop()


def test_a_batch_that_cannot_be_decoded_stops_its_partition_alone(kafka: Any, sandbox: str) -> None:
    settings = own_settings(kafka.bootstrap_servers, sandbox)
    topic = settings["GATEWAY_TOPICS__COMMANDS"]
    assert command("topics", "create", "--partitions", "2", settings=settings).returncode == 0
    asyncio.run(publish(kafka.bootstrap_servers, topic, [good(1)]))
    asyncio.run(publish_undecodable(kafka.bootstrap_servers, topic))
    with GatewayProcess(settings) as gateway:
        wait_until(lambda: "stopped at offset 1" in str(gateway.ready().get("checks")), "the partition stops")
        checks = gateway.ready()["checks"]
        assert checks["partition-1"] == "ok"
        assert gateway.get("/readyz")[0] == 503
        assert gateway.get("/livez")[0] == 200
        wait_until(
            lambda: b'"good-1"' in command("events", "--json", settings=settings).stdout,
            "the record before the bad one is answered",
        )
        assert gateway.terminate() == 0, gateway.output
