"""Whether records are as published: by their schemas, no field that nobody published, in the declared order."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from gateway.published import schemas

Validator = jsonschema_rs.Draft202012Validator
SCHEMAS = schemas()


def closed_schema(part: Any) -> Any:
    """The schema with every object closed."""
    match part:
        case list():
            return [closed_schema(each) for each in part]
        case dict():
            inner = {name: closed_schema(value) for name, value in part.items()}
            is_object = part.get("type") == "object" and isinstance(part.get("properties"), dict)
            return inner | {"additionalProperties": False} if is_object else inner
        case _:
            return part


@cache
def validator(path: str, *, closed: bool = False) -> Validator:
    """`path`: of the schema, as `commands/payment.initiate`."""
    schema = SCHEMAS[path]
    return Validator(closed_schema(schema) if closed else schema, validate_formats=True)


def problems_of_event(
    key: bytes | None, headers: Mapping[str, bytes | None], value: bytes | None
) -> Iterator[str]:
    """What a reader of the events topic was not promised."""
    named = {name: (text or b"").decode() for name, text in headers.items()}
    yield from _problems("events/headers", named)
    data, type_ = json.loads(value or b""), named.get("ce_type", "")
    yield from _problems(f"events/{type_}", data, closed=True)
    shapes = SCHEMAS[f"events/{type_}"].get("anyOf", [SCHEMAS[f"events/{type_}"]])
    orders = [[name for name in shape["properties"] if name in data] for shape in shapes]
    if list(data) not in orders:
        yield f"{type_}: the order {list(data)}"
    if json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() != value:
        yield f"{type_}: is not compact"
    subject = data.get("paymentId") or data.get("merchantPosId")
    if {subject, named.get("ce_subject"), (key or b"").decode()} != {subject}:
        yield f"{type_}: key, subject and data name different things"
    if named.get("ce_time") != data["occurredAt"]:
        yield f"{type_}: occurredAt is not ce_time"


def problems_of_state(key: bytes, value: bytes, version: str) -> Iterator[str]:
    """What a record of the state topic has that its schema does not."""
    kind = {b"p:": "payment", b"s:": "point-of-sale"}.get(key[:2], "checkpoint")
    yield from _problems(f"state/{kind}.v{version}", json.loads(value), closed=True)


def problems_of_dead_letter(headers: Mapping[str, bytes | None]) -> Iterator[str]:
    """Of those headers that the gateway itself adds."""
    added = {name: (text or b"").decode() for name, text in headers.items() if name.startswith("dlq.")}
    yield from _problems("dead-letters/headers", added)


def _problems(path: str, instance: Any, *, closed: bool = False) -> Iterator[str]:
    for error in validator(path, closed=closed).iter_errors(instance):
        place = "/".join(map(str, error.instance_path))
        yield f"{path}: {place}: {error.message}"[:400]
