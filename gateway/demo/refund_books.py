"""The refunds in the provider's ledger beside what was asked and what was told of them."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.demo.books import owners
from gateway.demo.chronicle import REFUND_STATUS_TOLD
from gateway.demo.evidence import REFUND_ENDED_AT_PROVIDER, Command, Event, Evidence, rejected
from gateway.demo.finding import Finding

_Book = Mapping[str, Any]

_ENDED_BY = {
    "Captured": "command",
    "ExpiredAndCaptured": "expiry",
    "CancelledByClient": "merchant",
    "CancelledByMobilePay": "provider",
}

_NEVER_HELD = ("refund_above_captured", "refund_exists", "wrong_status")
"""A refund that is rejected so has at no time held a part of what was captured."""


@dataclass(slots=True)
class _Account:
    """All that was asked and told of one refund, by the sender's ids, and the provider's entries for it."""

    asked: dict[str, list[Command]] = field(default_factory=lambda: defaultdict(list))
    """By type; captures and cancels without those that were told to have had no effect."""
    told: list[Event] = field(default_factory=list)
    """Its events, rejections and unknown outcomes excepted."""
    named: set[str] = field(default_factory=set)
    """What events call it at the provider."""
    books: list[_Book] = field(default_factory=list)


def compare(evidence: Evidence) -> Iterator[Finding]:
    """Every difference between the ledger, the events and the commands of refunds."""
    accounts: dict[tuple[str, str], _Account] = defaultdict(_Account)
    void = rejected(evidence)
    for command in dict.fromkeys(one for one in evidence.sent if one.dead_letter is None):
        if command.refund_id is None:
            continue
        if command.type == "refund.create" or command.identity not in void:
            accounts[command.payment_id, command.refund_id].asked[command.type].append(command)
    for event in evidence.events:
        if event.refund_id is not None:
            _note(accounts[event.payment_id, event.refund_id], event)
    owner = owners(evidence)
    for book in evidence.ledger:
        yield from _bound(book)
        for refund in book.get("refunds", ()):
            accounts[owner.get(book["paymentId"], ""), refund["refundOrderId"]].books.append(refund)
    yield from _refused(evidence)
    for (payment_id, refund_id), account in accounts.items():
        yield from _account(f"{payment_id} {refund_id}", account)


def _note(account: _Account, event: Event) -> None:
    provider_id = event.data.get("provider", {}).get("refundId")
    if provider_id is not None:
        account.named.add(str(provider_id))
    if event.type in REFUND_STATUS_TOLD:
        account.told.append(event)


def _bound(book: _Book) -> Iterator[Finding]:
    """What is paid back of one payment, or may yet be, and the provider's own sum of it."""
    refunds = book.get("refunds", ())
    live = sum(one["amount"] for one in refunds if not one["status"].startswith("Cancelled"))
    if live > book["captured"]:
        yield Finding("I4", f"{book['paymentId']}: {live} refunded of {book['captured']}")


def _refused(evidence: Evidence) -> Iterator[Finding]:
    """A refund that would have fitted beside all others that were not refused must not be called too much."""
    void, captured = set(), Counter[str]()
    for event in evidence.events:
        if event.type == "payment.captured":
            captured[event.payment_id] = int(event.data["amounts"].get("captured", 0))
        elif event.data.get("reason") in _NEVER_HELD:
            void.add(event.answered)
    creates = {one.identity: one for one in evidence.sent if one.type == "refund.create"}
    asked: Counter[str] = Counter()
    for one in creates.values():
        if one.dead_letter is None and one.identity not in void:
            asked[one.payment_id] += one.amount or 0
    for event in evidence.events:
        command = creates.get(event.answered or ("", ""))
        if command is None or event.data.get("reason") != "refund_above_captured":
            continue
        total = asked[command.payment_id] + (command.amount or 0)
        if total <= captured[command.payment_id]:
            told = f"refused as too much, though {total} of {captured[command.payment_id]} were asked for"
            yield Finding("I5", f"{command.payment_id} {command.refund_id}: {told}")


def _account(name: str, account: _Account) -> Iterator[Finding]:
    creates = account.asked["refund.create"]
    if len(account.books) > len(creates):
        yield Finding("I1", f"{name}: {len(creates)} times asked for, {len(account.books)} at the provider")
    terms = {(one.amount, one.currency) for one in creates}
    for book in account.books:
        yield from _effects(name, book, account)
        if (book["amount"], book["currency"]) not in terms:
            told = f"made over {book['amount']} {book['currency']}"
            yield Finding("I1", f"{name}: {told}, which nobody asked for")
        if book["status"] not in REFUND_ENDED_AT_PROVIDER:
            yield Finding("I8", f"{name}: still {book['status']}")
    for provider_id in sorted(account.named - {book["refundId"] for book in account.books}):
        yield Finding("I5", f"{name}: its events name {provider_id}, which is not its refund in the ledger")
    yield from _told(name, account)


def _told(name: str, account: _Account) -> Iterator[Finding]:
    """What the events say of the refund, beside the provider's newest entry for it."""
    if not account.told:
        if account.books:
            yield Finding("I5", f"{name}: {account.books[-1]['status']} at the provider, and never told")
        return
    last = account.told[-1]
    if not account.books:
        yield Finding("I5", f"{name}: told {last.data.get('refundStatus')}, unknown to the provider")
        return
    book = account.books[-1]
    there = (book["amount"], book["currency"])
    for event in account.told:
        amount = event.data.get("refundAmount", {})
        if (amount.get("value"), amount.get("currency")) != there:
            yield Finding("I5", f"{name}: {event.type} tells of {amount}, is {there}")
    status, by = REFUND_STATUS_TOLD[last.type], last.data.get("by")
    if REFUND_ENDED_AT_PROVIDER.get(book["status"]) != status:
        yield Finding("I5", f"{name}: told {status}, is {book['status']}")
    elif by != _ENDED_BY[book["status"]]:
        yield Finding("I5", f"{name}: told {status} by {by}, is {book['status']}")


def _effects(name: str, book: _Book, account: _Account) -> Iterator[Finding]:
    effects: Counter[str] = Counter(book["effects"])
    for operation, count in effects.items():
        if count > 1:
            yield Finding("I1", f"{name}: {operation} took effect {count} times")
    if effects["capture_refund"] and effects["cancel_refund"]:
        yield Finding("I3", f"{name}: both captured and cancelled")
    captures = account.asked["refund.capture"] or any(one.automatic for one in account.asked["refund.create"])
    cancels = account.asked["refund.cancel"]
    if effects["capture_refund"] and not captures:
        yield Finding("I3", f"{name}: captured, and nobody asked for it")
    if effects["cancel_refund"] and not cancels:
        yield Finding("I3", f"{name}: cancelled, and nobody asked for it")
    if effects["expiry"] and (captures or cancels):
        yield Finding("I8", f"{name}: its 24 hours passed, though it was to be captured or cancelled")
