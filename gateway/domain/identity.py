"""Identities that any owner computes alike: idempotency keys and event ids, by UUIDv5 (RFC 9562 section 5.5).

Both follow from the causing message alone, so that a replay after a crash is recognisable at the provider and
at readers.
"""

from dataclasses import dataclass
from hashlib import sha1
from json.encoder import encode_basestring as _quoted
from uuid import UUID

NAMESPACE = UUID("54296f96-b32a-5ec8-833f-94c0bdd1c4bb")
_SPACE = NAMESPACE.bytes


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
    """The UUIDv5 of the parts as a compact JSON array: as `uuid.uuid5` and `json.dumps` make it, at a third of
    their cost.
    """
    written = ",".join([_quoted(part) if isinstance(part, str) else str(part) for part in parts])
    digest = bytearray(sha1(_SPACE + b"[%b]" % written.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
