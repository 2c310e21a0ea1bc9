"""What cannot be understood is a dead letter with its reason and its bytes; its neighbours do not notice."""

import asyncio
import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.record.util import calc_crc32c

from tests.integration.gateway_process import GatewayProcess, command, own_settings, sandbox_url, wait_until

Headers = tuple[tuple[str, bytes | None], ...]
DATA = {"paymentId": "bad", "posId": str(uuid.uuid4()), "amount": {"value": 1250, "currency": "DKK"}}


@dataclass(frozen=True)
class Sent:
    """One record to send; `reason` None: it is a good one."""

    name: str
    reason: str | None
    key: bytes | None
    value: bytes | None
    headers: Headers


def attributes(**changes: bytes | None) -> Headers:
    given: dict[str, bytes | None] = {
        "ce_specversion": b"1.0",
        "ce_id": b"m-1",
        "ce_source": b"/orders",
        "ce_type": b"payment.initiate",
        "content-type": b"application/json",
        **changes,
    }
    return tuple((name, value) for name, value in given.items())


def without(name: str) -> Headers:
    return tuple(pair for pair in attributes() if pair[0] != name)


def body(**changes: object) -> bytes:
    return json.dumps({**DATA, **changes}).encode()


BAD = (
    Sent("null value", "invalid_data", b"bad", None, attributes()),
    Sent("empty value", "invalid_data", b"bad", b"", attributes()),
    Sent("not UTF-8", "invalid_data", b"bad", b'{"paymentId": "\xff\xfe"}', attributes()),
    Sent("not JSON", "invalid_data", b"bad", b"{", attributes()),
    Sent("null header", "malformed_envelope", b"bad", body(), attributes(ce_specversion=None)),
    Sent("null foreign header", None, b"good-0", body(paymentId="good-0"), (*attributes(), ("trace", None))),
    Sent("header not UTF-8", "malformed_envelope", b"bad", body(), attributes(ce_source=b"\xff\xfe")),
    Sent("attribute twice", "malformed_envelope", b"bad", body(), (*attributes(), ("ce_id", b"m-2"))),
    Sent("no headers", "malformed_envelope", b"bad", body(), ()),
    Sent("missing id", "missing_id", b"bad", body(), without("ce_id")),
    Sent("missing source", "missing_id", b"bad", body(), without("ce_source")),
    Sent("unknown type", "unknown_type", b"bad", body(), attributes(ce_type=b"payment.explode")),
    Sent("missing type", "unknown_type", b"bad", body(), without("ce_type")),
    Sent(
        "wrong types", "invalid_data", b"bad", body(amount={"value": "12.50", "currency": 208}), attributes()
    ),
    Sent("a float", "invalid_data", b"bad", body(amount={"value": 12.5, "currency": "DKK"}), attributes()),
    Sent("a list", "invalid_data", b"bad", b"[1, 2]", attributes()),
    Sent("900 kB", "too_large", b"bad", b"x" * 900_000, attributes()),
    Sent("another key", "key_mismatch", b"other", body(), attributes()),
    Sent("no key", "key_mismatch", None, body(), attributes()),
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sandbox_url(tmp_path_factory.mktemp("sandbox")) as url:
        yield url


async def publish(bootstrap: str, topic: str, records: Sequence[Sent]) -> None:
    """All into partition 0, so that each lies beside the others, a good one after each bad one."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=50)
    await producer.start()
    try:
        for record in records:
            await producer.send(
                topic, record.value, key=record.key, headers=list(record.headers), partition=0
            )
        await producer.flush()
    finally:
        await producer.stop()


async def read_all(bootstrap: str, topic: str) -> list[ConsumerRecord[Any, Any]]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed")
    await consumer.start()
    try:
        partitions = [
            TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic) or {0, 1})
        ]
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


def good(number: int) -> Sent:
    payment = f"good-{number}"
    headers = attributes(ce_id=f"good-{number}".encode())
    return Sent(payment, None, payment.encode(), body(paymentId=payment, posId=str(uuid.uuid4())), headers)


def test_each_bad_record_is_a_dead_letter_with_its_bytes_and_its_neighbours_are_answered(
    kafka: Any, sandbox: str
) -> None:
    settings = own_settings(kafka.bootstrap_servers, sandbox)
    assert command("topics", "create", "--partitions", "2", settings=settings).returncode == 0
    records = [record for number, bad in enumerate(BAD, start=1) for record in (bad, good(number))]
    asyncio.run(publish(kafka.bootstrap_servers, settings["GATEWAY_TOPICS__COMMANDS"], records))
    wanted = {record.key: record for record in records if record.reason is None}
    bad = [record for record in records if record.reason is not None]

    def answered() -> set[str]:
        shown = command("events", "--json", settings=settings)
        events = [json.loads(line) for line in shown.stdout.splitlines()]
        return {event["key"] for event in events if "commandId" in event["data"]}

    with GatewayProcess(settings) as gateway:
        gateway.wait_ready(partitions=2)
        wait_until(lambda: len(answered()) == len(wanted), "every good command is answered")
        assert gateway.terminate() == 0, gateway.output
        assert "Traceback" not in gateway.output

    letters = asyncio.run(read_all(kafka.bootstrap_servers, settings["GATEWAY_TOPICS__DLQ"]))
    by_offset = {int(dict(letter.headers)["dlq.offset"]): letter for letter in letters}
    assert len(by_offset) == len(letters) == len(bad)
    for offset, record in enumerate(records):
        if record.reason is None:
            assert offset not in by_offset, record.name
            continue
        letter = by_offset[offset]
        added = dict(letter.headers[len(record.headers) :])
        assert added["dlq.reason"] == record.reason.encode(), record.name
        assert added["dlq.topic"] == settings["GATEWAY_TOPICS__COMMANDS"].encode()
        assert added["dlq.partition"] == b"0"
        assert added["dlq.message"]
        assert (letter.key, letter.value) == (record.key, record.value), record.name
        assert tuple(letter.headers[: len(record.headers)]) == record.headers, record.name


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
