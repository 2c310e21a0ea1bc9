"""What is published: valid by its own dialect, whole, and said by examples that the codec reads and writes."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import pytest
import yaml
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from typer.testing import CliRunner

from gateway.cli import application
from gateway.cli.outcome import ExitCode, Failed
from gateway.codec import CommandLimits, decode_point_of_sale, decode_state, read_command
from gateway.codec.command_data import COMMANDS
from gateway.codec.dead_letters import read_note
from gateway.codec.event_data import EVENTS
from gateway.domain.commands import Data, Message
from gateway.domain.events import PaymentFact
from gateway.domain.points_of_sale.events import PointOfSaleFact
from gateway.domain.vocabulary import DeadLetterReason, Reason
from gateway.kafka.changelog import read_checkpoint
from gateway.kafka.log import Entry
from gateway.kafka.topics import plans
from gateway.kafka.transactions import TopicNames
from gateway.published import CONTRACT_VERSION, documents, example_messages, schemas, state_examples
from gateway.published.asyncapi import asyncapi_document
from gateway.published.examples import Example
from tests.conformity import validator

SCHEMAS = schemas()
DOCUMENTS = documents()
EXAMPLES = example_messages()
ASYNCAPI: dict[str, Any] = asyncapi_document(CONTRACT_VERSION)


def of(folder: str) -> dict[str, Example]:
    return {path: example for path, example in EXAMPLES.items() if path.startswith(f"{folder}/")}


def meaning(example: Example) -> Message:
    message = read_command(example.record(), CommandLimits())
    assert isinstance(message, Message), message
    return message


@pytest.mark.parametrize("path", SCHEMAS)
def test_each_schema_is_one_by_its_dialect(path: str) -> None:
    jsonschema_rs.Draft202012Validator(SCHEMAS[path], validate_formats=True)
    jsonschema_rs.meta.validate(json.loads(DOCUMENTS[f"{path}.json"]))


def test_there_is_a_schema_for_each_command_event_record_and_dead_letter() -> None:
    assert {f"commands/{type_}" for type_ in COMMANDS} <= SCHEMAS.keys()
    assert {f"events/{type_}" for type_ in EVENTS} <= SCHEMAS.keys()
    assert {path for path in SCHEMAS if path.startswith("state/")} == {
        "state/payment.v1",
        "state/point-of-sale.v1",
        "state/checkpoint.v1",
    }
    assert {"dead-letters/headers", "dead-letters/skipped"} <= SCHEMAS.keys()
    assert len(COMMANDS) == len(get_args(Data))
    facts = set(get_args(PaymentFact)) | set(get_args(PointOfSaleFact))
    assert len(EVENTS) == len(facts)


def test_the_closed_lists_are_said() -> None:
    rejected = SCHEMAS["events/command.rejected"]["$defs"]["Reason"]["enum"]
    assert rejected == [reason.value for reason in Reason]
    dead = SCHEMAS["dead-letters/headers"]["properties"]["dlq.reason"]["enum"]
    assert dead == [*(reason.value for reason in DeadLetterReason), "skipped"]


@pytest.mark.parametrize("path", of("commands"))
def test_an_example_of_a_command_is_read(path: str) -> None:
    example = EXAMPLES[path]
    message = meaning(example)
    if path == "commands/structured":
        assert message == meaning(EXAMPLES["commands/payment.initiate"])
        return
    type_ = example.headers["ce_type"]
    assert path.removeprefix("commands/").removesuffix(".least") == message.type == type_
    assert validator("commands/headers").is_valid(example.headers)
    assert validator(f"commands/{type_}", closed=True).is_valid(example.value)


@pytest.mark.parametrize("type_", COMMANDS)
@pytest.mark.parametrize("write", [to_binary, to_structured])
def test_each_command_that_the_sdk_writes_means_what_its_example_means(
    type_: str, write: Callable[[CloudEvent, JSONFormat], KafkaMessage]
) -> None:
    example = EXAMPLES[f"commands/{type_}"]
    named = {
        name.removeprefix("ce_"): text for name, text in example.headers.items() if name.startswith("ce_")
    }
    time = datetime.fromisoformat(named["time"].replace("Z", "+00:00"))
    sent = write(
        CloudEvent({**named, "time": time, "datacontenttype": "application/json"}, example.value),
        JSONFormat(),
    )
    value = sent.value if isinstance(sent.value, bytes) else str(sent.value).encode()
    record = replace(example.record(), value=value, headers=tuple(sent.headers.items()))
    read = read_command(record, CommandLimits())
    assert read == replace(meaning(example), trace_parent=None)


def test_an_example_of_a_command_has_every_field() -> None:
    for type_ in COMMANDS:
        assert list(EXAMPLES[f"commands/{type_}"].value) == list(SCHEMAS[f"commands/{type_}"]["properties"])


def test_the_structured_example_keeps_its_schema() -> None:
    by, example = validator("commands/structured"), EXAMPLES["commands/structured"].value
    assert by.is_valid(example)
    assert not by.is_valid({**example, "data": {"paymentId": "p-1"}})
    assert not by.is_valid({**example, "data_base64": "e30="})


@pytest.mark.parametrize("path", of("events"))
def test_an_example_of_an_event_keeps_its_schema_and_the_sdk_reads_it(path: str) -> None:
    example = EXAMPLES[path]
    type_ = example.headers["ce_type"]
    assert path.startswith(f"events/{type_}")
    validator(f"events/{type_}", closed=True).validate(example.value)
    validator("events/headers").validate(example.headers)
    headers: dict[str, str | bytes] = {name: text.encode() for name, text in example.headers.items()}
    read = from_binary(KafkaMessage(headers, example.record().key, example.bytes()), JSONFormat())
    assert (read.get_type(), read.get_id()) == (type_, example.headers["ce_id"])
    assert read.get_subject() == example.key
    assert read.get_data() == example.value


def test_each_event_has_an_example() -> None:
    assert {example.headers["ce_type"] for example in of("events").values()} == set(EVENTS)


@pytest.mark.parametrize("path", of("state"))
def test_an_example_of_a_state_record_is_read(path: str) -> None:
    example, kind = EXAMPLES[path], path.removeprefix("state/").split(".")[0]
    jsonschema_rs.validate(SCHEMAS[f"state/{kind}.v{example.headers['v']}"], example.value)
    match kind:
        case "payment":
            expected = state_examples.initiating(), state_examples.refunding()
            assert decode_state(example.bytes()) in expected
        case "point-of-sale":
            assert decode_point_of_sale(example.bytes()) == state_examples.watched_till()
        case _:
            headers = tuple((name, text.encode()) for name, text in example.headers.items())
            assert read_checkpoint(Entry(b"checkpoint", example.bytes(), headers)).position == 4711


@pytest.mark.parametrize("path", of("dead-letters"))
def test_an_example_of_a_dead_letter_is_read(path: str) -> None:
    example = EXAMPLES[path]
    validator("dead-letters/headers").validate(example.headers)
    note = read_note([(name, text.encode()) for name, text in example.headers.items()])
    assert path == f"dead-letters/{note.reason}"
    assert note.offset is not None and note.version == "0.1.0"
    if path == "dead-letters/skipped":
        jsonschema_rs.validate(SCHEMAS["dead-letters/skipped"], example.value)


def test_the_document_is_yaml_and_names_the_topics_as_they_are_made() -> None:
    read = yaml.safe_load(DOCUMENTS["asyncapi.yaml"])
    assert read == json.loads(json.dumps(ASYNCAPI))
    topics = plans(TopicNames(*(f"payments.{name}.v1" for name in ("commands", "events", "state")), "-"))
    for name, plan in zip(("commands", "events", "state"), topics[:3], strict=True):
        binding = read["channels"][name]["bindings"]["kafka"]
        assert binding["topic"] == plan.name
        assert binding["topicConfiguration"]["cleanup.policy"] == [plan.settings["cleanup.policy"]]
    assert read["channels"]["deadLetters"]["address"] == "payments.commands.v1.dlq"


def test_examples_in_the_document_are_those_beside_it() -> None:
    shown = [
        each["payload"] for one in ASYNCAPI["components"]["messages"].values() for each in one["examples"]
    ]
    assert len(shown) == len(EXAMPLES)
    assert all(example.value in shown for example in EXAMPLES.values())


@pytest.mark.parametrize("name", ASYNCAPI["components"]["messages"])
def test_examples_keep_the_schemas_in_the_documents_own_dialect(name: str) -> None:
    """AsyncAPI's is draft-07 and a little more; its parser does not look at examples."""
    message = ASYNCAPI["components"]["messages"][name]
    for part, schema in (("payload", message["payload"]), ("headers", message["headers"])):
        whole = {**schema, "components": ASYNCAPI["components"]}
        judge = jsonschema_rs.Draft7Validator(whole, validate_formats=True)
        for example in message["examples"]:
            judge.validate(example[part])
    assert message["examples"]
    if name in (*COMMANDS, *EVENTS):
        assert not judge.is_valid({}) and not judge.is_valid({**message["headers"], "ce_type": "other"})


def test_the_command_writes_every_file_and_leaves_others(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    done = CliRunner().invoke(application, ["schemas", "--out", str(tmp_path)])
    assert done.exit_code == 0 and f"{len(DOCUMENTS)} files" in done.output
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {*DOCUMENTS, "mine.txt"}
    assert (tmp_path / "asyncapi.yaml").read_text(encoding="utf-8") == DOCUMENTS["asyncapi.yaml"]


def test_without_a_folder_the_document_is_written_to_stdout() -> None:
    done = CliRunner().invoke(application, ["schemas"])
    assert done.exit_code == 0 and done.output == DOCUMENTS["asyncapi.yaml"]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(application, ["schemas", "--out", str(tmp_path / "file")])
    assert isinstance(done.exception, Failed)
    assert done.exception.code == ExitCode.WRONG_USAGE and "file" in str(done.exception)


def test_the_record_that_the_readme_shows_is_a_command() -> None:
    readme = (Path(__file__).resolve().parents[3] / "schemas" / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"```\nkey +(\S+)\nheaders +(.+)\nvalue +(.+)\n```", readme)
    assert shown is not None
    headers = dict(each.split(": ") for each in re.split(r" {3,}", shown[2]))
    message = meaning(Example(shown[1], headers, json.loads(shown[3])))
    assert (message.type, message.id.id) == ("payment.initiate", "m-1")
