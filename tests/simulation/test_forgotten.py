"""Nothing of a payment stays in memory once it is forgotten: a process then holds what it held at first."""

import asyncio
import gc
import types
from collections import Counter
from typing import Any

from tests.fakes.virtual_time import run
from tests.simulation.process import RULES, Process
from tests.simulation.town import Plan, Town, in_peace

PLAN = in_peace(
    seed=12,
    partitions=2,
    payments=60,
    points_of_sale=8,
    old_payments=2,
    tills=0,
    seconds=20.0,
    faults=Plan.faults,
    troubles=Plan.troubles,
)
DAY_SECONDS = 86_400
FEW = 150
"""Objects more or less: names of metrics that were first counted meanwhile, tokens, connections."""


def held(process: Process) -> Counter[str]:
    """Objects that can be reached from the partitions of a process, by type; the broker's and provider's are not
    its own, and the cache of states written last is bounded by itself.
    """
    partitions = process.partitions
    handler: Any = partitions._handler
    town = process.town
    outside: list[Any] = [process, town, town.broker, town.mismatches, process.log]
    outside += [process.provider, handler._states, process.clock, asyncio.get_running_loop()]
    seen, waiting = {id(one) for one in outside}, [partitions]
    found: Counter[str] = Counter()
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type | types.ModuleType | types.FunctionType):
            continue
        seen.add(id(one))
        found[type(one).__qualname__] += 1
        waiting += gc.get_referents(one)
    return found


class PatientTown(Town):
    """Looks at what its one process holds: before the first command, with all under way, with all forgotten."""

    async def _shop(self) -> None:
        await asyncio.sleep(5)
        self.at_first = held(self.group.processes[0])
        await super()._shop()
        self.in_between = held(self.group.processes[0])

    async def _rest(self) -> None:
        await super()._rest()
        # A reservation that nobody ends expires after days, and is kept from then on.
        await asyncio.sleep((2 * RULES.state_retention_days + 1) * DAY_SECONDS)
        self.at_last = held(self.group.processes[0])


async def aged() -> PatientTown:
    town = PatientTown(PLAN)
    await town.live()
    return town


def test_a_process_holds_no_more_than_at_first_once_all_is_forgotten() -> None:
    town = run(aged())
    assert len(town.sent) > 100
    assert town.in_between.total() > town.at_first.total() + 3_000
    left = town.at_last - town.at_first
    assert left.total() < FEW, left
