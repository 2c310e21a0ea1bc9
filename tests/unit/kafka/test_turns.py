"""What a partition keeps in memory of its aggregates."""

from typing import Any

from gateway.kafka.handler import Turn, Woken
from gateway.kafka.turns import Turns
from tests.contract.runtime.instance import LIMITS
from tests.fakes.virtual_time import VirtualClock, run


class Forgetful:
    """Keeps an aggregate while there is a state to keep for it, by its key."""

    def __init__(self) -> None:
        self.states: dict[str, bytes] = {}

    def handle(self, key: str, *_: object) -> Turn[Any]:
        return Turn(self.states.get(key))


def test_an_aggregate_of_which_nothing_is_left_leaves_the_memory() -> None:
    async def story() -> None:
        handler, failures = Forgetful(), list[BaseException]()
        turns: Turns[Any, Any, Any] = Turns(
            handler,  # type: ignore[arg-type]
            VirtualClock(),
            LIMITS,
            lambda: None,
            lambda: None,
            failures.append,
        )
        handler.states["kept"] = b"state"
        for key in ("kept", "nothing"):
            turns.prompt(key, Woken())
        assert len(turns) == 1 and turns.held("kept") == (b"state", None)
        del handler.states["kept"]
        turns.prompt("kept", Woken())
        assert len(turns) == 0 and not failures

    run(story())
