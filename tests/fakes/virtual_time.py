"""An event loop whose time jumps to the next timer when nothing else is ready: hours pass in milliseconds,
alike each time.
"""

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

_RESOLUTION_SECONDS = 1e-6
REAL_LOOKS = 50


class NothingWillHappen(Exception):
    """Everybody waits and no timer is set: in real time this would be a hang."""


class _JumpingSelector(selectors.BaseSelector):
    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self._turns = 0
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # Nothing real is waited for but what another thread says; asking each time would cost the most of all.
        self._turns += 1
        ready = self._real.select(0) if timeout is None or self._turns % REAL_LOOKS == 0 else []
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise NothingWillHappen
        self.now += timeout + _RESOLUTION_SECONDS
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end in virtual time; what is left over is cancelled, and what was raised unseen is raised."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)


class VirtualClock:
    """The runtime's clock on a virtual loop. `boottime` has an origin of its own, as another machine's would."""

    def __init__(self, origin_ms: int = 1_790_000_000_000, boot_origin: float = 5_000.0) -> None:
        self._origin_ms = origin_ms
        self._boot_origin = boot_origin

    def jump(self, ms: int) -> None:
        """The wall clock is set, the others are not."""
        self._origin_ms += ms

    def wall_ms(self) -> int:
        return self._origin_ms + round(self.steady() * 1000)

    def steady(self) -> float:
        return asyncio.get_running_loop().time()

    def boottime(self) -> float:
        return self._boot_origin + self.steady()
