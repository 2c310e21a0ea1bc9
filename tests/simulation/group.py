"""Who owns which partition, and what befalls the owners: one process or several, of one version or two."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.town import Town

VIOLENCE = (
    "kill",
    "crash at a step",
    "release",
    "stale",
    "unheard",
    "move",
    "moves",
    "away",
    "jump",
    "nothing",
)
"""What may befall; "unheard" loses the group's coordinator alone, "stale" the brokers altogether."""

STEPS_TO_CRASH = 120


class Group:
    """`owners` by partition; a partition without one waits for the next assignment."""

    def __init__(self, town: "Town") -> None:
        self._town = town
        self._draws = town.draws
        self.names: dict[str, Process] = {}
        """Everybody that ever was."""
        self.owners: dict[int, Process | None] = dict.fromkeys(range(town.plan.partitions))
        self.newest_state = False
        """Some process wrote the next version of the state, so that only its like can read it."""

    def begin(self) -> None:
        first = self._process()
        first.steps_to_crash = self._town.plan.first_crash or None
        self._assign(self.owners, first)

    @property
    def processes(self) -> list[Process]:
        """Those that own something, in the order of their names."""
        alive = {owner.name: owner for owner in self.owners.values() if owner is not None and not owner.ended}
        return [alive[name] for name in sorted(alive, key=lambda name: int(name.split("-")[1]))]

    def _process(self, newest: bool = False) -> Process:
        plan, name = self._town.plan, f"gateway-{len(self.names)}"
        newer = newest or (plan.versions and self._draws.random() < 0.3)
        self.newest_state = self.newest_state or newer
        process = self.names[name] = Process(self._town, name, newer)
        return process

    def _assign(self, numbers: Iterable[int], process: Process) -> None:
        taken = sorted(numbers)
        for number in taken:
            self.owners[number] = process
        process.partitions.assigned(taken)

    def _of(self, process: Process) -> list[int]:
        return [number for number, owner in self.owners.items() if owner is process]

    def _another(self, process: Process) -> Process:
        """Who takes over: somebody who is there, or a new one."""
        others = [one for one in self.processes if one is not process]
        return self._draws.choice(others) if others and self._draws.random() < 0.5 else self._process()

    async def befall(self) -> None:
        """One act of violence, drawn."""
        self.replace_the_crashed(newest=False)
        act = self._draws.choice(self._town.plan.violence)
        process = self._draws.choice(self.processes)
        match act:
            case "kill":
                await process.kill()
                await self._pause(0.01, 8)
                self.replace_the_crashed(newest=False)
            case "crash at a step":
                process.steps_to_crash = self._draws.randrange(1, STEPS_TO_CRASH)
            case "release":
                numbers = self._of(process)
                await process.partitions.revoked(numbers)
                await process.stop()
                self._assign(numbers, self._another(process))
            case "stale":
                # The broker hears nothing of it any more, but it can still call the provider.
                self._town.cut.add(process.name)
                await self._overtaken(process)
            case "unheard":
                await self._overtaken(process)
            case "move":
                await self._move(process, self._another(process))
            case "moves":
                other = self._another(process)
                for _ in range(self._draws.randrange(2, 6)):
                    await self._move(process, other)
                    process, other = other, process
            case "away":
                process.transport.away = True
                await self._pause(0.5, 20)
                process.transport.away = False
            case "jump":
                # As a clock that is set right: the steady ones go on as they did.
                process.clock.jump(self._draws.choice([-20_000, -500, 500, 20_000]))
            case _:
                pass

    async def _pause(self, least: float, most: float) -> None:
        await asyncio.sleep(self._draws.uniform(least, most))

    async def _overtaken(self, process: Process) -> None:
        """Another is given its partitions while it knows nothing of that; it learns so later, and leaves."""
        numbers = self._of(process)
        await self._pause(0.01, 8)
        self._assign(numbers, self._another(process))
        await self._pause(0.1, 12)
        self._town.cut.discard(process.name)
        await self._pause(0.1, 3)
        if not process.ended:
            await process.partitions.revoked(numbers)
            await process.stop()

    async def _move(self, source: Process, target: Process) -> None:
        """Some of its partitions change hands in order, as the group has it."""
        numbers = self._of(source)
        if not numbers or source.ended or target.ended:
            return
        some = self._draws.sample(numbers, self._draws.randint(1, len(numbers)))
        await source.partitions.revoked(some)
        if not target.ended:
            self._assign(some, target)
        await self._pause(0.0, 1.5)

    def replace_the_crashed(self, newest: bool) -> None:
        """`newest`: only by one that can read whatever there is."""
        ended = [n for n, owner in self.owners.items() if owner is None or owner.ended]
        if ended:
            others = [one for one in self.processes if one.newer or not newest]
            heir = self._draws.choice(others) if others and self._draws.random() < 0.5 else None
            self._assign(ended, heir or self._process(newest))

    async def settle(self) -> None:
        """Nothing befalls any more: everybody is alive, and of the newest version if any was."""
        for process in self.processes:
            process.transport.away = False
            if self.newest_state and not process.newer:
                await process.partitions.revoked(self._of(process))
                await process.stop()
        self.replace_the_crashed(newest=self.newest_state)

    async def stop(self) -> None:
        for process in self.processes:
            process.steps_to_crash = None
            await process.stop()
