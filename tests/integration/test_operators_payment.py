"""`GET /payments/{paymentId}` of real gateways on a real Kafka."""

import json
import uuid
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.integration.gateway_process import GatewayProcess, command, own_settings, sandbox_url, wait_until

TOKEN = "operators-0nly"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sandbox_url(tmp_path_factory.mktemp("sandbox")) as url:
        yield url


@pytest.fixture
def settings(kafka: Any, sandbox: str) -> dict[str, str]:
    settings = own_settings(kafka.bootstrap_servers, sandbox)
    assert command("topics", "create", "--partitions", "4", settings=settings).returncode == 0
    return {**settings, "GATEWAY_HTTP__QUERY_TOKEN": TOKEN}


def ask(gateway: GatewayProcess, payment: str, authorization: str = f"Bearer {TOKEN}") -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", gateway.port, timeout=5)
    try:
        connection.request("GET", f"/payments/{payment}", headers={"Authorization": authorization})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def send(settings: dict[str, str], payment: str) -> None:
    data = {
        "paymentId": payment,
        "posId": str(uuid.uuid4()),
        "amount": {"value": 1250, "currency": "DKK"},
        "capture": "automatic",
    }
    line = json.dumps({"type": "payment.initiate", "data": data}).encode()
    assert command("send", "-", settings=settings, stdin=line).returncode == 0


def test_the_state_and_the_steps_that_led_to_it(settings: dict[str, str]) -> None:
    with GatewayProcess(settings) as gateway:
        gateway.wait_ready(partitions=4)
        assert ask(gateway, "p-1")[1]["error"] == "payment_not_found"
        send(settings, "p-1")

        def is_captured() -> bool:
            status, body = ask(gateway, "p-1")
            return status == 200 and body["state"]["status"] == "captured"

        wait_until(is_captured, "captured")
        _, body = ask(gateway, "p-1")
        assert body["state"]["amounts"]["captured"] == 1250
        assert body["state"]["remembered"] == 1
        first, *_, last = body["steps"]
        assert first["command"]["type"] == "payment.initiate"
        assert first["operation"] == "initiate"
        assert last["events"][-1]["type"] == "payment.captured"
        sequences = [event["sequence"] for step in body["steps"] for event in step.get("events", ())]
        assert sequences == list(range(1, len(sequences) + 1))
        assert ask(gateway, "p-1", "Bearer wrong") == (401, {"error": "unauthorized"})
        assert gateway.get("/payments/p-1")[0] == 401
        assert gateway.terminate() == 0
        assert TOKEN not in gateway.output
    with GatewayProcess(settings) as heir:
        heir.wait_ready(partitions=4)
        status, body = ask(heir, "p-1")
        assert (status, body["state"]["status"]) == (200, "captured")
        assert body["steps"][0]["prompt"] == "restored"
        with GatewayProcess(settings) as other:
            other.wait_ready(partitions=2)
            heir.wait_ready(partitions=2)
            told = [ask(one, "p-1") for one in (heir, other)]
            assert sorted(status for status, _ in told) == [200, 404]
            [known] = [body for status, body in told if status == 200]
            [unknown] = [body for status, body in told if status == 404]
            assert (unknown["error"], unknown["partition"]) == ("not_owned", known["partition"])


def test_without_the_setting_the_path_is_not_served(settings: dict[str, str]) -> None:
    unset = {name: value for name, value in settings.items() if name != "GATEWAY_HTTP__QUERY_TOKEN"}
    with GatewayProcess(unset) as gateway:
        gateway.wait_ready(partitions=4)
        assert ask(gateway, "p-1") == (404, {"error": "not found"})
        assert gateway.get("/nothing") == gateway.get("/payments/p-1")
