"""deploy/docs/metrics.md: each metric as it is declared."""

from gateway.observability.declaring import Declaration
from gateway.observability.metrics import declared
from tests.house import markdown

_HEAD = ("metric", "kind", "unit", "labels, and how many values each has at most", "meaning")
_TEXT = """# Metrics

Made by `make generated` from the declarations in `gateway/observability`; a test compares. `GET /metrics` answers
in the Prometheus text format or in OpenMetrics, as it is asked; in OpenMetrics the histograms of commands and of
approval carry the trace id of a command's `traceparent` as exemplars. Beside these there are the process's own
(`process_…`, `python_…`).

{table}

Buckets, in seconds:

{buckets}

Durations of commands begin with their acceptance in this very process: one that was accepted by an earlier owner
is answered, counted and not measured. Ages are by the wall clock. A gauge that tells how things stand now is
worked out by the scrape; where several instances run, each tells of its own partitions, so sum over them.
"""


def metrics_document() -> str:
    every = declared()
    rows = ((f"`{one.name}`", one.kind, one.unit, _labels(one), one.meaning) for one in every)
    buckets = (
        (f"`{one.name}`", ", ".join(f"{bound:g}" for bound in one.buckets)) for one in every if one.buckets
    )
    return _TEXT.format(
        table=markdown.table(_HEAD, rows), buckets=markdown.table(("histogram", "upper bounds"), buckets)
    )


def _labels(one: Declaration) -> str:
    return "; ".join(f"`{label.name}` ({label.most}): {label.values}" for label in one.labels)
