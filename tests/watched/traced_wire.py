"""Commands as a traced shop sends them."""

from dataclasses import replace

from gateway.demo.messages import Message
from gateway.demo.wire import Wire

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


class TracedWire:
    """A wire whose commands carry a `traceparent`, as those of a traced shop do."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._first: Message | None = None
        self.read = wire.read
        self.flush = wire.flush

    async def send(self, message: Message) -> None:
        parent = f"00-{TRACE_ID}-00f067aa0ba902b7-01".encode()
        traced = replace(message, headers=(*message.headers, ("traceparent", parent)))
        self._first = self._first or traced
        await self._wire.send(traced)

    async def repeat(self, times: int) -> None:
        """The first message again and again: each is recognised, and together they make a lag."""
        assert self._first is not None
        for _ in range(times):
            await self._wire.send(self._first)
        await self._wire.flush()
