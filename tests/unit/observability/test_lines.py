"""Lines the quick way: the same entries as the usual way writes, and as clean."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.observability import logs
from gateway.observability.lines import Line, LineWriter
from gateway.observability.logs import LogOptions, configure, get_logger
from gateway.observability.redaction import Redaction

SECRETS = ["hunter22", "canary-secret"]
LIKELY = st.sampled_from(
    [
        "p-1",
        "eyJabcdef.x",
        "Bearer abcdefgh",
        "token=x",
        "+4520031801",
        "004520031801",
        "hunter22",
        "\x1b[2J",
        '"',
        "é",
    ]
)
TEXTS = st.lists(st.one_of(LIKELY, st.text(max_size=12)), max_size=3).map("".join)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def configured() -> io.StringIO:
    stream = io.StringIO()
    configure(LogOptions(), SECRETS, stream)
    return stream


def entries(stream: io.StringIO) -> list[dict[str, object]]:
    read = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert all(entry.pop("time").endswith("Z") for entry in read)
    return read


@given(TEXTS, TEXTS, st.none() | st.integers(0, 10**6))
def test_whatever_the_ids_are_both_ways_write_the_same(one: str, other: str, number: int | None) -> None:
    fields: dict[str, str | int | None] = {
        "payment_id": one,
        "correlation_id": other,
        "sequence": number,
        "none": None,
    }
    stream = configured()
    LineWriter("gateway.payments").write([Line("payment.captured", fields)])
    known = {name: value for name, value in fields.items() if value is not None}
    get_logger("gateway.payments").info("payment.captured", **known)
    quick, usual = entries(stream)
    assert quick == usual
    assert list(quick)[:3] == ["level", "logger", "event"]


@given(st.lists(TEXTS, max_size=3))
def test_what_is_certain_to_stay_stays(values: list[str]) -> None:
    redaction = Redaction(SECRETS)
    if redaction.leaves("\n".join(values)):
        assert [redaction.text(value) for value in "\n".join(values).split("\n")] == "\n".join(values).split(
            "\n"
        )


def test_usual_ids_go_the_quick_way() -> None:
    """Else all that was gained is lost, unseen."""
    configured()
    assert logs.direct() is not None
    redaction = Redaction(SECRETS)
    assert redaction.leaves("54296f96-b32a-5ec8-833f-94c0bdd1c4bb\norder-7\n/orders\n1.2_3")
    for doubtful in (
        *SECRETS,
        "to hunter22x",
        "eyJhbGciOi",
        "a b",
        "a=b",
        "a:b",
        "+45",
        "0045",
        "00358",
        "é",
        "x" * 9000,
    ):
        assert not redaction.leaves(doubtful), doubtful


def test_the_order_holds_between_the_two_ways() -> None:
    stream = configured()
    lines = [Line("a", {"id": "1"}), Line("b", {"id": "two words"}), Line("c", {"id": "3"}, logging.WARNING)]
    LineWriter("gateway.payments").write(lines)
    assert [(entry["event"], entry["level"]) for entry in entries(stream)] == [
        ("a", "info"),
        ("b", "info"),
        ("c", "warning"),
    ]


def test_another_handler_than_ours_hears_them_too() -> None:
    configured()
    heard: list[logging.LogRecord] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record)

    logging.getLogger().addHandler(Keeping())
    LineWriter("gateway.payments").write([Line("payment.captured", {"payment_id": "p-1"})])
    assert len(heard) == 1


def test_a_stream_that_is_gone_stops_nobody() -> None:
    stream = configured()
    stream.close()
    LineWriter("gateway.payments").write([Line("payment.captured", {"payment_id": "p-1"})])
