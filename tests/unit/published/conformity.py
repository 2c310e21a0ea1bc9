"""Validators of the published schemas; a closed one takes no field that its schema does not name."""

from functools import cache
from typing import Any

import jsonschema_rs

from gateway.published import schemas

SCHEMAS = schemas()


def closed(part: Any) -> Any:
    """The schema with every object closed, so that a field that nobody published is found."""
    match part:
        case list():
            return [closed(each) for each in part]
        case dict():
            inner = {name: closed(value) for name, value in part.items()}
            is_object = part.get("type") == "object" and isinstance(part.get("properties"), dict)
            return inner | {"additionalProperties": False} if is_object else inner
        case _:
            return part


@cache
def data_validator(folder: str, type_: str, *, closed: bool = False) -> jsonschema_rs.Draft202012Validator:
    schema = SCHEMAS[f"{folder}/{type_}"]
    return jsonschema_rs.Draft202012Validator(_closed(schema) if closed else schema, validate_formats=True)


_closed = closed


@cache
def header_validator(folder: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(SCHEMAS[f"{folder}/headers"], validate_formats=True)
