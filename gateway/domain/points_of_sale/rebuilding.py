"""A point of sale's state made anew from what was told of it; what was asked and not answered waits in its inbox.

A watch that had told of a customer is over, and a creation that may have been sent is found by its refusal: the
merchant's own id is unique at the provider.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.domain.commands import CheckinNotified, Message
from gateway.domain.identity import MessageId
from gateway.domain.points_of_sale.operations import PointOfSaleReading
from gateway.domain.points_of_sale.state import PointOfSaleState
from gateway.domain.state import Remembered


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a point of sale. `known` is what `point-of-sale.created` tells of it."""

    type: str
    sequence: int
    at_ms: int
    answers: MessageId | None = None
    known: PointOfSaleReading | None = None


def rebuilt(
    merchant_pos_id: str, told: Sequence[Told], commands: Sequence[Message]
) -> PointOfSaleState | None:
    """As of a payment. A notification is answered by nothing, and one that was not read yet is left."""
    hashes = {message.id: message.data_hash for message in commands}
    state = PointOfSaleState(merchant_pos_id)
    for event in told:
        if event.sequence == 1:
            state = PointOfSaleState(merchant_pos_id)
        elif event.sequence <= state.sequence:
            continue
        known = None if event.type == "point-of-sale.deleted" else event.known or state.known
        state = replace(state, sequence=event.sequence, touched_ms=event.at_ms, known=known)
        if event.answers is not None:
            answered = Remembered(event.answers, hashes.get(event.answers, ""))
            state = replace(state, remembered=(*state.remembered, answered))
    done = {one.id for one in state.remembered}
    waiting = tuple(m for m in commands if m.id not in done and not isinstance(m.data, CheckinNotified))
    taken = tuple(Remembered(message.id, message.data_hash) for message in waiting)
    state = replace(state, inbox=waiting, remembered=(*state.remembered, *taken))
    if waiting:
        state = replace(state, touched_ms=max(state.touched_ms, waiting[-1].time_ms))
    return state if state != PointOfSaleState(merchant_pos_id) else None
