"""Reads a record into a command message, or says why it is a dead letter.

Judged in this order: too_large, malformed_envelope, missing_id, unknown_type, invalid_data, key_mismatch;
an id used twice is the domain's to find. For any bytes whatever one of the two comes out, never an
exception.

The data hash is taken over what the data means: unknown fields, the order of fields, a default that was
spelt out and the case of UUIDs do not count. Defaults are left out of it, so that a field which a later
version adds does not change the hash of commands that are remembered already.
"""

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, assert_never

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from gateway.codec.command_data import CHECKIN_NOTIFIED, COMMANDS, CommandData
from gateway.codec.dead_letters import DeadLetter
from gateway.codec.envelope import EncodedData, Envelope, InlineData, Malformed, RawData, read_envelope
from gateway.codec.json_text import NotJson, read_json, repeated_name
from gateway.codec.meaning import aggregate_id, ignored_fields, meaning, normal
from gateway.codec.problems import problems_of
from gateway.codec.records import RecordParts
from gateway.domain.commands import Message
from gateway.domain.identity import MessageId
from gateway.domain.vocabulary import DeadLetterReason
from gateway.observability.metrics import COMMAND_FIELDS_IGNORED

NOTIFICATION_SOURCE: Final = "/pos-gateway/notifications"
"""The only source whose `checkin.notified` is a command."""

LATEST_EXPIRY_MS: Final = 6 * 24 * 3600 * 1000
"""After ce_time: below the shortest retention of the state, so that no repeat outlives its memory."""

_HOUR_MS: Final = 3600 * 1000
_HASH_CHARACTERS: Final = 32


@dataclass(frozen=True, slots=True)
class CommandLimits:
    """`max_bytes` of a record's value; `max_age_hours` after ce_time a command expires that says nothing
    else.
    """

    max_bytes: int = 65_536
    max_age_hours: int = 23


class _Dead(Exception):
    def __init__(self, reason: DeadLetterReason, message: str, type_: str | None = None) -> None:
        super().__init__(message)
        self.letter = DeadLetter(reason, message, type_)


def read_command(record: RecordParts, limits: CommandLimits) -> Message | DeadLetter:
    """What the record means. Fields that are ignored are counted."""
    try:
        return _read(record, limits)
    except Malformed as problem:
        return DeadLetter(DeadLetterReason.MALFORMED_ENVELOPE, str(problem))
    except _Dead as dead:
        return dead.letter


def _read(record: RecordParts, limits: CommandLimits) -> Message:
    size = len(record.value or b"")
    if size > limits.max_bytes:
        raise _Dead(DeadLetterReason.TOO_LARGE, f"value: {size} bytes, at most {limits.max_bytes} are read")
    envelope = read_envelope(record)
    for name, value in (("id", envelope.id), ("source", envelope.source)):
        if value is None:
            raise _Dead(DeadLetterReason.MISSING_ID, f"{name}: missing", _known(envelope.type))
    assert envelope.id is not None and envelope.source is not None
    type_, adapter = _type(envelope)
    data, ignored = _data(type_, adapter, envelope)
    name, key = aggregate_id(data)
    if record.key != key.encode():
        raise _Dead(DeadLetterReason.KEY_MISMATCH, f"key: must be the {name} of the data", type_)
    if ignored:
        COMMAND_FIELDS_IGNORED.labels(type_).inc(ignored)
    return Message(
        id=MessageId(envelope.source, envelope.id),
        type=type_,
        data=meaning(data),
        data_hash=_hash(type_, adapter, data),
        time_ms=envelope.time_ms,
        expires_at_ms=_expiry(envelope, limits),
        correlation_id=envelope.correlation_id,
        trace_parent=envelope.trace_parent,
        trace_state=envelope.trace_state,
    )


def _type(envelope: Envelope) -> tuple[str, TypeAdapter[Any]]:
    if envelope.type is None:
        raise _Dead(DeadLetterReason.UNKNOWN_TYPE, "type: missing")
    adapter = COMMANDS.get(envelope.type)
    if adapter is None:
        raise _Dead(DeadLetterReason.UNKNOWN_TYPE, "type: is no command of this gateway")
    if envelope.type == CHECKIN_NOTIFIED and envelope.source != NOTIFICATION_SOURCE:
        raise _Dead(DeadLetterReason.UNKNOWN_TYPE, "type: only the gateway itself sends it", envelope.type)
    return envelope.type, adapter


def _known(type_: str | None) -> str | None:
    return type_ if type_ in COMMANDS else None


def _data(type_: str, adapter: TypeAdapter[Any], envelope: Envelope) -> tuple[CommandData, int]:
    """The data and how many of its fields were ignored."""
    try:
        fields = _json(envelope)
        twice = repeated_name(fields)
        if twice is not None:
            raise NotJson(f"has the field {twice} twice")
        if not isinstance(fields, dict):
            raise NotJson("must be a JSON object")
        data: CommandData = adapter.validator.validate_python(fields)
    except NotJson as problem:
        raise _Dead(DeadLetterReason.INVALID_DATA, f"data: {problem}", type_) from None
    except ValidationError as error:
        raise _Dead(DeadLetterReason.INVALID_DATA, problems_of(error), type_) from None
    return normal(data), ignored_fields(data, fields)


def _json(envelope: Envelope) -> object:
    match envelope.data:
        case RawData(value):
            if not value:
                raise NotJson("missing")
            return read_json(value)
        case InlineData(value):
            if value is None:
                raise NotJson("missing")
            return value
        case EncodedData(str(text)):
            try:
                return read_json(base64.b64decode(text, validate=True))
            except (binascii.Error, ValueError):
                raise NotJson("data_base64 is not base64") from None
        case EncodedData():
            raise NotJson("data_base64 must be a string")
        case _:
            assert_never(envelope.data)


def _hash(type_: str, adapter: TypeAdapter[Any], data: CommandData) -> str:
    fields = adapter.serializer.to_python(data, mode="json", by_alias=True, exclude_defaults=True)
    return sha256(to_json([type_, _in_order(fields)])).hexdigest()[:_HASH_CHARACTERS]


def _in_order(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _in_order(value) if isinstance(value, dict) else value for name, value in sorted(fields.items())
    }


def _expiry(envelope: Envelope, limits: CommandLimits) -> int:
    if envelope.expiry_ms is None:
        return envelope.time_ms + limits.max_age_hours * _HOUR_MS
    return min(envelope.expiry_ms, envelope.time_ms + LATEST_EXPIRY_MS)
