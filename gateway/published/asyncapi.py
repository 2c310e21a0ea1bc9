"""The AsyncAPI 3 document: channels with their keys, headers, bindings and examples.

Its schemas are those of the JSON Schema files, carried into AsyncAPI's own dialect (draft-07 and a little more):
definitions become components, and what stands beside a reference moves around it, since readers drop it there.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from gateway.codec.command_data import COMMANDS
from gateway.codec.commands import CommandLimits
from gateway.codec.event_data import EVENTS
from gateway.codec.header_schemas import (
    command_headers,
    dead_letter_headers,
    event_headers,
    skipped_batch,
    structured_command,
    structured_command_headers,
)
from gateway.codec.schemas import Schema, command_schema, event_schema
from gateway.kafka.topics import DEFAULT_PARTITIONS, TopicPlan, plans
from gateway.kafka.transactions import TopicNames
from gateway.published import event_examples, examples, state_examples
from gateway.published.examples import Example
from gateway.published.state_schemas import state_schemas
from gateway.settings.variables import KafkaVariables, TopicVariables

_BINDING_VERSION: Final = "0.5.0"
_COMPONENTS: Final = "#/components/schemas/"
_ABOUT: Final = (
    "Commands in, events out. Each command is answered by exactly one event that bears its `commandId`, or by "
    "exactly one dead letter. All commands of one payment carry its `paymentId` as the key, and all producers of "
    "the commands topic use Kafka's own partitioner (murmur2). What a document cannot say stands in "
    "`schemas/README.md`."
)


def asyncapi_document(version: str) -> dict[str, Any]:
    """`version` is the contract's."""
    components = _Components()
    messages = _messages(components)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "pos-gateway",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {"broker": {"host": KafkaVariables().bootstrap_servers, "protocol": "kafka"}},
        "channels": _channels(messages),
        "operations": _operations(messages),
        "components": {
            "messages": {name: message for group in messages.values() for name, message in group.items()},
            "schemas": components.schemas,
        },
    }


class _Components:
    """Schemas by name, each once."""

    def __init__(self) -> None:
        self.schemas: dict[str, Schema] = {}

    def add(self, name: str, schema: Schema) -> Schema:
        """Take the schema and its definitions in; gives a reference to it."""
        whole = dict(schema)
        definitions: Mapping[str, Schema] = whole.pop("$defs", {})
        for inner, definition in definitions.items():
            self._take(inner, _dialect(definition))
        self._take(name, _dialect(whole))
        return {"$ref": _COMPONENTS + name}

    def _take(self, name: str, schema: Schema) -> None:
        assert self.schemas.setdefault(name, schema) == schema, f"{name} means two things"


def _dialect(part: Any) -> Any:
    match part:
        case list():
            return [_dialect(each) for each in part]
        case {"$ref": str(target), **rest}:
            reference = {"$ref": target.replace("#/$defs/", _COMPONENTS)}
            return {"allOf": [reference], **rest} if rest else reference
        case dict():
            renamed = {"dependentRequired": "dependencies"}
            return {renamed.get(name, name): _dialect(value) for name, value in part.items()}
        case _:
            return part


def _messages(components: _Components) -> dict[str, dict[str, Any]]:
    """By channel, then by name."""
    return {
        "commands": {
            **{type_: _command(components, type_) for type_ in COMMANDS},
            "structured": _message(
                "Any command in structured mode.",
                structured_command_headers(),
                components.add("structured", structured_command()),
                [("structured", examples.structured_command())],
                contentType="application/cloudevents+json",
            ),
        },
        "events": {type_: _event(components, type_) for type_ in EVENTS},
        "state": {
            name: _message(
                schema["title"],
                {"type": "object", "properties": {"v": {"type": "string", "description": "Its version."}}},
                components.add(f"state.{name}", schema),
                [each for each in state_examples.states() if each[0].split(".")[0] == name],
            )
            for name, schema in state_schemas().items()
        },
        "deadLetters": {
            "dead-letter": _message(
                "A record that could not be understood: key, value and headers as they came.",
                dead_letter_headers(),
                {"description": "Whatever bytes the record had."},
                [each for each in examples.dead_letters() if each[0] != "skipped"],
            ),
            "skipped": _message(
                "What is left of a batch that no client can decode and an operator passed over.",
                dead_letter_headers(),
                components.add("skipped", skipped_batch()),
                [each for each in examples.dead_letters() if each[0] == "skipped"],
                key={"type": "null"},
            ),
        },
    }


def _command(components: _Components, type_: str) -> dict[str, Any]:
    schema = command_schema(type_)
    shown = [(type_, examples.command(type_))]
    if type_ == "payment.initiate":
        shown.append(("the least", examples.least_command()))
    return _message(
        schema["description"], command_headers(type_), components.add(type_, schema), shown, name=type_
    ) | {
        "correlationId": {"location": "$message.header#/ce_correlationid"},
    }


def _event(components: _Components, type_: str) -> dict[str, Any]:
    shown = [
        (name, example) for name, example in event_examples.events() if example.headers["ce_type"] == type_
    ]
    payload = components.add(type_, event_schema(type_))
    return _message(EVENTS[type_].when, event_headers(type_), payload, shown, name=type_) | {
        "correlationId": {"location": "$message.header#/ce_correlationid"},
    }


def _message(
    summary: str,
    headers: Schema,
    payload: Schema,
    shown: Iterable[tuple[str, Example]],
    key: Schema | None = None,
    **more: Any,
) -> dict[str, Any]:
    return {
        **more,
        "summary": summary,
        "headers": _dialect(headers),
        "payload": payload,
        "bindings": {"kafka": {"key": key or {"type": "string"}, "bindingVersion": _BINDING_VERSION}},
        "examples": [
            {"name": name, "headers": example.headers, "payload": example.value} for name, example in shown
        ],
    }


def _channels(messages: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    topics = TopicVariables()
    planned = plans(TopicNames(topics.commands, topics.events, topics.state, topics.dlq))
    about = {
        "commands": "What upstream asks; the gateway itself sends `checkin.notified`. The key is the paymentId, "
        "or the merchantPosId of a point of sale.",
        "events": "What has happened; the same key and the same partition number as the command's.",
        "state": "The gateway's own memory, on the partition of the command; nobody else reads or writes it. "
        "The key is `p:` and the paymentId, `s:` and the merchantPosId, or `checkpoint`.",
        "deadLetters": "Commands that could not be understood; the key as it came.",
    }
    return {
        name: {
            "address": plan.name,
            "description": about[name],
            "messages": {one: {"$ref": f"#/components/messages/{one}"} for one in messages[name]},
            "bindings": {"kafka": _topic(plan)},
        }
        for name, plan in zip(messages, planned, strict=True)
    }


def _topic(plan: TopicPlan) -> dict[str, Any]:
    configuration = {
        name: value.split(",") if name == "cleanup.policy" else int(value)
        for name, value in plan.settings.items()
    }
    return {
        "topic": plan.name,
        "partitions": DEFAULT_PARTITIONS,
        "topicConfiguration": configuration,
        "bindingVersion": _BINDING_VERSION,
    }


def _operations(messages: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    group = {"type": "string", "const": KafkaVariables().group_id}
    taken = {
        "action": "receive",
        "channel": {"$ref": "#/channels/commands"},
        "summary": f"Take a command of at most {CommandLimits().max_bytes} bytes.",
        "messages": _named("commands", messages),
        "bindings": {"kafka": {"groupId": group, "bindingVersion": _BINDING_VERSION}},
        "reply": {"channel": {"$ref": "#/channels/events"}, "messages": _named("events", messages)},
    }
    told = {
        "tell": ("events", "Tell what has happened."),
        "remember": (
            "state",
            "Keep the state, in one transaction with the events and the position in the commands.",
        ),
        "putAside": ("deadLetters", "Put aside what cannot be understood, in the same transaction."),
    }
    return {
        "take": taken,
        "notify": {
            "action": "send",
            "channel": {"$ref": "#/channels/commands"},
            "summary": "Make a command of the provider's check-in notification.",
            "messages": [{"$ref": "#/channels/commands/messages/checkin.notified"}],
        },
        **{
            name: {
                "action": "send",
                "channel": {"$ref": f"#/channels/{channel}"},
                "summary": summary,
                "messages": _named(channel, messages),
            }
            for name, (channel, summary) in told.items()
        },
    }


def _named(channel: str, messages: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    return [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages[channel]]
