"""Identities that any owner computes alike: idempotency keys and event ids, by UUIDv5 (RFC 9562 section 5.5).

Both follow from the causing message alone, so that a replay after a crash is recognisable at the provider and
at readers.
"""

import json
from dataclasses import dataclass
from uuid import UUID, uuid5

NAMESPACE = UUID("54296f96-b32a-5ec8-833f-94c0bdd1c4bb")
_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class MessageId:
    """CloudEvents identity: `source` + `id` name one message."""

    source: str
    id: str


def idempotency_key(cause: MessageId, aggregate_id: str, operation: str, attempt: int) -> str:
    """The key of one logical call: `operation` is initiate, prepare, refund or create-point-of-sale;
    `attempt` counts from 1.
    """
    return _name("key", cause.source, cause.id, aggregate_id, operation, attempt)


def event_id(aggregate_id: str, cause: MessageId, sequence: int) -> str:
    """The id of the event with `sequence` of this aggregate, caused by `cause`."""
    return _name("event", aggregate_id, cause.source, cause.id, sequence)


def _name(*parts: str | int) -> str:
    return str(uuid5(NAMESPACE, _write(parts)))
