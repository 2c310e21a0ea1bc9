"""Health and metrics over HTTP, on uvicorn.

uvicorn runs without its signal handlers, which raise the signal again at the end: a clean stop would end with -15.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

import uvicorn

from gateway.observability.health import Asgi
from gateway.observability.logs import get_logger

log = get_logger(__name__)

GRACE_SECONDS: Final = 1


class _HttpServer(uvicorn.Server):
    """uvicorn that leaves the signals to the service."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(application: Asgi, listener: socket.socket, what: str) -> AsyncIterator[None]:
    """Serve on the listening socket for as long as the block lasts, then close it."""
    server = _HttpServer(
        uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            lifespan="off",
            interface="asgi3",
            ws="none",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    host, port, *_ = listener.getsockname()
    log.info(f"serving {what}", host=host, port=port)
    try:
        yield
    finally:
        server.should_exit = True
        await serving
        listener.close()
