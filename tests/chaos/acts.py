"""What befalls the gateways, the brokers, the wires between them, and the provider."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

from gateway.demo.processes import post
from tests.chaos.brokers import Brokers
from tests.chaos.fleet import Fleet
from tests.chaos.trade import BURST, FAULTS, Trade

LEAST_IN_FLIGHT = 50
KILL_PATIENCE_SECONDS = 30.0
BEYOND_THE_SESSION = (8.0, 14.0)
WITHIN_THE_SESSION = (0.5, 4.0)
OUTAGE_SECONDS = (4.0, 14.0)
REFUSED_SECONDS = (2.0, 8.0)

WEIGHTS = {
    "kill": 5,
    "kill_all": 1,
    "roll": 4,
    "freeze": 4,
    "blink": 2,
    "join_and_leave": 3,
    "cut_off": 4,
    "break_wires": 2,
    "broker_clean": 1,
    "broker_hard": 2,
    "refuse_produces": 2,
    "provider_dark": 2,
    "provider_failing": 2,
    "provider_resets": 2,
}
"""Each act by its method, and how often it is drawn in a long run."""

ROLES = ("group", "transactions", "state", "commands")


class Acts:
    """`done` counts them; `in_flight` has the calls under way at each kill of a burst; `ended` when which process
    was killed, `left` when which was told to stop.
    """

    def __init__(self, fleet: Fleet, brokers: Brokers, trade: Trade, draws: random.Random) -> None:
        self.fleet = fleet
        self.brokers = brokers
        self.trade = trade
        self.done: Counter[str] = Counter()
        self.in_flight: list[int] = []
        self.ended: list[tuple[float, str]] = []
        self.left: list[tuple[float, str]] = []
        self._draws = draws

    async def do(self, name: str) -> None:
        self.done[name] += 1
        print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)
        act: Callable[[], Awaitable[None]] = getattr(self, name)
        await act()

    def _anyone(self) -> int:
        return self._draws.choice(self.fleet.running)

    async def _for(self, span: tuple[float, float]) -> None:
        await asyncio.sleep(self._draws.uniform(*span))

    async def end(self, number: int, *, hard: bool) -> None:
        """SIGKILL, or SIGTERM until it has stopped."""
        (self.ended if hard else self.left).append((time.time(), self.fleet.version(number)))
        await asyncio.to_thread(self.fleet.kill if hard else self.fleet.stop, number)

    async def kill(self) -> None:
        """SIGKILL with many calls under way; another in its place soon after."""
        await self.trade.start_payments(BURST)
        deadline, most = time.monotonic() + KILL_PATIENCE_SECONDS, 0
        while time.monotonic() < deadline:
            for number in self.fleet.running:
                calls = await asyncio.to_thread(self.fleet.calls_in_flight, number)
                most = max(most, calls)
                if calls >= LEAST_IN_FLIGHT:
                    await self.end(number, hard=True)
                    self.in_flight.append(calls)
                    await self._for((0.0, 3.0))
                    await asyncio.to_thread(self.fleet.start, number)
                    return
            await asyncio.sleep(0.02)
        raise AssertionError(f"never {LEAST_IN_FLIGHT} calls in flight at one gateway, at most {most}")

    async def kill_all(self) -> None:
        running = self.fleet.running
        await asyncio.gather(*(self.end(number, hard=True) for number in running))
        await self._for((0.0, 3.0))
        for number in running:
            await asyncio.to_thread(self.fleet.start, number)

    async def roll(self) -> None:
        number = self._anyone()
        await self.end(number, hard=False)
        await asyncio.to_thread(self.fleet.start, number)

    async def freeze(self) -> None:
        """SIGSTOP of an owner beyond the session: others take over, then it wakes up."""
        await self._freeze(BEYOND_THE_SESSION)

    async def blink(self) -> None:
        await self._freeze(WITHIN_THE_SESSION)

    async def _freeze(self, span: tuple[float, float]) -> None:
        owners = self.fleet.owners
        while not owners:
            await asyncio.sleep(0.1)
            owners = self.fleet.owners
        number = self._draws.choice(owners)
        self.fleet.freeze(number)
        await self._for(span)
        self.fleet.thaw(number)

    async def join_and_leave(self) -> None:
        """One more gateway, again and again; some of its ends are kills."""
        for _ in range(3):
            await asyncio.to_thread(self.fleet.start, self.fleet.spare)
            await self._for((0.5, 5.0))
            await self.end(self.fleet.spare, hard=self._draws.random() < 0.5)

    async def cut_off(self) -> None:
        """One gateway loses the brokers and keeps the provider; nobody tells it."""
        for wire in self.brokers.wires:
            wire.cut()
        await self._for(BEYOND_THE_SESSION if self._draws.random() < 0.6 else WITHIN_THE_SESSION)
        for wire in self.brokers.wires:
            if self._draws.random() < 0.5:
                wire.break_all()
            wire.mend()

    async def break_wires(self) -> None:
        for _ in range(5):
            for wire in self.brokers.wires:
                wire.break_all()
            await self._for((0.05, 1.0))

    async def broker_clean(self) -> None:
        await self.brokers.restart(await self._victim(), hard=False)

    async def broker_hard(self) -> None:
        await self.brokers.restart(await self._victim(), hard=True)

    async def _victim(self) -> int:
        """One of several by what it is: the group's coordinator, or the leader of a partition."""
        if self.brokers.count == 1:
            return 0
        topics = self.fleet.topics
        role = self._draws.choice(ROLES)
        self.done[f"of {role}"] += 1
        if role == "group":
            return await self.brokers.coordinator(self.fleet.run)
        topic = {"transactions": "__transaction_state"}.get(role) or topics[role]
        return await self.brokers.leader(topic, self._draws.randrange(4))

    async def refuse_produces(self) -> None:
        refused = [plan for plan in self.fleet.plans if plan.name != self.fleet.topics["commands"]]
        async with self.brokers.refusing(refused):
            await self._for(REFUSED_SECONDS)

    async def provider_dark(self) -> None:
        """Connections stand, nothing comes back; what was on its way is lost."""
        self.fleet.road.cut()
        await self._for(OUTAGE_SECONDS)
        self.fleet.road.break_all()
        self.fleet.road.mend()

    async def provider_failing(self) -> None:
        away = {"probabilities": {"*": {"error_before": 1.0}}, "error_status": 503}
        await self._faults(away)
        await self._for(OUTAGE_SECONDS)
        await self._faults(FAULTS)

    async def provider_resets(self) -> None:
        for _ in range(5):
            self.fleet.road.break_all()
            await self._for((0.05, 1.0))

    async def _faults(self, plan: Mapping[str, object]) -> None:
        assert await asyncio.to_thread(post, self.fleet.sandbox_port, "/_sandbox/faults", plan) == 200
