"""Each reason of `/livez` and `/readyz`, provoked on real processes. A broker that is away is provoked in
`test_app.py`, a batch that cannot be decoded in `test_bad_input.py`.
"""

import asyncio
import fcntl
import json
import signal
import socket
import time
import uuid
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from gateway import codec
from gateway.domain.state import PaymentState
from gateway.domain.vocabulary import PaymentStatus
from gateway.kafka.changelog import state_entry
from tests.integration import impatient
from tests.integration.gateway_process import (
    GatewayProcess,
    Running,
    command,
    free_port,
    own_settings,
    wait_until,
)

IMPATIENT = "tests.integration.impatient"
F_SETPIPE_SZ = 1031


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Running]:
    """One for each test, since some end it."""
    scenario = tmp_path / "scenario.json"
    scenario.write_text(json.dumps({"any_pos": True, "poll_delay_ms": 50}))
    port = free_port()
    with Running(("sandbox", "--port", str(port), "--scenario", str(scenario)), {}) as process:
        wait_until(lambda: "http://" in process.output, "the sandbox")
        yield process


def url(sandbox: Running) -> str:
    return f"http://127.0.0.1:{sandbox.arguments[2]}"


@pytest.fixture
def settings(kafka: Any, sandbox: Running) -> dict[str, str]:
    settings = own_settings(kafka.bootstrap_servers, url(sandbox))
    made = command("topics", "create", "--partitions", "1", settings=settings)
    assert made.returncode == 0, made.stderr.decode()
    return settings


def fail(sandbox: Running, *rules: dict[str, Any]) -> None:
    """These faults in place of all others."""
    body = json.dumps({"rules": rules}).encode()
    urlopen(Request(f"{url(sandbox)}/_sandbox/faults", body, method="POST"), timeout=5).close()


def asked(sandbox: Running) -> int:
    """How many requests the provider has had."""
    with urlopen(f"{url(sandbox)}/_sandbox/stats", timeout=5) as answer:
        return int(json.load(answer)["requests"])


def initiate(settings: dict[str, str], payment: str = "p-1") -> None:
    amount = {"value": 1250, "currency": "DKK"}
    data = {"paymentId": payment, "posId": str(uuid.uuid4()), "amount": amount}
    line = json.dumps({"type": "payment.initiate", "data": data}).encode()
    sent = command("send", "-", settings=settings, stdin=line)
    assert sent.returncode == 0, sent.stderr.decode()


def verdict(gateway: GatewayProcess, path: str) -> tuple[int, str]:
    status, body = gateway.get(path)
    return status, body.decode()


def test_a_loop_that_stands_still_is_not_alive(settings: dict[str, str]) -> None:
    """Nobody reads what it writes, so that one write holds the loop up. While it does nothing is answered, which a
    prober's own time-out tells; what was asked meanwhile is answered late, and by the truth.
    """
    loud = {**settings, "GATEWAY_LOG__LEVEL": "debug"}
    with GatewayProcess(loud, IMPATIENT) as gateway:
        assert gateway.process.stdout is not None
        fcntl.fcntl(gateway.process.stdout, F_SETPIPE_SZ, 4096)
        gateway.wait_ready(partitions=1)
        with socket.create_connection(("127.0.0.1", gateway.port)) as kept:
            gateway.reading.clear()
            ask_in_vain(kept)
            time.sleep(impatient.LOOP_SILENCE_SECONDS + 0.5)
            assert gateway.get("/livez", timeout=0.5)[0] == 0
            gateway.reading.set()
            kept.settimeout(10)
            late = HTTPResponse(kept)
            late.begin()
            status, told = late.status, late.read().decode()
        assert (status, "loop: has not turned for" in told) == (503, True), told
        wait_until(lambda: gateway.get("/livez")[0] == 200, "alive again")
        assert gateway.terminate() == 0


def ask_in_vain(connection: socket.socket) -> None:
    """Ask again and again on one connection, until no answer comes."""
    connection.settimeout(0.7)
    while True:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = HTTPResponse(connection)
        try:
            answer.begin()
        except TimeoutError:
            return
        assert (answer.status, answer.read() != b"") == (200, True)
        time.sleep(0.05)


def test_a_partition_that_stands_still_beside_a_broker_is_not_alive(settings: dict[str, str]) -> None:
    """Its state is gone, so that it can neither commit nor open; the broker itself is well."""
    with GatewayProcess(settings, IMPATIENT) as gateway:
        gateway.wait_ready(partitions=1)
        asyncio.run(delete(settings, "STATE"))
        initiate(settings)
        wait_until(lambda: gateway.get("/livez")[0] == 503, "not alive")
        status, told = verdict(gateway, "/livez")
        assert status == 503
        assert "partition-0: work is due and nothing has moved for" in told
        assert "loop" not in json.loads(told)["reasons"][0]
        assert gateway.ready()["checks"]["broker"] == "ok"


async def delete(settings: dict[str, str], topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings["GATEWAY_KAFKA__BOOTSTRAP_SERVERS"])
    await admin.start()
    try:
        await admin.delete_topics([settings[f"GATEWAY_TOPICS__{topic}"]])
    finally:
        await admin.close()


def test_a_partition_that_is_restored_is_not_ready_yet(settings: dict[str, str]) -> None:
    asyncio.run(fill_state(settings, 20_000))
    seen: list[tuple[int, str]] = []
    with GatewayProcess(settings) as gateway:

        def opened() -> bool:
            seen.append(verdict(gateway, "/readyz"))
            return "partition-0" in seen[-1][1] and seen[-1][0] == 200

        wait_until(opened, "ready")
        restoring = [status for status, told in seen if '"partition-0":"opening"' in told]
        assert restoring
        assert set(restoring) == {503}
        assert gateway.terminate() == 0


async def fill_state(settings: dict[str, str], count: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings["GATEWAY_KAFKA__BOOTSTRAP_SERVERS"], linger_ms=20)
    await producer.start()
    now_ms = time.time_ns() // 1_000_000
    try:
        for number in range(count):
            name = f"p-{number}"
            state = codec.encode_state(PaymentState(name, 3, PaymentStatus.CANCELLED, touched_ms=now_ms))
            entry = state_entry(f"p:{name}", state, codec.STATE_VERSION)
            await producer.send(
                settings["GATEWAY_TOPICS__STATE"], entry.value, entry.key, headers=list(entry.headers)
            )
    finally:
        await producer.stop()


def test_a_provider_that_answers_401_for_ever_makes_it_unready_and_rejects_nothing(
    settings: dict[str, str], sandbox: Running
) -> None:
    with GatewayProcess(settings) as gateway:
        gateway.wait_ready(partitions=1)
        fail(sandbox, {"fault": "unauthorized"})
        initiate(settings)
        wait_until(lambda: gateway.get("/readyz")[0] == 503, "unready")
        body = gateway.ready()
        assert "refuses the credentials or the token" in body["checks"]["provider"]
        assert body["checks"]["partition-0"] == "ok"
        assert gateway.get("/livez")[0] == 200
        fail(sandbox)
        gateway.wait_ready(partitions=1)
        wait_until(lambda: '"event": "payment.initiated"' in gateway.output, "the payment goes on")
        assert "command.rejected" not in gateway.output
        assert gateway.terminate() == 0


def test_a_provider_that_is_away_leaves_it_ready_and_alive(
    settings: dict[str, str], sandbox: Running
) -> None:
    """What waits for the provider is not due, so that no time makes the process look dead."""
    with GatewayProcess(settings, IMPATIENT) as gateway:
        gateway.wait_ready(partitions=1)
        sandbox.process.kill()
        sandbox.process.wait()
        initiate(settings)
        wait_until(lambda: "provider out of reach" in gateway.output, "the line")
        until = time.monotonic() + impatient.NO_PROGRESS_SECONDS + 2
        while time.monotonic() < until:
            assert verdict(gateway, "/readyz")[0] == 200
            assert verdict(gateway, "/livez")[0] == 200
            time.sleep(0.2)
        assert gateway.terminate() == 0


def test_who_shuts_down_is_not_ready_and_alive(settings: dict[str, str], sandbox: Running) -> None:
    with GatewayProcess(settings) as gateway:
        gateway.wait_ready(partitions=1)
        fail(sandbox, {"fault": "timeout_after", "operation": "initiate"})
        before = asked(sandbox)
        initiate(settings)
        wait_until(lambda: asked(sandbox) > before, "a call under way")
        gateway.process.send_signal(signal.SIGTERM)
        wait_until(lambda: gateway.get("/readyz")[0] != 200, "unready")
        status, told = verdict(gateway, "/readyz")
        assert status == 503
        assert "draining: the process is shutting down" in told
        assert gateway.get("/livez")[0] == 200
        assert gateway.ended() == 0
