"""The roof: `serve` runs the service. FastStream has its one door in `porch`, uvicorn in `web`."""

import asyncio
from typing import TYPE_CHECKING

from gateway.app import library_noise
from gateway.app.collecting import collect_seldom
from gateway.app.observed import started_tracing
from gateway.app.service import Service, WrongSetup
from gateway.observability import logs
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.observability.tracing import Tracing

__all__ = ["WrongSetup", "serve"]


def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then return. Raises `WrongSetup`."""
    logs.configure(settings.log, conceal=settings.secrets())
    if settings.log.level is not logs.LogLevel.DEBUG:
        library_noise.install()
    collect_seldom()
    tracing = started_tracing(settings)
    try:
        asyncio.run(_run(settings, tracing))
    finally:
        if tracing is not None:
            tracing.close()


async def _run(settings: Settings, tracing: "Tracing | None") -> None:
    await Service(settings, tracing).run()
