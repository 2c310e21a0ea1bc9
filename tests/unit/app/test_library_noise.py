"""The libraries' own lines: what the service says itself is dropped, other things are told once a minute."""

import logging
import sys

import pytest

from gateway.app.library_noise import LibraryNoise


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def entry(
    message: str, *args: object, name: str = "aiokafka.consumer.group_coordinator"
) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, __file__, 1, message, args, None)


@pytest.mark.parametrize(
    "message",
    [
        'Unable connect to node with id 1: [Errno 111] Connect call failed ("127.0.0.1", 9092)',
        "Unable to update metadata from [1]",
        "Failed fetch messages from 1: NodeNotReadyError: Attempt to send a request to node",
        "Failed fetch messages from 1: KafkaConnectionError: Connection at 127.0.0.1:9092 closed",
    ],
)
def test_that_the_broker_is_away_is_left_to_the_service(message: str) -> None:
    assert not LibraryNoise().filter(entry(message))


def test_other_things_are_told_once_a_minute_for_each_kind() -> None:
    time = Time()
    noise = LibraryNoise(time)
    refused = "Group Coordinator Request failed: %s"
    assert noise.filter(entry(refused, "[Error 30] GroupAuthorizationFailedError"))
    assert not noise.filter(entry(refused, "[Error 30] GroupAuthorizationFailedError"))
    assert noise.filter(entry("another kind"))
    time.now += 60
    assert noise.filter(entry(refused, "[Error 30] GroupAuthorizationFailedError"))


def test_that_a_collector_is_away_is_told_once_a_minute() -> None:
    """The service itself says nothing of it."""
    time = Time()
    noise = LibraryNoise(time)
    exporter = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    away = ("Transient error %s, retrying in %ss.", "ConnectTimeoutError", 1.2)
    assert [noise.filter(entry(*away, name=exporter)) for _ in range(3)] == [True, False, False]
    time.now += 60
    assert noise.filter(entry(*away, name=exporter))


def test_our_own_lines_are_never_dropped() -> None:
    noise = LibraryNoise(Time())
    assert all(noise.filter(entry("Unable connect", name="gateway.app.service")) for _ in range(3))


def test_a_stack_trace_becomes_the_name_of_its_exception() -> None:
    record = entry("Unexpected error in %s", "the coordinator")
    try:
        raise ValueError("inside")
    except ValueError:
        record.exc_info = sys.exc_info()
    assert LibraryNoise(Time()).filter(record)
    assert record.getMessage() == "Unexpected error in the coordinator (ValueError)"
    assert record.exc_info is None
