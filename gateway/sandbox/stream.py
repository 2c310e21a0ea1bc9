"""An answer without an end: it is written until its reader hangs up or the server stops, whichever is first."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Any

from gateway.sandbox.http import Response

LAST_WRITE_SECONDS = 0.5

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def write_stream(
    response: Response,
    chunks: AsyncGenerator[bytes, None],
    send: Send,
    *,
    hung_up: Awaitable[object],
    stopping: Awaitable[object],
) -> None:
    """Writes `chunks` behind the response's head. A reader that does not read holds up only its own chunks: the
    next one is asked for when the connection has taken the last."""

    async def pump() -> None:
        async with contextlib.aclosing(chunks):
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})

    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    pumping, gone, stopped = (asyncio.ensure_future(one) for one in (pump(), hung_up, stopping))
    try:
        await asyncio.wait({pumping, gone, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (gone, stopped, pumping):
            task.cancel()
        await asyncio.wait({pumping})
    if not pumping.cancelled():
        pumping.result()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(send({"type": "http.response.body", "body": b""}), LAST_WRITE_SECONDS)
