"""Every bound of the runtime by its name and unit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one partition unless the name says otherwise.

    `lease_seconds` runs from before a commit request; a request that changes something leaves only with
    `write_timeout_seconds` of it left. `commit_gap_seconds` between two transactions: begun at once, the
    broker answers CONCURRENT_TRANSACTIONS and the client waits 20 ms. `max_record_bytes` is what a topic
    must take, key and headers included. `release_read_seconds`: so long a release waits for reads under way, whose
    answers may hold the pace of the next. `stopped_look_seconds`: how often a partition that stands before an
    undecodable batch asks whether it was moved. `max_staged_bytes` bounds one transaction: above it no further
    command is accepted into it, so it ends at most one turn beyond, and can be committed within its time-out.
    """

    lease_seconds: float = 5.0
    write_timeout_seconds: float = 2.0
    release_timeout_seconds: float = 2.0
    release_read_seconds: float = 0.6
    commit_gap_seconds: float = 0.0025
    commit_timeout_seconds: float = 15.0
    transaction_timeout_seconds: float = 20.0
    fence_timeout_seconds: float = 30.0
    broker_timeout_seconds: float = 15.0
    group_offset_interval_seconds: float = 1.0
    reopen_first_seconds: float = 0.25
    reopen_most_seconds: float = 10.0
    fenced_wait_seconds: float = 8.0
    max_running_effects: int = 256
    reserved_for_pending_effects: int = 64
    max_waiting_commands: int = 10_000
    max_uncommitted_changes: int = 2_000
    max_staged_bytes: int = 8_000_000
    max_turns_per_tick: int = 200
    max_record_bytes: int = 2_000_000
    stall_seconds: float = 30.0
    stopped_look_seconds: float = 5.0
