"""The JSON Schemas of the records of the state topic, by kind."""

from typing import Final

from gateway.codec.schemas import Schema, payment_state_schema, point_of_sale_state_schema

_CHECKPOINT: Final[Schema] = {
    "title": "the checkpoint of a partition",
    "description": "Written in the transactions that pass commands; one for each partition.",
    "type": "object",
    "properties": {
        "position": {
            "type": "integer",
            "minimum": 0,
            "description": "The offset of the next command to accept.",
        },
        "partitions": {"type": "integer", "minimum": 1, "description": "Of the commands topic."},
        "group": {"type": "string", "description": "The consumer group that the state belongs to."},
        "released": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The last owner let go in order; on these keys an effect was under way.",
        },
    },
    "required": ["position", "partitions", "group"],
}


def state_schemas() -> dict[str, Schema]:
    return {
        "payment": payment_state_schema(),
        "point-of-sale": point_of_sale_state_schema(),
        "checkpoint": _CHECKPOINT,
    }
