"""The service and its commands as real processes on a real Kafka, beside a real sandbox."""

import json
import signal
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.gateway_process import (
    GatewayProcess,
    Running,
    command,
    free_port,
    wait_until,
)

VAT = "DK12345678"


@dataclass(frozen=True)
class World:
    """Settings of one gateway with topics and group of its own."""

    settings: dict[str, str]

    def topic(self, name: str) -> str:
        return self.settings[f"GATEWAY_TOPICS__{name}"]


def own_settings(bootstrap: str, base_url: str) -> dict[str, str]:
    name = f"t{uuid.uuid4().hex[:8]}"
    return {
        "GATEWAY_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "GATEWAY_KAFKA__GROUP_ID": name,
        "GATEWAY_KAFKA__SESSION_TIMEOUT_SECONDS": "6",
        "GATEWAY_TOPICS__COMMANDS": f"{name}.commands",
        "GATEWAY_TOPICS__EVENTS": f"{name}.events",
        "GATEWAY_TOPICS__STATE": f"{name}.state",
        "GATEWAY_TOPICS__DLQ": f"{name}.dlq",
        "GATEWAY_POS__BASE_URL": base_url,
        "GATEWAY_POS__CLIENT_ID": "client",
        "GATEWAY_POS__CLIENT_SECRET": "s3cret-of-the-test",
        "GATEWAY_POS__MERCHANT_VAT_NUMBER": VAT,
    }


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    scenario = tmp_path_factory.mktemp("sandbox") / "scenario.json"
    scenario.write_text(json.dumps({"any_pos": True, "poll_delay_ms": 50}))
    with Running(("sandbox", "--port", "0", "--scenario", str(scenario)), {}) as process:
        wait_until(lambda: any("http://" in line for line in process.lines), "the sandbox")
        (line,) = [line for line in process.lines if "http://" in line]
        yield line[line.index("http://") :].split()[0]


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


def test_events_into_a_reader_that_leaves_end_without_a_word(world: World) -> None:
    with Running(("events", "--follow"), kafka_only(world)) as following:
        following.process.send_signal(signal.SIGINT)
        following.ended()
        assert "Traceback" not in following.output


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
        assert sum("provider" in line for line in gateway.lines) == 1, gateway.output
        assert gateway.terminate() == 0
        assert "Traceback" not in gateway.output


def test_a_broker_that_is_away_is_said_in_one_line_and_tried_again(sandbox: str) -> None:
    with GatewayProcess(own_settings(f"127.0.0.1:{free_port()}", sandbox)) as gateway:
        wait_until(lambda: "out of reach" in gateway.output, "the line")
        wait_until(lambda: gateway.get("/readyz")[0] == 503, "unready")
        assert gateway.get("/livez")[0] == 200
        assert gateway.ready()["checks"]["broker"] != "ok"
        assert gateway.terminate() == 0, gateway.output
        assert sum("out of reach" in line for line in gateway.lines) == 1
        assert "Traceback" not in gateway.output
