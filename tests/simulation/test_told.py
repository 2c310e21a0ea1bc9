"""What the log tells of a payment: a line an event, with the ids by which it is found."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.kafka.log import BrokerTrouble
from gateway.kafka.records import Channel
from gateway.observability.logs import LogFormat, LogLevel, LogOptions, configure
from tests.fakes.memory_log import STEP_SECONDS, MemoryBroker
from tests.simulation.process import CLIENT_SECRET
from tests.simulation.scene import TRACE, Scene, header, over_a_crash, played


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def configured(log_format: LogFormat = LogFormat.JSON, level: LogLevel = LogLevel.INFO) -> io.StringIO:
    stream = io.StringIO()
    configure(LogOptions(level, log_format), [CLIENT_SECRET], stream)
    return stream


def told(stream: io.StringIO) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in lines if line["logger"] == "gateway.payments"]


def test_one_line_an_event_and_one_a_command_in_their_order() -> None:
    stream = configured()
    scene = played(over_a_crash)
    lines = told(stream)
    events = scene.broker.published(0, Channel.EVENTS)
    of_events = [line for line in lines if line["event"] != "command accepted"]
    assert [line["event"] for line in of_events] == [header(event.headers, "ce_type") for event in events]
    for line, event in zip(of_events, events, strict=True):
        data = json.loads(event.value or b"")
        assert (line["payment_id"], line["sequence"], line["status"]) == (
            "p-1",
            data["sequence"],
            data["status"],
        )
        assert line["command_id"] == header(event.headers, "ce_causationid")
        assert line.get("answers") == data.get("commandType")
        assert line.get("refund_id") == data.get("refundId")
        assert line["level"] == "info"
    accepted = [line for line in lines if line["event"] == "command accepted"]
    assert [(line["command_id"], line["command_type"]) for line in accepted] == [
        ("m-1", "payment.initiate"),
        ("m-2", "payment.capture"),
        ("m-3", "refund.create"),
    ]
    assert accepted[0]["correlation_id"] == "order-7"
    assert [line.get("trace_id") for line in lines if line["command_id"] == "m-1"] == [TRACE] * 3
    assert all("trace_id" not in line for line in lines if line["command_id"] == "m-3")
    assert lines[0] is accepted[0]


async def troubled(scene: Scene) -> None:
    """A start whose outcome is not known for a while, a command that is rejected, records that are none."""
    scene.sandbox.faults.replace(scene.of_starts("timeout_after", times=4))
    gateway = scene.gateway()
    scene.initiate(ce_correlationid=f"to +4520031801 with {CLIENT_SECRET}")
    await scene.until("payment.unknown")
    scene.send("payment.initiate", "m-1", {"posId": "another"})
    scene.send("payment.explode", "m-4", {}, traceparent="nonsense")
    await scene.until("payment.reserved")
    scene.initiate("m-5")
    await scene.until("command.rejected")
    await gateway.stop()


def test_what_somebody_may_have_to_look_after_is_a_warning() -> None:
    stream = configured()
    played(troubled)
    warned = [line for line in told(stream) if line["level"] == "warning"]
    assert [line["event"] for line in warned] == ["payment.unknown", "dead letter", "dead letter"]
    unknown, invalid, strange = warned
    assert unknown["operation"] == "initiate"
    assert (invalid["key"], invalid["command_id"], invalid["reason"]) == ("p-1", "m-1", "invalid_data")
    assert (invalid["partition"], invalid["offset"]) == (0, 1)
    assert "posId" in invalid["problem"]
    assert (strange["command_type"], strange["reason"]) == ("payment.explode", "unknown_type")
    (rejected,) = [line for line in told(stream) if line["event"] == "command.rejected"]
    assert (rejected["reason"], rejected["answers"]) == ("payment_exists", "payment.initiate")


@pytest.mark.parametrize("log_format", LogFormat)
def test_an_id_that_holds_what_must_not_be_seen_is_masked(log_format: LogFormat) -> None:
    """I9."""
    stream = configured(log_format)
    played(troubled)
    text = stream.getvalue()
    assert "to **** with ****" in text
    assert "20031801" not in text
    assert CLIENT_SECRET not in text


def test_people_read_the_same_on_the_console() -> None:
    stream = configured(LogFormat.CONSOLE)
    played(over_a_crash)
    (line,) = [line for line in stream.getvalue().splitlines() if "payment.reserved" in line]
    for part in (
        "payment_id=p-1",
        "command_id=m-1",
        "correlation_id=order-7",
        f"trace_id={TRACE}",
        "status=reserved",
    ):
        assert part in line


def test_above_info_only_warnings_are_told() -> None:
    stream = configured(level=LogLevel.WARNING)
    played(troubled)
    assert {line["event"] for line in told(stream)} == {"payment.unknown", "dead letter"}


async def a_repeat(scene: Scene) -> None:
    gateway = scene.gateway()
    for _ in range(3):
        scene.initiate()
    await scene.until("payment.reserved")
    await gateway.stop()


def test_a_repeated_message_is_accepted_once() -> None:
    stream = configured()
    played(a_repeat)
    assert [line["event"] for line in told(stream)] == [
        "command accepted",
        "payment.initiated",
        "payment.issued",
        "payment.reserved",
    ]


async def nothing_can_be_written_for_a_while(scene: Scene) -> None:
    stream, refusing = configured(), False

    async def step(owner: str, name: str, partition: int) -> None:
        await asyncio.sleep(STEP_SECONDS)
        if refusing and name == "send":
            raise BrokerTrouble("nothing can be written")

    scene.broker = MemoryBroker(1, step)
    gateway = scene.gateway()
    await asyncio.sleep(1)
    refusing = True
    scene.initiate()
    await asyncio.sleep(30)
    assert told(stream) == []
    refusing = False
    await scene.until("payment.reserved")
    await gateway.stop()
    lines = [line["event"] for line in told(stream)]
    # However often in vain; once more where the first transaction that succeeds is the opening's own.
    assert lines[:-3] in (["command accepted"], ["command accepted"] * 2)
    assert lines[-3:] == ["payment.initiated", "payment.issued", "payment.reserved"]


def test_nothing_is_told_before_it_is_committed() -> None:
    played(nothing_can_be_written_for_a_while)
