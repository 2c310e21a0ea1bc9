"""Recipes of deploy/docs/operations.md, run as they stand there: real processes, a real Kafka, a lost state
topic, and two versions beside each other.
"""

import asyncio
import json
import re
import shlex
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from gateway.codec import STATE_VERSION, encode_state
from gateway.demo.broker import EmbeddedKafka
from gateway.domain.identity import MessageId
from gateway.domain.state import PaymentState, Remembered
from gateway.domain.vocabulary import PaymentStatus
from tests.integration.gateway_process import (
    GatewayProcess,
    command,
    own_settings,
    sandbox_url,
    wait_until,
)

Settings = dict[str, str]
GUIDE: Final = Path(__file__).resolve().parents[2] / "deploy" / "docs" / "operations.md"
PARTITIONS: Final = 2
PHONE: Final = "+4520031801"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sandbox_url(tmp_path_factory.mktemp("sandbox")) as url:
        yield url


@pytest.fixture
def settings(kafka: EmbeddedKafka, sandbox: str) -> Settings:
    found = own_settings(kafka.bootstrap_servers, sandbox)
    done = command("topics", "create", "--partitions", str(PARTITIONS), settings=found)
    assert done.returncode == 0, done.stderr
    return found


def recipe(heading: str) -> list[list[str]]:
    """The commands of the gateway's own that stand in the guide under a heading, in order."""
    section = GUIDE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    blocks = "".join(re.findall(r"```console\n(.*?)```", section, re.DOTALL))
    lines = [shlex.split(line, comments=True) for line in blocks.splitlines()]
    return [words[1:] for words in lines if words and words[0] == "pos-gateway"]


def run(words: list[str], settings: Settings, code: int = 0) -> str:
    done = command(*words, settings=settings)
    assert done.returncode == code, f"{words}: {done.stdout.decode()}{done.stderr.decode()}"
    return (done.stdout + done.stderr).decode()


class Shop:
    """Sends commands and reads events."""

    def __init__(self, settings: Settings, sandbox: str) -> None:
        self.settings = settings
        self.sandbox = sandbox
        self.tills: dict[str, str] = {}

    def send(self, type_: str, id_: str, payment: str, **data: Any) -> None:
        line = json.dumps(
            {"type": type_, "id": id_, "source": "/shop", "data": {"paymentId": payment, **data}}
        )
        done = command("send", "-", settings=self.settings, stdin=line.encode())
        assert done.returncode == 0, done.stderr

    def initiate(self, payment: str, **more: Any) -> None:
        till = self.tills.setdefault(payment, str(uuid.uuid4()))
        amount = {"value": 1250, "currency": "DKK"}
        self.send("payment.initiate", f"start-{payment}", payment, posId=till, amount=amount, **more)

    def refund(self, payment: str, refund: str, value: int) -> None:
        amount = {"value": value, "currency": "DKK"}
        self.send("refund.create", f"refund-{refund}", payment, refundId=refund, amount=amount)

    def act(self, verb: str, payment: str) -> None:
        body = json.dumps({"posId": self.tills[payment], "phoneNumber": PHONE}).encode()
        headers = {"Content-Type": "application/json"}
        url = f"{self.sandbox}/_sandbox/users/{verb}"
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as answer:
            assert answer.status == 200

    def events(self) -> list[dict[str, Any]]:
        shown = command("events", "--json", settings=self.settings)
        assert shown.returncode == 0, shown.stderr
        lines = map(json.loads, shown.stdout.splitlines())
        return [{**one["data"], "type": one["headers"]["ce_type"]} for one in lines]

    def told(self, *wanted: tuple[str, str]) -> None:
        """Waits until of each payment that was told."""
        wait_until(lambda: set(wanted) <= {(e["paymentId"], e["type"]) for e in self.events()}, f"{wanted}")


async def lose(settings: Settings, bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([settings["GATEWAY_TOPICS__STATE"]])
    finally:
        await admin.close()


def test_a_lost_state_topic_is_made_anew(settings: Settings, kafka: EmbeddedKafka, sandbox: str) -> None:
    """I1, I2, I6: payments go on, repeats have no effect, sequences go on without a gap."""
    shop = Shop(settings, sandbox)
    with GatewayProcess(settings) as gateway:
        gateway.wait_ready(partitions=PARTITIONS)
        shop.initiate("taken", capture="automatic")
        shop.initiate("given-back", capture="automatic")
        shop.initiate("held")
        shop.initiate("waits", capture="automatic", orderId="manual-waits")
        shop.told(("given-back", "payment.captured"))
        shop.refund("given-back", "r-1", 500)
        shop.told(
            ("taken", "payment.captured"),
            ("given-back", "refund.captured"),
            ("held", "payment.reserved"),
            ("waits", "payment.initiated"),
        )
        refused = run(["partitions", "rebuild"], settings, 1)
        assert "stop all gateways first" in refused
        gateway.process.kill()
        gateway.ended()
    shop.send("payment.capture", "capture-held", "held")
    shop.send("payment.what", "unread", "held")
    asyncio.run(lose(settings, kafka.bootstrap_servers))
    before = shop.events()

    made, *steps, last = recipe("A lost state topic")
    assert (made[:2], last) == (["topics", "create"], ["reconcile", "--since", "7d"])
    wait_until(
        lambda: command(*made[:2], "--partitions", str(PARTITIONS), settings=settings).returncode == 0,
        "the topic is made again",
    )
    for words in steps:
        told: list[str] = []

        def rebuilt(words: list[str] = words, told: list[str] = told) -> bool:
            done = command(*words, settings=settings)
            told[:] = [(done.stdout + done.stderr).decode()]
            # The group counts the killed gateway in until its session is over.
            return done.returncode == 0

        wait_until(rebuilt, "rebuilt")
        rows = [line.split("\t") for line in told[0].splitlines()[1:]]
        assert sum(int(row[1]) for row in rows) == 4, told
        assert sum(int(row[3]) for row in rows) == 1, "the capture that nobody answered"
    assert "nothing is lost there" in run(["partitions", "rebuild"], settings, 1)

    with GatewayProcess(settings) as gateway:
        gateway.wait_ready(partitions=PARTITIONS)
        shop.initiate("taken", capture="automatic")
        shop.refund("given-back", "r-1", 500)
        shop.refund("given-back", "r-2", 700)
        shop.refund("taken", "r-3", 1250)
        shop.act("check-in", "waits")
        shop.act("accept", "waits")
        shop.told(("held", "payment.captured"), ("waits", "payment.captured"), ("taken", "refund.captured"))
        wait_until(lambda: sum(e["type"] == "refund.captured" for e in shop.events()) == 3, "all refunds")
        wait_until(
            lambda: command("dlq", "list", "--json", settings=settings).stdout.count(b"\n") == 1, "dead"
        )
        run(last, settings)
        assert gateway.terminate() == 0
    events = shop.events()
    assert all(one in events for one in before), "what was told stays told"
    for payment in shop.tills:
        sequences = [e["sequence"] for e in events if e["paymentId"] == payment]
        assert sequences == list(range(1, len(sequences) + 1)), payment
    answers = [e["commandId"] for e in events if "commandId" in e]
    assert sorted(answers) == sorted(set(answers)), "each command is answered once"
    with urllib.request.urlopen(f"{sandbox}/_sandbox/ledger", timeout=10) as ledger:
        mine = [one for one in map(json.loads, ledger) if one["posId"] in shop.tills.values()]
    assert len(mine) == len(shop.tills), "nobody was charged twice"


async def write_next(settings: Settings) -> None:
    """One state of the next version's in each partition, made by hand."""
    async with AIOKafkaProducer(bootstrap_servers=settings["GATEWAY_KAFKA__BOOTSTRAP_SERVERS"]) as producer:
        for partition in range(PARTITIONS):
            payment = f"of-the-next-{partition}"
            known = (Remembered(MessageId("/shop", "m-1"), "hash"),)
            now_ms = time.time_ns() // 1_000_000
            state = PaymentState(payment, 1, PaymentStatus.CANCELLED, remembered=known, touched_ms=now_ms)
            value = encode_state(state).replace(b"{", b'{"what_is_new":[1],', 1)
            headers = [("v", str(STATE_VERSION + 1).encode())]
            topic, key = settings["GATEWAY_TOPICS__STATE"], f"p:{payment}".encode()
            await producer.send_and_wait(topic, value, key=key, headers=headers, partition=partition)


def opened(gateway: GatewayProcess) -> int:
    checks = gateway.ready().get("checks", {})
    return sum(name.startswith("partition-") and said == "ok" for name, said in checks.items())


def closed(gateway: GatewayProcess) -> int:
    told = f"has version {STATE_VERSION + 1}, this instance reads up to {STATE_VERSION}"
    return sum(told in str(said) for said in gateway.ready().get("checks", {}).values())


def test_two_versions_beside_each_other(settings: Settings, sandbox: str) -> None:
    """A partition that holds what the next version wrote keeps closed on the old one, which says so, opens on the
    new one, and is closed again where it moves back.
    """
    shop = Shop(settings, sandbox)
    asyncio.run(write_next(settings))
    with GatewayProcess(settings) as old:
        wait_until(lambda: closed(old) == PARTITIONS, "closed, and it says so")
        assert f"reads up to {STATE_VERSION}" in old.output
        with GatewayProcess(settings, program="tests.integration.next_version") as new:
            wait_until(lambda: (closed(old), opened(new)) == (1, 1), "one is open on the new one")
            assert old.terminate() == 0
            new.wait_ready(partitions=PARTITIONS)
            shop.initiate("under-the-new", capture="automatic")
            shop.told(("under-the-new", "payment.captured"))
            with GatewayProcess(settings) as back:
                wait_until(lambda: (closed(back), opened(new)) == (1, 1), "one has moved back")
                assert back.terminate() == 0
            new.wait_ready(partitions=PARTITIONS)
            assert new.terminate() == 0
