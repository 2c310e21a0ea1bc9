"""The auditor: commands, events, dead letters and the provider's books side by side, judged from outside.

Pure, and written from the contract alone: it knows nothing of how the gateway keeps its promises. One line
a guarantee.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.demo.books import Finding, compare
from gateway.demo.evidence import ENDED_HERE, Command, Event, Evidence

GUARANTEES = {
    "I1": "at most one effect at the provider per command and operation",
    "I2": "every command is answered exactly once, by an event or a dead letter",
    "I3": "nothing is captured or cancelled without an intent, never both",
    "I5": "no event contradicts the provider's ledger",
    "I6": "the events of a payment have gap-free sequences and ids of their own",
    "I7": "the provider's protocol is kept",
    "I8": "nothing stays reserved or active past its intent",
}

SHOWN_FINDINGS = 5


@dataclass(slots=True)
class Report:
    """`findings` by guarantee; none is what must hold. Sums are minor units by currency."""

    findings: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in GUARANTEES})
    captured_here: Counter[str] = field(default_factory=Counter)
    captured_there: Counter[str] = field(default_factory=Counter)

    @property
    def holds(self) -> bool:
        return not any(self.findings.values())

    def lines(self) -> list[str]:
        """One line a guarantee, with its first findings."""
        told = []
        for name, what in GUARANTEES.items():
            found = self.findings[name]
            told.append(f"{name}  {'FAILS' if found else 'holds'}  {what}")
            told += [f"      {text}" for text in found[:SHOWN_FINDINGS]]
            if len(found) > SHOWN_FINDINGS:
                told.append(f"      and {len(found) - SHOWN_FINDINGS} more")
        return told


def audit(evidence: Evidence) -> Report:
    """Judge one run at rest."""
    report = Report()
    found = [
        *_answers(evidence.sent, evidence.events),
        *_dead_letters(evidence),
        *_sequences(evidence.events),
        *_rest(evidence.events),
        *compare(evidence),
        *(Finding("I7", f"{one.get('name')}: {one.get('explanation')}") for one in evidence.violations),
    ]
    for finding in found:
        report.findings[finding.guarantee].append(finding.text)
    for event in evidence.events:
        if event.type == "payment.captured":
            amounts = event.data["amounts"]
            report.captured_here[amounts["currency"]] += int(amounts["captured"])
    for book in evidence.ledger:
        if book["captured"]:
            report.captured_there[book["currency"]] += book["captured"]
    return report


def _answers(sent: Sequence[Command], events: Sequence[Event]) -> list[Finding]:
    found = []
    asked = {(one.source, one.id): one for one in sent if one.dead_letter is None}
    answers: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        if event.answered is not None:
            answers[event.answered].append(event)
    for identity, command in asked.items():
        given = answers[identity]
        if len(given) != 1:
            found.append(Finding("I2", f"{command.type} {command.id} answered {len(given)} times"))
        for event in given:
            wrong = event.payment_id != command.payment_id or event.data.get("commandType") != command.type
            if wrong:
                about = f"{event.payment_id}, {event.data.get('commandType')}"
                found.append(Finding("I2", f"{command.type} {command.id} answered by an event of {about}"))
            if event.type == "payment.unknown":
                found.append(Finding("I5", f"{command.id} is answered by what is not known"))
    strangers = answers.keys() - asked.keys()
    found += [
        Finding("I2", f"{id_} of {source} is answered and was never asked") for source, id_ in strangers
    ]
    return found


def _dead_letters(evidence: Evidence) -> list[Finding]:
    """A message that cannot be understood leads to one dead letter each time it is sent, with its bytes."""
    found = []
    due = Counter(one.record for one in evidence.sent if one.dead_letter is not None)
    got = Counter(letter.record for letter in evidence.dead_letters)
    for record in sorted(due.keys() | got.keys()):
        if due[record] != got[record]:
            told = f"{got[record]} dead letters, {due[record]} due"
            found.append(Finding("I2", f"{record or 'a record of nobody'}: {told}"))
    asked = {one.record: one for one in evidence.sent}
    for letter in evidence.dead_letters:
        command = asked.get(letter.record)
        if command is None or command.dead_letter is None:
            continue
        if letter.reason != command.dead_letter:
            told = f"dead-lettered as {letter.reason}, is {command.dead_letter}"
            found.append(Finding("I2", f"{letter.record}: {told}"))
        if letter.value != command.value:
            found.append(Finding("I2", f"{letter.record}: its dead letter has other bytes"))
    return found


def _sequences(events: Sequence[Event]) -> list[Finding]:
    found = []
    by_payment: dict[str, list[int]] = defaultdict(list)
    for event in events:
        by_payment[event.payment_id].append(int(event.data["sequence"]))
    for payment_id, sequences in by_payment.items():
        if sequences != list(range(1, len(sequences) + 1)):
            found.append(Finding("I6", f"{payment_id}: {sequences}"))
    for event_id, count in Counter(event.id for event in events).items():
        if count > 1:
            found.append(Finding("I6", f"event {event_id} was published {count} times"))
    return found


def _rest(events: Sequence[Event]) -> list[Finding]:
    last = {event.payment_id: str(event.data["status"]) for event in events}
    return [
        Finding("I8", f"{payment_id}: the last that was told is {status}")
        for payment_id, status in last.items()
        if status not in ENDED_HERE
    ]
