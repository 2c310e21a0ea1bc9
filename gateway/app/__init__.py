"""The roof: `serve` runs the service. FastStream has its one door in `porch`, uvicorn in `web`."""

import asyncio
import gc

from gateway.app import library_noise
from gateway.app.service import Service, WrongSetup
from gateway.observability import logs
from gateway.settings import Settings

COLLECT_AFTER = (5_000, 20, 100)
"""Of Python's collector. States hold no cycles, so looking through all payments finds nothing: with its own
thresholds that cost an eighth of a command.
"""

__all__ = ["WrongSetup", "serve"]


def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then return. Raises `WrongSetup`."""
    logs.configure(settings.log, conceal=settings.secrets())
    if settings.log.level is not logs.LogLevel.DEBUG:
        library_noise.install()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    await Service(settings).run()
