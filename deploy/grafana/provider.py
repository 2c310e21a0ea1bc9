"""The provider's API as the gateway meets it: rate, errors, duration, and what the gateway holds back."""

from deploy.grafana.board import PER_SECOND, PERCENT, SECONDS, SHORT, Board, Kind, Panel, Query, Row

R = "$__rate_interval"
_RARE = "nothing here makes the provider say that"

_STATE = Row(
    "How it stands",
    (
        Panel(
            "Stands in the way",
            "What keeps first calls back now. Breaker: five runs in a row went unanswered. Throttled: it asked for "
            "fewer. Misaddressed: the address answers as a wrong one. No token: credentials refused or the token "
            "endpoint away.",
            SHORT,
            (
                Query("max(gateway_provider_breaker_open)", "breaker open"),
                Query("max(gateway_provider_throttled)", "throttled"),
                Query(
                    "max(gateway_provider_misconfigured)", "misaddressed", steady="the address is right here"
                ),
                Query(
                    "1 - min(gateway_provider_token_held)",
                    "no token",
                    steady="the token outlives the outage here",
                ),
            ),
            Kind.STATES,
            12,
            warns_at=1,
        ),
        Panel(
            "Requests without an answer of the API",
            "Share of the requests that were not answered as the API answers: errors, time-outs, cut connections, "
            "refused credentials, wrong addresses.",
            PERCENT,
            (
                Query(
                    f'(sum(rate(gateway_provider_requests_total{{result!~"ok|refused|throttled"}}[{R}])) or vector(0))'
                    f" / sum(rate(gateway_provider_requests_total[{R}]))",
                    "share",
                ),
            ),
            width=12,
            warns_at=0.01,
        ),
    ),
)

_REQUESTS = Row(
    "Rate, errors, duration",
    (
        Panel(
            "Requests, by operation",
            "All that was tried, polls and repeats included.",
            PER_SECOND,
            (Query(f"sum by (operation) (rate(gateway_provider_requests_total[{R}]))", "{{operation}}"),),
            Kind.STACK,
        ),
        Panel(
            "Not answered with yes, by result",
            "refused: a definite no of the API. throttled: 429. not_sent: no connection. The others may have taken "
            "effect, and are looked after.",
            PER_SECOND,
            (
                Query(
                    f'sum by (result) (rate(gateway_provider_requests_total{{result!="ok"}}[{R}])) > 0',
                    "{{result}}",
                ),
            ),
            Kind.STACK,
        ),
        Panel(
            "Refusals, by code",
            "The API's own codes; deploy/docs/rules.md says what becomes of each. other: a code that its documents "
            "do not have.",
            PER_SECOND,
            (
                Query(
                    f"sum by (operation, code) (rate(gateway_provider_refusals_total[{R}])) > 0",
                    "{{operation}} {{code}}",
                    empty="a run in which the provider refuses nothing is none too",
                ),
            ),
            Kind.STACK,
        ),
        Panel(
            "Duration, 95 % by operation",
            "From asking for a connection to the end of the answer. The time-outs (2 s a write, 0.5 s a read) bound it.",
            SECONDS,
            (
                Query(
                    "histogram_quantile(0.95, sum by (operation, le) "
                    f"(rate(gateway_provider_request_seconds_bucket[{R}])))",
                    "{{operation}}",
                ),
            ),
        ),
        Panel(
            "Durations of all requests",
            "How many requests took how long. A second band at a time-out is a provider that is half away.",
            SECONDS,
            (Query(f"sum by (le) (rate(gateway_provider_request_seconds_bucket[{R}]))", "{{le}}"),),
            Kind.HEAT,
            16,
        ),
    ),
)

_HELD = Row(
    "Saturation",
    (
        Panel(
            "In flight, waiting, and the limit",
            "The limit halves at each wave of 429 and grows back within half a minute.",
            SHORT,
            (
                Query("sum(gateway_provider_requests_in_flight)", "in flight"),
                Query(
                    "sum(gateway_provider_requests_waiting)",
                    "waiting",
                    steady="this load never fills the places",
                ),
                Query("sum(gateway_provider_concurrency_limit)", "limit"),
            ),
        ),
        Panel(
            "Waited before it left, 95 %",
            "look: the bound on looks a second. place: the limit of requests in flight. connection: one to use, new "
            "or from the pool.",
            SECONDS,
            (
                Query(
                    "histogram_quantile(0.95, sum by (wait_for, le) "
                    f"(rate(gateway_provider_wait_seconds_bucket[{R}])))",
                    "{{wait_for}}",
                ),
            ),
        ),
        Panel(
            "Pending operations",
            "Intended and not yet done; what the provider still owes us an answer about.",
            SHORT,
            (Query("sum by (operation) (gateway_operations_pending) > 0", "{{operation}}"),),
            Kind.STACK,
        ),
        Panel(
            "Requests for a token",
            "Over an hour. A token is renewed two minutes before its end. Refused: credentials or merchant are wrong.",
            SHORT,
            (Query("sum by (result) (increase(gateway_token_requests_total[1h]))", "{{result}}"),),
        ),
        Panel(
            "Words that its documents do not have",
            "Over an hour: readings with an unknown status, and fields that could not be read. The gateway guesses nothing of them.",
            SHORT,
            (
                Query("sum(increase(gateway_provider_unknown_statuses_total[1h]))", "unknown status"),
                Query(
                    "sum by (field) (increase(gateway_provider_unreadable_fields_total[1h]))",
                    "{{field}}",
                    empty=_RARE,
                ),
            ),
        ),
        Panel(
            "Check-in notifications",
            "What the provider tells on the notification port, and of it what names a point of sale that nobody "
            "knows.",
            PER_SECOND,
            (
                Query(f"sum by (result) (rate(gateway_notifications_total[{R}]))", "{{result}}"),
                Query(
                    f"sum(rate(gateway_notifications_dropped_total[{R}]))", "of them unknown point of sale"
                ),
            ),
        ),
    ),
)

BOARD = Board(
    "pos-gateway-provider",
    "POS gateway: the provider's API",
    "Rate, errors and duration of the provider's operations, and what is held back.",
    (_STATE, _REQUESTS, _HELD),
)
