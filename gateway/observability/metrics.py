"""Every metric of the gateway, declared once. `make generated` makes the table in the documentation from it.

Those that tell how things stand (lag, payments by status, ages) are worked out when somebody asks, by what is
registered with `before_scrape`; nothing of them is counted on a command's way.
"""

from collections.abc import Callable

from prometheus_client.exposition import choose_encoder

from gateway.observability.declaring import (
    DECLARED,
    REGISTRY,
    Declaration,
    Label,
    counter,
    gauge,
    seconds,
)
from gateway.observability.partition_metrics import *  # noqa: F403

_refreshers: list[Callable[[], None]] = []


def declared() -> list[Declaration]:
    """All of them, by name."""
    return sorted(DECLARED.values(), key=lambda one: one.name)


def before_scrape(refresh: Callable[[], None]) -> None:
    """`refresh` sets what is worked out only when somebody asks; synchronous, and quick."""
    _refreshers.append(refresh)


def render(accept_header: str) -> tuple[str, bytes]:
    """`(content type, body)` as the scraper asks for it: OpenMetrics or the Prometheus text format."""
    for refresh in _refreshers:
        refresh()
    encode, content_type = choose_encoder(accept_header)
    return content_type, encode(REGISTRY)


_TYPE = Label("type", "the command's type", 12)
_CALL = Label("operation", "the provider's operations, by our names", 19)
_OPERATION = Label("operation", "what was intended: `initiate`, `capture`, `refund-cancel` …", 10)

# Commands and events.

COMMANDS_ACCEPTED = counter(
    "gateway_commands_accepted_total",
    "commands",
    "Commands taken into the inbox of their payment or point of sale.",
    _TYPE,
)
COMMANDS_ANSWERED = counter(
    "gateway_commands_answered_total",
    "commands",
    "Commands answered by an event; reason is done, or why the command was rejected.",
    _TYPE,
    Label("reason", "`done`, or a reason of `command.rejected`", 26),
)
COMMAND_SECONDS = seconds(
    "gateway_command_seconds",
    "From accepting a command to its answer, of those accepted by this very process.",
    (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0),
    _TYPE,
)
COMMANDS_UNANSWERED_OLDEST = gauge(
    "gateway_commands_unanswered_oldest_seconds",
    "seconds",
    "Age, by its own time, of the oldest accepted command that has no answer yet; 0 where there is none.",
    _TYPE,
)
COMMANDS_DEAD_LETTERED = counter(
    "gateway_commands_dead_lettered_total",
    "records",
    "Records passed on to the dead letters.",
    Label("type", "the command's type, or `unknown` where it is none of ours", 13),
    Label("reason", "the dead letter's `dlq.reason`", 7),
)
COMMAND_FIELDS_IGNORED = counter(
    "gateway_command_fields_ignored_total",
    "fields",
    "Fields of command data that the contract does not know and that were ignored.",
    _TYPE,
)
RECORDS_MISPLACED = counter(
    "gateway_records_misplaced_total",
    "batches",
    "Fetched batches whose first command lies in another partition than the murmur2 hash of its key says.",
)
EVENTS = counter("gateway_events_total", "events", "Events published.", Label("type", "the event's type", 18))
NOTIFICATIONS = counter(
    "gateway_notifications_total",
    "requests",
    "Requests to the notification port; not_kept means that the broker was away.",
    Label("result", "`kept`, `not_kept`, `unreadable`, `too_large`, `throttled`, `misdirected`", 6),
)
NOTIFICATIONS_DROPPED = counter(
    "gateway_notifications_dropped_total",
    "notifications",
    "Check-in notifications of points of sale that nothing is known of.",
)

# Payments.

PAYMENTS = gauge(
    "gateway_payments",
    "payments",
    "Payments in the state, ended ones until the retention forgets them.",
    Label("status", "the payment's status", 10),
)
REFUNDS = gauge(
    "gateway_refunds",
    "refunds",
    "Refunds of the payments in the state.",
    Label("status", "the refund's status", 6),
)
POINTS_OF_SALE = gauge("gateway_points_of_sale", "points of sale", "Points of sale that the gateway made.")
MONEY = counter(
    "gateway_money_minor_units_total",
    "minor units of the currency",
    "Money that was reserved, captured and refunded.",
    Label("movement", "`reserved`, `captured`, `refunded`", 3),
    Label("currency", "`DKK`, `EUR`", 2),
)
APPROVAL_SECONDS = seconds(
    "gateway_payment_approval_seconds",
    "From the first request of a payment's start, or of its readying, to its reservation.",
    (1.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0, 600.0, 1800.0),
)
APPROVALS_OVERDUE = gauge(
    "gateway_payments_overdue",
    "payments",
    "Payments that should have been cancelled a minute ago or more, since no customer approved them.",
)
OPERATIONS_UNKNOWN = counter(
    "gateway_operations_unknown_total",
    "operations",
    "Operations whose outcome became unknown, once each.",
    _OPERATION,
)
OPERATIONS_PENDING = gauge(
    "gateway_operations_pending",
    "operations",
    "Operations that are intended and not yet done; each may have been sent.",
    _OPERATION,
)
OPERATIONS_PENDING_OLDEST = gauge(
    "gateway_operations_pending_oldest_seconds",
    "seconds",
    "How long ago the oldest pending operation was intended; 0 where there is none.",
    _OPERATION,
)
OPERATIONS_UNKNOWN_OLDEST = gauge(
    "gateway_operations_unknown_oldest_seconds",
    "seconds",
    "How long ago the oldest operation was intended whose outcome is still unknown; 0 where there is none.",
    _OPERATION,
)
RESERVATIONS_PAST_INTENT = gauge(
    "gateway_reservations_past_intent",
    "payments",
    "Payments that stay reserved though their capture or cancel was intended a minute ago or more.",
)
REFUNDS_NEAR_DEADLINE = gauge(
    "gateway_refunds_near_deadline",
    "refunds",
    "Refunds reserved for 20 hours or more: after 24 the provider pays them out by itself.",
)
REFUNDS_RESERVED_OLDEST = gauge(
    "gateway_refunds_reserved_oldest_seconds",
    "seconds",
    "How long the oldest reserved refund has been reserved; 0 where there is none.",
)

# The provider.

PROVIDER_REQUESTS = counter(
    "gateway_provider_requests_total",
    "requests",
    "Requests to the provider by what became of them; not_sent ones never left.",
    _CALL,
    Label(
        "result",
        "`ok`, `refused`, `throttled`, `unauthorised`, `misaddressed`, `server_error`, `unreadable`, `timeout`, "
        "`cut_off`, `not_sent`",
        10,
    ),
)
PROVIDER_REQUEST_SECONDS = seconds(
    "gateway_provider_request_seconds",
    "From asking for a connection to the end of the answer, of requests that were sent.",
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0),
    _CALL,
)
PROVIDER_WAIT_SECONDS = seconds(
    "gateway_provider_wait_seconds",
    "What a request waited for before it left.",
    (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0),
    Label("wait_for", "`look`: the bound on looks a second; `place`: one in flight; `connection`", 3),
)
PROVIDER_REQUESTS_IN_FLIGHT = gauge(
    "gateway_provider_requests_in_flight", "requests", "Requests sent to the provider and not answered yet."
)
PROVIDER_REQUESTS_WAITING = gauge(
    "gateway_provider_requests_waiting", "requests", "Requests that wait for a place in flight."
)
PROVIDER_CONCURRENCY_LIMIT = gauge(
    "gateway_provider_concurrency_limit",
    "requests",
    "Requests that may be in flight now; halved by 429, then growing back.",
)
PROVIDER_BREAKER_OPEN = gauge(
    "gateway_provider_breaker_open",
    "0 or 1",
    "1 while the provider is taken to be away and first operations wait.",
)
PROVIDER_THROTTLED = gauge(
    "gateway_provider_throttled", "0 or 1", "1 while the provider has asked for fewer requests."
)
PROVIDER_MISCONFIGURED = gauge(
    "gateway_provider_misconfigured", "0 or 1", "1 while the provider's address answers as a wrong one does."
)
PROVIDER_TOKEN_HELD = gauge(
    "gateway_provider_token_held", "0 or 1", "1 while a token is held that the provider did not refuse."
)
TOKEN_REQUESTS = counter(
    "gateway_token_requests_total",
    "requests",
    "Requests for a token.",
    Label("result", "`granted`, `refused`, `unavailable`", 3),
)
PROVIDER_REFUSALS = counter(
    "gateway_provider_refusals_total",
    "answers",
    "Definite refusals by the provider's code.",
    _CALL,
    Label("code", "the documented codes; `other`: one that is not documented, `none`: no code", 60),
)
PROVIDER_UNREADABLE_FIELDS = counter(
    "gateway_provider_unreadable_fields_total",
    "fields",
    "Fields of otherwise readable answers that were left out because they could not be read.",
    Label("field", "the fields that we read", 32),
)
PROVIDER_UNKNOWN_STATUSES = counter(
    "gateway_provider_unknown_statuses_total",
    "answers",
    "Readings whose status is a word that is not documented.",
)
