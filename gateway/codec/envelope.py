"""The CloudEvents 1.0 envelope of a command in the Kafka protocol binding, binary or structured mode.

Written here rather than taken from the SDK: that makes up a random id where `ce_id` is missing, and fails
on headers without a value. An attribute given twice is refused, since two readers could choose differently;
attributes that are not read here (`subject`, `dataschema`, foreign extensions) may hold anything.

A trace context that is not well-formed is dropped, as W3C Trace Context asks: tracing never costs a payment.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.codec.json_text import NotJson, Repeated, read_json, shown_name
from gateway.codec.records import RecordParts
from gateway.codec.times import read_time

MAX_ATTRIBUTE_BYTES: Final = 512
"""Of an id, source, type, correlation id or trace state: the state keeps a thousand ids in one record."""

MAX_CLOCK_LEAD_MS: Final = 5 * 60 * 1000
"""How far ce_time may lie ahead of the record's timestamp."""

_STRUCTURED: Final = "application/cloudevents+json"
_JSON: Final = "application/json"
_CONTENT_TYPE: Final = "content-type"
_PREFIX: Final = "ce_"
_TRACES: Final = ("traceparent", "tracestate")
_MEDIA_TYPE: Final = re.compile(r"\s*([^\s;]+)\s*(?:;(.*))?", re.DOTALL)
_CHARSET: Final = re.compile(r"(?i)(?:^|;)\s*charset\s*=\s*\"?([^\s;\"]*)")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_TRACE_PARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[!-~]{1,64})?"
)
_TRACE_STATE: Final = re.compile(r"[ -~]+")


class Malformed(Exception):
    """The attributes cannot be read; `str()` names the one and what is wrong."""


@dataclass(frozen=True, slots=True)
class RawData:
    """Binary mode: the record's value."""

    value: bytes | None


@dataclass(frozen=True, slots=True)
class InlineData:
    """Structured mode: the member `data`, None if there is none."""

    value: object


@dataclass(frozen=True, slots=True)
class EncodedData:
    """Structured mode: the member `data_base64`."""

    value: object


@dataclass(frozen=True, slots=True)
class Envelope:
    """The attributes as they were sent; None is not given or empty. Times are ms of the epoch."""

    id: str | None
    source: str | None
    type: str | None
    time_ms: int
    expiry_ms: int | None
    correlation_id: str | None
    trace_parent: str | None
    trace_state: str | None
    data: RawData | InlineData | EncodedData


def read_envelope(record: RecordParts) -> Envelope:
    """Raises `Malformed`."""
    content_type = _header(record, _CONTENT_TYPE)
    if content_type is None:
        return _binary(record)
    match _media_type(_CONTENT_TYPE, content_type):
        case "application/json":
            return _binary(record)
        case "application/cloudevents+json":
            return _structured(record)
        case _:
            raise Malformed(f"{_CONTENT_TYPE}: must be {_JSON} or {_STRUCTURED}")


def _binary(record: RecordParts) -> Envelope:
    attributes: dict[str, str] = {}
    traces: dict[str, str | None] = {}
    for name, value in record.headers:
        if name.startswith(_PREFIX):
            attribute = name[len(_PREFIX) :]
            if attribute in attributes:
                raise Malformed(f"{shown_name(name)}: stands twice")
            attributes[attribute] = _decoded(name, value)
        elif name in _TRACES:
            # One that stands twice counts as none.
            told = None if name in traces else value
            traces[name] = None if told is None else told.decode("utf-8", "replace")
    return _envelope(record, attributes.get, traces.get, _PREFIX, RawData(record.value))


def _structured(record: RecordParts) -> Envelope:
    if record.value is None:
        raise Malformed("value: missing, in structured mode it holds the attributes")
    try:
        members = read_json(record.value)
    except NotJson as problem:
        raise Malformed(f"value: {problem}") from None
    if not isinstance(members, dict):
        raise Malformed("value: must be a JSON object")
    if isinstance(members, Repeated):
        raise Malformed(f"{shown_name(members.name)}: stands twice")

    def attribute(name: str) -> str | None:
        value = members.get(name)
        if value is not None and not isinstance(value, str):
            raise Malformed(f"{name}: must be a string")
        return value

    content_type = attribute("datacontenttype")
    if content_type is not None and _media_type("datacontenttype", content_type) != _JSON:
        raise Malformed(f"datacontenttype: must be {_JSON}")
    if "data_base64" not in members:
        return _envelope(record, attribute, attribute, "", InlineData(members.get("data")))
    if "data" in members:
        raise Malformed("data: must not stand beside data_base64")
    return _envelope(record, attribute, attribute, "", EncodedData(members["data_base64"]))


def _envelope(
    record: RecordParts,
    attribute: Callable[[str], str | None],
    trace: Callable[[str], str | None],
    prefix: str,
    data: RawData | InlineData | EncodedData,
) -> Envelope:
    def text(name: str) -> str | None:
        value = attribute(name)
        if value is None:
            return None
        is_plain = value.isascii() and value.isprintable()
        if len(value if is_plain else value.encode("utf-8", "replace")) > MAX_ATTRIBUTE_BYTES:
            raise Malformed(f"{prefix}{name}: longer than {MAX_ATTRIBUTE_BYTES} bytes")
        if not is_plain and _CONTROL.search(value) is not None:
            raise Malformed(f"{prefix}{name}: has a control character or half a surrogate pair")
        return value if value.strip() else None

    def time(name: str) -> int | None:
        value = attribute(name)
        if value is None:
            return None
        ms = read_time(value)
        if ms is None:
            raise Malformed(f"{prefix}{name}: must be an RFC 3339 time such as 2026-05-04T12:30:00Z")
        return ms

    if attribute("specversion") != "1.0":
        raise Malformed(f"{prefix}specversion: must be 1.0")
    time_ms = time("time")
    if time_ms is None:
        time_ms = record.timestamp_ms
    elif time_ms > record.timestamp_ms + MAX_CLOCK_LEAD_MS:
        raise Malformed(f"{prefix}time: more than 5 minutes after the record's timestamp")
    trace_parent, trace_state = _trace(trace("traceparent"), trace("tracestate"))
    return Envelope(
        id=text("id"),
        source=text("source"),
        type=text("type"),
        time_ms=time_ms,
        expiry_ms=time("expirytime"),
        correlation_id=text("correlationid"),
        trace_parent=trace_parent,
        trace_state=trace_state,
        data=data,
    )


def _media_type(name: str, value: str) -> str:
    match = _MEDIA_TYPE.fullmatch(value)
    if match is None:
        raise Malformed(f"{name}: is no media type")
    charset = _CHARSET.search(match[2] or "")
    if charset is not None and charset[1].lower() not in ("utf-8", "utf8"):
        raise Malformed(f"{name}: charset must be utf-8")
    return match[1].lower()


def _header(record: RecordParts, name: str) -> str | None:
    values = [value for key, value in record.headers if key == name]
    if len(values) > 1:
        raise Malformed(f"{name}: stands twice")
    return _decoded(name, values[0]) if values else None


def _decoded(name: str, value: bytes | None) -> str:
    if value is None:
        raise Malformed(f"{shown_name(name)}: header without a value")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"{shown_name(name)}: is not UTF-8 at byte {error.start}") from None


def _trace(parent: str | None, state: str | None) -> tuple[str | None, str | None]:
    if parent is None or _TRACE_PARENT.fullmatch(parent) is None or (parent[:2] == "00" and len(parent) > 55):
        return None, None
    if state is None or len(state) > MAX_ATTRIBUTE_BYTES or _TRACE_STATE.fullmatch(state) is None:
        return parent, None
    return parent, state
