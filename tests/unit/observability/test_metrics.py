"""Metrics: one registry, two formats, names and labels that a rule can rely on."""

import re

from prometheus_client import REGISTRY as LIBRARIES
from prometheus_client import Counter, Gauge, Histogram

from gateway.observability import metrics

DECLARED = {
    name: metric
    for name, metric in vars(metrics).items()
    if isinstance(metric, Counter | Gauge | Histogram) and name.isupper()
}


def test_each_is_named_for_the_gateway_and_says_what_it_counts() -> None:
    families = {family.name: family for family in metrics.REGISTRY.collect()}
    ours = {name: family for name, family in families.items() if name.startswith("gateway_")}
    assert len(ours) == len(DECLARED) > 10
    for name, family in ours.items():
        assert re.fullmatch(r"gateway(_[a-z]+)+", name), name
        assert family.documentation.endswith("."), name
        assert (family.type != "histogram") or name.endswith("_seconds"), name


def test_both_formats_are_rendered_and_no_creation_times() -> None:
    metrics.EVENTS.labels(type="payment.captured").inc()
    plain_type, plain = metrics.render("")
    open_type, open_metrics = metrics.render("application/openmetrics-text; version=1.0.0")
    assert plain_type.startswith("text/plain") and open_type.startswith("application/openmetrics-text")
    for body in (plain, open_metrics):
        assert b'gateway_events_total{type="payment.captured"}' in body
        assert b"_created" not in body
        assert b"process_cpu_seconds_total" in body
    assert open_metrics.endswith(b"# EOF\n") and b"# EOF" not in plain


def test_nothing_is_published_that_a_library_declares_by_itself() -> None:
    Counter("a_library_of_someone_else", "Counts.").inc()
    assert b"a_library_of_someone_else" not in metrics.render("")[1]
    assert LIBRARIES is not metrics.REGISTRY
