"""The metrics of partitions and of the process itself; `metrics` passes them on."""

from gateway.observability.declaring import Label, counter, gauge, seconds

_PARTITION = Label("partition", "each partition owned by this process", 1024)

TRANSACTION_SECONDS = seconds(
    "gateway_transaction_seconds",
    "How long a committed transaction took; its count is that of the transactions, over all partitions.",
    (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
PARTITION_OPEN = gauge(
    "gateway_partition_open", "0 or 1", "1 while a partition that is owned here takes commands.", _PARTITION
)
PARTITION_STOPPED = gauge(
    "gateway_partition_stopped",
    "0 or 1",
    "1 while a partition that is owned here stands still until an operator acts.",
    _PARTITION,
)
PARTITION_UNDECODABLE = gauge(
    "gateway_partition_undecodable",
    "0 or 1",
    "1 while a partition stands before a batch that the Kafka client cannot decode.",
    _PARTITION,
)
PARTITION_PAUSED = gauge(
    "gateway_partition_paused",
    "0 or 1",
    "1 while an open partition fetches nothing, since as much waits in it as may.",
    _PARTITION,
)
PARTITION_STALLED_SECONDS = gauge(
    "gateway_partition_stalled_seconds",
    "seconds",
    "How long work that is due in a partition has made no progress; 0 while it does.",
    _PARTITION,
)
PARTITION_POSITION = gauge(
    "gateway_partition_position", "offset", "The next offset of the commands to be accepted.", _PARTITION
)
PARTITION_LAG = gauge(
    "gateway_partition_lag",
    "commands",
    "Commands beyond the position, as far as the last fetch told.",
    _PARTITION,
)
PARTITION_UNACCEPTED_SECONDS = gauge(
    "gateway_partition_unaccepted_seconds",
    "seconds",
    "For how long, at most, the oldest command not yet accepted has lain in a partition; 0 without lag.",
    _PARTITION,
)
PARTITION_REOPENS = counter(
    "gateway_partition_reopens_total",
    "re-openings",
    "Partitions closed and opened anew.",
    Label("cause", "`fenced`, `broker`, `fault`", 3),
)
COMMANDS_LOST_TO_RETENTION = counter(
    "gateway_commands_lost_to_retention_total",
    "commands",
    "Commands that the topic's retention deleted before they were accepted.",
)
COMMANDS_WAITING = gauge(
    "gateway_commands_waiting", "commands", "Accepted commands without an answer, in the open partitions."
)
EFFECTS_RUNNING = gauge(
    "gateway_effects_running", "effects", "Calls and reads that hold a running place of their partition."
)
EFFECTS_WAITING = gauge(
    "gateway_effects_waiting", "effects", "Calls and reads that wait for a running place."
)
CHANGES_UNCOMMITTED = gauge(
    "gateway_changes_uncommitted", "records", "Records staged for the next transactions."
)
BROKER_IN_REACH = gauge("gateway_broker_in_reach", "0 or 1", "1 while the broker answers.")
LOOP_LAG_SECONDS = seconds(
    "gateway_loop_lag_seconds",
    "How late the event loop came to a timer, looked at twice a second.",
    (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)
BUILD_INFO = gauge(
    "gateway_build_info",
    "always 1",
    "The distribution that runs.",
    Label("version", "one", 1),
    Label("state_version", "one: of the state records that it writes", 1),
)
