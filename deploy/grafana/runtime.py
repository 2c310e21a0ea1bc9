"""The Kafka runtime: partitions, transactions, and the process itself."""

from deploy.grafana.board import BYTES, PER_SECOND, PERCENT, SECONDS, SHORT, Board, Kind, Panel, Query, Row

R = "$__rate_interval"

_PARTITIONS = Row(
    "Partitions",
    (
        Panel(
            "Partitions that do not take commands",
            "By state, over all instances. not open: opening, restoring, closing or stopped. undecodable: before a "
            "batch that nobody can decode. paused: as much waits as may. Their sum without fault is 0.",
            SHORT,
            (
                Query("count(gateway_partition_open == 0) or vector(0)", "not open"),
                Query("sum(gateway_partition_stopped)", "stopped"),
                Query("sum(gateway_partition_undecodable)", "undecodable"),
                Query(
                    "sum(gateway_partition_paused)", "paused", steady="this load does not fill the inboxes"
                ),
            ),
            warns_at=1,
        ),
        Panel(
            "Lag",
            "Commands in the topic beyond the position, by partition.",
            SHORT,
            (Query("max by (partition) (gateway_partition_lag)", "{{partition}}"),),
            Kind.STACK,
        ),
        Panel(
            "Oldest command not accepted",
            "For how long, at most, it has lain there. Fires at 60 seconds.",
            SECONDS,
            (Query("max by (partition) (gateway_partition_unaccepted_seconds)", "{{partition}}"),),
            warns_at=60,
        ),
        Panel(
            "Progress",
            "Offsets accepted a second, by partition. A flat line beside lag is a stall.",
            PER_SECOND,
            (Query(f"sum by (partition) (deriv(gateway_partition_position[{R}])) > 0", "{{partition}}"),),
            Kind.STACK,
        ),
        Panel(
            "Due work without progress",
            "Fires at 60 seconds, and /livez fails then.",
            SECONDS,
            (Query("max by (partition) (gateway_partition_stalled_seconds)", "{{partition}}"),),
            warns_at=60,
        ),
        Panel(
            "Opened anew, by cause",
            "Over ten minutes. fenced: another owner had it. broker: trouble there. fault: one of ours, see the log.",
            SHORT,
            (Query("sum by (cause) (increase(gateway_partition_reopens_total[10m]))", "{{cause}}"),),
        ),
    ),
)

_WORK = Row(
    "Transactions and work",
    (
        Panel(
            "Transactions",
            "One commits all that a partition's turns changed since the last.",
            PER_SECOND,
            (Query(f"sum(rate(gateway_transaction_seconds_count[{R}]))", "committed"),),
        ),
        Panel(
            "Transaction time",
            "From asking for the commit to its answer. Answers and calls wait for it.",
            SECONDS,
            (
                Query(
                    f"histogram_quantile(0.5, sum by (le) (rate(gateway_transaction_seconds_bucket[{R}])))",
                    "half",
                ),
                Query(
                    f"histogram_quantile(0.99, sum by (le) (rate(gateway_transaction_seconds_bucket[{R}])))",
                    "99 of 100",
                ),
            ),
        ),
        Panel(
            "What is under way",
            "Records staged for the next transaction, calls and reads that run, and those that wait for a place.",
            SHORT,
            (
                Query("sum(gateway_changes_uncommitted)", "uncommitted records"),
                Query("sum(gateway_effects_running)", "running"),
                Query("sum(gateway_effects_waiting)", "waiting", steady="this load never fills the places"),
            ),
        ),
        Panel(
            "Input that is not as it should be",
            "Over an hour. ignored: fields of command data that the contract does not know. misplaced: batches in another partition "
            "than their keys say. lost: deleted by the retention before they were accepted.",
            SHORT,
            (
                Query(
                    "sum by (type) (increase(gateway_command_fields_ignored_total[1h]))",
                    "ignored in {{type}}",
                ),
                Query("sum(increase(gateway_records_misplaced_total[1h]))", "misplaced"),
                Query(
                    "sum(gateway_commands_lost_to_retention_total)",
                    "lost",
                    steady="the retention is longer than this",
                ),
            ),
        ),
    ),
)

_PROCESS = Row(
    "Processes",
    (
        Panel(
            "Instances, by version",
            "More than one version means that an upgrade is under way.",
            SHORT,
            (
                Query(
                    "count by (version, state_version) (gateway_build_info)",
                    "{{version}}, state {{state_version}}",
                ),
                Query("count(gateway_broker_in_reach == 1) or vector(0)", "broker in reach"),
            ),
        ),
        Panel(
            "How late the event loop comes",
            "Half of the looks, and 99 of 100. Fires when nine of ten are later than 0.25 s.",
            SECONDS,
            (
                Query(
                    f"histogram_quantile(0.5, sum by (le) (rate(gateway_loop_lag_seconds_bucket[{R}])))",
                    "half",
                ),
                Query(
                    f"histogram_quantile(0.99, sum by (le) (rate(gateway_loop_lag_seconds_bucket[{R}])))",
                    "99 of 100",
                ),
            ),
            warns_at=0.25,
        ),
        Panel(
            "Processor",
            "Of one core; a process cannot use more than one.",
            PERCENT,
            (
                Query(
                    f"rate(process_cpu_seconds_total[{R}]) * on (instance) group_left gateway_build_info",
                    "{{instance}}",
                ),
            ),
            warns_at=0.9,
        ),
        Panel(
            "Memory",
            "Resident. It grows with the payments that the state remembers.",
            BYTES,
            (
                Query(
                    "process_resident_memory_bytes * on (instance) group_left gateway_build_info",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Open files",
            "Connections to broker and provider, for the most part.",
            SHORT,
            (Query("process_open_fds * on (instance) group_left gateway_build_info", "{{instance}}"),),
        ),
    ),
)

BOARD = Board(
    "pos-gateway-runtime",
    "POS gateway: Kafka runtime",
    "Partitions, transactions and the processes themselves.",
    (_PARTITIONS, _WORK, _PROCESS),
)
