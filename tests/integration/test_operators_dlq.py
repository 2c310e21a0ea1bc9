"""`dlq list|show|replay` beside a real gateway on a real Kafka."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from gateway.kafka.transactions import send_any
from tests.integration.gateway_process import GatewayProcess, command, own_settings, sandbox_url, wait_until

Headers = tuple[tuple[str, bytes | None], ...]
PARTITIONS = 3


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sandbox_url(tmp_path_factory.mktemp("sandbox")) as url:
        yield url


@pytest.fixture
def settings(kafka: Any, sandbox: str) -> dict[str, str]:
    settings = own_settings(kafka.bootstrap_servers, sandbox)
    assert command("topics", "create", "--partitions", str(PARTITIONS), settings=settings).returncode == 0
    return settings


def attributes(**changes: bytes | None) -> Headers:
    given = {
        "ce_specversion": b"1.0",
        "ce_id": b"m-1",
        "ce_source": b"/orders",
        "ce_type": b"payment.initiate",
        **changes,
    }
    return tuple(given.items())


def initiate(payment: str, **changes: object) -> bytes:
    amount = {"value": 1250, "currency": "DKK"}
    return json.dumps(
        {"paymentId": payment, "posId": str(uuid.uuid4()), "amount": amount, **changes}
    ).encode()


async def publish(settings: dict[str, str], *records: tuple[bytes | None, bytes | None, Headers]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings["GATEWAY_KAFKA__BOOTSTRAP_SERVERS"])
    await producer.start()
    try:
        for key, value, headers in records:
            topic = settings["GATEWAY_TOPICS__COMMANDS"]
            await (await send_any(producer, topic, key, value, headers, 1))
    finally:
        await producer.stop()


async def read(settings: dict[str, str], topic: str) -> list[ConsumerRecord[Any, Any]]:
    async with AIOKafkaConsumer(
        bootstrap_servers=settings["GATEWAY_KAFKA__BOOTSTRAP_SERVERS"], isolation_level="read_committed"
    ) as consumer:
        where = [TopicPartition(settings[f"GATEWAY_TOPICS__{topic}"], number) for number in range(PARTITIONS)]
        consumer.assign(where)
        await consumer.seek_to_beginning(*where)
        ends = await consumer.end_offsets(where)
        found: list[ConsumerRecord[Any, Any]] = []
        while any([await consumer.position(one) < end for one, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += batch
        return found


def lines(*arguments: str, settings: dict[str, str], code: int = 0) -> list[dict[str, Any]]:
    broker_only = {name: value for name, value in settings.items() if not name.startswith("GATEWAY_POS__")}
    done = command("dlq", *arguments, "--json", settings=broker_only)
    assert done.returncode == code, done.stdout.decode() + done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def listed(settings: dict[str, str], *arguments: str) -> list[dict[str, Any]]:
    return lines("list", *arguments, settings=settings)


def test_listed_shown_repaired_by_a_replay_with_a_new_time(settings: dict[str, str]) -> None:
    stale = attributes(ce_id=b"m-2", ce_time=b"not a time", note=None)
    odd = attributes(ce_id=b"m-3", ce_type=b"payment.explode", raw=b"\xff\x00")
    with GatewayProcess(settings) as gateway:
        gateway.wait_ready(partitions=PARTITIONS)
        asyncio.run(
            publish(
                settings,
                (b"p-2", initiate("p-2", capture="automatic"), stale),
                (b"p-3", b"\xff{", odd),
                (None, None, ()),
            )
        )
        wait_until(lambda: len(listed(settings)) == 3, "three dead letters")
        by_reason = {one["reason"]: one for one in listed(settings)}
        assert set(by_reason) == {"malformed_envelope", "unknown_type"}
        assert [one["id"] for one in listed(settings, "--reason", "unknown_type")] == ["m-3"]
        assert [one["id"] for one in listed(settings, "--payment", "p-2")] == ["m-2"]
        assert [one["id"] for one in listed(settings, "--key", "p-3")] == ["m-3"]
        assert listed(settings, "--since", "2h") == listed(settings)
        assert listed(settings, "--since", "2099-01-01T00:00:00Z") == []
        assert listed(settings, "--limit", "1") == listed(settings)[-1:]
        by_partition = [listed(settings, "--partition", str(number)) for number in range(PARTITIONS)]
        assert sum(map(len, by_partition)) == 3

        place = f"{by_reason['unknown_type']['partition']}:{by_reason['unknown_type']['offset']}"
        [shown] = lines("show", place, settings=settings)
        assert shown["value"] == {"base64": "/3s="}
        assert {"name": "raw", "value": {"base64": "/wA="}} in shown["headers"]
        text = command("dlq", "show", place, settings=settings).stdout.decode()
        assert "hex ff7b" in text
        assert lines("show", "0:999", settings=settings, code=1) == []
        assert lines("show", "here", settings=settings, code=2) == []
        assert lines("list", "--partition", "7", settings=settings, code=2) == []

        before = len(asyncio.run(read(settings, "COMMANDS")))
        wish = ("replay", "--payment", "p-2", "--renew-time")
        [would] = lines(*wish, "--dry-run", settings=settings)
        assert would["outcome"] == "would_replay"
        assert len(asyncio.run(read(settings, "COMMANDS"))) == before
        [done] = lines(*wish, settings=settings)
        assert done["outcome"] == "replayed"
        wait_until(
            lambda: any(
                dict(e.headers)["ce_type"] == b"payment.captured"
                for e in asyncio.run(read(settings, "EVENTS"))
            ),
            "the replayed command is answered",
        )
        # Sent once more it is a repeat of the same message: no second answer.
        lines(*wish, settings=settings)
        assert gateway.terminate() == 0
    commands = [r for r in asyncio.run(read(settings, "COMMANDS")) if r.key == b"p-2"]
    assert len({record.partition for record in commands}) == 1, "one key, one partition"
    first, second, _ = commands
    assert first.value == second.value
    came, again = dict(first.headers), dict(second.headers)
    assert again == {**came, "ce_time": again["ce_time"], "dlq.replays": b"1"}
    assert again["ce_time"] != b"not a time"
    answers = [
        json.loads(e.value) for e in asyncio.run(read(settings, "EVENTS")) if b'"commandId"' in e.value
    ]
    assert [answer["commandId"] for answer in answers] == ["m-2"]


def test_three_rounds_and_not_a_fourth_and_no_doubling(settings: dict[str, str]) -> None:
    with GatewayProcess(settings) as gateway:
        gateway.wait_ready(partitions=PARTITIONS)
        asyncio.run(publish(settings, (b"p-1", b"{", attributes()), (None, b"?", ())))
        wait_until(lambda: len(listed(settings)) == 2, "two dead letters")
        for count in (1, 2, 3):
            done = lines("replay", settings=settings)
            assert sum(one["outcome"] == "replayed" for one in done) == 2, done
            wait_until(
                lambda count=count: len(listed(settings)) == 2 + 2 * count, f"they came back for the {count}."
            )
        done = lines("replay", settings=settings, code=1)
        assert sorted(one["outcome"] for one in done) == ["refused"] * 2 + ["superseded"] * 6
        assert len(listed(settings)) == 8
        # At most so many of what is left.
        asyncio.run(publish(settings, *((b"p-1", b"%d" % n, attributes()) for n in range(3))))
        wait_until(lambda: len(listed(settings)) == 11, "three more")
        done = lines("replay", "--reason", "invalid_data", "--max", "2", settings=settings, code=1)
        assert [one["outcome"] for one in done].count("replayed") == 2
        assert [one["outcome"] for one in done].count("left") == 1
        assert gateway.terminate() == 0
    keyless = [r for r in asyncio.run(read(settings, "COMMANDS")) if r.key is None]
    assert len({record.partition for record in keyless}) == 1, "back where it lay"


def test_no_broker_and_no_topics(settings: dict[str, str]) -> None:
    away = {**settings, "GATEWAY_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    for arguments in (("dlq", "list"), ("dlq", "replay"), ("dlq", "show", "0:0")):
        done = command(*arguments, settings=away)
        assert done.returncode == 3, done.stderr.decode()
        assert b"Traceback" not in done.stderr
    missing = {**settings, "GATEWAY_TOPICS__DLQ": "nowhere"}
    assert command("dlq", "list", settings=missing).returncode == 2
