"""Kafka's own Java client as the sender: the same bytes arrive, on the partition that our sender would choose."""

import base64
import uuid
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.partitioner import DefaultPartitioner

from gateway.codec import CommandLimits, RecordParts, read_command
from gateway.demo.broker import EmbeddedKafka
from gateway.domain.commands import Message
from gateway.published import example_messages
from gateway.published.examples import Example
from tests.interop.conftest import Java

PARTITIONS = 7
KEYS = [
    "p",
    "p-1",
    "Æ-ø 1",
    "0123456789" * 3 + "012345",
    *(str(uuid.UUID(int=number)) for number in range(60)),
]
SOURCE = Path(__file__).parent / "Producer.java"


def line(key: str, value: bytes, headers: dict[str, str]) -> str:
    parts = [key.encode(), value, *(f"{name}={text}".encode() for name, text in headers.items())]
    return "\t".join(base64.b64encode(part).decode() for part in parts)


async def test_what_java_sends_is_read_and_lies_where_ours_would(kafka: EmbeddedKafka, java: Java) -> None:
    topic = f"java-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
    await admin.close()
    commands = {path: each for path, each in example_messages().items() if path.startswith("commands/")}
    lines = [line(each.key or "", each.bytes(), each.headers) for each in commands.values()]
    lines += [line(key, b"{}", {}) for key in KEYS]

    said = java.run(SOURCE, kafka.bootstrap_servers, topic, stdin="\n".join(lines))

    keys = [*(example.key or "" for example in commands.values()), *KEYS]
    numbers = list(range(PARTITIONS))
    partitioner = DefaultPartitioner()
    assert [int(number) for number in said.split()] == [
        partitioner(key.encode(), numbers, numbers) for key in keys
    ]
    records = await arrived(kafka, topic, len(lines))
    for path, example in commands.items():
        assert meaning(records[example.bytes(), example.headers.get("ce_id", "")]) == meaning(
            example.record()
        ), path


async def arrived(kafka: EmbeddedKafka, topic: str, count: int) -> dict[tuple[bytes, str], RecordParts]:
    """By value and id."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, number) for number in range(PARTITIONS)])
        found, seen = {}, 0
        while seen < count:
            record = await consumer.getone()
            seen += 1
            id_ = dict(record.headers).get("ce_id", b"").decode()
            parts = RecordParts(record.key, record.value, tuple(record.headers), record.timestamp)
            found[record.value or b"", id_] = parts
        return found
    finally:
        await consumer.stop()


def meaning(record: RecordParts) -> object:
    """What does not hang on when it was sent."""
    message = read_command(record, CommandLimits())
    assert isinstance(message, Message), message
    return message.id, message.data, message.data_hash, message.correlation_id, message.trace_parent


def test_an_example_differs_from_another() -> None:
    least: Example = example_messages()["commands/payment.initiate.least"]
    assert meaning(least.record()) != meaning(example_messages()["commands/payment.initiate"].record())
