"""The AsyncAPI project's own parser takes the document, and would not take just anything."""

import copy
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from gateway.codec.command_data import COMMANDS
from gateway.codec.event_data import EVENTS
from gateway.published import CONTRACT_VERSION, documents
from gateway.published.asyncapi import asyncapi_document
from tests.interop.conftest import said

NEWER = "asyncapi-latest-version"
"""That 3.1 exists; 3.0 is what more tools read."""

Verdict = dict[str, Any]
Change = Callable[[dict[str, Any]], object]
WRONG: dict[str, Change] = {
    "a reference to nothing": lambda it: it["components"]["messages"]["payment.initiate"].update(
        payload={"$ref": "#/components/schemas/nothing"}
    ),
    "an action that is none": lambda it: it["operations"]["take"].update(action="sometimes"),
    "a topic policy that is none": lambda it: it["channels"]["state"]["bindings"]["kafka"][
        "topicConfiguration"
    ].update({"cleanup.policy": ["never"]}),
    "a schema that is none": lambda it: it["components"]["schemas"]["payment.cancel"].update(type="thing"),
}


def changed(change: Change) -> str:
    document = copy.deepcopy(asyncapi_document(CONTRACT_VERSION))
    change(document)
    return json.dumps(document)


@pytest.fixture(scope="module")
def verdicts(parser: Sequence[str]) -> dict[str, Verdict]:
    """Of the document, and of each wrong one; by one process, as it starts slowly."""
    texts = {"": documents()["asyncapi.yaml"], **{name: changed(change) for name, change in WRONG.items()}}
    found = json.loads(said(parser, json.dumps(list(texts.values()))))
    for verdict in found:
        verdict["problems"] = [each for each in verdict["problems"] if each["code"] != NEWER]
    return dict(zip(texts, found, strict=True))


def test_the_document_is_taken_without_a_word(verdicts: dict[str, Verdict]) -> None:
    found = verdicts[""]
    assert found["problems"] == []
    assert found["valid"]
    assert found["channels"] == [
        "payments.commands.v1",
        "payments.events.v1",
        "payments.state.v1",
        "payments.commands.v1.dlq",
    ]
    assert found["messages"] == len(COMMANDS) + len(EVENTS) + 6


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found(verdicts: dict[str, Verdict], name: str) -> None:
    assert verdicts[name]["problems"], f"{name} was taken"
