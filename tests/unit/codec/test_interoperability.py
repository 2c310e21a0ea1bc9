"""The CloudEvents SDK as the other side: what it writes is read, and it reads what is written."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from gateway.codec import RecordParts, read_command, write_event
from gateway.domain.commands import InitiatePayment, Message
from gateway.domain.events import Answers, Cause, PaymentEvent, PaymentInitiated
from gateway.domain.identity import MessageId
from gateway.domain.money import Currency, Money
from gateway.domain.vocabulary import PaymentStatus
from tests.unit.codec.records import INITIATE, LIMITS, NOW_MS, POS

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SENT = datetime(2026, 5, 4, 14, 44, 59, 250_000, timezone(timedelta(hours=2)))


def sdk_event(data: Any = INITIATE, **more: Any) -> CloudEvent:
    attributes = {
        "type": "payment.initiate",
        "source": "/orders",
        "id": "m-1",
        "specversion": "1.0",
        "time": SENT,
        "datacontenttype": "application/json",
        "subject": "p-1",
        "expirytime": "2026-05-04T13:00:00Z",
        "correlationid": "c-1",
    }
    return CloudEvent({**attributes, **more}, data)


def record(message: KafkaMessage, *more: tuple[str, bytes]) -> RecordParts:
    value = message.value if isinstance(message.value, bytes) else str(message.value).encode()
    return RecordParts(b"p-1", value, (*message.headers.items(), *more), NOW_MS)


def read(message: KafkaMessage, *more: tuple[str, bytes]) -> Message:
    result = read_command(record(message, *more), LIMITS)
    assert isinstance(result, Message), result
    return result


def test_what_the_sdk_writes_means_the_same_in_both_modes() -> None:
    binary = read(to_binary(sdk_event(), JSONFormat()), ("traceparent", TRACE.encode()))
    structured = read(to_structured(sdk_event(traceparent=TRACE), JSONFormat()))
    assert binary == structured
    assert binary.id == MessageId("/orders", "m-1")
    assert binary.data == InitiatePayment("p-1", POS, Money(1250, Currency.DKK))
    assert binary.time_ms == NOW_MS - 750
    assert (binary.correlation_id, binary.trace_parent) == ("c-1", TRACE)


def test_bytes_that_the_sdk_encodes_are_read() -> None:
    message = to_structured(sdk_event(json.dumps(INITIATE).encode()), JSONFormat())
    assert b"data_base64" in message.value
    assert read(message) == read(to_structured(sdk_event(), JSONFormat()))


def test_the_sdk_reads_our_events() -> None:
    event = PaymentEvent(
        "p-1",
        2,
        PaymentStatus.INITIATED,
        NOW_MS,
        PaymentInitiated(),
        Cause(MessageId("/orders", "m-1"), "c-1", TRACE, "a=1"),
        answers=Answers(MessageId("/orders", "m-1"), "payment.initiate"),
    )
    wire = write_event(event, "/pos-gateway")
    assert wire.value is not None
    headers = {name: value for name, value in wire.headers if value is not None}
    read_back = from_binary(KafkaMessage(headers, wire.key, wire.value), JSONFormat())
    assert read_back.get_id() == headers["ce_id"].decode()
    assert (read_back.get_source(), read_back.get_type()) == ("/pos-gateway", "payment.initiated")
    assert read_back.get_time() == datetime(2026, 5, 4, 12, 45, tzinfo=UTC)
    assert (read_back.get_subject(), read_back.get_datacontenttype()) == ("p-1", "application/json")
    assert read_back.get_extension("causationid") == "m-1"
    assert read_back.get_extension("correlationid") == "c-1"
    data = read_back.get_data()
    assert isinstance(data, dict) and data["commandId"] == "m-1" and data["sequence"] == 2
