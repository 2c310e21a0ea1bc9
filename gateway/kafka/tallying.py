"""What a partition's aggregates add up to as their turns change them: commands that wait, and how they stand."""

from typing import Any

from gateway.kafka.handler import Turn
from gateway.kafka.slots import Slot
from gateway.observability.standing import Tally


class Sums:
    def __init__(self) -> None:
        self.waiting = 0
        self.tally = Tally()

    def turned(self, key: str, slot: Slot[Any], turn: Turn[Any]) -> None:
        self.waiting += turn.waiting - slot.waiting
        slot.waiting = turn.waiting
        if turn.standing is not None or turn.state is None:
            self.tally.moved(key, slot.standing, turn.standing)
            slot.standing = turn.standing
