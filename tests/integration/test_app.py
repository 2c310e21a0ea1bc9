"""The service and its commands as real processes on a real Kafka, beside a real sandbox."""

import json
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.broker import EmbeddedKafka
from tests.integration.gateway_process import (
    GatewayProcess,
    Running,
    command,
    environment,
    free_port,
    own_settings,
    sandbox_url,
    wait_until,
)


@dataclass(frozen=True)
class World:
    """Settings of one gateway with topics and group of its own."""

    settings: dict[str, str]

    def topic(self, name: str) -> str:
        return self.settings[f"GATEWAY_TOPICS__{name}"]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sandbox_url(tmp_path_factory.mktemp("sandbox")) as url:
        yield url


@pytest.fixture
def world(kafka: Any, sandbox: str) -> World:
    world = World(own_settings(kafka.bootstrap_servers, sandbox))
    made = command("topics", "create", "--partitions", "4", settings=world.settings)
    assert made.returncode == 0, made.stderr.decode()
    return world


def kafka_only(world: World) -> dict[str, str]:
    """What the commands that need no provider get."""
    return {name: value for name, value in world.settings.items() if not name.startswith("GATEWAY_POS__")}


def initiate(payment: str) -> dict[str, object]:
    return {
        "type": "payment.initiate",
        "data": {
            "paymentId": payment,
            "posId": str(uuid.uuid4()),
            "amount": {"value": 1250, "currency": "DKK"},
            "capture": "automatic",
        },
    }


def events(world: World, *more: str) -> list[dict[str, Any]]:
    shown = command("events", "--json", *more, settings=kafka_only(world))
    assert shown.returncode == 0, shown.stderr.decode()
    return [json.loads(line) for line in shown.stdout.splitlines()]


def test_topics_are_made_compared_and_a_mismatch_is_said_with_numbers(kafka: Any) -> None:
    settings = own_settings(kafka.bootstrap_servers, "http://127.0.0.1:1")
    missing = command("topics", "check", settings=settings)
    assert missing.returncode == 2
    assert settings["GATEWAY_TOPICS__COMMANDS"] in missing.stderr.decode() + missing.stdout.decode()
    assert command("topics", "create", "--partitions", "3", settings=settings).returncode == 0
    assert command("topics", "create", "--partitions", "3", settings=settings).returncode == 0
    assert command("topics", "check", settings=settings).returncode == 0

    other = {**settings, "GATEWAY_TOPICS__EVENTS": settings["GATEWAY_TOPICS__EVENTS"] + ".other"}
    odd = {
        **other,
        "GATEWAY_TOPICS__COMMANDS": other["GATEWAY_TOPICS__COMMANDS"] + ".x",
        "GATEWAY_TOPICS__STATE": other["GATEWAY_TOPICS__STATE"] + ".x",
        "GATEWAY_TOPICS__DLQ": other["GATEWAY_TOPICS__DLQ"] + ".x",
    }
    assert command("topics", "create", "--partitions", "5", settings=odd).returncode == 0
    for arguments in (("topics", "check"), ("run",)):
        refused = command(*arguments, settings=other)
        told = refused.stderr.decode() + refused.stdout.decode()
        assert refused.returncode == 2, told
        assert "3" in told and "5" in told
        assert "Traceback" not in told


def test_a_missing_topic_ends_the_start_with_2_and_says_what_to_do(kafka: Any, sandbox: str) -> None:
    refused = command("run", settings=own_settings(kafka.bootstrap_servers, sandbox))
    told = refused.stderr.decode() + refused.stdout.decode()
    assert refused.returncode == 2
    assert "topics create" in told
    assert "Traceback" not in told


def test_wrong_settings_are_all_named_at_once(kafka: Any) -> None:
    refused = command(
        "run",
        settings={
            "GATEWAY_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "GATEWAY_HTTP__PORT": "eighty",
            "GATEWAY_STATE_RETENTION_DAYS": "3",
            "GATEWAY_POS__CLIENT_SECRET": "s3cret-of-the-test",
            "GATEWAY_POS__BASE_URL": "ftp://nowhere",
        },
    )
    told = refused.stderr.decode() + refused.stdout.decode()
    assert refused.returncode == 2
    for name in (
        "GATEWAY_HTTP__PORT",
        "GATEWAY_STATE_RETENTION_DAYS",
        "GATEWAY_POS__CLIENT_ID",
        "GATEWAY_POS__BASE_URL",
    ):
        assert name in told
    assert "s3cret" not in told
    assert "Traceback" not in told


def test_commands_that_need_only_kafka_ask_for_no_credentials(world: World) -> None:
    sent = command("send", "-", settings=kafka_only(world), stdin=json.dumps(initiate("p-0")).encode())
    assert sent.returncode == 0, sent.stderr.decode()
    assert events(world) == []


def test_nothing_of_a_file_with_a_wrong_line_is_sent(world: World) -> None:
    lines = [json.dumps(initiate("p-1")), '{"type": "payment.capture", "data": {}}', "{"]
    sent = command("send", "-", settings=kafka_only(world), stdin="\n".join(lines).encode())
    told = sent.stderr.decode()
    assert sent.returncode == 2
    assert "line 2: data.paymentId" in told
    assert "line 3" in told
    assert "nothing was sent" in told


@pytest.mark.parametrize("arguments", [("send", "-"), ("events",), ("topics", "check"), ("topics", "create")])
def test_a_broker_out_of_reach_is_said_in_one_line_with_3(arguments: tuple[str, ...]) -> None:
    settings = own_settings(f"127.0.0.1:{free_port()}", "http://127.0.0.1:1")
    ended = command(*arguments, settings=settings, stdin=json.dumps(initiate("p-1")).encode())
    told = ended.stderr.decode().strip()
    assert ended.returncode == 3, told
    assert "\n" not in told
    assert settings["GATEWAY_KAFKA__BOOTSTRAP_SERVERS"] in told


def test_check_says_line_by_line_what_holds(world: World) -> None:
    well = command("check", settings=world.settings)
    told = well.stdout.decode()
    assert well.returncode == 0, told + well.stderr.decode()
    for name in ("settings", "broker", "topics", "token"):
        assert f"{name}" in told
    assert "http://" in told

    ill = command(
        "check", settings={**world.settings, "GATEWAY_POS__BASE_URL": f"http://127.0.0.1:{free_port()}"}
    )
    assert ill.returncode == 1
    assert "token" in ill.stdout.decode()
    assert "s3cret" not in ill.stdout.decode() + ill.stderr.decode()


def test_health_metrics_and_a_clean_end(world: World) -> None:
    with GatewayProcess(world.settings) as gateway:
        gateway.wait_ready(partitions=4)
        assert gateway.get("/livez")[0] == 200
        assert gateway.get("/nothing")[0] == 404
        status, metrics = gateway.get("/metrics")
        assert status == 200
        assert b"# HELP" in metrics
        assert gateway.terminate() == 0, gateway.output
        assert "Traceback" not in gateway.output


def test_sent_twice_answered_once_and_shown(world: World) -> None:
    line = json.dumps(initiate("p-7")).encode()
    with GatewayProcess(world.settings) as gateway:
        gateway.wait_ready(partitions=4)
        for _ in range(2):
            assert command("send", "-", settings=kafka_only(world), stdin=line).returncode == 0
        wait_until(
            lambda: any(e["headers"]["ce_type"] == "payment.captured" for e in events(world)), "captured"
        )
        assert gateway.terminate() == 0
    shown = events(world, "--payment", "p-7")
    assert [event["data"]["sequence"] for event in shown] == list(range(1, len(shown) + 1))
    assert len([event for event in shown if "commandId" in event["data"]]) == 1
    assert {event["key"] for event in shown} == {"p-7"}
    assert set(shown[0]) == {"partition", "offset", "key", "headers", "data"}
    assert events(world, "--payment", "p-8") == []
    assert events(world, "--from", "end") == []


def test_ctrl_c_ends_a_watch_without_a_word(world: World) -> None:
    with Running(("events", "--follow"), kafka_only(world)) as following:
        time.sleep(2)
        following.process.send_signal(signal.SIGINT)
        following.ended()
        assert following.output == ""


def test_a_reader_that_leaves_ends_the_watch_cleanly(world: World) -> None:
    with GatewayProcess(world.settings) as gateway:
        gateway.wait_ready(partitions=4)
        lines = "\n".join(json.dumps(initiate(f"p-{number}")) for number in range(5))
        assert command("send", "-", settings=kafka_only(world), stdin=lines.encode()).returncode == 0
        wait_until(lambda: len(events(world)) >= 10, "events")
    shown = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} -m gateway events --json | head -n 1"],
        env=environment(**kafka_only(world)),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert shown.stdout.count(b"\n") == 1
    assert shown.stderr == b""
    assert shown.returncode == 0


def test_another_group_or_partition_count_than_the_states_ends_the_start_with_2(world: World) -> None:
    with GatewayProcess(world.settings) as gateway:
        gateway.wait_ready(partitions=4)
        assert (
            command(
                "send", "-", settings=kafka_only(world), stdin=json.dumps(initiate("p-1")).encode()
            ).returncode
            == 0
        )
        wait_until(lambda: events(world), "an event")
        assert gateway.terminate() == 0
    with GatewayProcess({**world.settings, "GATEWAY_KAFKA__GROUP_ID": "another"}) as stranger:
        assert stranger.ended() == 2, stranger.output
        assert "another" in stranger.output
        assert world.settings["GATEWAY_KAFKA__GROUP_ID"] in stranger.output
        assert "Traceback" not in stranger.output


def test_two_gateways_share_and_the_one_that_stays_takes_over(world: World) -> None:
    with GatewayProcess(world.settings) as one, GatewayProcess(world.settings) as other:
        one.wait_ready(partitions=2)
        other.wait_ready(partitions=2)
        assert one.terminate() == 0, one.output
        other.wait_ready(partitions=4)
        assert other.terminate() == 0, other.output


def test_a_port_that_is_taken_is_a_wrong_setting(world: World) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = command(
            "run", settings={**world.settings, "GATEWAY_HTTP__HOST": "127.0.0.1", "GATEWAY_HTTP__PORT": port}
        )
    assert refused.returncode == 2
    assert "GATEWAY_HTTP__PORT" in refused.stderr.decode()
    assert "Traceback" not in refused.stderr.decode()


def test_a_provider_that_is_away_is_said_in_one_line_and_makes_it_unready(world: World) -> None:
    away = {**world.settings, "GATEWAY_POS__BASE_URL": f"http://127.0.0.1:{free_port()}"}
    with GatewayProcess(away) as gateway:
        wait_until(lambda: "token" in str(gateway.ready().get("reasons")), "readiness names the token")
        wait_until(
            lambda: sum(name.startswith("partition-") for name in gateway.ready()["checks"]) == 4,
            "partitions",
        )
        assert gateway.get("/livez")[0] == 200
        assert gateway.ready()["checks"]["broker"] == "ok"
        wait_until(lambda: "provider out of reach" in gateway.output, "the line")
        time.sleep(3)
        assert sum("provider" in line for line in gateway.lines) == 1, gateway.output
        assert gateway.terminate() == 0
        assert "Traceback" not in gateway.output


def test_a_broker_that_is_away_is_said_in_one_line_and_tried_again(sandbox: str) -> None:
    with GatewayProcess(own_settings(f"127.0.0.1:{free_port()}", sandbox)) as gateway:
        wait_until(lambda: "broker out of reach" in gateway.output, "the line")
        wait_until(lambda: gateway.get("/readyz")[0] == 503, "unready")
        assert gateway.get("/livez")[0] == 200
        assert gateway.ready()["checks"]["broker"] != "ok"
        time.sleep(3)
        assert gateway.terminate() == 0, gateway.output
        assert sum("out of reach" in line for line in gateway.lines) == 1, gateway.output
        assert "Traceback" not in gateway.output


@pytest.mark.timeout(240)
def test_a_broker_that_comes_late_goes_and_comes_back(sandbox: str, tmp_path: Path) -> None:
    broker = EmbeddedKafka(tmp_path)
    settings = own_settings(broker.bootstrap_servers, sandbox)
    with broker:
        assert command("topics", "create", "--partitions", "2", settings=settings).returncode == 0
    with GatewayProcess(settings) as gateway:
        wait_until(lambda: "broker out of reach" in gateway.output, "the line")
        with broker:
            gateway.wait_ready(partitions=2)
            broker.kill()
            wait_until(lambda: gateway.ready()["checks"]["broker"] != "ok", "unready")
            broker.start()
            gateway.wait_ready(partitions=2, seconds=90)
            sent = command("send", "-", settings=settings, stdin=json.dumps(initiate("p-1")).encode())
            assert sent.returncode == 0, sent.stderr
            wait_until(lambda: events(World(settings)), "an event")
            assert gateway.terminate() == 0, gateway.output
            assert "Traceback" not in gateway.output


def test_the_sandbox_says_where_it_listens_and_ends_cleanly() -> None:
    with Running(("sandbox", "--port", "0", "--seed", "1"), {}) as sandbox:
        wait_until(lambda: "http://127.0.0.1:" in sandbox.output, "the sandbox")
        assert sandbox.terminate() == 0
        assert "Traceback" not in sandbox.output
