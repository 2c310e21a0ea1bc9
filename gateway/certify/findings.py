"""What a run found, item by item."""

from collections import defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: whether it holds, and what was seen."""

    case: str
    holds: bool
    evidence: str


@dataclass(slots=True)
class Findings:
    """Of one case. Evidence never shows a secret: it is made of counts, statuses, times and names."""

    case: str
    rows: dict[int, list[Finding]] = field(default_factory=lambda: defaultdict(list))

    def that(self, item: int, holds: object, evidence: str) -> None:
        self.rows[item].append(Finding(self.case, bool(holds), evidence))

    def equal(self, item: int, seen: object, expected: object, what: str) -> None:
        evidence = f"{what}: {seen}" if seen == expected else f"{what}: {seen}, expected {expected}"
        self.that(item, seen == expected, evidence)


@dataclass(frozen=True, slots=True)
class Case:
    """`items` are what it gives findings for; it fails for all of them if it ends otherwise than it should."""

    name: str
    items: tuple[int, ...]
    run: Callable[..., Coroutine[Any, Any, None]]
    place: str
    needs_simulator: bool
    """It moves the clock, reads the books or needs what only the simulator does."""


class Cases:
    """The cases of one file, in the order in which they were written."""

    def __init__(self) -> None:
        self.all: list[Case] = []

    def case(self, *items: int, place: str = "open", simulator: bool = False) -> Callable[[Any], Any]:
        """`place`: the stage that it plays on, or `after` for what is judged from all that was seen."""

        def registered(run: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Any]:
            name = run.__name__.replace("_", " ")
            self.all.append(Case(name, items, run, place, simulator or place == "aged"))
            return run

        return registered


class Unmet(Exception):
    """Something that a case waits for did not come; the text says what."""
