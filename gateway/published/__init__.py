"""The published contract, made from the code: JSON Schemas, example messages, one AsyncAPI document.

Nothing of it is kept by hand, so the command `schemas` needs no file and can say nothing else than what this
gateway reads and writes. The version is the contract's own: its third number rises with words alone, the second
with what older senders and readers need not know, and the first never; another contract would be other topics.
"""

import json
from typing import Any, Final

from gateway.codec import STATE_VERSION
from gateway.codec.command_data import COMMANDS
from gateway.codec.event_data import EVENTS
from gateway.codec.header_schemas import (
    command_headers,
    dead_letter_headers,
    event_headers,
    skipped_batch,
    structured_command,
    structured_command_headers,
)
from gateway.codec.schemas import Schema, command_schema, event_schema
from gateway.kafka.changelog import CHECKPOINT_VERSION
from gateway.published import event_examples, examples, state_examples
from gateway.published.asyncapi import asyncapi_document
from gateway.published.state_schemas import state_schemas
from gateway.published.yaml_text import write_yaml

CONTRACT_VERSION: Final = "1.0.0"

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def documents() -> dict[str, str]:
    """Every file of the contract, by its path."""
    return {
        "asyncapi.yaml": write_yaml(asyncapi_document(CONTRACT_VERSION)),
        **{f"{path}.json": _document(path, schema) for path, schema in schemas().items()},
        **{f"examples/{path}.json": example.text() for path, example in example_messages().items()},
    }


def schemas() -> dict[str, Schema]:
    """Every JSON Schema, by its path. A state record's version stands in its name: another is another schema."""
    states = state_schemas()
    versions = dict.fromkeys(states, STATE_VERSION) | {"checkpoint": CHECKPOINT_VERSION}
    return {
        **{f"commands/{type_}": command_schema(type_) for type_ in COMMANDS},
        "commands/headers": command_headers(),
        "commands/structured": structured_command(),
        "commands/structured.headers": structured_command_headers(),
        **{f"events/{type_}": event_schema(type_) for type_ in EVENTS},
        "events/headers": event_headers(),
        **{f"state/{name}.v{versions[name]}": schema for name, schema in states.items()},
        "dead-letters/headers": dead_letter_headers(),
        "dead-letters/skipped": skipped_batch(),
    }


def example_messages() -> dict[str, examples.Example]:
    """Every example, by its path."""
    return {
        **{f"commands/{type_}": examples.command(type_) for type_ in COMMANDS},
        "commands/payment.initiate.least": examples.least_command(),
        "commands/structured": examples.structured_command(),
        **{f"events/{name}": example for name, example in event_examples.events()},
        **{f"state/{name}": example for name, example in state_examples.states()},
        **{f"dead-letters/{name}": example for name, example in examples.dead_letters()},
    }


def _document(path: str, schema: Schema) -> str:
    name = path.replace("/", ":")
    whole: dict[str, Any] = {"$schema": _DIALECT, "$id": f"urn:pos-gateway:{name}", **schema}
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"
