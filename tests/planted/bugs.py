"""Bugs to be planted: each a small change to the gateway that somebody could make, and that must be caught.

Each edit replaces a text that stands exactly once in its file. `suites` are tried in their order until one of
them fails; a bug that passes them all was not caught, and the run fails.
"""

from dataclasses import dataclass
from typing import Final

HISTORIES: Final = "histories"
RULES: Final = "rules"
RUNTIME: Final = "runtime"
CLIENT: Final = "client"
BROKER: Final = "broker"
FLOW: Final = "flow"

SUITES: Final = {
    HISTORIES: ("tests/simulation",),
    RULES: ("tests/unit/domain",),
    RUNTIME: (
        "tests/contract/runtime/test_runtime_in_memory.py",
        "tests/contract/runtime/test_storms_in_memory.py",
        "tests/contract/runtime/test_timers_and_tombstones.py",
        "tests/unit/kafka",
    ),
    CLIENT: ("tests/unit/mobilepay", "tests/integration/test_client_sandbox.py"),
    FLOW: ("tests/unit/test_flow.py", "tests/unit/codec"),
    BROKER: ("tests/contract/runtime/test_runtime_on_kafka.py", "tests/contract/test_log.py"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Edit:
    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Bug:
    """`breaks` names guarantees by number."""

    name: str
    breaks: str
    edits: tuple[Edit, ...]
    suites: tuple[str, ...] = (HISTORIES, RULES, RUNTIME, CLIENT)


def _bug(name: str, breaks: str, path: str, before: str, after: str, *suites: str) -> Bug:
    edit = Edit(f"gateway/{path}", before, after)
    return Bug(name, breaks, (edit,), suites) if suites else Bug(name, breaks, (edit,))


BUGS: Final = (
    _bug(
        "a new key on each retry", "I1", "domain/starting.py",
        "pending.kind, start.attempt)", "pending.kind, start.attempt + d.memo.unheard)",
    ),
    _bug(
        "the key left out", "I7", "mobilepay/wire.py",
        'headers.append((b"X-MobilePay-Idempotency-Key", request.key.encode("ascii")))', "pass",
    ),
    _bug(
        "409 retried like a 500", "I7", "mobilepay/verdicts.py",
        "frozenset({408, 425})", "frozenset({408, 409, 425})", CLIENT, HISTORIES,
    ),
    _bug(
        "500 taken for a refusal", "I5", "mobilepay/verdicts.py",
        'return Unheard("server_error")', "return Refused(Refusal(Reason.REJECTED_BY_PROVIDER, status))",
    ),
    _bug(
        "429 taken for a refusal", "I5", "mobilepay/verdicts.py",
        'return Throttled(_retry_after(answer.headers.get("Retry-After"), wall_ms))',
        "return Refused(Refusal(Reason.REJECTED_BY_PROVIDER, status))", CLIENT, HISTORIES,
    ),
    _bug(
        "a success without its id taken for one", "I5", "mobilepay/verdicts.py",
        'return Unheard("unreadable") if read is None else Heard(*read)',
        'return Refused(Refusal(Reason.REJECTED_BY_PROVIDER, status)) if read is None else Heard(*read)',
    ),
    _bug(
        "the effect begins before its intent is committed", "I1", "kafka/turns.py",
        "if run.effect.changes and slot.cut > self._acknowledged_cut:",
        "if run.effect.changes and slot.cut < 0:", RUNTIME, HISTORIES,
    ),
    _bug(
        "the lease is not looked at", "I11", "kafka/permit.py",
        "return not self._withdrawn and self._leasehold.holds(self._key)", "return not self._withdrawn",
        HISTORIES, RUNTIME,
    ),
    _bug(
        "the lease counted from the acknowledgement", "I11", "kafka/committing.py",
        "turns.acknowledged(number, requested_at)", "turns.acknowledged(number, self._clock.boottime())",
        RUNTIME, HISTORIES,
    ),
    _bug(
        "the last owner's lease not waited for", "I11", "kafka/lease.py",
        "now >= self._not_before and ", "", RUNTIME, HISTORIES,
    ),
    _bug(
        "a release mark that forgets the call under way", "I11", "kafka/turns.py",
        "return tuple(sorted(ours | inherited))", "return tuple(sorted(inherited))", RUNTIME, HISTORIES,
    ),
    _bug(
        "a withdrawn call sent all the same", "I3", "mobilepay/run.py",
        """        latest = self._request.not_after_ms
        if self._permit.withdrawn:
            raise _Withheld(DeferralCause.WITHDRAWN)
        if not self._permit.holds():
            raise _Withheld(None)
""",
        """        latest = self._request.not_after_ms
""", CLIENT, HISTORIES,
    ),
    _bug(
        "an early look believed", "I5", "domain/starting.py",
        "    elif look.begun < settled:", "    elif look.begun < 0:",
    ),
    Bug(
        "a late look that hits a later start", "I3",
        (
            Edit("gateway/domain/late.py",
                 "tuple(i for i in ids if i != d.state.provider_payment_id)", "tuple(ids)"),
            Edit(
                "gateway/domain/late.py",
                "        reading.provider_payment_id != d.state.provider_payment_id\n        and reading.order",
                "        reading.order",
            ),
        ),
        (RULES, HISTORIES),
    ),
    _bug(
        "a cancel that hits a neighbour's payment", "I3", "domain/searching.py",
        "        is_told_by_order(d, start)\n        and reading.order_id", "        reading.order_id",
    ),
    _bug(
        "a neighbour's payment of another amount adopted", "I5", "domain/searching.py",
        "        and reading.amount == start.amount\n", "", RULES, HISTORIES,
    ),
    _bug(
        "a commit that does not wait for its records", "I2", "kafka/transactions.py",
        "        await asyncio.gather(*sent)\n", "", BROKER,
    ),
    _bug(
        "one transactional id for each process", "I11", "kafka/transactions.py",
        "{config.topics.commands}-{partition}\"", "{config.topics.commands}-{partition}-{id(self)}\"", BROKER,
    ),
    _bug(
        "every reserved payment captured, asked for or not", "I3", "domain/state.py",
        "        return isinstance(data, InitiatePayment) and data.capture is CaptureMode.AUTOMATIC",
        "        return isinstance(data, InitiatePayment)",
    ),
    _bug(
        "a checkpoint one too far", "I2", "kafka/committing.py",
        "checkpoint = Checkpoint(position,", "checkpoint = Checkpoint(position + 1,", RUNTIME, HISTORIES,
    ),
    _bug(
        "a gap in a batch believed", "I2", "kafka/intake.py",
        "if first > self.expected and self._gap != first:", "if first < 0:", RUNTIME, HISTORIES,
    ),
    _bug(
        "state keys without a room of their own", "I2", "flow.py",
        'POINT_OF_SALE_PREFIX = "s:"', 'POINT_OF_SALE_PREFIX = "p:"', FLOW,
    ),
    _bug(
        "a refund's amount not reserved", "I4", "domain/refund_judging.py",
        "return sum(r.amount.value for r in d.state.refunds if r.status is not RefundStatus.CANCELLED)",
        "return 0",
    ),
    _bug(
        "polled before the delay is over", "I7", "domain/watching.py",
        "    d.note(pace=d.now.steady + delay_ms / 1000)", "    d.note(pace=d.now.steady + delay_ms / 1250)",
    ),
    _bug(
        "polled at once by a new owner", "I7", "domain/restoring.py",
        "pace = since + watching.poll_delay_seconds(d)", "pace = since",
    ),
    _bug(
        "a new owner's pace counted from its restore", "I7", "domain/restoring.py",
        "pace = since + watching.poll_delay_seconds(d)", "pace = d.now.steady + watching.poll_delay_seconds(d)",
    ),
    _bug(
        "an answer from before a re-open brings the next poll forward", "I7", "domain/watching.py",
        "pace = max(allowed, d.memo.pace)", "pace = d.memo.pace", RULES, HISTORIES,
    ),
    _bug(
        "a check-in's pace forgotten with its last watch", "I7", "domain/points_of_sale/checkins.py",
        "for name, at in d.memo.paces.items() if at > d.now.steady}",
        "for name, at in d.memo.paces.items() if name == pos_id}", RULES, HISTORIES,
    ),
    _bug(
        "a new state read with the pattern of the packed one before", "I2", "kafka/packing.py",
        "slot.state, slot.pattern, slot.cut = state, None, cut", "slot.state, slot.cut = state, cut",
        RUNTIME, HISTORIES,
    ),
    _bug(
        "an answer dropped over a re-open", "I2", "kafka/turns.py",
        "kept, self._kept = self._kept, {}", "kept, self._kept = {}, {}",
    ),
    _bug(
        "a read that leaves while its owner lets go", "I7", "kafka/turns.py",
        "        call_off(self._slots.values(), reads_alone=True)\n", "", RUNTIME,
    ),
    _bug(
        "events in a transaction of their own", "I2", "kafka/committing.py",
        "        await bounded(producer.commit(staged), self._limits.commit_timeout_seconds)\n",
        "        await bounded(producer.commit(Staged((), records, None)), self._limits.commit_timeout_seconds)\n"
        "        await bounded(\n"
        "            producer.commit(Staged(entries, (), staged.position)), self._limits.commit_timeout_seconds\n"
        "        )\n",
    ),
    _bug(
        "a key used for longer than the provider keeps it", "I7", "domain/pacing.py",
        "KEY_LIFETIME_MS = 23 * HOUR_MS", "KEY_LIFETIME_MS = 40 * HOUR_MS", RULES,
    ),
    _bug(
        "a start sent after its command's expiry", "I3", "domain/wanting.py",
        "return min(start.message.expires_at_ms, pending.first_sent_ms + KEY_LIFETIME_MS)",
        "return pending.first_sent_ms + KEY_LIFETIME_MS", RULES, HISTORIES,
    ),
    _bug(
        "a busy till asked again under the refused key", "I2", "domain/starting.py",
        "attempt=start.attempt + 1)", "attempt=start.attempt)",
    ),
    _bug(
        "a pending call repeated by a new owner before any look", "I7", "domain/restoring.py",
        "        spent=is_pending,\n", "        spent=False,\n", RULES, HISTORIES,
    ),
    _bug(
        "a repeated message taken for a new one", "I2", "domain/inbox.py",
        "remembered=(*d.state.remembered, Remembered(message.id, message.data_hash)),", "",
    ),
    _bug(
        "event ids without their sequence", "I6", "domain/identity.py",
        'return _name("event", aggregate_id, cause.source, cause.id, sequence)',
        'return _name("event", aggregate_id, cause.source, cause.id, 1)',
    ),
    _bug(
        "a capture without its amount in the intent", "I5", "domain/changing.py",
        "amounts=replace(amounts, captured=pending.amount.value))",
        "amounts=replace(amounts, captured=amounts.reserved))", RULES, HISTORIES,
    ),
    _bug(
        "an overtaken start sent once more", "I3", "domain/wanting.py",
        "    if start.overtaken_by is not None:\n        return Unwanted.OVERTAKEN\n", "", RULES, HISTORIES,
    ),
)  # fmt: skip
