"""What can be said of the commands without a broker: help, usage, exit codes."""

import json
import os
from pathlib import Path

import pytest
from aiokafka import ConsumerRecord
from typer.testing import CliRunner, Result

from gateway.cli import application
from gateway.cli.events import _as_json, _as_text
from gateway.cli.outcome import ExitCode, Failed

COMMANDS = [
    ("run",),
    ("sandbox",),
    ("demo",),
    ("send",),
    ("events",),
    ("topics", "create"),
    ("topics", "check"),
    ("dlq", "list"),
    ("dlq", "show"),
    ("dlq", "replay"),
    ("partitions", "list"),
    ("partitions", "skip"),
    ("reconcile",),
    ("check",),
    ("schemas",),
]


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine or of a file in the current folder takes part."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("GATEWAY_")]:
        monkeypatch.delenv(name)


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(application, arguments, input=stdin)


def failure(result: Result) -> Failed:
    assert isinstance(result.exception, Failed)
    return result.exception


@pytest.mark.parametrize("command", COMMANDS)
def test_each_help_has_an_example(command: tuple[str, ...]) -> None:
    shown = run(*command, "--help")
    assert shown.exit_code == 0
    assert "Example: " in shown.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("events", "--from", "middle"),
        ("topics", "create", "--partitions", "0"),
        ("sandbox", "--port", "99999"),
        ("demo", "--payments", "none"),
        ("dlq", "show"),
        ("partitions", "skip"),
        ("partitions", "skip", "--partition", "0", "--offset", "-1"),
        ("dlq", "list", "--since", "yesterday"),
        ("dlq", "replay", "--max", "0"),
        ("send",),
    ],
)
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == ExitCode.WRONG_USAGE


def test_run_names_every_missing_setting() -> None:
    failed = failure(run("run"))
    assert failed.code is ExitCode.WRONG_USAGE
    assert "GATEWAY_POS__CLIENT_ID" in str(failed)
    assert "GATEWAY_POS__CLIENT_SECRET" in str(failed)


def test_check_shows_wrong_settings_as_lines_and_ends_with_1() -> None:
    result = run("check")
    assert failure(result).code is ExitCode.DOES_NOT_HOLD
    assert "settings\tGATEWAY_POS__CLIENT_ID" in result.output


def test_a_dry_run_judges_and_needs_no_broker() -> None:
    line = b'{"type": "payment.cancel", "data": {"paymentId": "p-1"}}\n'
    result = run("send", "-", "--dry-run", stdin=line * 2)
    assert result.exit_code == 0
    assert "2 commands would be sent" in result.output
    assert "1 lines repeat" in result.output


def test_a_file_that_is_not_there_is_wrong_usage() -> None:
    failed = failure(run("send", "nowhere.jsonl"))
    assert failed.code is ExitCode.WRONG_USAGE
    assert "nowhere.jsonl" in str(failed)


def test_a_scenario_that_is_wrong_names_its_field(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.json"
    scenario.write_text('{"sped": 1}')
    failed = failure(run("sandbox", "--scenario", str(scenario)))
    assert failed.code is ExitCode.WRONG_USAGE
    assert "sped" in str(failed)


def event(value: bytes | None, key: bytes | None = b"p-1") -> "ConsumerRecord[bytes | None, bytes | None]":
    headers = (("ce_type", b"payment.reserved"), ("ce_time", b"2026-05-04T12:30:00.000Z"), ("odd", None))
    return ConsumerRecord("events", 3, 17, 0, 0, key, value, None, 0, 0, headers)


def test_an_event_as_json_has_the_five_fields() -> None:
    line = json.loads(_as_json(event(b'{"sequence":2}')))
    assert line == {
        "partition": 3,
        "offset": 17,
        "key": "p-1",
        "headers": {"ce_type": "payment.reserved", "ce_time": "2026-05-04T12:30:00.000Z", "odd": None},
        "data": {"sequence": 2},
    }


@pytest.mark.parametrize("value", [None, b"", b"\xff\xfe", b"[1]", b'"text"', b'{"amounts": 5}'])
def test_what_is_no_event_is_shown_and_not_tripped_over(value: bytes | None) -> None:
    assert json.loads(_as_json(event(value, key=None)))["offset"] == 17
    assert _as_text(event(value, key=None))


def test_an_event_as_text_says_what_happened_and_steers_no_terminal() -> None:
    amounts = {"currency": "DKK", "requested": 1250, "reserved": 1250, "captured": 0, "refunded": 0}
    value = {"sequence": 2, "status": "reserved", "amounts": amounts, "commandId": "m-1\x1b[2J"}
    line = _as_text(event(json.dumps(value).encode()))
    for words in ("payment.reserved", "p-1", "reserved 1250 DKK", "answers m-1"):
        assert words in line
    assert "\x1b" not in line
