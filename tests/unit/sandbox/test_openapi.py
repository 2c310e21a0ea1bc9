"""The sandbox's document names every endpoint, every code and every schema that there is, and none besides."""

import json
import re

from gateway.sandbox.openapi import ANY_CODES, CODES, document
from gateway.sandbox.operations import Operation, endpoints, route
from gateway.sandbox.refusals import REFUSALS
from gateway.sandbox.schemas import SCHEMAS

ID = "3974eae6-e36f-4b7c-8a3d-6f0c1a2b3c4d"


def test_every_endpoint_is_described_and_leads_where_it_says() -> None:
    described = {
        (path, method.upper()) for path, methods in document()["paths"].items() for method in methods
    }
    assert described == {(path, method) for path, method, _ in endpoints()}
    assert {operation for _, _, operation in endpoints()} == set(Operation)
    for path, method, operation in endpoints():
        assert route(method, re.sub(r"\{.*?\}", ID, path)).operation is operation


def test_every_code_is_told_where_it_can_come() -> None:
    told = {code for codes in [ANY_CODES, *CODES.values()] for code in codes.split()}
    assert told == REFUSALS.keys()


def test_every_schema_is_used_and_every_reference_leads_somewhere() -> None:
    text = json.dumps(document())
    used = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert used == set(SCHEMAS)


def test_names_of_operations_are_unique() -> None:
    names = [one["operationId"] for methods in document()["paths"].values() for one in methods.values()]
    assert len(set(names)) == len(names)
