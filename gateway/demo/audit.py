"""The auditor: commands, events, dead letters and the provider's books side by side, judged from outside.

Pure, and written from the contract alone: it knows nothing of how the gateway keeps its promises. One line
a guarantee.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ENDED_AT_PROVIDER = {
    "Captured": "captured",
    "CancelledByUser": "cancelled",
    "CancelledByClient": "cancelled",
    "CancelledByMobilePay": "cancelled",
    "ExpiredAndCancelled": "expired",
}


GUARANTEES = {
    "I1": "at most one effect at the provider per command and operation",
    "I2": "every command is answered exactly once, by an event or a dead letter",
    "I3": "nothing is captured or cancelled without an intent",
    "I5": "no event contradicts the provider's ledger",
    "I6": "the events of a payment have gap-free sequences and ids of their own",
    "I7": "the provider's protocol is kept",
    "I8": "nothing stays reserved or active past its intent",
}


@dataclass(frozen=True, slots=True)
class Command:
    """One message that was sent, however often. `understood` False: it must become a dead letter."""

    id: str
    payment_id: str
    type: str
    understood: bool = True
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One event as a `read_committed` reader saw it."""

    id: str
    type: str
    data: Mapping[str, Any]

    @property
    def payment_id(self) -> str:
        return str(self.data["paymentId"])


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
            told += [f"      {text}" for text in found[:5]]
            if len(found) > 5:
                told.append(f"      and {len(found) - 5} more")
        return told


def audit(
    commands: Sequence[Command],
    events: Sequence[Event],
    dead_letter_ids: Sequence[str],
    ledger: Sequence[Mapping[str, Any]],
    violations: Sequence[Mapping[str, Any]],
) -> Report:
    """Judge one run at rest."""
    report = Report()
    _answers(report, commands, events, dead_letter_ids)
    _sequences(report, events)
    _books(report, commands, events, ledger)
    for violation in violations:
        report.findings["I7"].append(f"{violation.get('name')}: {violation.get('explanation')}")
    return report


def _answers(
    report: Report, commands: Sequence[Command], events: Sequence[Event], dead_letter_ids: Sequence[str]
) -> None:
    answers = Counter(str(e.data["commandId"]) for e in events if "commandId" in e.data)
    dead = set(dead_letter_ids)
    for command in commands:
        count = answers[command.id]
        if command.understood and (count != 1 or command.id in dead):
            told = "and dead-lettered" if command.id in dead else ""
            report.findings["I2"].append(
                f"{command.type} {command.id} answered {count} times {told}".rstrip()
            )
        elif not command.understood and (count or command.id not in dead):
            report.findings["I2"].append(f"{command.id} cannot be understood and is no dead letter")
    for stranger in answers.keys() - {command.id for command in commands}:
        report.findings["I2"].append(f"{stranger} is answered and was never sent")


def _sequences(report: Report, events: Sequence[Event]) -> None:
    by_payment: dict[str, list[int]] = defaultdict(list)
    for event in events:
        by_payment[event.payment_id].append(int(event.data["sequence"]))
    for payment_id, found in by_payment.items():
        if found != list(range(1, len(found) + 1)):
            report.findings["I6"].append(f"{payment_id}: {found}")
    for event_id, count in Counter(event.id for event in events).items():
        if count > 1:
            report.findings["I6"].append(f"event {event_id} was published {count} times")


def _books(
    report: Report,
    commands: Sequence[Command],
    events: Sequence[Event],
    ledger: Sequence[Mapping[str, Any]],
) -> None:
    last: dict[str, Event] = {}
    whose: dict[str, str] = {}
    captured: dict[str, int] = {}
    for event in events:
        last[event.payment_id] = event
        provider_id = event.data.get("provider", {}).get("paymentId")
        if provider_id:
            whose[provider_id] = event.payment_id
        if event.type == "payment.captured":
            amounts = event.data["amounts"]
            captured[event.payment_id] = int(amounts["captured"])
            report.captured_here[amounts["currency"]] += int(amounts["captured"])
    capturing = {c.payment_id for c in commands if c.type == "payment.capture" or c.automatic}
    taken: Counter[str] = Counter()
    for book in ledger:
        payment_id = whose.get(book["paymentId"])
        _one_book(report, book, payment_id, payment_id in capturing, last)
        if book["captured"]:
            report.captured_there[book["currency"]] += book["captured"]
            taken[payment_id or "nobody's"] += book["captured"]
    for payment_id in taken.keys() | captured.keys():
        if taken[payment_id] != captured.get(payment_id, 0):
            told = f"told {captured.get(payment_id, 0)}, taken {taken[payment_id]}"
            report.findings["I5"].append(f"{payment_id}: captured {told}")


def _one_book(
    report: Report,
    book: Mapping[str, Any],
    payment_id: str | None,
    may_capture: bool,
    last: Mapping[str, Event],
) -> None:
    name = f"{payment_id} ({book['paymentId']})"
    for operation, count in book["effects"].items():
        if count > 1:
            report.findings["I1"].append(f"{name}: {operation} took effect {count} times")
    if book["status"] == "Captured" and not may_capture:
        report.findings["I3"].append(f"{name}: captured, and nobody asked for it")
    ended = ENDED_AT_PROVIDER.get(book["status"])
    if ended is None:
        report.findings["I8"].append(f"{name}: still {book['status']}")
    elif payment_id is None:
        # What ended by itself before anybody could name it shows in no list of the provider's.
        if ended == "captured":
            report.findings["I5"].append(f"{name}: captured, and no event tells of it")
    elif last[payment_id].data["status"] not in (ended, "none"):
        told = last[payment_id].data["status"]
        report.findings["I5"].append(f"{name}: told {told}, is {book['status']}")
