"""One aggregate in memory, and the one effect that may run for it."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic

from gateway.kafka.handler import E
from gateway.kafka.permit import EffectPermit
from gateway.observability.standing import Standing


@dataclass(slots=True)
class Run(Generic[E]):
    """One effect on its way. `task` is None until it has a running place."""

    key: str
    effect: E
    permit: EffectPermit
    task: "asyncio.Task[None] | None" = None


@dataclass(slots=True)
class Slot(Generic[E]):
    """One aggregate in memory. `cut` is the number of the cut that holds its latest change; `pattern` is what its
    state is packed with, None where it is not.
    """

    state: bytes | None = None
    pattern: bytes | None = None
    memo: Any = None
    waiting: int = 0
    standing: Standing | None = None
    cut: int = 0
    run: Run[E] | None = None


def under_way(slots: Iterable[Slot[E]]) -> list[tuple[Run[E], "asyncio.Task[None]"]]:
    """What runs now, with its task."""
    runs = (slot.run for slot in slots if slot.run is not None)
    return [(run, run.task) for run in runs if run.task is not None]


def call_off(slots: Iterable[Slot[E]], reads_alone: bool = False) -> list[Run[E]]:
    """Withdraw the permits of what runs, or of its reads alone: what has left is heard, nothing more leaves."""
    called_off = [run for run, _ in under_way(slots) if not (reads_alone and run.effect.changes)]
    for run in called_off:
        run.permit.withdraw()
    return called_off
