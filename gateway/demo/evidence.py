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

REFUND_ENDED_AT_PROVIDER = {
    "Captured": "captured",
    "ExpiredAndCaptured": "captured",
    "CancelledByClient": "cancelled",
    "CancelledByMobilePay": "cancelled",
}

ENDED_HERE = frozenset({"captured", "cancelled", "expired", "none"})
REFUND_ENDED_HERE = frozenset({"captured", "cancelled", "none"})

STARTS = ("payment.initiate", "payment.prepare")


@dataclass(frozen=True, slots=True)
class Command:
    """One message as its sender knows it. `record` names the record beside its envelope, so that one without
    an id can be told too; a message sent again is the same record.

    `dead_letter` is the reason for which it must become a dead letter, None for a command that must be
    answered. `amount` is minor units: what a start, a ready or a refund asks for, or a capture; None there is all
    that is reserved. `automatic`: what is reserved is to be captured without a further command.
    """

    record: str
    id: str
    source: str
    payment_id: str
    type: str
    automatic: bool = False
    order_id: str | None = None
    refund_id: str | None = None
    amount: int | None = None
    currency: str | None = None
    dead_letter: str | None = None
    value: bytes | None = None

    @property
    def identity(self) -> tuple[str, str]:
        return self.source, self.id

    @property
    def starts(self) -> bool:
        return self.type in STARTS and self.dead_letter is None


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
    def refund_id(self) -> str | None:
        """The refund that it is about, by the sender's id."""
        found = self.data.get("refundId")
        return None if found is None else str(found)

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
    `ledger` has one entry a payment of the provider's, with its refunds under `refunds`.
    """

    sent: Sequence[Command] = ()
    events: Sequence[Event] = ()
    dead_letters: Sequence[DeadLetter] = ()
    ledger: Sequence[Mapping[str, Any]] = field(default=())
    violations: Sequence[Mapping[str, Any]] = field(default=())


def rejected(evidence: Evidence) -> frozenset[tuple[str, str]]:
    """Source and id of each command that was told to have had no effect."""
    return frozenset(
        event.answered
        for event in evidence.events
        if event.type == "command.rejected" and event.answered is not None
    )


def unanswered(sent: Sequence[Command], events: Sequence[Event], dead_letters: Sequence[DeadLetter]) -> int:
    """How many messages still wait for their event or dead letter."""
    answered = {event.answered for event in events}
    commands = {one.identity for one in sent if one.dead_letter is None}
    letters = sum(one.dead_letter is not None for one in sent)
    return len(commands - answered) + max(0, letters - len(dead_letters))


def at_rest(ledger: Sequence[Mapping[str, Any]]) -> bool:
    """Nothing is active or reserved at the provider, payment or refund."""
    return all(
        book["status"] in ENDED_AT_PROVIDER
        and all(one["status"] in REFUND_ENDED_AT_PROVIDER for one in book.get("refunds", ()))
        for book in ledger
    )
