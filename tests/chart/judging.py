"""Judges objects by the schemas of Kubernetes and of the operators, in the environment with kubernetes-validate.

Reads `{"crds": [paths], "objects": [[version, object], ...]}` and writes a list of lines, one for each fault.
A kind that nobody declares is a fault, and so is a field that a schema does not know: an API server would drop it.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

Schemas = dict[tuple[str, str], dict[str, Any]]


def declared(paths: list[str]) -> Schemas:
    """The schema of each version of each custom resource, by apiVersion and kind."""
    found: Schemas = {}
    for path in paths:
        spec = yaml.safe_load(Path(path).read_text(encoding="utf-8"))["spec"]
        for version in spec["versions"]:
            schema = version["schema"]["openAPIV3Schema"]
            found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = _closed(schema)
    return found


def _closed(schema: Any) -> Any:
    """Unknown fields are refused wherever fields are declared, but for those that are meant to be open."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    is_open = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" and not is_open:
        closed["additionalProperties"] = False
    return closed


def judge(version: str, one: dict[str, Any], schemas: Schemas) -> Iterator[str]:
    name = f"{one['kind']} {one['metadata']['name']} for {version}"
    custom = schemas.get((one["apiVersion"], one["kind"]))
    if custom is not None:
        for fault in jsonschema.Draft202012Validator(custom).iter_errors(one):
            yield f"{name}: {fault.json_path}: {fault.message}"
        return
    try:
        kubernetes_validate.validate(one, version, strict=True)
    except kubernetes_validate.ValidationError as fault:
        yield f"{name}: {'.'.join(map(str, fault.path))}: {fault.message}"
    except kubernetes_validate.SchemaNotFoundError:
        yield f"{name}: {one['apiVersion']} has no such kind"


def main() -> None:
    given = json.load(sys.stdin)
    schemas = declared(given["crds"])
    json.dump(
        [line for version, one in given["objects"] for line in judge(version, one, schemas)], sys.stdout
    )


if __name__ == "__main__":
    main()
