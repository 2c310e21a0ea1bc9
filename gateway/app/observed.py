"""Whether the flow and the provider are traced: without the setting nothing of it is loaded, and nothing runs."""

import random
from typing import TYPE_CHECKING

from gateway import __version__
from gateway.app.telling import ToldFlow
from gateway.flow import FlowOptions
from gateway.mobilepay.client import MobilePay, strict_transport
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.observability.tracing import Tracing


def started_tracing(settings: Settings) -> "Tracing | None":
    if settings.tracing is None:
        return None
    from gateway.observability.tracing import started

    return started(settings.tracing, __version__, settings.secrets())


def observed_provider(settings: Settings, tracing: "Tracing | None") -> MobilePay:
    if tracing is None:
        return MobilePay(settings.pos)
    from gateway.mobilepay.traced import TracedTransport

    return MobilePay(settings.pos, TracedTransport(strict_transport(settings.pos), tracing))


def observed_flow(
    provider: MobilePay, options: FlowOptions, draws: random.Random, tracing: "Tracing | None"
) -> ToldFlow:
    if tracing is None:
        return ToldFlow(provider, options, draws)
    from gateway.app.traced import TracedFlow

    return TracedFlow(provider, options, draws, tracing)
