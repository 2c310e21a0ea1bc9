"""The lines of `send`: what becomes a record, what is named as wrong, and an id that a second run repeats."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.command_lines import DEFAULT_SOURCE, CommandLine, Problem, read_command_lines

CAPTURE = {"type": "payment.capture", "data": {"paymentId": "p-1"}}


def one(line: object) -> CommandLine:
    commands, problems = read_command_lines([json.dumps(line, ensure_ascii=False).encode()])
    assert not problems
    (command,) = commands
    return command


def wrong(line: object) -> Problem:
    raw = line if isinstance(line, bytes) else json.dumps(line).encode()
    commands, (problem,) = read_command_lines([raw])
    assert not commands
    return problem


def test_a_line_becomes_a_binary_cloud_event() -> None:
    command = one(
        CAPTURE
        | {
            "id": "m-1",
            "source": "/orders",
            "time": "2026-05-04T12:30:00Z",
            "expirytime": "2026-05-05T00:00:00+02:00",
        }
    )
    assert command.key == b"p-1"
    assert command.value == b'{"paymentId":"p-1"}'
    assert command.headers == (
        ("ce_specversion", b"1.0"),
        ("ce_id", b"m-1"),
        ("ce_source", b"/orders"),
        ("ce_type", b"payment.capture"),
        ("ce_time", b"2026-05-04T12:30:00Z"),
        ("ce_expirytime", b"2026-05-05T00:00:00+02:00"),
        ("content-type", b"application/json"),
    )


def test_without_a_source_the_default_is_sent_and_no_time_is_invented() -> None:
    headers = dict(one(CAPTURE).headers)
    assert headers["ce_source"] == DEFAULT_SOURCE.encode()
    assert "ce_time" not in headers


def test_a_point_of_sale_command_has_its_merchant_pos_id_as_key() -> None:
    assert one({"type": "checkin.watch", "data": {"merchantPosId": "till 1"}}).key == b"till 1"


def test_text_outside_ascii_is_sent_as_utf8() -> None:
    assert one({"type": "payment.capture", "data": {"paymentId": "å"}}).value == '{"paymentId":"å"}'.encode()


def test_the_derived_id_is_fixed() -> None:
    """A release that derived another one would charge again when a file is sent a second time."""
    assert one(CAPTURE).id == "fc300512-190c-564e-9e99-3cb4e437e50f"


def test_the_derived_id_depends_on_content_and_not_on_form() -> None:
    spaced = b'{ "data": {"paymentId":   "p-1"},\t"type":"payment.capture"}'
    commands, _ = read_command_lines([spaced])
    assert commands[0].id == one(CAPTURE).id
    assert one(CAPTURE | {"source": DEFAULT_SOURCE}).id == one(CAPTURE).id
    assert one(CAPTURE | {"source": "/other"}).id != one(CAPTURE).id
    assert one({"type": "payment.cancel", "data": {"paymentId": "p-1"}}).id != one(CAPTURE).id
    assert one({"type": "payment.capture", "data": {"paymentId": "p-2"}}).id != one(CAPTURE).id


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (b"{", ""),
        (b"[]", ""),
        (b'"text"', ""),
        (b'{"type": "\xff"}', ""),
        (b'{"type": NaN, "data": {}}', ""),
        (b'{"type": "a", "data": {"paymentId": "p", "n": ' + b"9" * 5000 + b"}}", ""),
        (b"[" * 100_000, ""),
        (b'{"type": "a", "type": "b", "data": {}}', "type"),
        ({"data": {"paymentId": "p-1"}}, "type"),
        ({"type": 1, "data": {"paymentId": "p-1"}}, "type"),
        ({"type": " ", "data": {"paymentId": "p-1"}}, "type"),
        ({"type": "payment.capture"}, "data"),
        ({"type": "payment.capture", "data": "p-1"}, "data"),
        ({"type": "payment.capture", "data": {}}, "data.paymentId"),
        ({"type": "payment.capture", "data": {"paymentId": 7}}, "data.paymentId"),
        ({"type": "payment.capture", "data": {"paymentId": ""}}, "data.paymentId"),
        ({"type": "checkin.watch", "data": {"merchantPosId": []}}, "data.merchantPosId"),
        (CAPTURE | {"id": 5}, "id"),
        (CAPTURE | {"source": ""}, "source"),
        (CAPTURE | {"time": "yesterday"}, "time"),
        (CAPTURE | {"expirytime": "2026-05-04"}, "expirytime"),
        (CAPTURE | {"expirytime": "2026-05-04T10:00:00"}, "expirytime"),
        (CAPTURE | {"expiry": "2026-05-04T10:00:00Z"}, "expiry"),
        (b'{"type": "payment.capture", "data": {"paymentId": "p", "label": "\\ud800"}}', "data"),
        (b'{"type": "payment.capture", "data": {"paymentId": "\\ud800"}}', "data"),
        (b'{"type": "\\ud800", "data": {"paymentId": "p"}}', "type"),
        (b'{"type": "payment.capture", "\\ud800": 1, "data": {"paymentId": "p"}}', "\\ud800"),
    ],
)
def test_what_is_wrong_is_named_with_its_field(line: object, field: str) -> None:
    problem = wrong(line)
    assert problem.field == field
    assert str(problem).startswith("line 1: ")
    str(problem).encode()


def test_every_problem_is_named_with_its_line_and_blank_lines_count() -> None:
    commands, problems = read_command_lines([b"{}", b"", b"  \n", json.dumps(CAPTURE).encode(), b"nonsense"])
    assert [command.line for command in commands] == [4]
    assert [problem.line for problem in problems] == [1, 5]


@given(st.binary(max_size=200))
def test_no_bytes_raise(raw: bytes) -> None:
    commands, problems = read_command_lines([raw])
    assert len(commands) + len(problems) == (1 if raw.strip() else 0)
