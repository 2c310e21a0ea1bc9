"""The provider's ledger beside what was asked and what was told: whose each entry is, and whether it fits."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway.demo.evidence import ENDED_AT_PROVIDER, Command, Event, Evidence

_CANCELLED_BY = {
    "CancelledByUser": "customer",
    "CancelledByClient": "merchant",
    "CancelledByMobilePay": "provider",
}

# With one of these the gateway cancels by itself; every other cancel needs a command.
_OWN_REASONS = frozenset({"approval_timeout", "prepared_timeout", "late_effect"})


class Finding(NamedTuple):
    """One break of a guarantee."""

    guarantee: str
    text: str


@dataclass(slots=True)
class _Account:
    """All that was asked and told of one payment, and the provider's entries for it."""

    starts: list[Command] = field(default_factory=list)
    captures: list[Command] = field(default_factory=list)
    cancels: list[Command] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    books: list[Mapping[str, Any]] = field(default_factory=list)


def compare(evidence: Evidence) -> list[Finding]:
    """Every difference between the ledger, the events and the commands."""
    found: list[Finding] = []
    accounts: dict[str, _Account] = defaultdict(_Account)
    for command in dict.fromkeys(one for one in evidence.sent if one.dead_letter is None):
        account = accounts[command.payment_id]
        if command.starts:
            account.starts.append(command)
        elif command.type == "payment.capture":
            account.captures.append(command)
        elif command.type == "payment.cancel":
            account.cancels.append(command)
    for event in evidence.events:
        accounts[event.payment_id].events.append(event)
    owner, found = _owners(evidence)
    for book in evidence.ledger:
        payment_id = owner.get(book["paymentId"])
        if payment_id is None:
            found.append(Finding("I1", f"{book['paymentId']}: nobody has asked for it"))
        else:
            accounts[payment_id].books.append(book)
    for payment_id, account in accounts.items():
        found += _account(payment_id, account)
    return found


def _owners(evidence: Evidence) -> tuple[dict[str, str], list[Finding]]:
    """Whose payment each of the provider's is: by the orderId that the sender chose, and by what events name;
    the two must agree.
    """
    found = []
    by_order = {one.order_id: one.payment_id for one in evidence.sent if one.starts}
    owner = {
        book["paymentId"]: by_order[book["orderId"]]
        for book in evidence.ledger
        if book["orderId"] in by_order
    }
    named = {(event.data.get("provider", {}).get("paymentId"), event.payment_id) for event in evidence.events}
    for provider_id, payment_id in sorted((str(a), b) for a, b in named if a is not None):
        if owner.get(provider_id) != payment_id:
            told = f"its events name {provider_id}, which is {owner.get(provider_id, 'not in the ledger')}"
            found.append(Finding("I5", f"{payment_id}: {told}"))
    return owner, found


def _account(payment_id: str, account: _Account) -> Iterable[Finding]:
    if len(account.books) > len(account.starts):
        told = f"{len(account.starts)} starts, {len(account.books)} payments at the provider"
        yield Finding("I1", f"{payment_id}: {told}")
    told_captured = sum(
        int(event.data["amounts"]["captured"]) for event in account.events if event.type == "payment.captured"
    )
    taken = sum(book["captured"] for book in account.books)
    if told_captured != taken:
        yield Finding("I5", f"{payment_id}: captured told {told_captured}, taken {taken}")
    last = account.events[-1] if account.events else None
    if last is not None and last.data["status"] in ENDED_AT_PROVIDER.values():
        yield from _end(payment_id, last, account)
    for book in account.books:
        name = f"{payment_id} ({book['paymentId']})"
        yield from _effects(name, book, account)
        yield from _terms(name, book, account.starts)
        if book["status"] not in ENDED_AT_PROVIDER:
            yield Finding("I8", f"{name}: still {book['status']}")


def _end(payment_id: str, last: Event, account: _Account) -> Iterable[Finding]:
    """The provider's newest entry is the one that the last event tells of."""
    if not account.books:
        yield Finding("I5", f"{payment_id}: told {last.data['status']}, unknown to the provider")
        return
    there = account.books[-1]["status"]
    if ENDED_AT_PROVIDER.get(there) != last.data["status"]:
        yield Finding("I5", f"{payment_id}: told {last.data['status']}, is {there}")
        return
    by = next((event.data.get("by") for event in reversed(account.events) if _cancelled(event)), None)
    if there in _CANCELLED_BY and by != _CANCELLED_BY[there]:
        yield Finding("I5", f"{payment_id}: told cancelled by {by}, is {there}")


def _effects(name: str, book: Mapping[str, Any], account: _Account) -> Iterable[Finding]:
    effects: Counter[str] = Counter(book["effects"])
    for operation, count in effects.items():
        if count > 1:
            yield Finding("I1", f"{name}: {operation} took effect {count} times")
    if effects["capture"] and effects["cancel"]:
        yield Finding("I3", f"{name}: both captured and cancelled")
    if effects["capture"]:
        automatic = any(start.automatic for start in account.starts)
        asked = {one.amount if one.amount is not None else book["reserved"] for one in account.captures}
        asked |= {book["reserved"]} if automatic else set()
        if not asked:
            yield Finding("I3", f"{name}: captured, and nobody asked for it")
        elif book["captured"] not in asked:
            yield Finding("I3", f"{name}: captured {book['captured']}, asked for {sorted(asked)}")
    own = any(_cancelled(event) and event.data.get("reason") in _OWN_REASONS for event in account.events)
    if effects["cancel"] and not account.cancels and not own:
        yield Finding("I3", f"{name}: cancelled, and nobody asked for it")


def _terms(name: str, book: Mapping[str, Any], starts: Sequence[Command]) -> Iterable[Finding]:
    asked = {(start.amount, start.currency) for start in starts}
    if (book["requested"], book["currency"]) not in asked:
        told = f"started over {book['requested']} {book['currency']}"
        yield Finding("I1", f"{name}: {told}, which nobody asked for")


def _cancelled(event: Event) -> bool:
    return event.type == "payment.cancelled"
