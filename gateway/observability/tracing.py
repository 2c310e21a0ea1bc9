"""Traces of commands: the one door of OpenTelemetry, which is loaded only where spans are asked for.

A command may take minutes and outlive the process that accepted it, so its trace must be found again from what
stands in the payment's state: the identity of the message and the `traceparent` that it came with. The span of a
command therefore has an id that follows from the message, as its trace has where it brought none, and whatever is
done for it, by any owner, becomes a child of that span. The SDK's other ids are random. Refused: one span held
open until the answer, which dies with the process and shows nothing of a payment that hangs; the context of each
call in the state, which would make every record larger for the sake of a few that are looked at.

What leaves with events is the command's own `traceparent`, byte for byte, so that an event told twice is the same
twice. The provider is sent no header: it has no use for it, and its documents name all that it takes. Spans that
cannot be handed on are dropped, never waited for. Attributes pass the same redaction as the log.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

from gateway.observability.redaction import Redaction
from gateway.observability.tracing_options import Lineage, TracingOptions

Attributes = dict[str, str | int | bool | None]

EXPORT_TIMEOUT_SECONDS: Final = 3.0
"""Of one batch, so that a collector that is away holds up the end of the process no longer than this."""

_NOWHERE: Final = Context()


class _Ids(RandomIdGenerator):
    """Random ids, but for the span that begins next while `fixed` is set: (trace, span)."""

    def __init__(self) -> None:
        self.fixed: tuple[int, int] | None = None

    def generate_trace_id(self) -> int:
        return super().generate_trace_id() if self.fixed is None else self.fixed[0]

    def generate_span_id(self) -> int:
        return super().generate_span_id() if self.fixed is None else self.fixed[1]


class CallSpan:
    """A call to the provider, from its decision to its outcome; its requests are its children."""

    def __init__(self, span: trace.Span, redaction: Redaction) -> None:
        self._span = span
        self._redaction = redaction

    @property
    def context(self) -> SpanContext:
        return self._span.get_span_context()

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Requests that leave meanwhile, from the same task, are of this call. What is raised ends the span."""
        token = contexts.attach(trace.set_span_in_context(self._span, _NOWHERE))
        try:
            yield
        except BaseException as fault:
            self._span.set_attribute("error.type", type(fault).__name__)
            self.end({}, well=False)
            raise
        finally:
            contexts.detach(token)

    def end(self, attributes: Attributes, *, well: bool = True) -> None:
        _attribute(self._span, attributes, self._redaction)
        if not well:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


class Tracing:
    """Spans of one process. `processor` takes what has ended; `conceal` as the log's."""

    def __init__(
        self,
        processor: SpanProcessor,
        version: str,
        sample_ratio: float = 1.0,
        conceal: Iterable[str] = (),
    ) -> None:
        self._redaction = Redaction(conceal)
        self._ids = _Ids()
        self._ratio = TraceIdRatioBased(sample_ratio)
        resource = Resource.create({"service.name": "pos-gateway", "service.version": version})
        self._provider = TracerProvider(
            resource=resource,
            sampler=ParentBased(self._ratio),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("pos-gateway", version)

    def close(self) -> None:
        """Hand on what has ended, if the collector takes it in time."""
        self._provider.shutdown()

    def accepted(self, of: Lineage, name: str, came_ms: int, attributes: Attributes) -> None:
        """The span of the command itself, from when it lay in its topic until it stood in an inbox."""
        trace_id, span_id, sender = self._trace_of(of)
        self._ids.fixed = trace_id, span_id
        try:
            span = self._tracer.start_span(
                name,
                _NOWHERE if sender is None else trace.set_span_in_context(NonRecordingSpan(sender), _NOWHERE),
                SpanKind.CONSUMER,
                start_time=min(came_ms * 1_000_000, time.time_ns()),
            )
        finally:
            self._ids.fixed = None
        _attribute(span, _identity(of) | attributes, self._redaction)
        span.end()

    def call(self, of: Lineage, name: str, attributes: Attributes) -> CallSpan:
        span = self._tracer.start_span(name, self._below_command(of))
        _attribute(span, _identity(of) | attributes, self._redaction)
        return CallSpan(span, self._redaction)

    def event(
        self, of: Lineage, name: str, decided_ns: int, by: CallSpan | None, attributes: Attributes
    ) -> None:
        """An event that is committed now. `by`: the call whose outcome it tells: its parent where both are of one
        trace, and else linked to.
        """
        parent, links = self._below_command(of), []
        if (
            by is not None
            and by.context.trace_id == trace.get_current_span(parent).get_span_context().trace_id
        ):
            parent = trace.set_span_in_context(NonRecordingSpan(by.context), _NOWHERE)
        elif by is not None:
            links.append(Link(by.context))
        span = self._tracer.start_span(name, parent, SpanKind.PRODUCER, links=links, start_time=decided_ns)
        _attribute(span, _identity(of) | attributes, self._redaction)
        span.end()

    @contextmanager
    def request(self, name: str, attributes: Attributes) -> Iterator[Attributes]:
        """One request of the call that is under way in this task; of none, no span. What is put into the mapping
        is told at its end.
        """
        heard: Attributes = {}
        if not trace.get_current_span().get_span_context().is_valid:
            yield heard
            return
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT)
        _attribute(span, attributes, self._redaction)
        try:
            yield heard
        except BaseException as fault:
            span.set_attribute("error.type", type(fault).__name__)
            span.set_status(Status(StatusCode.ERROR))
            raise
        finally:
            _attribute(span, heard, self._redaction)
            span.end()

    def _below_command(self, of: Lineage) -> Context:
        trace_id, span_id, sender = self._trace_of(of)
        if sender is not None:
            flags, state = sender.trace_flags, sender.trace_state
        else:
            decision = self._ratio.should_sample(None, trace_id, "").decision
            flags, state = TraceFlags(decision is Decision.RECORD_AND_SAMPLE), TraceState()
        command = SpanContext(trace_id, span_id, True, flags, state)
        return trace.set_span_in_context(NonRecordingSpan(command), _NOWHERE)

    def _trace_of(self, of: Lineage) -> tuple[int, int, SpanContext | None]:
        """Trace and span of the command, and the sender's own span where it told one."""
        name = json.dumps([of.aggregate_id, of.source, of.id]).encode()
        made = hashlib.blake2b(name, digest_size=24).digest()
        span_id = int.from_bytes(made[16:]) or 1
        if of.trace_parent is None:
            return int.from_bytes(made[:16]) or 1, span_id, None
        _, trace_id, parent_id, flags = of.trace_parent.split("-")[:4]
        state = TraceState.from_header([] if of.trace_state is None else [of.trace_state])
        sender = SpanContext(
            int(trace_id, 16), int(parent_id, 16), True, TraceFlags(int(flags, 16) & 1), state
        )
        return sender.trace_id, span_id, sender


def started(options: TracingOptions, version: str, conceal: Iterable[str]) -> Tracing:
    """Spans leave from a thread of their own. Queue and batch sizes are the SDK's, and its variables are heard."""
    exporter = OTLPSpanExporter(options.endpoint, timeout=EXPORT_TIMEOUT_SECONDS)
    return Tracing(BatchSpanProcessor(exporter), version, options.sample_ratio, conceal)


def _identity(of: Lineage) -> Attributes:
    return {"command.id": of.id, "command.source": of.source, "correlation.id": of.correlation_id}


def _attribute(span: trace.Span, attributes: Attributes, redaction: Redaction) -> None:
    if not span.is_recording():
        return
    for name, value in attributes.items():
        if value is not None:
            kept = value if not isinstance(value, str) or redaction.leaves(value) else redaction.text(value)
            span.set_attribute(name, kept)
