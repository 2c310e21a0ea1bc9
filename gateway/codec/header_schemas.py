"""The JSON Schemas of record headers, as text, and of commands in structured mode."""

from typing import Any, Final

from gateway.codec.command_data import COMMANDS
from gateway.codec.dead_letters import SKIPPED
from gateway.codec.envelope import MAX_ATTRIBUTE_BYTES
from gateway.codec.event_data import EVENTS
from gateway.codec.fields import TIME_PATTERN
from gateway.codec.formats import UUID
from gateway.codec.schemas import Schema, command_schema
from gateway.domain.vocabulary import DeadLetterReason

_CONTROL: Final = r"\u0000-\u001f\u007f-\u009f"
_SHOWN: Final = rf"^[^{_CONTROL}]*[^{_CONTROL}\s][^{_CONTROL}]*$"
"""No control character, and not blank."""

_NO_CONTROL: Final = f"^[^{_CONTROL}]*$"
_TRACE_PARENT: Final = "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-[!-~]{1,64})?$"
_NUMBER: Final = "^[0-9]{1,19}$"
_IN_BYTES: Final = f"At most {MAX_ATTRIBUTE_BYTES} bytes of UTF-8 without control characters."
_DROPPED: Final = (
    "Carried to all events the command leads to; one that is not well-formed is dropped, never refused."
)


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def _attributes(types: list[str], prefix: str) -> dict[str, Schema]:
    """What a command's envelope may say, in the order of `gateway.codec.envelope`."""
    kind = (
        _text("Which command it is.", const=types[0])
        if len(types) == 1
        else _text("Which command it is.", enum=types)
    )
    shown = {"minLength": 1, "maxLength": MAX_ATTRIBUTE_BYTES, "pattern": _SHOWN}
    named = {
        "specversion": _text("CloudEvents' own version.", const="1.0"),
        "id": _text(
            f"Names the message together with the source: the same again is a repeat. {_IN_BYTES}", **shown
        ),
        "source": _text(f"Who sends. {_IN_BYTES}", **shown),
        "type": kind,
        "time": _text(
            "When it was meant, RFC 3339; at most 5 minutes after the record's timestamp. Left out: that "
            "timestamp.",
            format="date-time",
        ),
        "expirytime": _text(
            "It must not start after this, RFC 3339; more than 6 days after its time counts as 6 days. Left out: "
            "its time and 23 hours (`GATEWAY_COMMAND_MAX_AGE_HOURS`).",
            format="date-time",
        ),
        "correlationid": _text(
            f"Carried to all events the command leads to. {_IN_BYTES}",
            maxLength=MAX_ATTRIBUTE_BYTES,
            pattern=_NO_CONTROL,
        ),
    }
    trace = {
        "traceparent": _text(f"W3C Trace Context. {_DROPPED}"),
        "tracestate": _text(f"W3C Trace Context. {_DROPPED}"),
    }
    return {prefix + name: schema for name, schema in named.items()} | trace


def command_headers(type_: str | None = None) -> Schema:
    """Of one command in binary mode, or of any."""
    return {
        "title": "headers of a command",
        "description": "CloudEvents 1.0 in binary mode. One twice, without a value or not UTF-8 is a dead letter.",
        "type": "object",
        "properties": {
            **_attributes([type_] if type_ else list(COMMANDS), "ce_"),
            "content-type": _text("Of the value; may be left out.", examples=["application/json"]),
        },
        "required": ["ce_specversion", "ce_id", "ce_source", "ce_type"],
    }


def structured_command_headers() -> Schema:
    kind = _text("Says that the value holds the attributes too.", examples=["application/cloudevents+json"])
    return {
        "title": "headers of a command in structured mode",
        "type": "object",
        "properties": {"content-type": kind},
        "required": ["content-type"],
    }


def structured_command() -> Schema:
    """Of the value of any command in structured mode."""
    schemas = {type_: command_schema(type_) for type_ in COMMANDS}
    definitions = {name: one for schema in schemas.values() for name, one in schema.pop("$defs", {}).items()}
    return {
        "title": "a command in structured mode",
        "type": "object",
        "properties": {
            **_attributes(list(COMMANDS), ""),
            "datacontenttype": _text("May be left out.", examples=["application/json"]),
            "data": {"type": "object", "description": "What the type says."},
            "data_base64": _text("The data in base64, in place of `data`.", contentEncoding="base64"),
        },
        "required": ["specversion", "id", "source", "type"],
        "oneOf": [{"required": ["data"]}, {"required": ["data_base64"]}],
        "allOf": [
            {
                "if": {"properties": {"type": {"const": type_}}},
                "then": {"properties": {"data": {"$ref": f"#/$defs/{type_}"}}},
            }
            for type_ in schemas
        ],
        "$defs": definitions | schemas,
    }


def event_headers(type_: str | None = None) -> Schema:
    """Of one event, or of any."""
    kind = {"const": type_} if type_ else {"enum": list(EVENTS)}
    return {
        "title": "headers of an event",
        "description": "CloudEvents 1.0 in binary mode.",
        "type": "object",
        "properties": {
            "ce_specversion": _text("CloudEvents' own version.", const="1.0"),
            "ce_id": _text(
                "A UUID that follows from payment, causing command and sequence: a duplicate has the same.",
                pattern=f"^{UUID.replace('A-F', '')}$",
            ),
            "ce_source": _text("`GATEWAY_EVENT_SOURCE`.", minLength=1),
            "ce_type": _text("What has happened.", **kind),
            "ce_time": _text("When the gateway learned it.", format="date-time", pattern=TIME_PATTERN),
            "ce_subject": _text("The paymentId or merchantPosId; the record's key too.", minLength=1),
            "ce_causationid": _text("The ce_id of the command that led to it.", minLength=1),
            "ce_correlationid": _text("The command's, where it had one."),
            "traceparent": _text("The command's, where it had one.", pattern=_TRACE_PARENT),
            "tracestate": _text("The command's, where it had one."),
            "content-type": _text("Of the value.", const="application/json"),
        },
        "required": [
            *("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "ce_causationid"),
            "content-type",
        ],
    }


def dead_letter_headers() -> Schema:
    """Of a dead letter: those it came with, byte for byte, and what the gateway adds behind them."""
    return {
        "title": "headers of a dead letter",
        "description": "The headers that the record came with, then these; the last of a name counts.",
        "type": "object",
        "properties": {
            "dlq.reason": _text(
                "Why it could not be understood; `skipped`: an operator passed over what cannot be decoded.",
                enum=[*(reason.value for reason in DeadLetterReason), SKIPPED],
            ),
            "dlq.message": _text("For people: the field and the problem, never a value.", maxLength=500),
            "dlq.topic": _text("Where the record lay."),
            "dlq.partition": _text("Where the record lay.", pattern=_NUMBER),
            "dlq.offset": _text("Where the record lay.", pattern=_NUMBER),
            "dlq.timestamp": _text("The record's own timestamp, ms of the epoch.", pattern="^-?[0-9]{1,19}$"),
            "dlq.version": _text("The gateway's version."),
            "dlq.replays": _text("How often it was sent again; left out: never.", pattern=_NUMBER),
        },
        "required": [
            f"dlq.{name}"
            for name in ("reason", "message", "topic", "partition", "offset", "timestamp", "version")
        ],
    }


def skipped_batch() -> Schema:
    """Of the value of the record that `partitions skip` leaves."""
    number: Schema = {"type": "integer", "minimum": 0}
    fields: dict[str, Schema] = {
        "topic": _text("Where the batch lies."),
        "partition": number,
        "offset": number | {"description": "The first offset that is passed over."},
        "nextOffset": number | {"description": "The first offset that is read again."},
        "error": _text("The decoder's."),
        "skippedBy": _text("Who did it."),
        "skippedAt": _text("When.", format="date-time", pattern=TIME_PATTERN),
    }
    return {
        "title": "a batch that was passed over",
        "description": "The record has no key, since the commands in the batch may have had any.",
        "type": "object",
        "properties": fields,
        "required": list(fields),
    }
