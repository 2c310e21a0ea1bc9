"""Every metric of the gateway, declared once: name, labels and meaning. All label values are bounded.

They live in a registry of their own, so that nothing which a library declares on import is published unseen.
The `_created` series are off: they double the number of series and no rule uses them.
"""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)


def render(accept_header: str) -> tuple[str, bytes]:
    """`(content type, body)` as the scraper asks for it: OpenMetrics or the Prometheus text format."""
    encode, content_type = choose_encoder(accept_header)
    return content_type, encode(REGISTRY)


COMMANDS_ACCEPTED = Counter(
    "gateway_commands_accepted_total",
    "Commands taken into the inbox of their payment or point of sale, by command type.",
    ("type",),
    registry=REGISTRY,
)
NOTIFICATIONS = Counter(
    "gateway_notifications_total",
    "Requests to the notification port, by result: kept, not_kept (the broker was away), unreadable, too_large, "
    "throttled, misdirected.",
    ("result",),
    registry=REGISTRY,
)
NOTIFICATIONS_DROPPED = Counter(
    "gateway_notifications_dropped_total",
    "Check-in notifications of points of sale that nothing is known of.",
    registry=REGISTRY,
)
COMMANDS_ANSWERED = Counter(
    "gateway_commands_answered_total",
    "Commands answered by an event, by command type; reason: done, or why the command was rejected.",
    ("type", "reason"),
    registry=REGISTRY,
)
COMMANDS_DEAD_LETTERED = Counter(
    "gateway_commands_dead_lettered_total",
    "Records passed on to the dead letters; type: the command type, or unknown where it is none of ours.",
    ("type", "reason"),
    registry=REGISTRY,
)
COMMAND_FIELDS_IGNORED = Counter(
    "gateway_command_fields_ignored_total",
    "Fields of command data that the contract does not know and that were ignored, by command type.",
    ("type",),
    registry=REGISTRY,
)
RECORDS_MISPLACED = Counter(
    "gateway_records_misplaced_total",
    "Fetched batches whose first command lies in another partition than the murmur2 hash of its key says.",
    registry=REGISTRY,
)
EVENTS = Counter("gateway_events_total", "Events published, by event type.", ("type",), registry=REGISTRY)
OPERATIONS_UNKNOWN = Counter(
    "gateway_operations_unknown_total",
    "Operations whose outcome became unknown, once each, by operation.",
    ("operation",),
    registry=REGISTRY,
)

PROVIDER_REQUESTS = Counter(
    "gateway_provider_requests_total",
    "Requests to the provider by what became of them: ok, refused, throttled, unauthorised, misaddressed, "
    "server_error, unreadable, timeout, cut_off, not_sent.",
    ("operation", "result"),
    registry=REGISTRY,
)
PROVIDER_REQUEST_SECONDS = Histogram(
    "gateway_provider_request_seconds",
    "From asking for a connection to the end of the answer, of requests that were sent.",
    ("operation",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0),
    registry=REGISTRY,
)
PROVIDER_REQUESTS_IN_FLIGHT = Gauge(
    "gateway_provider_requests_in_flight",
    "Requests sent to the provider and not answered yet.",
    registry=REGISTRY,
)
PROVIDER_CONCURRENCY_LIMIT = Gauge(
    "gateway_provider_concurrency_limit",
    "Requests that may be in flight now; halved by 429, then growing back.",
    registry=REGISTRY,
)
PROVIDER_BREAKER_OPEN = Gauge(
    "gateway_provider_breaker_open",
    "1 while the provider is taken to be away and first operations wait.",
    registry=REGISTRY,
)
PROVIDER_MISCONFIGURED = Gauge(
    "gateway_provider_misconfigured",
    "1 while the provider's address answers as a wrong one does.",
    registry=REGISTRY,
)
PROVIDER_REFUSALS = Counter(
    "gateway_provider_refusals_total",
    "Definite refusals by the provider's code; other: a code that is not documented, none: no code.",
    ("operation", "code"),
    registry=REGISTRY,
)
PROVIDER_UNREADABLE_FIELDS = Counter(
    "gateway_provider_unreadable_fields_total",
    "Fields of otherwise readable answers that were left out because they could not be read.",
    ("field",),
    registry=REGISTRY,
)
PROVIDER_UNKNOWN_STATUSES = Counter(
    "gateway_provider_unknown_statuses_total",
    "Readings whose status is a word that is not documented.",
    registry=REGISTRY,
)

TRANSACTIONS = Counter(
    "gateway_transactions_total",
    "Transactions committed, over all partitions.",
    registry=REGISTRY,
)
PARTITION_REOPENS = Counter(
    "gateway_partition_reopens_total",
    "Partitions closed and opened anew, by cause: fenced, broker, fault.",
    ("cause",),
    registry=REGISTRY,
)
PARTITIONS_STOPPED = Gauge(
    "gateway_partition_stopped",
    "1 while a partition that is owned here stands still until an operator acts.",
    ("partition",),
    registry=REGISTRY,
)
COMMANDS_LOST_TO_RETENTION = Counter(
    "gateway_commands_lost_to_retention_total",
    "Commands that the topic's retention deleted before they were accepted.",
    registry=REGISTRY,
)
