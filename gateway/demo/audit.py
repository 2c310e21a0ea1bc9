"""The auditor: commands, events, dead letters and the provider's books side by side, judged from outside.

Pure, and written from the contract alone: it knows nothing of how the gateway keeps its promises. One line
a guarantee.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gateway.demo import books, chronicle, refund_books
from gateway.demo.evidence import ENDED_HERE, REFUND_ENDED_HERE, Command, Event, Evidence
from gateway.demo.finding import GUARANTEES, Finding, lines

_STARTED = tuple(
    f"payment.{name}"
    for name in ("prepared", "paired", "initiated", "issued", "reserved", "captured", "cancelled", "expired")
)
_REFUNDED = ("refund.initiated", "refund.reserved", "refund.captured", "refund.cancelled")
ANSWERS = {
    "payment.initiate": _STARTED,
    "payment.prepare": _STARTED,
    "payment.ready": _STARTED,
    "payment.capture": ("payment.captured",),
    "payment.cancel": ("payment.cancelled",),
    "refund.create": _REFUNDED,
    "refund.capture": ("refund.captured",),
    "refund.cancel": ("refund.cancelled",),
}
"""What may answer a command, besides its rejection."""


@dataclass(slots=True)
class Report:
    """`findings` by guarantee; none is what must hold. Sums are minor units by currency."""

    findings: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in GUARANTEES})
    captured_here: Counter[str] = field(default_factory=Counter)
    captured_there: Counter[str] = field(default_factory=Counter)
    refunded_here: Counter[str] = field(default_factory=Counter)
    refunded_there: Counter[str] = field(default_factory=Counter)

    @property
    def holds(self) -> bool:
        return not any(self.findings.values())

    def lines(self) -> list[str]:
        """One line a guarantee, with its first findings."""
        return list(lines(GUARANTEES, self.findings))


def audit(evidence: Evidence) -> Report:
    """Judge one run at rest."""
    report = Report()
    found = [
        *_answers(evidence.sent, evidence.events),
        *_dead_letters(evidence),
        *_sequences(evidence.events),
        *chronicle.read(evidence.events),
        *_rest(evidence.events),
        *books.compare(evidence),
        *refund_books.compare(evidence),
        *(Finding("I7", f"{one.get('name')}: {one.get('explanation')}") for one in evidence.violations),
    ]
    for finding in found:
        report.findings[finding.guarantee].append(finding.text)
    _sum(report, evidence)
    for what, here, there in (
        ("captured", report.captured_here, report.captured_there),
        ("refunded", report.refunded_here, report.refunded_there),
    ):
        if here != there:
            report.findings["I5"].append(f"{what}: {dict(here)} by the events, {dict(there)} by the ledger")
    return report


def _sum(report: Report, evidence: Evidence) -> None:
    for event in evidence.events:
        if event.type == "payment.captured":
            amounts = event.data["amounts"]
            report.captured_here[amounts["currency"]] += int(amounts["captured"])
        elif event.type == "refund.captured":
            amount = event.data["refundAmount"]
            report.refunded_here[amount["currency"]] += int(amount["value"])
    for book in evidence.ledger:
        if book["captured"]:
            report.captured_there[book["currency"]] += book["captured"]
        if book.get("refunded"):
            report.refunded_there[book["currency"]] += book["refunded"]


def _answers(sent: Sequence[Command], events: Sequence[Event]) -> Iterator[Finding]:
    asked = {one.identity: one for one in sent if one.dead_letter is None}
    answers: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        if event.answered is not None:
            answers[event.answered].append(event)
    for identity, command in asked.items():
        given = answers[identity]
        if len(given) != 1:
            yield Finding("I2", f"{command.type} {command.id} answered {len(given)} times")
        for event in given:
            yield from _answer(command, event)
    for source, id_ in answers.keys() - asked.keys():
        yield Finding("I2", f"{id_} of {source} is answered and was never asked")


def _answer(command: Command, event: Event) -> Iterator[Finding]:
    name, said = f"{command.type} {command.id}", event.data.get("commandType")
    if event.payment_id != command.payment_id or said != command.type:
        yield Finding("I2", f"{name} answered by an event of {event.payment_id}, {said}")
    elif event.refund_id != command.refund_id:
        yield Finding("I2", f"{name} answered by an event of refund {event.refund_id}")
    elif event.type == "payment.unknown":
        yield Finding("I5", f"{command.id} is answered by what is not known")
    elif event.type != "command.rejected" and event.type not in ANSWERS[command.type]:
        yield Finding("I2", f"{name} answered by {event.type}")


def _dead_letters(evidence: Evidence) -> Iterator[Finding]:
    """A message that cannot be understood leads to one dead letter each time it is sent, with its bytes."""
    due = Counter(one.record for one in evidence.sent if one.dead_letter is not None)
    got = Counter(letter.record for letter in evidence.dead_letters)
    for record in sorted(due.keys() | got.keys()):
        if due[record] != got[record]:
            told = f"{got[record]} dead letters, {due[record]} due"
            yield Finding("I2", f"{record or 'a record of nobody'}: {told}")
    asked = {one.record: one for one in evidence.sent}
    for letter in evidence.dead_letters:
        command = asked.get(letter.record)
        if command is None or command.dead_letter is None:
            continue
        if letter.reason != command.dead_letter:
            told = f"dead-lettered as {letter.reason}, is {command.dead_letter}"
            yield Finding("I2", f"{letter.record}: {told}")
        if letter.value != command.value:
            yield Finding("I2", f"{letter.record}: its dead letter has other bytes")


def _sequences(events: Sequence[Event]) -> Iterator[Finding]:
    by_payment: dict[str, list[int]] = defaultdict(list)
    for event in events:
        by_payment[event.payment_id].append(int(event.data["sequence"]))
    for payment_id, sequences in by_payment.items():
        if sequences != list(range(1, len(sequences) + 1)):
            yield Finding("I6", f"{payment_id}: {sequences}")
    for event_id, count in Counter(event.id for event in events).items():
        if count > 1:
            yield Finding("I6", f"event {event_id} was published {count} times")


def _rest(events: Sequence[Event]) -> Iterator[Finding]:
    last = {event.payment_id: str(event.data["status"]) for event in events}
    for payment_id, status in last.items():
        if status not in ENDED_HERE:
            yield Finding("I8", f"{payment_id}: the last that was told is {status}")
    refunds = {
        (event.payment_id, event.refund_id): str(event.data["refundStatus"])
        for event in events
        if event.refund_id is not None and "refundStatus" in event.data
    }
    for (payment_id, refund_id), status in refunds.items():
        if status not in REFUND_ENDED_HERE:
            yield Finding("I8", f"{payment_id} {refund_id}: the last that was told is {status}")
