"""The JSON Schemas (2020-12) of what is read and written, made from the types that the codec itself goes by.

Commands as their reader takes them, events as their writer makes them, state as both. Objects are open: who
reads an event or a command ignores what it does not know. A field that may be None is one that may be left out;
what has a default says it.
"""

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any, Final

from pydantic import TypeAdapter

from gateway.codec.command_data import COMMANDS
from gateway.codec.event_data import EVENTS, Answering, Shape
from gateway.domain.points_of_sale.state import PointOfSaleState
from gateway.domain.state import PaymentState

Schema = dict[str, Any]

_DEFS: Final = "$defs"
_PARTS: Final[dict[type, Schema]] = {}


def command_schema(type_: str) -> Schema:
    """Of the data of one command."""
    return _plain(COMMANDS[type_].json_schema(by_alias=True), type_)


def event_schema(type_: str) -> Schema:
    """Of the data of one event."""
    kind = EVENTS[type_]
    shapes = [_shape(shape) for shape in kind.shapes]
    head = {"title": type_, "description": kind.when}
    if len(shapes) == 1:
        return head | shapes[0]
    definitions = reduce(lambda all_, shape: all_ | shape.pop(_DEFS, {}), shapes, dict[str, Any]())
    return {**head, "type": "object", "anyOf": shapes, _DEFS: definitions}


def payment_state_schema() -> Schema:
    return _plain(TypeAdapter(PaymentState).json_schema(), "state of a payment")


def point_of_sale_state_schema() -> Schema:
    return _plain(TypeAdapter(PointOfSaleState).json_schema(), "state of a point of sale")


def _shape(shape: Shape) -> Schema:
    parts = [_part(part) for part in shape.parts]
    merged: Schema = {
        "type": "object",
        "properties": _merged(part["properties"] for part in parts),
        "required": [*(name for part in parts for name in part.get("required", ())), *shape.always],
        _DEFS: _merged(part.get(_DEFS, {}) for part in parts),
    }
    answer = list(Answering.__annotations__)
    if Answering in shape.parts and not set(answer) <= set(shape.always):
        merged["dependentRequired"] = {name: [one for one in answer if one != name] for name in answer}
    return merged


def _part(part: type[Any]) -> Schema:
    # Events share their parts, and pydantic reads a part's source for its docstrings each time.
    if part not in _PARTS:
        _PARTS[part] = _plain(TypeAdapter(part).json_schema(mode="serialization"), "")
    return _PARTS[part]


def _merged(mappings: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: value for mapping in mappings for name, value in mapping.items()}


def _plain(schema: Schema, title: str) -> Schema:
    """What pydantic makes, in the words of the wire: no titles that repeat names, and no nulls."""
    found: Schema = _cleared(schema)
    return {"title": title, **found} if title else found


def _cleared(part: Any) -> Any:
    match part:
        case list():
            return [_cleared(each) for each in part]
        case dict() if "properties" in part:
            return _object(part)
        case str():
            return " ".join(part.split()) if "\n" in part else part
        case dict():
            return _optional(
                {name: _cleared(value) for name, value in part.items() if not _is_noise(name, value)}
            )
        case _:
            return part


def _is_noise(name: str, value: object) -> bool:
    return (name == "title" and isinstance(value, str)) or (name == "default" and value is None)


def _object(part: Schema) -> Schema:
    fields: Schema = part["properties"]
    may_lack = {name for name, field in fields.items() if {"type": "null"} in field.get("anyOf", ())}
    required = [name for name in part.get("required", ()) if name not in may_lack]
    rest = {name: value for name, value in part.items() if name not in ("properties", "required")}
    # A field may be called title.
    cleared = {name: _cleared(field) for name, field in fields.items()}
    whole: Schema = {**_cleared(rest), "properties": cleared}
    return whole | {"required": required} if required else whole


def _optional(field: Schema) -> Schema:
    """Without null among the alternatives; one that is left stands alone."""
    alternatives = field.get("anyOf", [])
    left = [one for one in alternatives if one != {"type": "null"}]
    if len(left) == len(alternatives):
        return field
    rest = {name: value for name, value in field.items() if name != "anyOf"}
    return {**left[0], **rest} if len(left) == 1 else {**rest, "anyOf": left}
