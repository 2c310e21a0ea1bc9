"""The turns of one partition's aggregates: one prompt after the other, synchronous from prompt to staged
change.

Nothing here awaits, so that what a turn decided and what the next transaction holds cannot drift apart. An
effect that changes something waits for the acknowledgement of the cut that holds its intent; reads start at
once.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Generic

from gateway.kafka.alarm import Alarm
from gateway.kafka.clock import Clock
from gateway.kafka.executor import Executor
from gateway.kafka.handler import E, Handler, M, Now, O, Performed, Prompt, Restored, Woken
from gateway.kafka.limits import Limits
from gateway.kafka.log import Entry
from gateway.kafka.packing import Packing, unpacked
from gateway.kafka.permit import EffectPermit, Leasehold
from gateway.kafka.records import Outgoing
from gateway.kafka.resting import Resting
from gateway.kafka.schedule import Schedule
from gateway.kafka.slots import Run, Slot, call_off, under_way
from gateway.kafka.staging import Staging
from gateway.kafka.tallying import Sums


class Turns(Generic[M, E, O]):
    """`staged`: something is to be committed; `tried`: an effect has ended; `failed`: it, or a handler, raised."""

    def __init__(
        self,
        handler: Handler[M, E, O],
        clock: Clock,
        limits: Limits,
        staged: Callable[[], None],
        tried: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._handler = handler
        self._clock = clock
        self._limits = limits
        self._staged = staged
        self._tried = tried
        self._failed = failed
        self.staging = Staging(limits.max_record_bytes, staged)
        self.leasehold = Leasehold(clock, self._ask_for_lease)
        self.lease_wanted = False
        self._slots: dict[str, Slot[E]] = {}
        self._resting = Resting()
        self._schedule = Schedule()
        self._alarm = Alarm(self._wake)
        self._packing = Packing(clock)
        self._executor: Executor[Run[E]] = Executor(
            limits.max_running_effects, limits.reserved_for_pending_effects
        )
        self._acknowledged_cut = 0
        self._after_cut: dict[int, list[Run[E]]] = {}
        self._kept: dict[str, tuple[E, O]] = {}
        self._open = False
        self._starting = True
        self.sums = Sums()

    # What the driver asks.

    @property
    def running_and_waiting(self) -> tuple[int, int]:
        return self._executor.running, self._executor.waiting

    def __len__(self) -> int:
        return len(self._slots) + len(self._resting)

    def held(self, key: str) -> tuple[bytes, Any] | None:
        slot = self._slot(key)
        return None if slot is None or (state := unpacked(slot)) is None else (state, slot.memo)

    def overdue_seconds(self, now: float) -> float:
        """How long the earliest wake has been due."""
        return self._schedule.overdue_seconds(now)

    def release_mark(self) -> tuple[str, ...] | None:
        """Aggregates for which an effect under way, ours or an earlier owner's, may still change something; None
        where an earlier owner's lease may last, so that the next owner must wait a whole one.
        """
        inherited = self.leasehold.inherited()
        if inherited is None:
            return None
        ours = {run.key for run, _ in under_way(self._slots.values()) if run.effect.changes}
        return tuple(sorted(ours | inherited))

    # Opening and closing.

    def restore(self, states: dict[str, bytes], write_after: Callable[[str], float]) -> None:
        """Take in what was read back. What a call is under way for is given back to the handler now; the others
        when a prompt comes for them, or `hand_back` comes to them.
        """
        self._resting.fill(states, write_after)
        for key in list(self._slots):
            self._slot(key)

    def hand_back(self, most: int) -> bool:
        """Give so many more back to the handler, in a row; are there others left?"""
        for key in self._resting.newest(most):
            self._slot(key)
        self._set_timer()
        return len(self._resting) > 0

    def _slot(self, key: str) -> Slot[E] | None:
        """Of an aggregate that the handler has been given back; a run kept over a re-open is told as running."""
        read = self._resting.take(key)
        if read is not None:
            slot = self._slots.setdefault(key, Slot())
            slot.state, write_after = read
            self._turn(key, slot, Restored(write_after))
            self._packing.pack(slot)
        return self._slots.get(key)

    def opened(self) -> None:
        """All is restored: what ended meanwhile is heard now, and wakes begin."""
        for key, slot in list(self._slots.items()):
            if slot.state is None and slot.run is not None:
                # Its state was never committed, so the read that runs for it has lost its question.
                task = slot.run.task
                del self._slots[key]
                if task is not None:
                    task.cancel()
        self._open = True
        kept, self._kept = self._kept, {}
        for key, (effect, outcome) in kept.items():
            if key in self._slots:
                self._slots[key].run = None
                self._turn(key, self._slots[key], Performed(effect, outcome))
        self._set_timer()

    def drop(self) -> None:
        """Forget all that is not committed. Calls under way go on, but send nothing more, and are heard
        after the restore.
        """
        self.close()
        self._slots = {run.key: Slot(run=run) for run in call_off(self._slots.values())}
        self._resting.clear()
        self._executor.clear()
        self.staging.forget()
        self._schedule = Schedule()
        self._after_cut, self._acknowledged_cut = {}, 0
        self.sums = Sums()

    def close(self) -> None:
        """No turn happens from here on; the lease has ended for good."""
        self._open = False
        self.leasehold.end()
        self._alarm.clear()
        self._packing.forget()

    def abandon(self) -> None:
        """Another owner has the partition: what runs is cancelled, its connections are dropped."""
        self.close()
        self.start_nothing()
        slots, self._slots, self._kept = self._slots, {}, {}
        for run, task in under_way(slots.values()):
            run.permit.withdraw()
            task.cancel()

    def start_nothing(self) -> None:
        """For good: what runs may end, nothing new begins. A read that has not left does not leave either: its
        answer might come too late to be heard.
        """
        self._starting = False
        self._resting.clear()
        self._executor.clear()
        call_off(self._slots.values(), reads_alone=True)

    async def ended(self, timeout_seconds: float, which: Callable[[E], bool] = lambda _: True) -> None:
        """Wait until what runs (of a kind) has ended, or the time is over."""
        if tasks := [task for run, task in under_way(self._slots.values()) if which(run.effect)]:
            await asyncio.wait(tasks, timeout=timeout_seconds)

    # Turns.

    def prompt(self, key: str, prompt: "Prompt[M, E, O]") -> None:
        # Not `setdefault` alone, which would make a slot for each of a key's commands.
        slot = self._slot(key) or self._slots.setdefault(key, Slot())
        self._turn(key, slot, prompt)
        self._set_timer()

    def _turn(self, key: str, slot: Slot[E], prompt: "Prompt[M, E, O]") -> None:
        running = slot.run.effect if slot.run is not None else None
        now = Now(self._clock.wall_ms(), self._clock.steady())
        state = unpacked(slot)
        turn = self._handler.handle(key, state, slot.memo, running, prompt, now)
        if turn.state is not state:
            self.staging.state(key, turn.state)
            self._packing.keep(slot, turn.state, self.staging.next_cut)
        for record in turn.records:
            self.staging.record(record, f"a record of {key}")
        slot.memo = turn.memo
        self.sums.turned(key, slot, turn)
        self._schedule.set(key, turn.wake_at)
        if turn.withdraw and slot.run is not None:
            slot.run.permit.withdraw()
        if turn.effect is not None:
            assert slot.run is None, f"{key} asks for an effect while one runs"
            slot.run = Run(key, turn.effect, EffectPermit(key, self.leasehold))
            self._begin_when_committed(slot, slot.run)
        elif slot.state is None and slot.run is None and turn.memo is None and turn.wake_at is None:
            self._slots.pop(key, None)

    # Effects.

    def _begin_when_committed(self, slot: Slot[E], run: Run[E]) -> None:
        if run.effect.changes and slot.cut > self._acknowledged_cut:
            self._after_cut.setdefault(slot.cut, []).append(run)
        else:
            self._submit(run)

    def _submit(self, run: Run[E]) -> None:
        if self._starting:
            self._start(self._executor.submit(run, run.effect.urgency))

    def _start(self, runs: "list[Run[E]]") -> None:
        for run in runs:
            run.task = asyncio.get_running_loop().create_task(self._perform(run))

    async def _perform(self, run: Run[E]) -> None:
        executor = self._executor
        try:
            outcome = await self._handler.perform(run.key, run.effect, run.permit)
        # Whatever an effect raises is a fault of ours: the partition restores, nothing is guessed.
        except Exception as fault:
            self._broken(run, fault)
            return
        # Those that we cancel have been forgotten before; this one was cancelled by what it called.
        except asyncio.CancelledError:
            self._broken(run, RuntimeError(f"the effect of {run.key} was cancelled from within"))
            raise
        finally:
            self._start(executor.done())
        self._tried()
        self._performed(run, outcome)

    def _broken(self, run: Run[E], fault: Exception) -> None:
        slot = self._slots.get(run.key)
        if slot is None or slot.run is not run:
            return
        slot.run = None
        self._failed(fault)

    def _performed(self, run: Run[E], outcome: O) -> None:
        slot = self._slots.get(run.key)
        if slot is None or slot.run is not run:
            return
        if not self._open:
            self._kept[run.key] = (run.effect, outcome)
            return
        slot.run = None
        try:
            self._turn(run.key, slot, Performed(run.effect, outcome))
            self._set_timer()
        # A handler that raises is a fault of ours, as above.
        except Exception as fault:
            self._failed(fault)

    def _ask_for_lease(self) -> None:
        if not self.lease_wanted:
            self.lease_wanted = True
            self._staged()

    # Group commit.

    def cut(self, version: int) -> tuple[int, tuple[Entry, ...], tuple[Outgoing, ...]]:
        """Take all that was staged for one transaction, which also renews the lease."""
        self.lease_wanted = False
        return self.staging.cut(version)

    def acknowledged(self, number: int, requested_at: float) -> None:
        """A cut is committed: the lease is renewed, and the effects whose intents it holds may begin."""
        self.leasehold.acknowledged(requested_at)
        self._acknowledged_cut = number
        for run in self._after_cut.pop(number, ()):
            self._submit(run)

    # Wakes.

    def _set_timer(self) -> None:
        if self._open:
            self._alarm.set(self._schedule.next_at())

    def _wake(self) -> None:
        try:
            for _ in range(self._limits.max_turns_per_tick):
                key = self._schedule.pop_due(self._clock.steady())
                if key is None:
                    break
                if (slot := self._slots.get(key)) is not None:
                    self._turn(key, slot, Woken())
            self._set_timer()
        # As above.
        except Exception as fault:
            self._failed(fault)
