"""What may be said of traces without the library that makes them: it is an extra, and most do without it."""

from dataclasses import dataclass, field
from importlib.util import find_spec

EXTRA = "pos-gateway[otel]"


@dataclass(frozen=True, slots=True)
class TracingOptions:
    """`endpoint`: the whole URL that spans are sent to, as OTLP over HTTP. `sample_ratio`: of the commands that
    come without a trace; the others bring the decision with them.
    """

    endpoint: str
    sample_ratio: float = 1.0


@dataclass(frozen=True, slots=True)
class Lineage:
    """The command that something is done for: whose aggregate, which message, and the trace that came with it."""

    aggregate_id: str
    source: str
    id: str
    correlation_id: str | None = None
    trace_parent: str | None = None
    trace_state: str | None = field(default=None, repr=False)


def extra_installed() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False
