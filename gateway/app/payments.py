"""What `GET /payments/{paymentId}` tells: state and last steps, or why this process knows nothing. Pure."""

import json
from typing import Any

from gateway.codec.timeline import Seen, read_steps
from gateway.kafka.health import Phase
from gateway.kafka.partitions import Held
from gateway.observability.queries import Answer


def told_of_payment(payment_id: str, held: Held | None) -> Answer:
    """200 with `{"paymentId", "partition", "state", "steps"}`, or 404 with `{"error", "partition"?, "message"}`.

    `error` is not_consuming, not_owned, not_open or payment_not_found. `held` None: no partition can be owned yet.
    """
    if held is None:
        return _absent("not_consuming", None, "this instance does not consume yet")
    if held.state is not None:
        steps = read_steps(held.memo.steps) if isinstance(held.memo, Seen) else []
        state = _state(json.loads(held.state))
        body = {"paymentId": payment_id, "partition": held.partition, "state": state, "steps": steps}
        return Answer(200, body)
    if held.phase is None:
        where = f"partition {held.partition} holds this payment if any does, and another instance owns it"
        return _absent("not_owned", held.partition, where)
    if held.phase is not Phase.OPEN:
        return _absent("not_open", held.partition, f"partition {held.partition} is {held.phase.value} here")
    return _absent("payment_not_found", held.partition, "no payment of this id, or it was forgotten since")


def _state(fields: dict[str, Any]) -> dict[str, Any]:
    """The state record in its own words; of the remembered messages only how many, as they may be a thousand."""
    return {**fields, "remembered": len(fields.get("remembered", ()))}


def _absent(error: str, partition: int | None, message: str) -> Answer:
    place = {} if partition is None else {"partition": partition}
    return Answer(404, {"error": error, **place, "message": message})
