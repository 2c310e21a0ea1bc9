"""One payment as a trace: from its command through calls, requests and polls to each event, over a crash."""

from collections.abc import Iterable
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from gateway.kafka.records import Channel
from tests.canaries import shown_in
from tests.simulation.process import CLIENT_SECRET
from tests.simulation.scene import SAMPLED, SENDER, TRACE, UNSAMPLED, Scene, header, over_a_crash, played
from tests.simulation.town import Plan, history


def by_name(spans: Iterable[ReadableSpan], name: str) -> list[ReadableSpan]:
    return [span for span in spans if span.name == name]


def attribute(span: ReadableSpan, name: str) -> object:
    return (span.attributes or {}).get(name)


def tree(spans: Iterable[ReadableSpan], parent: int | None) -> list[tuple[str, Any]]:
    """Names below a span, in the order of their beginning; of alike neighbours one."""
    below = [span for span in spans if (span.parent.span_id if span.parent else None) == parent]
    shown: list[tuple[str, Any]] = []
    for span in sorted(below, key=lambda span: span.start_time or 0):
        branch = (span.name, tree(spans, span.context.span_id))
        if branch not in shown[-1:]:
            shown.append(branch)
    return shown


def test_one_trace_from_the_command_to_its_events_over_a_crash() -> None:
    scene = played(over_a_crash)
    spans = [span for span in scene.spans() if f"{span.context.trace_id:032x}" == TRACE]
    assert tree(spans, int(SENDER, 16)) == [
        (
            "payment.initiate",
            [
                ("call initiate", [("POST", [])]),
                ("read_back read-payment", [("GET", []), ("payment.initiated", [])]),
                ("poll read-payment", [("GET", [])]),
                ("poll read-payment", [("GET", []), ("payment.reserved", [])]),
            ],
        ),
        ("payment.capture", [("call capture", [("POST", []), ("payment.captured", [])])]),
    ]
    (call,) = by_name(spans, "call initiate")
    sent = [span for span in spans if span.parent and span.parent.span_id == call.context.span_id]
    assert [attribute(span, "http.response.status_code") for span in sent] == [500, 200]
    assert attribute(call, "outcome") == "accepted"
    assert attribute(call, "idempotency.key")
    (command,) = by_name(spans, "payment.initiate")
    assert attribute(command, "payment.id") == "p-1"
    assert attribute(command, "command.id") == "m-1"
    assert attribute(command, "correlation.id") == "order-7"
    assert command.context.trace_state.to_header() == "shop=1"


def test_every_event_has_one_span_and_leaves_with_the_commands_own_trace_context() -> None:
    scene = played(over_a_crash)
    kinds = set(scene.types())
    assert sorted(span.name for span in scene.spans() if span.name in kinds) == sorted(scene.types())
    for event in scene.broker.published(0, Channel.EVENTS):
        headers = dict(event.headers)
        of_the_refund = header(event.headers, "ce_causationid") == "m-3"
        assert headers.get("traceparent") == (None if of_the_refund else SAMPLED.encode())
        started = header(event.headers, "ce_causationid") == "m-1"
        assert headers.get("tracestate") == (b"shop=1" if started else None)


def test_a_command_without_a_trace_has_one_of_its_own() -> None:
    scene = played(over_a_crash)
    spans = [span for span in scene.spans() if f"{span.context.trace_id:032x}" != TRACE]
    assert len({span.context.trace_id for span in spans}) == 1
    ((name, below),) = tree(spans, None)
    assert name == "refund.create"
    assert below[0] == ("call refund", [("POST", [])])
    assert ("refund.captured", []) in [leaf for _, leaves in below for leaf in leaves]


async def a_crash_without_a_trace(scene: Scene) -> None:
    first = scene.gateway()
    scene.initiate()
    await scene.until("payment.initiated")
    await first.kill()
    second = scene.gateway()
    await scene.until("payment.reserved")
    await second.stop()


def test_the_next_owner_finds_a_trace_that_nobody_sent() -> None:
    spans = played(a_crash_without_a_trace).spans()
    assert len({span.context.trace_id for span in spans}) == 1
    ((name, below),) = tree(spans, None)
    assert name == "payment.initiate"
    told = [leaf for _, leaves in below for leaf, _ in leaves if "." in leaf]
    assert told == ["payment.initiated", "payment.reserved"]


async def unsampled(scene: Scene) -> None:
    gateway = scene.gateway()
    scene.initiate(traceparent=UNSAMPLED)
    await scene.until("payment.reserved")
    await gateway.stop()


def test_a_sender_that_samples_nothing_is_heeded() -> None:
    assert played(unsampled).spans() == ()


def test_of_commands_without_a_trace_the_ratio_decides_and_with_one_the_sender() -> None:
    assert played(a_crash_without_a_trace, ratio=0.0).spans() == ()
    kept = played(over_a_crash, ratio=0.0).spans()
    assert {f"{span.context.trace_id:032x}" for span in kept} == {TRACE}


async def with_a_secret_in_an_id(scene: Scene) -> None:
    gateway = scene.gateway()
    scene.initiate(ce_correlationid=f"to +4520031801 with {CLIENT_SECRET}")
    await scene.until("payment.reserved")
    await gateway.stop()


def test_no_secret_and_no_phone_number_in_any_span() -> None:
    """I9."""
    spans = played(with_a_secret_in_an_id).spans()
    assert by_name(spans, "POST")
    for span in spans:
        text = span.to_json()
        assert not shown_in(text)
        assert "20031801" not in text
        assert "uthorization" not in text


class Failing(SpanProcessor):
    """As a fault of ours, or of the library, would be."""

    def on_start(self, span: object, parent_context: object = None) -> None:
        raise RuntimeError("on purpose")


async def with_traces_that_fail(scene: Scene) -> None:
    scene.processor = Failing()
    await over_a_crash(scene)


def test_traces_that_fail_cost_no_payment() -> None:
    scene = played(with_traces_that_fail)
    assert scene.types() == played(over_a_crash).types()
    assert scene.spans() == ()


@pytest.mark.parametrize("seed", [11, 12])
def test_traces_change_nothing_of_a_history(seed: int) -> None:
    """I12. With every fault and violence that a history has."""
    assert history(Plan(seed, traced=True)).history_hash() == history(Plan(seed)).history_hash()
