"""The first dashboard to open: is money moving, is anything stuck, and whose fault is it."""

from deploy.grafana.board import PER_SECOND, PERCENT, SECONDS, SHORT, Board, Kind, Panel, Query, Row

R = "$__rate_interval"

_NOW = Row(
    "Now",
    (
        Panel(
            "Alerts firing",
            "Alerts of the gateway that fire now. Each has a runbook that its annotations link.",
            SHORT,
            (Query('sum(ALERTS{alertstate="firing"}) or vector(0)', "firing"),),
            Kind.STAT,
            4,
            warns_at=1,
        ),
        Panel(
            "Commands without an answer",
            "Accepted commands that are not answered yet. Some wait for a customer or for their till.",
            SHORT,
            (Query("sum(gateway_commands_waiting)", "waiting"),),
            Kind.STAT,
            4,
        ),
        Panel(
            "Oldest unknown outcome",
            "How long ago the oldest call was intended of which nobody knows what became. Fires at 15 minutes.",
            SECONDS,
            (Query("max(gateway_operations_unknown_oldest_seconds)", "oldest"),),
            Kind.STAT,
            4,
            warns_at=900,
        ),
        Panel(
            "Reserved past their intent",
            "Payments whose capture or cancel was intended a minute ago or more and that hold the money still, and "
            "payments whose time for approval is over. Both should be 0.",
            SHORT,
            (
                Query(
                    "sum(gateway_reservations_past_intent)",
                    "reserved",
                    steady="each duty is done within a minute here",
                ),
                Query(
                    "sum(gateway_payments_overdue)",
                    "not approved",
                    steady="each is cancelled in its time here",
                ),
            ),
            Kind.STAT,
            4,
            warns_at=1,
        ),
        Panel(
            "Refunds near their 24 hours",
            "Refunds reserved for 20 hours or more: after 24 the provider pays them out by itself.",
            SHORT,
            (
                Query(
                    "sum(gateway_refunds_near_deadline)", "near", steady="no refund grows 20 hours old here"
                ),
            ),
            Kind.STAT,
            4,
            warns_at=1,
        ),
        Panel(
            "Oldest command not accepted",
            "How long, at most, a command has lain in its topic that no gateway has taken in yet.",
            SECONDS,
            (Query("max(gateway_partition_unaccepted_seconds)", "oldest"),),
            Kind.STAT,
            4,
            warns_at=60,
        ),
    ),
)

_COMMANDS = Row(
    "Commands",
    (
        Panel(
            "Accepted, by type",
            "Commands taken in. What lies in the topic and is not taken in shows as lag on the runtime's board.",
            PER_SECOND,
            (Query(f"sum by (type) (rate(gateway_commands_accepted_total[{R}]))", "{{type}}"),),
            Kind.STACK,
        ),
        Panel(
            "Rejected, by reason",
            "Answers that say no, and why; the rest was done. A rejection is the shop's affair unless it is "
            "expired, invalid_at_provider or rejected_by_provider.",
            PER_SECOND,
            (
                Query(
                    f'sum by (reason) (rate(gateway_commands_answered_total{{reason!="done"}}[{R}]))',
                    "{{reason}}",
                ),
            ),
            Kind.STACK,
        ),
        Panel(
            "From accepted to answered, 95 %",
            "19 of 20 commands of a type are answered within this time. A start answers when the provider has taken "
            "it, and waits for its till where the shop asked for that; a watched check-in waits for a customer.",
            SECONDS,
            (
                Query(
                    "histogram_quantile(0.95, sum by (type, le) "
                    f"(rate(gateway_command_seconds_bucket[{R}])))",
                    "{{type}}",
                ),
            ),
        ),
        Panel(
            "Oldest without an answer, by type",
            "By the command's own time, so what lay in the topic counts too.",
            SECONDS,
            (Query("max by (type) (gateway_commands_unanswered_oldest_seconds) > 0", "{{type}}"),),
        ),
        Panel(
            "Dead letters, by reason",
            "Records that nobody can understand. Nothing was done about them, and nobody got an event for them.",
            PER_SECOND,
            (Query(f"sum by (reason) (rate(gateway_commands_dead_lettered_total[{R}])) > 0", "{{reason}}"),),
            Kind.STACK,
        ),
        Panel(
            "Events, by type",
            "What the gateway tells the shop.",
            PER_SECOND,
            (Query(f"sum by (type) (rate(gateway_events_total[{R}])) > 0", "{{type}}"),),
            Kind.STACK,
        ),
    ),
)

_PAYMENTS = Row(
    "Payments and money",
    (
        Panel(
            "Under way, by status",
            "Payments that have not ended, as the gateway knows them. A step that only grows means that customers "
            "are not reached.",
            SHORT,
            (
                Query(
                    'sum by (status) (gateway_payments{status!~"none|captured|cancelled|expired"})',
                    "{{status}}",
                ),
            ),
            Kind.STACK,
        ),
        Panel(
            "Ended, by status",
            "Payments that have ended and are still remembered; the retention forgets them.",
            SHORT,
            (
                Query(
                    'sum by (status) (gateway_payments{status=~"captured|cancelled|expired"})', "{{status}}"
                ),
            ),
            Kind.STACK,
        ),
        Panel(
            "Refunds under way, by status",
            "Refunds that are neither paid out nor cancelled.",
            SHORT,
            (Query('sum by (status) (gateway_refunds{status!~"none|captured|cancelled"})', "{{status}}"),),
            Kind.STACK,
        ),
        Panel(
            "Money, by movement and currency",
            "In whole units of the currency, each second. Captured is taken from customers, refunded paid back.",
            SHORT,
            (
                Query(
                    f"sum by (movement, currency) (rate(gateway_money_minor_units_total[{R}])) / 100",
                    "{{movement}} {{currency}}",
                ),
            ),
        ),
        Panel(
            "From asked to approved",
            "How long customers take to approve, of those that do: half of them, and 19 of 20.",
            SECONDS,
            (
                Query(
                    f"histogram_quantile(0.5, sum by (le) (rate(gateway_payment_approval_seconds_bucket[{R}])))",
                    "half",
                ),
                Query(
                    f"histogram_quantile(0.95, sum by (le) (rate(gateway_payment_approval_seconds_bucket[{R}])))",
                    "19 of 20",
                ),
            ),
        ),
        Panel(
            "Approved of those shown to a customer",
            "Reservations for each payment that a customer saw, over ten minutes. Near 0 while payments are "
            "initiated means that the provider's customers are gone.",
            PERCENT,
            (
                Query(
                    'sum(increase(gateway_events_total{type="payment.reserved"}[10m])) / '
                    'sum(increase(gateway_events_total{type="payment.initiated"}[10m]))',
                    "approved",
                ),
            ),
        ),
        Panel(
            "Outcomes that became unknown",
            "Calls that went unheard in all their tries. Each is found out later, and told then.",
            PER_SECOND,
            (Query(f"sum by (operation) (rate(gateway_operations_unknown_total[{R}]))", "{{operation}}"),),
            Kind.STACK,
        ),
        Panel(
            "Oldest pending, by operation",
            "How long ago the oldest operation was intended that is not done. Red from 15 minutes.",
            SECONDS,
            (Query("max by (operation) (gateway_operations_pending_oldest_seconds) > 0", "{{operation}}"),),
        ),
        Panel(
            "Oldest reserved refund",
            "The age of the refund that is nearest to its 24 hours.",
            SECONDS,
            (Query("max(gateway_refunds_reserved_oldest_seconds)", "oldest"),),
            width=12,
            warns_at=20 * 3600,
        ),
        Panel(
            "Points of sale",
            "How many the gateway has made and not deleted.",
            SHORT,
            (Query("sum(gateway_points_of_sale)", "made"),),
            width=12,
        ),
    ),
)

BOARD = Board(
    "pos-gateway-overview",
    "POS gateway: overview",
    "Is money moving, is anything stuck, and whose fault is it.",
    (_NOW, _COMMANDS, _PAYMENTS),
)
