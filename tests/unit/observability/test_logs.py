"""Logs as lines: every logger of the process in one place, one shape, and clean."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.observability.logs import LogFormat, LogLevel, LogOptions, configure, get_logger


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def written(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def configured(level: LogLevel = LogLevel.INFO, log_format: LogFormat = LogFormat.JSON) -> io.StringIO:
    stream = io.StringIO()
    configure(LogOptions(level, log_format), conceal=["hunter22"], stream=stream)
    return stream


def test_one_line_an_event_in_a_fixed_order() -> None:
    stream = configured()
    get_logger("gateway.kafka").info("partition opened", partition=3, reason="line\nbreak")
    line = stream.getvalue()
    assert line.count("\n") == 1
    entry = json.loads(line)
    assert list(entry) == ["time", "level", "logger", "event", "partition", "reason"]
    assert entry["time"].endswith("Z")
    assert (entry["level"], entry["logger"], entry["event"]) == ("info", "gateway.kafka", "partition opened")
    assert (entry["partition"], entry["reason"]) == (3, "line\\nbreak")


@pytest.mark.parametrize(
    "name",
    ["aiokafka.consumer", "faststream", "faststream.access.kafka", "uvicorn.error", "httpx", "any.other"],
)
def test_the_libraries_write_in_the_same_shape(name: str) -> None:
    library = logging.getLogger(name)
    own = io.StringIO()
    if name not in ("aiokafka.consumer", "any.other"):
        library.addHandler(logging.StreamHandler(own))
        library.propagate = False
    if name == "any.other" or name == "aiokafka.consumer":
        library.handlers.clear()
        library.propagate = True
    stream = configured()
    library.warning("to %s with %s", "broker", "Authorization: Bearer hunter22xyz")
    assert own.getvalue() == ""
    (entry,) = written(stream)
    assert (entry["logger"], entry["level"]) == (name, "warning")
    assert entry["event"] == "to broker with Authorization: ****"


def test_chatty_libraries_are_heard_from_warning_on_and_wholly_at_debug() -> None:
    stream = configured()
    for name in ("aiokafka", "httpx", "uvicorn.access", "faststream"):
        logging.getLogger(name).info("chatter")
    assert stream.getvalue() == ""
    stream = configured(LogLevel.DEBUG)
    logging.getLogger("httpx").info("chatter")
    assert len(written(stream)) == 1


def test_the_level_holds_for_ours() -> None:
    stream = configured(LogLevel.WARNING)
    log = get_logger("gateway.flow")
    log.info("not heard")
    log.warning("heard")
    assert [entry["event"] for entry in written(stream)] == ["heard"]


def test_exceptions_are_one_line_without_secrets_or_local_values() -> None:
    stream = configured()
    local_value = "+45 20031801"
    try:
        raise ValueError("refused with client_secret=hunter22")
    except ValueError:
        get_logger("gateway").exception("failed", attempt=1)
        logging.getLogger("aiokafka").exception("failed too")
    assert stream.getvalue().count("\n") == 2
    for entry in written(stream):
        assert entry["exception"].startswith("Traceback") and "ValueError" in entry["exception"]
    assert "hunter22" not in stream.getvalue() and local_value not in stream.getvalue()


def test_the_console_is_for_people_and_as_clean() -> None:
    stream = configured(log_format=LogFormat.CONSOLE)
    get_logger("gateway").warning("to +45 20031801\x1b[2J", password="hunter22", partition=3)
    text = stream.getvalue()
    assert "partition=3" in text and "password=****" in text
    assert "20031801" not in text and "hunter22" not in text and "\x1b[2J" not in text


def test_warnings_of_python_are_logged() -> None:
    stream = configured()
    warnings.warn("careful with hunter22", stacklevel=1)
    (entry,) = written(stream)
    assert entry["logger"] == "py.warnings" and "careful with ****" in entry["event"]


def test_configured_anew_nothing_is_written_twice() -> None:
    configured()
    stream = configured()
    get_logger("gateway").info("once")
    assert len(written(stream)) == 1


def test_an_entry_that_cannot_be_written_is_told_of_without_its_content(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stream = configured()
    logging.getLogger("any.other").warning("number %d", "hunter22")
    get_logger("gateway").info("and on")
    told, after = written(stream)
    assert told == {"level": "error", "logger": "any.other", "event": "a log entry cannot be written"}
    assert after["event"] == "and on"
    assert "hunter22" not in stream.getvalue() + "".join(capsys.readouterr())


def test_after_its_stream_is_closed_a_logger_does_not_raise() -> None:
    stream = configured()
    stream.close()
    get_logger("gateway").info("into nothing")
