"""A handler without a payment in sight: it counts, by way of effects in a world that remembers who did what
and when.

Each command is a number to add; the effect that adds it is known by the command's id. The world is
idempotent by that id, as the provider is by its keys, and remembers every attempt.
"""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from gateway.kafka.handler import (
    Addressed,
    Arrived,
    Now,
    Performed,
    Permit,
    Prompt,
    Refused,
    Restored,
    Turn,
    Urgency,
    Woken,
)
from gateway.kafka.records import Channel, Outgoing, Record
from gateway.observability.standing import Matter, Open, Standing


@dataclass(frozen=True, slots=True)
class Command:
    id: str
    number: int


@dataclass(frozen=True, slots=True)
class Effect:
    """`adding`: change the world; else look whether the change is there."""

    id: str
    number: int
    adding: bool

    @property
    def changes(self) -> bool:
        return self.adding

    @property
    def urgency(self) -> Urgency:
        return Urgency.FIRST if self.adding else Urgency.READ


@dataclass(frozen=True, slots=True)
class Attempt:
    at: float
    owner: str
    key: str
    id: str


@dataclass
class World:
    """What has been added, and each attempt to. `seconds` is how long an attempt takes."""

    seconds: float = 0.01
    added: dict[str, int] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def add(self, owner: str, key: str, effect: Effect) -> None:
        self.attempts.append(Attempt(asyncio.get_running_loop().time(), owner, key, effect.id))
        self.added.setdefault(effect.id, effect.number)
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(self.seconds)


def read_state(state: bytes | None) -> dict[str, Any]:
    return json.loads(state) if state else {"sum": 0, "sequence": 0, "doing": None, "todo": [], "done": []}


def standing_of(counter: dict[str, Any]) -> Standing:
    """Counted as busy or idle; what it does is open."""
    if counter["doing"] is None:
        return Standing((("counter", "idle"),))
    return Standing((("counter", "busy"),), (Open(Matter.PENDING, counter["doing"][0], 0),))


class Counter:
    """Commands are `id:number`; `id:forget` removes the state, `id:large` makes a record too large,
    `wake:S` waits.
    """

    state_version = 1

    def __init__(self, world: World, owner: str, version: int = 1) -> None:
        self.world = world
        self.owner = owner
        self.state_version = version
        self.withdrawn: list[str] = []
        self.woken: list[tuple[float, str]] = []

    def accept(self, record: Record) -> Addressed[Command] | Refused:
        key, value = (record.key or b"").decode(), (record.value or b"").decode()
        if ":" not in value:
            return Refused(Outgoing(Channel.DEAD_LETTERS, record.key, record.value, record.headers))
        name, _, number = value.partition(":")
        return Addressed(key, Command(name, int(number)))

    def handle(
        self,
        key: str,
        state: bytes | None,
        memo: Any,
        running: Effect | None,
        prompt: Prompt[Command, Effect, bool],
        now: Now,
    ) -> Turn[Effect]:
        counter = read_state(state)
        before = json.dumps(counter)
        records: list[Outgoing] = []
        effect: Effect | None = None
        wake_at = None
        match prompt:
            case Arrived(message):
                known = [i for i, _ in counter["todo"]] + counter["done"]
                if message.id not in known and (not counter["doing"] or counter["doing"][0] != message.id):
                    counter["todo"].append([message.id, message.number])
            case Performed(ended, answer):
                if counter["doing"] is not None and ended.id == counter["doing"][0]:
                    if answer:
                        counter["sum"] += ended.number
                        counter["sequence"] += 1
                        counter["done"].append(ended.id)
                        told = {"id": ended.id, "sum": counter["sum"], "sequence": counter["sequence"]}
                        records.append(Outgoing(Channel.EVENTS, key.encode(), json.dumps(told).encode(), ()))
                        counter["doing"] = None
                    else:
                        effect = Effect(*counter["doing"], adding=True)
            case Restored():
                if counter["doing"] is not None and running is None:
                    effect = Effect(*counter["doing"], adding=False)
            case Woken():
                self.woken.append((now.steady, key))
        if running is None and effect is None:
            if counter["doing"] is None and counter["todo"]:
                counter["doing"] = counter["todo"].pop(0)
                effect = Effect(*counter["doing"], adding=True)
            elif counter["doing"] is not None and not isinstance(prompt, Arrived | Woken):
                effect = Effect(*counter["doing"], adding=False)
        unchanged = json.dumps(counter) == before
        return Turn(
            state=state if unchanged and state is not None else json.dumps(counter).encode(),
            records=tuple(records),
            effect=effect,
            wake_at=wake_at,
            waiting=len(counter["todo"]) + (counter["doing"] is not None),
            standing=None if unchanged and not isinstance(prompt, Restored) else standing_of(counter),
        )

    async def perform(self, key: str, effect: Effect, permit: Permit) -> bool:
        if not effect.adding:
            await asyncio.sleep(self.world.seconds)
            return effect.id in self.world.added
        if not permit.holds() and not await permit.renew():
            self.withdrawn.append(effect.id)
            return False
        await self.world.add(self.owner, key, effect)
        return True
