"""Python's collector, for a process that holds millions of objects without a cycle among them.

By itself it looks through all of them now and then, which finds nothing, costs an eighth of a command, and with
the payments of a week would hold the loop for seconds. Here what outlives one full look is not looked at again, so
a look is at what came since, half a million objects and more. Refused: no full look at all, since what fails
leaves cycles.
"""

import gc
from typing import Final

COLLECT_AFTER: Final = (5_000, 20, 5)


def collect_seldom() -> None:
    """For the rest of the process."""
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    gc.callbacks.append(_keep_what_stays)


def _keep_what_stays(phase: str, about: dict[str, int]) -> None:
    if phase == "stop" and about["generation"] == 2:
        gc.freeze()
