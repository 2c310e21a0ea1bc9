"""The programs of schemas/README.md, run as they stand there against a gateway, a sandbox and a real Kafka."""

import json
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.demo.broker import EmbeddedKafka
from tests.conformity import validator
from tests.integration.gateway_process import (
    GatewayProcess,
    command,
    environment,
    own_settings,
    sandbox_url,
    wait_until,
)
from tests.interop.conftest import Java

README = Path(__file__).resolve().parents[2] / "schemas" / "README.md"
RUN_SECONDS = 60


def snippet(language: str) -> str:
    """The one program in that language."""
    (found,) = re.findall(
        rf"^```{language}\n(.*?)^```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    return str(found)


@pytest.fixture(scope="module")
def settings(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Of a gateway that runs, with topics of its own."""
    with sandbox_url(tmp_path_factory.mktemp("sandbox")) as url:
        settings = own_settings(kafka.bootstrap_servers, url)
        made = command("topics", "create", "--partitions", "3", settings=settings)
        assert made.returncode == 0, made.stderr.decode()
        with GatewayProcess(settings) as gateway:
            gateway.wait_ready()
            yield settings


def here(program: str, settings: dict[str, str]) -> str:
    """The program with this broker, these topics and a point of sale of its own; nothing else is changed."""
    for stands, is_here in (
        ("localhost:9092", settings["GATEWAY_KAFKA__BOOTSTRAP_SERVERS"]),
        ("payments.commands.v1", settings["GATEWAY_TOPICS__COMMANDS"]),
        ("payments.events.v1", settings["GATEWAY_TOPICS__EVENTS"]),
        ("c85916b1-8e17-4275-a388-551e16aa6293", str(uuid.uuid4())),
    ):
        assert f'"{stands}"' in program
        program = program.replace(f'"{stands}"', f'"{is_here}"')
    return program


def test_in_python(settings: dict[str, str]) -> None:
    program = here(snippet("python"), settings)
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    type_, payment_id, status = ended.stdout.split()
    assert type_ == f"payment.{status}"
    assert len(payment_id) == 36


def test_in_java(settings: dict[str, str], java: Java, tmp_path: Path) -> None:
    source = tmp_path / "FirstCommand.java"
    source.write_text(here(snippet("java"), settings), encoding="utf-8")
    type_, _, data = java.run(source).partition(" ")
    told = json.loads(data)
    assert type_ == f"payment.{told['status']}"
    assert told["commandType"] == "payment.initiate"


def test_as_a_line(settings: dict[str, str]) -> None:
    (line,) = re.findall(r'^\{"type":.*\}$', README.read_text(encoding="utf-8"), re.MULTILINE)
    kafka_only = {name: value for name, value in settings.items() if not name.startswith("GATEWAY_POS__")}
    sent = command("send", "-", settings=kafka_only, stdin=line.encode())
    assert sent.returncode == 0, sent.stderr.decode()

    def answered() -> bool:
        shown = command("events", "--json", "--payment", "p-1", settings=kafka_only)
        events = [json.loads(each)["data"] for each in shown.stdout.splitlines()]
        return [each["commandSource"] for each in events if each.get("commandId") == "m-1"] == ["/orders"]

    wait_until(answered, "the answer")
    told = command("events", "--json", settings=kafka_only).stdout.splitlines()
    assert told
    for event in map(json.loads, told):
        validator("events/headers").validate(event["headers"])
        validator(f"events/{event['headers']['ce_type']}", closed=True).validate(event["data"])
