"""`reconcile` over what a real gateway, a real Kafka and a real sandbox have left behind."""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.integration.gateway_process import (
    GatewayProcess,
    command,
    free_port,
    own_settings,
    sandbox_url,
    wait_until,
)

Settings = dict[str, str]
PARTITIONS = 3
OLD_MS = int(time.time() * 1000) - 3_600_000


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sandbox_url(tmp_path_factory.mktemp("sandbox")) as url:
        yield url


def line(type_: str, id_: str, **data: object) -> dict[str, object]:
    return {"type": type_, "id": id_, "source": f"/{uuid.uuid4()}", "data": data}


def initiate(payment: str, **more: object) -> dict[str, object]:
    amount = {"value": 1250, "currency": "DKK"}
    return line(
        "payment.initiate", f"i-{payment}", paymentId=payment, posId=str(uuid.uuid4()), amount=amount, **more
    )


def send(settings: Settings, *lines: dict[str, object]) -> None:
    text = "\n".join(json.dumps(one) for one in lines).encode()
    assert command("send", "-", settings=settings, stdin=text).returncode == 0


async def put(settings: Settings, name: str, key: bytes, value: bytes, headers: dict[str, str]) -> None:
    """As somebody else would write, an hour ago; in the partition of the key."""
    producer = AIOKafkaProducer(bootstrap_servers=settings["GATEWAY_KAFKA__BOOTSTRAP_SERVERS"])
    await producer.start()
    try:
        topic, given = settings[f"GATEWAY_TOPICS__{name}"], [(k, v.encode()) for k, v in headers.items()]
        await producer.send_and_wait(topic, value, key=key, headers=given, timestamp_ms=OLD_MS)
    finally:
        await producer.stop()


async def events(settings: Settings) -> list[dict[str, Any]]:
    topic = settings["GATEWAY_TOPICS__EVENTS"]
    where = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    async with AIOKafkaConsumer(
        bootstrap_servers=settings["GATEWAY_KAFKA__BOOTSTRAP_SERVERS"], isolation_level="read_committed"
    ) as consumer:
        consumer.assign(where)
        await consumer.seek_to_beginning(*where)
        ends = await consumer.end_offsets(where)
        found: list[dict[str, Any]] = []
        while any([await consumer.position(one) < end for one, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=100)).values():
                found += [{**json.loads(r.value), "type": dict(r.headers)["ce_type"].decode()} for r in batch]
        return found


def told(settings: Settings, type_: str) -> list[str]:
    return [one["paymentId"] for one in asyncio.run(events(settings)) if one["type"] == type_]


def reconcile(settings: Settings, *more: str) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
    """Exit code, differences, summary."""
    done = command("reconcile", "--json", *more, settings=settings)
    lines = [json.loads(one) for one in done.stdout.splitlines()]
    assert lines, done.stderr.decode()
    assert "s3cret" not in done.stdout.decode() + done.stderr.decode()
    return done.returncode, lines[:-1], lines[-1]


@pytest.fixture(scope="module")
def world(kafka: Any, sandbox: str) -> Settings:
    """A gateway that has done its work and gone: captured by hand and by itself, given back, cancelled, rejected,
    repeated, dead-lettered, left reserved.
    """
    settings = own_settings(kafka.bootstrap_servers, sandbox)
    assert command("topics", "create", "--partitions", str(PARTITIONS), settings=settings).returncode == 0
    with GatewayProcess(settings) as gateway:
        gateway.wait_ready(partitions=PARTITIONS)
        first = [
            initiate("auto", capture="automatic"),
            initiate("byhand"),
            initiate("cancelled"),
            initiate("held"),
        ]
        send(settings, *first, first[0])
        wait_until(lambda: len(told(settings, "payment.reserved")) == 4, "reserved")
        wait_until(lambda: told(settings, "payment.captured") == ["auto"], "captured by itself")
        back = {"value": 250, "currency": "DKK"}
        send(
            settings,
            line("payment.capture", "c-1", paymentId="byhand"),
            line("payment.cancel", "c-2", paymentId="cancelled"),
            line("refund.create", "r-1", paymentId="auto", refundId="back", amount=back),
            line("payment.capture", "c-3", paymentId="nobody"),
            line("payment.explode", "x-1", paymentId="auto"),
        )
        wait_until(lambda: len(told(settings, "payment.captured")) == 2, "captured")
        wait_until(lambda: told(settings, "payment.cancelled") == ["cancelled"], "cancelled")
        wait_until(lambda: told(settings, "refund.captured") == ["auto"], "given back")
        wait_until(lambda: told(settings, "command.rejected") == ["nobody"], "rejected")
        listed = ("dlq", "list", "--json")
        wait_until(lambda: command(*listed, settings=settings).stdout.count(b"\n") == 1, "dead-lettered")
        code, differences, _ = reconcile(settings)
        assert (code, differences) == (0, []), "while the gateway runs"
        assert gateway.terminate() == 0
    return settings


def test_a_clean_run_has_no_difference(world: Settings) -> None:
    code, differences, summary = reconcile(world)
    assert (code, differences) == (0, [])
    assert summary["commands"] == 10
    assert (summary["payments"], summary["refunds"]) == (4, 1)
    text = command("reconcile", settings=world)
    assert text.returncode == 0
    assert text.stdout.decode().strip().endswith("0 Missing, 0 Extra, 0 Mismatch, 0 Unresolved")


def test_a_provider_that_is_away_leaves_everything_unresolved(world: Settings) -> None:
    away = {**world, "GATEWAY_POS__BASE_URL": f"http://127.0.0.1:{free_port()}"}
    code, differences, summary = reconcile(away)
    assert code == 1
    assert {one["kind"] for one in differences} == {"Unresolved"}
    assert len(differences) == summary["Unresolved"] == 7
    assert reconcile(away, "--since", "2099-01-01T00:00:00Z")[0] == 0


def test_no_broker_and_wrong_usage(world: Settings) -> None:
    away = {**world, "GATEWAY_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    assert command("reconcile", settings=away).returncode == 3
    assert command("reconcile", "--since", "soon", settings=world).returncode == 2
    bare = {name: value for name, value in world.items() if "CLIENT" not in name}
    assert command("reconcile", settings=bare).returncode == 2


def lie(world: Settings, payment: str, type_: str, **fields: object) -> None:
    """An event that goes on from what the gateway has told of a payment, an hour ago."""
    last = [one for one in asyncio.run(events(world)) if one["paymentId"] == payment][-1:]
    sequence = last[0]["sequence"] + 1 if last else 1
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(OLD_MS / 1000))
    body = {"paymentId": payment, "sequence": sequence, "occurredAt": when, **fields}
    headers = {"ce_id": str(uuid.uuid4()), "ce_type": type_}
    asyncio.run(put(world, "EVENTS", payment.encode(), json.dumps(body).encode(), headers))


def there(world: Settings, payment: str) -> dict[str, str]:
    found = [
        one["provider"]
        for one in asyncio.run(events(world))
        if one["paymentId"] == payment and "provider" in one
    ]
    return {"paymentId": found[-1]["paymentId"]}


def test_each_kind_of_difference(world: Settings) -> None:
    """The last of this file: from here on the books are false."""
    lost = {"paymentId": "lost", "posId": str(uuid.uuid4()), "amount": {"value": 1, "currency": "DKK"}}
    headers = {"ce_specversion": "1.0", "ce_id": "lost", "ce_source": "/t", "ce_type": "payment.initiate"}
    asyncio.run(put(world, "COMMANDS", b"lost", json.dumps(lost).encode(), headers))
    asyncio.run(put(world, "COMMANDS", b"unread", b"?", {}))
    lie(world, "byhand", "payment.reserved", status="reserved", provider=there(world, "byhand"))
    lie(world, "held", "payment.captured", status="captured", provider=there(world, "held"))
    lie(world, "ghost", "payment.captured", status="captured", provider={"paymentId": str(uuid.uuid4())})
    lie(world, "nobody", "command.rejected", reason="wrong_status", commandId="c-9", commandSource="/ghost")
    lie(
        world,
        "cancelled",
        "payment.captured",
        status="captured",
        amounts={"currency": "DKK", "requested": 1300},
        provider=there(world, "cancelled"),
    )
    lie(world, "auto", "payment.unknown", operation="refund", refundId="other")
    code, differences, summary = reconcile(world)
    assert code == 1
    found = {(one["kind"], one.get("paymentId"), one.get("told"), one.get("provider")) for one in differences}
    assert found == {
        ("Missing", "lost", None, None),
        ("Missing", "unread", None, None),
        ("Missing", "byhand", "reserved", "Captured"),
        ("Extra", "held", "captured", "Reserved"),
        ("Extra", "ghost", "captured", "absent"),
        ("Extra", "nobody", None, None),
        ("Mismatch", "cancelled", "captured", "CancelledByClient"),
        ("Mismatch", "cancelled", "1300 DKK", "1250 DKK"),
        ("Unresolved", "auto", None, None),
    }
    kinds = {kind: summary[kind] for kind in ("Missing", "Extra", "Mismatch", "Unresolved")}
    assert kinds == {"Missing": 3, "Extra": 3, "Mismatch": 2, "Unresolved": 1}
    shown = command("reconcile", settings=world)
    assert shown.returncode == 1
    assert "3 Missing, 3 Extra, 2 Mismatch, 1 Unresolved" in shown.stdout.decode()
    assert "9 differences" in shown.stderr.decode()
