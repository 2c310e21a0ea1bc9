"""The right of one running effect to change something: the partition's lease, and nobody having called it
off.
"""

import asyncio
from collections.abc import Callable

from gateway.kafka.clock import Clock
from gateway.kafka.lease import Lease


class Leasehold:
    """The lease as running effects meet it: it may be renewed, end, or be followed by another after a
    re-open.

    `ask` is called when somebody waits for a lease that a transaction would renew.
    """

    def __init__(self, clock: Clock, ask: Callable[[], None]) -> None:
        self._clock = clock
        self._ask = ask
        self._lease: Lease | None = None
        self._not_before = float("-inf")
        self._held_back: dict[str, float] = {}
        self._changed = asyncio.Event()

    def begin(self, lease: Lease, held_back: dict[str, float]) -> None:
        """A new lease after a fence. `held_back`: keys with an effect of the last owner under way, until
        when.
        """
        self._lease, self._not_before, self._held_back = lease, lease.not_before, held_back
        self.pulse()

    def inherited(self) -> frozenset[str] | None:
        """What an earlier owner may still change: these aggregates, or None: anything. To be asked at a release.

        A mark vouches for all who owned the partition before: the next owner sees no other. So one that is left
        while we wait for an earlier owner must not be shorter than that wait.
        """
        now = self._clock.boottime()
        if now < self._not_before:
            return None
        return frozenset(key for key, free_at in self._held_back.items() if now < free_at)

    def acknowledged(self, requested_at: float) -> None:
        if self._lease is not None:
            self._lease.acknowledged(requested_at)
            self.pulse()

    def end(self) -> None:
        """For good, at once, running calls included."""
        if self._lease is not None:
            self._lease.end()
        self._lease = None
        self.pulse()

    def holds(self, key: str) -> bool:
        now = self._clock.boottime()
        return self._lease is not None and self._lease.holds(now) and now >= self._held_back.get(key, now)

    def pulse(self) -> None:
        """Let all who wait look again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def change(self, key: str) -> None:
        """Wait for a moment at which `holds` may have become true."""
        changed = self._changed
        now = self._clock.boottime()
        wait_seconds: float | None = None
        if self._lease is not None:
            free_at = max(self._lease.not_before, self._held_back.get(key, now))
            if free_at > now:
                wait_seconds = free_at - now
            else:
                self._ask()
        try:
            await asyncio.wait_for(changed.wait(), wait_seconds)
        except TimeoutError:
            return


class EffectPermit:
    """Given to one run of one effect; see `gateway.kafka.handler.Permit`."""

    def __init__(self, key: str, leasehold: Leasehold) -> None:
        self._key = key
        self._leasehold = leasehold
        self._withdrawn = False

    @property
    def withdrawn(self) -> bool:
        return self._withdrawn

    def withdraw(self) -> None:
        self._withdrawn = True
        self._leasehold.pulse()

    def holds(self) -> bool:
        return not self._withdrawn and self._leasehold.holds(self._key)

    async def renew(self) -> bool:
        while not self._withdrawn:
            if self.holds():
                return True
            await self._leasehold.change(self._key)
        return False
