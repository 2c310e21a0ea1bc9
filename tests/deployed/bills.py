"""CycloneDX's own schema, by which the bill is judged."""

import json
from importlib import resources
from typing import Any

import cyclonedx.schema
import jsonschema_rs

REFERRED = ("spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json")


def validator() -> Any:
    # Under the addresses that the schema's references lead to, so that nothing is fetched.
    registry = jsonschema_rs.Registry(
        [(f"http://cyclonedx.org/schema/{name}", _schema(name)) for name in REFERRED]
    )
    return jsonschema_rs.validator_for(_schema("bom-1.6.SNAPSHOT.schema.json"), registry=registry)


def _schema(name: str) -> Any:
    folder = resources.files(cyclonedx.schema) / "_res"
    return json.loads((folder / name).read_text(encoding="utf-8"))
