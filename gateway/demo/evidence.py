"""What an auditor of a run has before him: what was sent, what came back, and the provider's own books."""

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

ENDED_HERE = frozenset({"captured", "cancelled", "expired", "none"})


@dataclass(frozen=True, slots=True)
class Command:
    """One message as its sender knows it. `record` names the record beside its envelope, so that one without
    an id can be told too; a message sent again is the same record.

    `dead_letter` is the reason for which it must become a dead letter, None for a command that must be
    answered. `amount` is minor units: what a start asks for, or a capture; None there is all that is reserved.
    """

    record: str
    id: str
    source: str
    payment_id: str
    type: str
    automatic: bool = False
    order_id: str | None = None
    amount: int | None = None
    currency: str | None = None
    dead_letter: str | None = None
    value: bytes | None = None

    @property
    def starts(self) -> bool:
        return self.type == "payment.initiate" and self.dead_letter is None


@dataclass(frozen=True, slots=True)
class Event:
    """One event as a `read_committed` reader saw it."""

    id: str
    type: str
    data: Mapping[str, Any]

    @property
    def payment_id(self) -> str:
        return str(self.data["paymentId"])

    @property
    def answered(self) -> tuple[str, str] | None:
        """Source and id of the command that it answers."""
        if "commandId" not in self.data:
            return None
        return str(self.data.get("commandSource")), str(self.data["commandId"])


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter as a `read_committed` reader saw it; `record` is empty where nobody of ours wrote it."""

    record: str
    reason: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """`sent` has a command once for each time it was sent, `events` are in the order of their partitions,
    `ledger` has one entry a payment of the provider's.
    """

    sent: Sequence[Command] = ()
    events: Sequence[Event] = ()
    dead_letters: Sequence[DeadLetter] = ()
    ledger: Sequence[Mapping[str, Any]] = field(default=())
    violations: Sequence[Mapping[str, Any]] = field(default=())


def unanswered(sent: Sequence[Command], events: Sequence[Event], dead_letters: Sequence[DeadLetter]) -> int:
    """How many messages still wait for their event or dead letter."""
    answered = {event.answered for event in events}
    commands = {(one.source, one.id) for one in sent if one.dead_letter is None}
    letters = sum(one.dead_letter is not None for one in sent)
    return len(commands - answered) + max(0, letters - len(dead_letters))


def at_rest(ledger: Sequence[Mapping[str, Any]]) -> bool:
    """Nothing is active or reserved at the provider."""
    return all(book["status"] in ENDED_AT_PROVIDER for book in ledger)
